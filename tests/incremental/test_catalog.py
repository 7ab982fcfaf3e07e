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
    skipped_assets,
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
    assert {record.name for record in made} == set(ASSETS) - BY_HAND - {"relevance"}


@pytest.mark.parametrize(("estimator", "needed"), [("sampled", False), ("analytic", True)])
def test_calibration_is_made_only_for_estimators_that_need_it(estimator, needed: bool) -> None:
    config = CorpusConfig(name="c", paths=("x",), robustness={"estimator": estimator})
    assert ("calibration" in [record.name for record in needed_assets(config)]) is needed


BY_HAND = {"evidence"}
"""What no configuration asks for."""
BASE = {"samples", "token_scores", "selected_subset"}
ROBUST = {"contenders", "calibration", "robust_scores"}
VECTORS = {"embeddings", "search"}


@pytest.mark.parametrize(
    ("recipe", "options", "more"),
    [
        ({"method": "ifd"}, {}, set()),
        ({"method": "random"}, {"export_token_weights": True}, {"contenders"}),
        ({"method": "ifd", "dedupe_similarity": 0.9}, {}, VECTORS),
        ({"method": "longest"}, {"semantic_search": True}, VECTORS),
        ({"method": "miwv"}, {}, VECTORS | {"neighbours", "miwv_scores"}),
        ({"method": "ifd", "min_relevance": 0.9}, {}, VECTORS | {"relevance"}),
        ({"method": "tshirt"}, {}, ROBUST),
        ({"method": "tshirt", "estimator": "sampled"}, {}, ROBUST - {"calibration"}),
        ({"method": "reference"}, {}, ROBUST - {"calibration"}),
    ],
)
def test_only_what_recipes_and_exports_ask_for_is_needed(recipe, options, more) -> None:
    config = CorpusConfig(
        name="c", paths=("x",), recipes={"r": {"budget": 0.1} | recipe}, **options
    )
    assert {record.name for record in needed_assets(config)} == BASE | more
    skipped = skipped_assets(config)
    assert all((name in skipped) is (name not in BASE | more) for name in set(ASSETS) - BY_HAND)
    assert not any(name in skipped for name in BY_HAND)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_needed_reads_only_what_is_needed_too(method: str) -> None:
    recipes = {"r": {"method": "ifd", "budget": 1}, "s": {"method": "longest", "budget": 1}}
    fuse = {"fuse": ["r", "s"]} if method == "fusion" else {}
    recipes["m"] = {"method": method, "budget": 1} | fuse
    needed = needed_assets(CorpusConfig(name="c", paths=("x",), recipes=recipes))
    names = {FILES, *(record.name for record in needed)}
    for record in needed[:-1]:  # a selection reads what its recipes rank by
        assert set(record.reads) - {"calibration", "relevance"} <= names


def test_what_is_not_needed_is_skipped_and_can_be_made_by_hand(corpus: Corpus, capsys) -> None:
    corpus.configure(recipes={"best": {"method": "ifd", "budget": 3}})
    assert run_corpus(corpus.instance, corpus.config)
    assert "not needed, skipped: embeddings, search (only for miwv" in capsys.readouterr().out
    assert not corpus.store.stored("tiny", "embeddings")
    corpus.materialize("embeddings")
    corpus.materialize("neighbours", "search")
    corpus.materialize("miwv_scores")
    assert len(corpus.store.stored("tiny", "miwv_scores")) == len(corpus.shards)
    groups = {spec.key.path[-1]: spec.group_name for spec in corpus.defs.resolve_all_asset_specs()}
    assert groups["neighbours"] == "tiny_by_hand"
    assert groups["token_scores"] == "tiny"


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
