"""Evidence for a corpus: plant corruptions, score the copies like any corpus, measure, write."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg

from tshirt_assets.commands.plan import plan_corpus
from tshirt_assets.commands.run import run_corpus
from tshirt_assets.commands.stored_scores import stored_scores
from tshirt_assets.commands.terminal import say
from tshirt_assets.config import CorpusConfig
from tshirt_assets.evidence.asked import EvidenceOptions
from tshirt_assets.evidence.copied_rows import nearest_questions, source_frame, source_rows
from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.evidence.evidence_files import write_evidence
from tshirt_assets.evidence.figures import Evidence
from tshirt_assets.evidence.kinds import SourceRow
from tshirt_assets.evidence.lending import has_lent_calibration, lend_constants, lend_scores
from tshirt_assets.evidence.measure import measure
from tshirt_assets.evidence.measured_again import refuse_drift
from tshirt_assets.evidence.planted_copy import PlantedCopy, make_copy
from tshirt_assets.evidence.planting import plant
from tshirt_assets.evidence.scored import ScoredCopy, scored_copy
from tshirt_assets.incremental.catalog import (
    ASSETS,
    CALIBRATION,
    EMBEDDINGS,
    EVIDENCE,
    SAMPLES,
    SEARCH,
    SELECTED_SUBSET,
    needed_assets,
)
from tshirt_assets.incremental.planning.planned import Plan
from tshirt_assets.incremental.stored_rows import read_samples_by_id
from tshirt_assets.models.causal_lm import load_causal_lm
from tshirt_assets.models.embedder import load_embedder
from tshirt_assets.orchestration.chosen import Chosen
from tshirt_assets.store.store import Store


def plan_evidence(
    instance: dg.DagsterInstance, config: CorpusConfig, options: EvidenceOptions
) -> list[Plan]:
    """What the scores of each planted copy would cost. The copies are written, and not scored.

    Raises `EvidenceError` where nothing can be planted, and what `plan_corpus` does.
    """
    _, copies = planted_copies(instance, config, options)
    store = Store(config.store, config.storage_options)
    plans = []
    for copy in copies:
        plan, names = plan_corpus(copy.config), scoring_assets(store, config, copy.config)
        kept = tuple(asset for asset in plan.assets if asset.asset in names)
        plans.append(replace(plan, assets=kept, skipped=()))
    return plans


def make_evidence(
    instance: dg.DagsterInstance, config: CorpusConfig, options: EvidenceOptions
) -> tuple[Evidence, Path]:
    """Plant, score and measure; the evidence, and the folder that its files are in.

    Stored scores of rows that were left as they are are reused, and so is all that an interrupted
    run has finished. The planted copies are corpora of their own, in the same store, which the
    instance does not know. Ends by materializing the asset `evidence` of every recipe. Raises
    `EvidenceError` where nothing can be planted, a copy could not be scored, a score is no number,
    or stored scores are not what the model gives.
    """
    rows, scored = scored_copies(instance, config, options)
    found = measure(config, options, rows, scored)
    folder = write_evidence(found, config)
    _run(instance, config, [EVIDENCE.name], "its figures are written, but the asset is not made")
    return found, folder


def scored_copies(
    instance: dg.DagsterInstance, config: CorpusConfig, options: EvidenceOptions
) -> tuple[list[SourceRow], list[ScoredCopy]]:
    """Plant the copies and score them; the rows of the corpus, and the copies.

    Raises `EvidenceError` as `make_evidence` does.
    """
    rows, copies = planted_copies(instance, config, options)
    return rows, [_scored(config, copy) for copy in copies]


def planted_copies(
    instance: dg.DagsterInstance, config: CorpusConfig, options: EvidenceOptions
) -> tuple[list[SourceRow], list[PlantedCopy]]:
    """Read the rows of the corpus, and write a planted copy of them for every seed."""
    _run(instance, config, [SAMPLES.name], "its rows could not be read")
    scores = stored_scores(instance, config)
    frame = source_frame(scores, options)
    rows = source_rows(frame)
    nearest = nearest_questions(scores, rows, load_embedder(config.embedder))
    copies = []
    for seed in options.all_seeds:
        planting = plant(rows, nearest, kinds=options.kinds, rate=options.rate, seed=seed)
        if not planting.kinds:
            raise EvidenceError(
                f"none of {', '.join(options.kinds)} can be planted in these rows; name other "
                "kinds, or a higher rate"
            )
        copy = make_copy(config, frame, planting)
        ids = set(frame["sample_id"]) - planting.kinds.keys()
        lent = lend_scores(scores.store, config.name, copy.config.name, ids)
        lend_constants(scores.store, config, copy.config)
        say(
            f"{copy.config.name}: {frame.height:,} rows, {len(planting.kinds):,} of them corrupted;"
            f" {lent:,} are scored already"
        )
        copies.append(copy)
    return rows, copies


def _scored(corpus: CorpusConfig, copy: PlantedCopy) -> ScoredCopy:
    """Score a copy through the ordinary assets, and read what came of it."""
    config = copy.config
    store = Store(config.store, config.storage_options)
    with dg.DagsterInstance.ephemeral() as instance:
        names = scoring_assets(store, corpus, config)
        _run(instance, config, names, "its planted rows could not be scored")
        found = scored_copy(copy, stored_scores(instance, config), load_embedder(config.embedder))
    whole = found.frame.drop_nulls("ifd")
    samples = read_samples_by_id(store, config.name, whole)
    refuse_drift(whole, samples, load_causal_lm(config.scorer), config.prompt_format)
    return found


def scoring_assets(store: Store, config: CorpusConfig, copy: CorpusConfig) -> list[str]:
    """The assets that score a copy, without the calibration where the corpus's was lent.

    Rows are selected by what measures them, and nobody searches a copy.
    """
    unused = {SELECTED_SUBSET.name, SEARCH.name}
    if has_lent_calibration(store, config, copy):
        unused.add(CALIBRATION.name)
    wanted = {record.name for record in needed_assets(copy)} | {EMBEDDINGS.name}
    return [name for name in ASSETS if name in wanted - unused]


def _run(
    instance: dg.DagsterInstance, config: CorpusConfig, assets: Sequence[str], failure: str
) -> None:
    if not run_corpus(instance, config, chosen=Chosen.of(config, assets)):
        raise EvidenceError(f"{config.name}: {failure}, see the messages above")
