"""The check of a model's chat template, on the first rows of each shard."""

from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.sample import Sample, from_table
from tshirt_assets.incremental.checks import CheckOutcome
from tshirt_assets.scoring.template_faults import template_faults, template_notes
from tshirt_assets.store.store import Store

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM

FIRST_ROWS = 16


class TemplateCheck:
    """Finds rows that are not scored as the model's chat template renders them whole.

    Every shard has an outcome; the log, if one is given, has each kind of fault once.
    """

    def __init__(self, store: Store, config: CorpusConfig, model: "LoadedCausalLM", log: Any):
        """Says at once what is done for the template that it does not do itself."""
        self._store, self._config, self._model, self._log = store, config, model, log
        self._said: set[str] = set()
        if self._in_use:
            for note in template_notes(model.tokenizer):
                self._warn(note)

    def outcome(self, shard: str) -> CheckOutcome:
        """Warn where the first usable rows of a shard are not scored as they are rendered whole."""
        if not self._in_use:
            return CheckOutcome(True, f"prompt_format {self._config.prompt_format}: no template")
        samples = self._first_samples(shard)
        faults = template_faults(self._model.tokenizer, samples)
        for kind in sorted(faults.keys() - self._said):
            self._warn(f"{shard}: {faults[kind]}")
        self._said |= faults.keys()
        fine = f"the first {len(samples)} rows are scored as they are rendered whole"
        return CheckOutcome(not faults, "; ".join(faults.values()) or fine, warn=True)

    @property
    def _in_use(self) -> bool:
        return self._config.prompt_format == "chat_template"

    def _warn(self, message: str) -> None:
        if self._log is not None:
            self._log.warning(f"{self._model.path}: {message}")

    def _first_samples(self, shard: str) -> list[Sample]:
        corpus = self._config.name
        batches = self._store.batches(corpus, "samples", shard, where="status = 'ok'")
        first = [batch.slice(0, FIRST_ROWS) for batch in islice(batches, 1)]
        return [sample for batch in first for sample in from_table(pa.Table.from_batches([batch]))]
