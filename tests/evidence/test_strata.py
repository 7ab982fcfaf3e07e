import polars as pl

from tests.evidence.rows import source_rows
from tshirt_assets.config import CorpusConfig
from tshirt_assets.evidence.planted_copy import PlantedCopy
from tshirt_assets.evidence.planting import Planting
from tshirt_assets.evidence.scored import ScoredCopy
from tshirt_assets.evidence.strata import by_length, only


def test_every_row_is_in_one_half_by_its_own_length() -> None:
    rows = source_rows(20)
    halves = by_length(rows)
    assert sorted(row.sample_id for half in halves.values() for row in half) == sorted(
        row.sample_id for row in rows
    )
    longest_short = max(len(row.question) + len(row.response) for row in halves["short"])
    assert all(len(row.question) + len(row.response) > longest_short for row in halves["long"])
    assert {row.response for row in halves["short"]} >= {"Paris"}


def test_a_half_keeps_what_was_selected_of_it() -> None:
    rows = source_rows(4)
    ids = [f"planted{place}" for place in range(4)]
    who = pl.DataFrame(
        {
            "row": range(4),
            "source": [row.sample_id for row in rows],
            "kind": [None, "refusal", None, "truncated"],
        }
    )
    planted = PlantedCopy(CorpusConfig(name="copy", paths=("x",)), Planting(0, {}, {}, {}), who, {})
    frame = who.with_columns(sample_id=pl.Series(ids))
    picks = {"random": {0.5: [["planted3", "planted0"], ["planted1", "planted2"]]}}
    half = only(ScoredCopy(planted, frame, picks), rows[2:])
    assert half.frame["sample_id"].to_list() == ["planted2", "planted3"]
    assert half.copy.who["kind"].to_list() == [None, "truncated"]
    assert half.picks == {"random": {0.5: [["planted3"], ["planted2"]]}}
