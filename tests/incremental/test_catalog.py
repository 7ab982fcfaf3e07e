"""The catalogue is complete and fits together: what derives from it cannot leave an asset out."""

import pytest

from tests.corpora import Corpus
from tshirt_assets.assets import BUILDERS
from tshirt_assets.commands.run import run_corpus
from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental import checks
from tshirt_assets.incremental.catalog import (
    ASSETS,
    FILES,
    AssetRecord,
    needed_assets,
    owner,
    phases,
)
from tshirt_assets.selection.methods import METHODS
from tshirt_assets.selection.scores import SCORES

RECORDS = pytest.mark.parametrize("record", ASSETS.values(), ids=list(ASSETS))


def test_every_asset_has_a_builder_and_every_builder_an_asset() -> None:
    assert list(BUILDERS) == list(ASSETS)


def test_every_needed_asset_is_in_exactly_one_phase() -> None:
    config = CorpusConfig(name="c", paths=("x",))
    made = [record for phase in phases(config) for record in phase]
    assert made == needed_assets(config)
    assert {record.name for record in made} == set(ASSETS)


@pytest.mark.parametrize(("estimator", "needed"), [("sampled", False), ("analytic", True)])
def test_calibration_is_made_only_for_estimators_that_need_it(estimator, needed: bool) -> None:
    config = CorpusConfig(name="c", paths=("x",), robustness={"estimator": estimator})
    assert ("calibration" in [record.name for record in needed_assets(config)]) is needed


def test_the_assets_of_a_phase_share_their_unit() -> None:
    for phase in phases(CorpusConfig(name="c", paths=("x",))):
        assert len({record.unit for record in phase}) == 1


@RECORDS
def test_what_an_asset_reads_is_made_before_it(record: AssetRecord) -> None:
    before = list(ASSETS)[: list(ASSETS).index(record.name)]
    for name in record.reads:
        assert name == FILES or name in before
        if name != FILES:
            other = ASSETS[name]
            # Corpus-wide assets of one phase are steps of one run, in the order of their reads.
            same_run = other.unit == record.unit == "corpus"
            assert other.phase < record.phase or (same_run and other.phase == record.phase)


@RECORDS
def test_its_checks_are_explained(record: AssetRecord) -> None:
    assert set(record.checks) <= set(checks.DESCRIPTIONS)


def test_tables_of_its_own_name_the_asset() -> None:
    assert owner("neighbour_deltas") == owner("analytic_scores") == "robust_scores"
    assert owner("pilot_deltas") == "calibration"
    assert owner("token_scores") == "token_scores"


def test_scores_and_methods_name_tables_that_an_asset_writes() -> None:
    written = set(ASSETS).union(*(record.measures for record in ASSETS.values()))
    assert {score.table for score in SCORES.values()} <= written
    assert {method.decided_by for method in METHODS.values()} <= written


def test_every_stored_table_is_of_an_asset_or_kept_by_one(finished: Corpus) -> None:
    stored = {info.asset for info in finished.store.stored(finished.config.name)}
    assert {owner(asset) for asset in stored} <= set(ASSETS)


def test_what_runs_is_what_the_catalogue_lists(corpus: Corpus) -> None:
    assert run_corpus(corpus.instance, corpus.config)
    stored = {owner(info.asset) for info in corpus.store.stored(corpus.config.name)}
    assert stored == {record.name for record in needed_assets(corpus.config)}
