"""How many tokens the rows of a corpus have: counted, or of many rows estimated from some."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.incremental.dataset import left_out_if_incomplete
from tshirt_assets.incremental.planning.present_rows import PresentRows

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM

COUNTED_ROWS = 20_000
"""Rows whose tokens are counted; the others' follow from their characters."""
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class RowTokens:
    """The distinct usable rows of every shard, and what counting their tokens took for each.

    frame: sample_id, shard, domain, weight (the number of rows that it stands for), selectable
    (False in a shard whose file breaks off and is left out), prompt and response (tokens of the
    two, 0 for a row that cannot be scored), lead (1 with a BOS in front of the response alone).
    """

    frame: pl.DataFrame
    counted: int
    seconds_per_row: float


def row_tokens(present: PresentRows, config: CorpusConfig, model: "LoadedCausalLM") -> RowTokens:
    """The tokens of every row for a model. Raises `CorpusError` without a chat template."""
    left_out = left_out_if_incomplete(config)
    samples = [sample for shard in present.shards for sample in shard.samples.values()]
    frame = pl.DataFrame(
        {
            "sample_id": [sample.sample_id for sample in samples],
            "shard": [sample.shard for sample in samples],
            "domain": [sample.domain for sample in samples],
            "weight": [s.weight for s in present.shards for _ in s.samples],
            "selectable": [
                not (s.incomplete and left_out) for s in present.shards for _ in s.samples
            ],
            "_asked": [len(sample.instruction) + len(sample.input) for sample in samples],
            "_answered": [len(sample.response) for sample in samples],
        },
        schema_overrides={"sample_id": pl.String, "shard": pl.String, "domain": pl.String},
    ).with_row_index("_place")
    started = time.perf_counter()
    step = max(1, -(-len(samples) // COUNTED_ROWS))
    counted = _counted(samples[::step], config, model, step)
    seconds = time.perf_counter() - started
    frame = frame.join(counted, on="_place", how="left", maintain_order="left")
    for tokens, characters in (("prompt", "_asked"), ("response", "_answered")):
        known = pl.col(tokens).is_not_null()
        each = pl.col(tokens).sum() / pl.col(characters).filter(known).sum()
        guess = (pl.col(characters) * each).round().cast(pl.Int64)
        frame = frame.with_columns(pl.coalesce(tokens, guess, pl.lit(0)).alias(tokens))
    frame = frame.with_columns(pl.col("lead").fill_null(pl.col("lead").max()).fill_null(0))
    rows = frame.drop("_place", "_asked", "_answered")
    return RowTokens(rows, counted.height, seconds / max(1, counted.height))


def _counted(
    samples: Sequence[Sample], config: CorpusConfig, model: "LoadedCausalLM", step: int
) -> pl.DataFrame:
    from tshirt_assets.scoring.tokenize import tokenize_samples

    found: list[Any] = []
    for start in range(0, len(samples), _BATCH):
        batch = samples[start : start + _BATCH]
        found += tokenize_samples(batch, model.tokenizer, config.prompt_format, model.max_length)
    return pl.DataFrame(
        {
            "_place": pl.Series(np.arange(len(found)) * step, dtype=pl.UInt32),
            "prompt": pl.Series([len(row.prompt_ids) for row in found], dtype=pl.Int64),
            "response": pl.Series([len(row.response_ids) for row in found], dtype=pl.Int64),
            "lead": pl.Series([1 - row.first_delta_index for row in found], dtype=pl.Int64),
        }
    )
