"""What is recorded with a table comes back as it was, and what cannot be read says so."""

import json

import pytest

from tests.corpora import NAME, Corpus
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.facts import RecordedTable, TableFacts
from tshirt_assets.store.table_info import TableInfo


def info(**meta: str) -> TableInfo:
    place = {"corpus": "c", "asset": "contenders", "schema_version": "1"}
    return TableInfo("c.contenders", 1, 0, place | meta)


def test_facts_come_back_as_they_were() -> None:
    recorded = RecordedTable(version=3, data_version="ab")
    facts = TableFacts(
        tau=0.1 + 0.2,
        keep_fraction=0.75,
        calibration={"noise_base": 0.1, "n_rows": 7},
        estimators=["sampled", "analytic"],
        inputs={"samples": {"s": recorded}},
        embedder={"path": "x"},
        fingerprint="0123",
    )
    assert TableFacts.of(info(**facts.to_meta())) == facts


def test_only_what_is_given_is_recorded() -> None:
    assert TableFacts().to_meta() == {}
    assert TableFacts(tau=1.0, calibration=None).to_meta() == {"tau": "1.0"}


def test_a_fingerprint_is_recorded_as_text() -> None:
    assert TableFacts(fingerprint="12").to_meta() == {"fingerprint": "12"}
    assert TableFacts.of(info(fingerprint="12")).fingerprint == "12"


def test_what_a_newer_version_records_is_passed_over() -> None:
    assert TableFacts.of(info(tau="0.5", later="{not JSON")).tau == 0.5


@pytest.mark.parametrize("damaged", ["", "{", '"much"', "[1]", '{"a": 1}'])
def test_facts_that_cannot_be_read_name_the_asset(damaged: str) -> None:
    with pytest.raises(UpstreamError, match=r"recorded with contenders .*materialize it again"):
        TableFacts.of(info(tau=damaged))


def test_the_stored_table_and_the_manifest_say_the_same(finished: Corpus) -> None:
    for recipe in finished.config.recipes:
        stored = finished.store.info(NAME, "selected_subset", recipe)
        assert stored is not None
        manifest = finished.folder / "exports" / NAME / recipe / "manifest.json"
        provenance = TableFacts.of(stored).provenance
        assert provenance is not None
        assert provenance.data_version == stored.data_version
        assert json.loads(manifest.read_text())["provenance"] == provenance.shown()
        assert json.loads(stored.meta["provenance"]) == provenance.shown()
