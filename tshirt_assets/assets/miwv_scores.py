"""miwv_scores: how much the nearest neighbour, as a demo, changes the loss of a response."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.catalog import MIWV_SCORES
from tshirt_assets.incremental.checks import carried_outcome, finite_outcome, usable_outcome
from tshirt_assets.incremental.columns import MIWV_SCORES as COLUMNS
from tshirt_assets.incremental.demo_shelf import DemoShelf, lines_of
from tshirt_assets.incremental.demos import (
    ShardDemos,
    behind_demos,
    still_same_demo,
    zero_shot_losses,
)
from tshirt_assets.incremental.identity import loss_identity
from tshirt_assets.incremental.score_table import ScoredShard, ScoreTable
from tshirt_assets.incremental.stored_rows import ShardSamples, row_frame
from tshirt_assets.incremental.template_check import TemplateCheck
from tshirt_assets.incremental.writing import needed_table, read_upstream
from tshirt_assets.models.cache import load_count
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import partitioned_asset
from tshirt_assets.orchestration.recording import (
    describe_table,
    describe_work,
    finite_values,
    histogram_plot,
)
from tshirt_assets.orchestration.shard_loop import Report
from tshirt_assets.store.frames import to_frame

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM

PREVIEW = ("row", "status", "miwv", "one_shot_nll", "zero_shot_nll", "similarity")
SCORES = ("miwv", "one_shot_nll")


def build(binding: Binding) -> dg.AssetsDefinition:
    """The `miwv_scores` asset of a corpus."""
    return partitioned_asset(binding, MIWV_SCORES, prepare)


def prepare(run: Run) -> Callable[[str], Report]:
    """The function that scores one shard."""
    store, corpus, target, name = run.store, run.config.name, run.target, MIWV_SCORES.name
    identity = loss_identity(name, run.config, target)
    scores = run.score_table(name, identity, COLUMNS)
    neighbours = needed_table(store, corpus, "neighbours")
    nearest = to_frame(store.read(corpus, "neighbours", version=neighbours.version))
    nearest = nearest.sort("sample_id")
    same = run.config.target_model == run.config.scorer  # whose template token_scores spoke of
    template = TemplateCheck(store, run.config, target, None if same else run.log)
    shelf = DemoShelf(store, corpus, nearest, run.context.partition_keys, identity)
    return partial(process, run, scores, target, template, nearest, shelf, neighbours.data_version)


def process(
    run: Run,
    scores: ScoreTable,
    target: "LoadedCausalLM",
    template: TemplateCheck,
    nearest: pl.DataFrame,
    shelf: DemoShelf,
    neighbours_version: str,
    shard: str,
) -> Report:
    """Score one shard and report on it."""
    scored, inputs = score_shard(scores, run.config, target, nearest, shelf, shard)
    metadata = describe_table(scored.info, scored.table, PREVIEW) | describe_work(scored)
    metadata |= {
        "model": target.path,
        "model_loads": load_count(),
        "miwv_plot": histogram_plot(finite_values(scored.table, "miwv"), "MIWV (nats per token)"),
    }
    return Report(
        data_version=scored.info.data_version,
        metadata=metadata,
        inputs=inputs | {"neighbours": neighbours_version},
        checks={
            "rows_carried_through": carried_outcome(scored.table, scored.asked),
            "rows_usable": usable_outcome(scored.table, run.config.max_bad_share),
            "scores_finite": finite_outcome(scored.table, SCORES),
            "template_fits": template.outcome(shard),
        },
    )


def score_shard(
    scores: ScoreTable,
    config: CorpusConfig,
    target: "LoadedCausalLM",
    nearest: pl.DataFrame,
    shelf: DemoShelf,
    shard: str,
) -> tuple[ScoredShard, dict[str, str]]:
    """The MIWV of a shard's rows, and the data versions of what they were made from.

    nearest: the table `neighbours`, sorted by sample_id. shelf: the demos in other shards. Rows
    that share a demo are computed side by side, because they then share its computation; stored
    rows are reused while their demo is the same.
    """
    store, corpus = scores.store, scores.corpus
    samples_table, samples_version = read_upstream(store, corpus, "samples", shard)
    samples = ShardSamples(samples_table)
    clean = store.info(corpus, "token_scores", shard)
    known = zero_shot_losses(store, clean, loss_identity("token_scores", config, target))
    own = lines_of(nearest, samples)
    demos = ShardDemos(store, corpus, shard, samples, own, known, shelf)

    scored = scores.score(
        shard,
        row_frame(samples_table),
        behind_demos(demos, target, config.prompt_format),
        reusable=partial(still_same_demo, own=own),
        group_of=lambda sample_id: demos.demo_of.get(sample_id) or "",
    )
    versions = {"samples": samples_version, "token_scores": clean.data_version if clean else ""}
    return scored, versions
