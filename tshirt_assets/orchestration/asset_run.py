"""What a running asset works with: its corpus, the store, the models."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.dataset import Dataset, open_dataset
from tshirt_assets.incremental.progress import Progress
from tshirt_assets.incremental.score_table import ScoreTable
from tshirt_assets.incremental.totals import rows_to_do
from tshirt_assets.orchestration.binding import Binding

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM
    from tshirt_assets.models.embedder import LoadedEmbedder
    from tshirt_assets.store.store import Store


@dataclass(frozen=True)
class Run:
    """A run of one asset. Models are loaded when they are first asked for, once per process."""

    context: dg.AssetExecutionContext
    binding: Binding

    @property
    def config(self) -> CorpusConfig:
        """The configuration of the corpus."""
        return self.binding.config

    @property
    def log(self) -> Any:
        """The log of the run."""
        return self.context.log

    @cached_property
    def store(self) -> "Store":
        """The open store."""
        return self.binding.store(self.context)

    @property
    def scorer(self) -> "LoadedCausalLM":
        """The surrogate LM. Raises `ModelError` if a recipe needs noise that it cannot take."""
        scorer: LoadedCausalLM = self._resource("scorer").load()
        scorer.require_noise(self.config.recipes)
        return scorer

    @property
    def target(self) -> "LoadedCausalLM":
        """The model that will be trained."""
        return self._resource("target").load()

    @property
    def embedder(self) -> "LoadedEmbedder":
        """The embedding model."""
        return self._resource("embedder").load()

    @property
    def tokenizer(self) -> Any:
        """The scorer's tokenizer, without the scorer."""
        return self._resource("scorer").tokenizer()

    @property
    def registered(self) -> Sequence[str]:
        """Keys of the shards that are partitions of the corpus."""
        return self.context.instance.get_dynamic_partitions(self.binding.name)

    def dataset(self, asset: str) -> Dataset:
        """The tables of an asset over all registered shards. Raises `UpstreamError`."""
        return open_dataset(self.store, self.config, self.registered, asset, self.log)

    def score_table(self, asset: str, identity: str, schema: pa.Schema) -> ScoreTable:
        """The table of an asset that this run makes shard by shard, which counts its rows."""
        progress = self.progress(asset)
        return ScoreTable(self.store, self.config.name, asset, identity, schema, self.log, progress)

    def progress(self, asset: str) -> Progress:
        """What counts the rows of an asset that this run makes shard by shard."""
        shards = self.context.partition_keys
        return Progress(self.log, asset, lambda: rows_to_do(self.store, self.config, asset, shards))

    def _resource(self, kind: str) -> Any:
        return getattr(self.context.resources, self.binding.resource(kind))
