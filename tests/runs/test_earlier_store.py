"""A store that version 0.1.0 wrote opens, verifies and is reused: nothing is computed again."""

import tarfile
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.conftest import REPOSITORY
from tests.corpora import NAME, Corpus
from tshirt_assets.commands.run import run_corpus
from tshirt_assets.commands.verify import verify
from tshirt_assets.incremental.catalog import ASSETS
from tshirt_assets.incremental.facts import TableFacts

ARCHIVE = REPOSITORY / "tests" / "fixtures" / "store-0.1.0.tar.gz"
# The configuration that it was written with: every method and every estimator.
OPTIONS = {
    "robustness": {"estimator": "analytic", "neighbours": 3},
    "recipes": {
        "tshirt": {"method": "tshirt", "budget": 4},
        "hybrid": {"method": "tshirt", "budget": 4, "estimator": "hybrid"},
        "sampled": {"method": "tshirt", "budget": 3, "estimator": "sampled"},
        "reference": {"method": "reference", "budget": 3},
        "miwv": {"method": "miwv", "budget": 0.2},
        "ifd": {"method": "ifd", "budget": 4},
        "longest": {"method": "longest", "budget": 3},
        "random": {"method": "random", "budget": 5},
        "fused": {"method": "fusion", "budget": 4, "fuse": ["miwv", "ifd"]},
    },
}
# Made again, and how far that may be off: NumPy's sums round as the processor's vectors are wide;
# the calibration is made of the model's gradients, and its constants are in what hangs on it.
ROUNDED = {"contenders": 1e-6, "calibration": 1e-5, "robust_scores": 1e-5, "selected_subset": 1e-5}


@pytest.fixture
def earlier(tmp_path: Path) -> Corpus:
    """The corpus whose store, exports and models an earlier version left behind."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "store-0.1.0"
    return Corpus(folder, folder / "models", OPTIONS)


def tables(corpus: Corpus) -> dict[tuple[str, str | None], pl.DataFrame]:
    """The rows of all stored tables, by asset and shard."""
    places = [(info.asset, info.shard) for info in corpus.store.stored(NAME)]
    return {place: corpus.frame(*place) for place in places}


def test_it_verifies(earlier: Corpus) -> None:
    earlier.register()
    found = verify(earlier.store, earlier.config, earlier.shards)
    assert found.faults == []
    assert (found.tables, found.rows, found.files) == (30, 281, 36)


def test_it_is_reused(earlier: Corpus) -> None:
    before = tables(earlier)
    tau = TableFacts.of(earlier.store.info(NAME, "contenders")).tau
    assert run_corpus(earlier.instance, earlier.config)
    for record in ASSETS.values():
        if record.unit != "shard" or not record.on_gpu or not record.needed(earlier.config):
            continue
        for shard in earlier.shards:
            metadata = earlier.metadata(record.name, shard)
            assert (metadata["computed"], metadata["reused"] > 0) == (0, True), record.name
    assert earlier.metadata("calibration")["computed"] == 0
    after = tables(earlier)
    assert after.keys() == before.keys()
    for place, table in before.items():
        rel_tol = ROUNDED.get(place[0], 0.0)
        assert_frame_equal(
            after[place], table, check_exact=not rel_tol, rel_tol=rel_tol, abs_tol=1e-12
        )
    assert TableFacts.of(earlier.store.info(NAME, "contenders")).tau == tau


def test_its_subsets_say_what_they_were_made_from(earlier: Corpus) -> None:
    facts = TableFacts.of(earlier.store.info(NAME, "selected_subset", "hybrid"))
    assert facts.provenance is not None
    assert facts.provenance.options == {"method": "tshirt", "budget": 4, "estimator": "hybrid"}
    assert facts.provenance.data_version is None  # was not recorded then
    assert set(facts.inputs) == {"samples", "token_scores", "robust_scores"}
