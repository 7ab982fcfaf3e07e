"""token_scores: one clean pass gives every token's delta, and IFD, of every sample."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pyarrow as pa

from tshirt_assets.incremental.catalog import TOKEN_SCORES
from tshirt_assets.incremental.checks import (
    carried_outcome,
    finite_outcome,
    instruction_helps_outcome,
    usable_outcome,
)
from tshirt_assets.incremental.columns import TOKEN_SCORES as COLUMNS
from tshirt_assets.incremental.columns import computed_table
from tshirt_assets.incremental.identity import loss_identity
from tshirt_assets.incremental.overlap import Computation
from tshirt_assets.incremental.score_table import ScoredShard, ScoreTable
from tshirt_assets.incremental.stored_rows import ShardSamples, row_frame, tokenize_rows
from tshirt_assets.incremental.template_check import TemplateCheck
from tshirt_assets.incremental.writing import read_upstream
from tshirt_assets.models.cache import load_count
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import partitioned_asset
from tshirt_assets.orchestration.planned_scores import PlannedScores
from tshirt_assets.orchestration.recording import (
    describe_table,
    describe_work,
    finite_values,
    histogram_plot,
)
from tshirt_assets.orchestration.shard_loop import Report

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM
    from tshirt_assets.scoring.tokenize import TokenizedSample

PREVIEW = ("row", "status", "ifd", "cond_nll", "uncond_nll", "n_response_tokens")
SCORES = ("ifd", "cond_nll", "uncond_nll")


def build(binding: Binding) -> dg.AssetsDefinition:
    """The `token_scores` asset of a corpus."""
    return partitioned_asset(binding, TOKEN_SCORES, prepare)


def prepare(run: Run) -> Callable[[str], Report]:
    """The function that scores one shard."""
    scorer, name = run.scorer, TOKEN_SCORES.name
    identity = loss_identity(name, run.config, scorer)
    scores = run.score_table(name, identity, COLUMNS)
    template = TemplateCheck(run.store, run.config, scorer, run.log)
    planned = PlannedScores(run.store, run.config.name)
    return partial(process, run, scores, scorer, template, planned)


def process(
    run: Run,
    scores: ScoreTable,
    scorer: "LoadedCausalLM",
    template: TemplateCheck,
    planned: PlannedScores,
    shard: str,
) -> Report:
    """Score one shard and report on it."""
    scored, inputs = score_shard(scores, scorer, run.config.prompt_format, shard)
    metadata = describe_table(scored.info, scored.table, PREVIEW) | describe_work(scored)
    metadata |= {"model": scorer.path, "model_loads": load_count()} | _distributions(scored.table)
    metadata |= planned.metadata(scored)
    return Report(
        data_version=scored.info.data_version,
        metadata=metadata,
        inputs=inputs,
        checks={
            "rows_carried_through": carried_outcome(scored.table, scored.asked),
            "rows_usable": usable_outcome(scored.table, run.config.max_bad_share),
            "scores_finite": finite_outcome(scored.table, SCORES),
            "instruction_helps": instruction_helps_outcome(scored.table),
            "template_fits": template.outcome(shard),
        },
    )


def score_shard(
    scores: ScoreTable, scorer: "LoadedCausalLM", prompt_format: str, shard: str
) -> tuple[ScoredShard, dict[str, str]]:
    """The token scores of a shard, and the data versions of what they were made from."""
    samples, version = read_upstream(scores.store, scores.corpus, "samples", shard)
    tokenize = partial(
        tokenize_rows, samples=ShardSamples(samples), model=scorer, prompt_format=prompt_format
    )
    computation = Computation(tokenize, partial(computed, scorer=scorer))
    return scores.score(shard, row_frame(samples), computation), {"samples": version}


def computed(
    samples: "Sequence[TokenizedSample]", *, scorer: "LoadedCausalLM"
) -> tuple[pa.Table, int]:
    """The computed columns of `token_scores` for these samples, and the tokens that it took."""
    from tshirt_assets.scoring.clean import clean_scores

    found = clean_scores(scorer.engine, samples)
    tokens = sum(score.n_prompt_tokens + 2 * score.n_response_tokens for score in found)
    return computed_table(found, COLUMNS), tokens


def _distributions(table: pa.Table) -> dict[str, Any]:
    ifd = finite_values(table, "ifd")
    if not len(ifd):
        return {}
    deltas = table["token_delta"].combine_chunks().flatten().to_numpy()
    return {
        "ifd_median": round(float(np.median(ifd)), 6),
        "ifd_plot": histogram_plot(ifd, "IFD (perplexity ratio)"),
        "delta_plot": histogram_plot(deltas, "token delta (nats)"),
    }
