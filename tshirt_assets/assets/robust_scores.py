"""robust_scores: mean and std of S-IFD under embedding noise, for the rows that can be selected."""

from collections.abc import Callable
from functools import partial

import dagster as dg

from tshirt_assets.incremental.catalog import ROBUST_SCORES
from tshirt_assets.incremental.checks import finite_outcome, usable_outcome
from tshirt_assets.incremental.estimates import Estimates
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.writing import needed_table, upstream_version, write_table
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

PREVIEW = ("row", "estimator", "status", "s_ifd_mean", "s_ifd_std", "ifd_mean")
SCORES = ("s_ifd_mean", "s_ifd_std", "ifd_mean")
PLOTS = {"s_ifd_mean": "S-IFD mean", "s_ifd_std": "S-IFD std"}


def build(binding: Binding) -> dg.AssetsDefinition:
    """The `robust_scores` asset of a corpus."""
    return partitioned_asset(binding, ROBUST_SCORES, prepare)


def prepare(run: Run) -> Callable[[str], Report]:
    """The function that measures one shard."""
    from tshirt_assets.scoring.calibration import Calibration

    store, config = run.store, run.config
    contenders = needed_table(store, config.name, "contenders")
    inputs = {"contenders": contenders.data_version}
    calibration = None
    if config.needs_calibration:
        pilot = needed_table(store, config.name, "calibration")
        inputs["calibration"] = pilot.data_version
        calibration = Calibration.from_facts(TableFacts.of(pilot).calibration or {})
    measured = TableFacts.of(contenders)
    assert measured.tau is not None
    assert measured.keep_fraction is not None
    estimates = Estimates(
        store,
        config,
        run.scorer,
        measured.tau,
        measured.keep_fraction,
        calibration,
        run.log,
        run.progress(ROBUST_SCORES.name),
    )
    return partial(process, run, estimates, inputs)


def process(run: Run, estimates: Estimates, inputs: dict[str, str], shard: str) -> Report:
    """Measure one shard, store it and report on it."""
    config = run.config
    measured = estimates.measure(shard)
    table = measured.table
    info = write_table(
        run.store,
        config.name,
        ROBUST_SCORES.name,
        shard,
        table,
        identity=estimates.identity,
        facts=TableFacts(
            tau=estimates.tau, estimators=config.estimators, made_from=measured.made_from
        ),
    )
    metadata = describe_table(info, table, PREVIEW) | describe_work(*measured.work)
    metadata |= {
        "tau_nats": estimates.tau,
        "model": config.scorer.path,
        "model_loads": load_count(),
        "neighbours": config.neighbours,
        "estimators": ", ".join(config.estimators),
    }
    for column, title in PLOTS.items():
        metadata[f"{column}_plot"] = histogram_plot(finite_values(table, column), title)
    return Report(
        data_version=info.data_version,
        metadata=metadata,
        inputs={"samples": upstream_version(run.store, config.name, "samples", shard), **inputs},
        checks={
            "rows_usable": usable_outcome(table, config.max_bad_share),
            "scores_finite": finite_outcome(table, SCORES),
        },
    )
