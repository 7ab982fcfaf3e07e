"""Corpora of a few rows, models of a few kilobytes, and headless runs over them.

Tests use them in process; the scripts that tests start as processes of their own import them too.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import yaml
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from tests.tiny import bpe_tokenizer, causal_lm
from tshirt_assets.commands.instance import instance_in, register_shards
from tshirt_assets.config import CorpusConfig
from tshirt_assets.factory import build_curation_defs
from tshirt_assets.orchestration.metadata_order import plain
from tshirt_assets.store.store import Store

NAME = "tiny"
SHARD_WISE = ("samples", "embeddings", "token_scores", "robust_scores", "miwv_scores")
SCORED = SHARD_WISE[1:]
# Dataset-wide assets need all shards of what they depend on, hence one run after the other.
PHASES: tuple[tuple[str, ...], ...] = (
    ("samples", "embeddings", "token_scores"),
    ("contenders", "neighbours"),
    ("robust_scores", "miwv_scores"),
    ("selected_subset",),
)
ASSETS = [asset for phase in PHASES for asset in phase]
RECIPES: dict[str, dict[str, Any]] = {
    "tshirt": {"method": "tshirt", "budget": 4},
    "miwv": {"method": "miwv", "budget": 0.2},
    "ifd": {"method": "ifd", "budget": 4},
    "random": {"method": "random", "budget": 5},
}
_TEXT = (
    "name the river add ten and two explain why a cat sleeps list all colours of rain "
    "translate this line into code sort numbers write an end"
)
WORDS = _TEXT.split()


def make_rows(seed: int, count: int) -> list[dict[str, Any]]:
    """Alpaca rows of random words, different for every seed and position."""
    found = []
    for position in range(count):
        draw = random.Random(f"{seed}:{position}")
        text = [" ".join(draw.choices(WORDS, k=k)) for k in (4, 3, draw.randint(4, 12))]
        row = {"instruction": f"{text[0]} {seed}.{position}", "output": text[2]}
        if position % 3 == 0:
            row["input"] = text[1]
        found.append(row | {"kind": "even" if position % 2 == 0 else "odd"})
    return found


def save_models(folder: Path) -> Path:
    """Two causal LMs (`lm`, `other_lm`) and a sentence embedder in `folder`; random weights."""
    for name, seed in (("lm", 0), ("other_lm", 1)):
        causal_lm("llama", max_positions=512, seed=seed).save_pretrained(folder / name)
        bpe_tokenizer().save_pretrained(folder / name)
    save_embedder(folder / "embedder")
    return folder


def save_embedder(folder: Path, seed: int = 0) -> None:
    """A random BERT of width 16 with mean pooling over a vocabulary of whole words."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    vocabulary = ["[PAD]", "[UNK]", *"0123456789.", *dict.fromkeys(WORDS)]
    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(vocabulary)}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)]
    )
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder / "bert")
    PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", model_max_length=64
    ).save_pretrained(folder / "bert")
    SentenceTransformer(modules=[Transformer(str(folder / "bert")), Pooling(16)]).save(str(folder))


@dataclass
class Corpus:
    """A corpus in a folder of its own: rows, corpus.yaml, store, exports and DAGSTER_HOME."""

    folder: Path
    models: Path
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "rows").mkdir(parents=True, exist_ok=True)
        (self.folder / "home").mkdir(exist_ok=True)
        self.instance = instance_in(self.home)
        self.configure()

    @property
    def home(self) -> Path:
        """DAGSTER_HOME."""
        return self.folder / "home"

    @property
    def file(self) -> Path:
        return self.folder / "corpus.yaml"

    @property
    def store(self) -> Store:
        return Store(self.config.store, self.config.storage_options)

    def configure(self, **options: Any) -> None:
        """Write corpus.yaml with these options changed."""
        self.options |= options
        values = {
            "name": NAME,
            "paths": ["rows/*"],
            "columns": {"domain": "kind"},
            "scorer": {"path": str(self.models / "lm"), "max_length": 400, "device": "cpu"},
            "embedder": {"path": str(self.models / "embedder"), "device": "cpu"},
            "robustness": {"estimator": "sampled", "neighbours": 3},
            "recipes": RECIPES,
            "store": "store",
            "export_dir": "exports",
        } | self.options
        if "source_asset" in values:
            del values["paths"]
        self.file.write_text(yaml.safe_dump(values))
        self.config = CorpusConfig.from_yaml(self.file)
        self.defs = build_curation_defs(self.config)

    def path(self, name: str) -> Path:
        """A file of the corpus."""
        return self.folder / "rows" / name

    def write(self, name: str, rows: Sequence[dict[str, Any] | str]) -> None:
        """(Re)write a file of the corpus; a row that is a string is written as it is."""
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        self.path(name).write_text("".join(f"{line}\n" for line in lines))

    def lines(self, name: str) -> list[str]:
        """The rows of a file, as they are written."""
        return self.path(name).read_text().splitlines()

    def key(self, asset: str) -> dg.AssetKey:
        return dg.AssetKey([self.config.name, asset])

    @property
    def shards(self) -> list[str]:
        """Keys of the registered shards, in order of registration."""
        return list(self.instance.get_dynamic_partitions(self.config.name))

    def shard(self, name: str) -> str:
        """Key of the (first) shard of a file whose name begins like this."""
        return next(key for key in self.shards if key.startswith(name))

    def register(self) -> list[str]:
        return register_shards(self.instance, self.config)

    def materialize(
        self, *assets: str, partitions: Sequence[str] | None = None, succeeds: bool = True
    ) -> dg.ExecuteInProcessResult:
        """One run over assets that share their partitions (default: all, or every recipe)."""
        if partitions is None:
            whole = ("contenders", "calibration", "neighbours", "search")
            partitioned = assets[0] not in whole
            partitions = self.shards * partitioned
            if assets == ("selected_subset",):
                partitions = list(self.config.recipes)
        tags = {}
        if partitions:
            tags["dagster/asset_partition_range_start"] = partitions[0]
            tags["dagster/asset_partition_range_end"] = partitions[-1]
        result = self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            asset_selection=[self.key(asset) for asset in assets],
            tags=tags,
            raise_on_error=succeeds,
        )
        assert result.success is succeeds
        return result

    def materialize_all(self) -> None:
        """Register the shards and materialize the whole graph."""
        self.register()
        for phase in PHASES:
            if phase[0] == "contenders" and self.config.needs_calibration:
                phase = (*phase, "calibration")
            self.materialize(*phase)

    def records(
        self, asset: str, partition: str | None = None, limit: int = 1
    ) -> Sequence[dg.EventLogRecord]:
        """The latest materializations of an asset, or of one partition, as events."""
        wanted = dg.AssetRecordsFilter(
            asset_key=self.key(asset), asset_partitions=[partition] if partition else None
        )
        return self.instance.fetch_materializations(wanted, limit=limit).records

    def materialization(self, asset: str, partition: str | None = None) -> dg.AssetMaterialization:
        """The latest materialization of an asset, or of one partition."""
        records = self.records(asset, partition)
        assert records, f"{asset} {partition or ''} is not materialized"
        found = records[0].asset_materialization
        assert found is not None
        return found

    def metadata(self, asset: str, partition: str | None = None) -> dict[str, Any]:
        """Metadata of the latest materialization, as plain values; a table by its first column."""
        entries = self.materialization(asset, partition).metadata
        return {key: plain(value) for key, value in entries.items()}

    def version(self, asset: str, partition: str | None = None) -> str:
        """Data version of the latest materialization."""
        tags = self.materialization(asset, partition).tags
        assert tags is not None
        return tags["dagster/data_version"]

    def places(self) -> list[tuple[str, str | None]]:
        """Every asset with each of its partitions."""
        found: list[tuple[str, str | None]] = [(a, s) for a in SHARD_WISE for s in self.shards]
        found += [("contenders", None), ("neighbours", None)]
        return found + [("selected_subset", recipe) for recipe in self.config.recipes]

    def versions(self) -> dict[tuple[str, str | None], str]:
        """Data versions of everything, by asset and partition."""
        return {place: self.version(*place) for place in self.places()}

    def frame(self, asset: str, partition: str | None = None) -> pl.DataFrame:
        """A stored table; of a shard-wise asset by default all shards, one after the other."""
        partitions = [partition]
        if asset in SHARD_WISE and partition is None:
            partitions = [*self.shards]
        parts = [self.store.read(self.config.name, asset, part) for part in partitions]
        return pl.concat([pl.DataFrame(pl.from_arrow(part)) for part in parts])

    def sensor_tick(self) -> dg.SensorResult:
        """Evaluate the shard sensor and do what it asks for, as the daemon would."""
        sensor = self.defs.resolve_sensor_def(f"{self.config.name}_shards")
        result = sensor(dg.build_sensor_context(self.instance))
        assert isinstance(result, dg.SensorResult)
        for request in result.dynamic_partitions_requests or ():
            self.instance.add_dynamic_partitions(self.config.name, list(request.partition_keys))
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        return result

    def stale(self) -> dict[tuple[str, str | None], list[str]]:
        """What the UI would show as stale or missing, with Dagster's reasons."""
        graph = self.defs.get_repository_def().asset_graph
        resolver = CachingStaleStatusResolver(
            self.instance, graph, LoadingContextForTest(self.instance)
        )
        found = {}
        for asset, partition in self.places():
            key = self.key(asset)
            if resolver.get_status(key, partition) is not StaleStatus.FRESH:
                causes = resolver.get_stale_causes(key, partition)
                found[asset, partition] = [cause.reason for cause in causes]
        return found

    def computed(self, asset: str) -> int:
        """Rows computed by the latest materializations of all shards."""
        return sum(self.metadata(asset, shard)["computed"] for shard in self.shards)

    def reused(self, asset: str) -> int:
        """Rows reused by the latest materializations of all shards."""
        return sum(self.metadata(asset, shard)["reused"] for shard in self.shards)

    def checks(self, result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
        """Check evaluations of a run, by `asset.check`."""
        found = result.get_asset_check_evaluations()
        return {f"{check.asset_key.path[-1]}.{check.check_name}": check for check in found}


def fill(corpus: Corpus) -> Corpus:
    """Three files: 10 good rows each; in c.jsonl also two bad rows and two duplicates."""
    first, second, third = (make_rows(seed, 10) for seed in range(3))
    corpus.write("a.jsonl", first)
    corpus.write("b.jsonl", second)
    empty = {"instruction": "say nothing", "output": ""}
    corpus.write("c.jsonl", [*third, empty, "{broken", first[0], third[1]])
    return corpus
