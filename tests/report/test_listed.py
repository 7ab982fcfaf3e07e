"""The rows that a report lists, and the mix of writing systems."""

from typing import Any, cast

import polars as pl
import pytest

from tests.report.selection import ranking
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.report import listed
from tshirt_assets.report.listed import CHARACTERS, PER_REASON, listed_rows, script_mix
from tshirt_assets.selection.recipes import Selection

TABLE = ranking()
UNUSABLE = 5
TEXTS = {1: "你好，世界", 2: "你好" * 400, 3: "مرحبا بالعالم"}


class Stored:
    """Rows and texts as they are stored: numbers of tokens narrower than those of a ranking."""

    def rows(self) -> pl.DataFrame:
        rejected = pl.DataFrame(
            {
                "sample_id": [f"u{i}" for i in range(UNUSABLE)],
                "shard": "b",
                "row": pl.Series(range(UNUSABLE), dtype=pl.Int64),
                "domain": pl.Series([None] * UNUSABLE, dtype=pl.String),
                "status": "empty_response",
                "n_response_tokens": pl.Series([0] * UNUSABLE, dtype=pl.Int32),
                "ifd": pl.Series([None] * UNUSABLE, dtype=pl.Float32),
            }
        )
        usable = TABLE.select(
            *("sample_id", "shard", "row", "domain"),
            pl.lit("ok").alias("status"),
            pl.col("n_response_tokens").cast(pl.Int32),
            pl.col("ifd").cast(pl.Float32),
        )
        return pl.concat([usable, rejected])

    def texts(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """No text of the rows that could not be read."""
        there = wanted.filter(pl.col("shard") == "a").select("shard", "row").unique()
        said = [TEXTS.get(row, f"row {row}") for row in there["row"]]
        return there.with_columns(instruction=pl.Series(said), response=pl.Series(said))


STORED = cast(CorpusScores, Stored())


def selection(table: pl.DataFrame | None = None, **changes: Any) -> Selection:
    table = TABLE if table is None else table
    return Selection("tshirt", table.filter("selected"), table, 10, table.height, **changes)


@pytest.fixture
def lines() -> pl.DataFrame:
    return listed_rows(selection(), STORED)


def test_selected_rows_come_first_then_some_of_each_reason(lines: pl.DataFrame) -> None:
    counts = dict(lines["outcome"].value_counts().iter_rows())
    assert counts == {"selected": 10, "over budget": PER_REASON, "empty_response": UNUSABLE}
    assert lines["position"].to_list()[:10] == list(range(1, 11))
    rest = lines.filter(pl.col("outcome") == "over budget")["sample_id"]
    assert rest.to_list() == [f"{i:032d}" for i in range(11, 11 + PER_REASON)]  # the smallest ids


def test_narrow_and_wide_numbers_meet(lines: pl.DataFrame) -> None:
    """Those of a ranking are Int64, those of unusable rows as they are stored, Int32."""
    assert lines["n_response_tokens"].dtype == pl.Int64
    assert lines["n_response_tokens"].to_list()[-UNUSABLE:] == [0] * UNUSABLE
    assert lines["n_response_tokens"].to_list()[:2] == TABLE["n_response_tokens"].to_list()[:2]


def test_the_place_by_mean_is_among_the_ranked_rows() -> None:
    swapped = pl.col("s_ifd_mean").reverse()
    table = TABLE.with_columns(
        s_ifd_mean=pl.when(pl.col("row") <= 20).then(swapped),
        position=pl.when(pl.col("row") <= 20).then("position"),
    )
    lines = listed_rows(selection(table), STORED)
    assert lines["mean_place"].to_list()[:10] == list(range(20, 10, -1))
    assert lines.filter(pl.col("position").is_null())["mean_place"].null_count() == (
        lines["position"].null_count()
    )


def test_texts_are_cut_and_rows_without_any_stay(lines: pl.DataFrame) -> None:
    second = lines.row(1, named=True)
    assert (len(second["response"]), second["response_length"]) == (CHARACTERS, 800)
    last = lines.row(-1, named=True)
    assert (last["instruction"], last["instruction_length"], last["script"]) == (
        "",
        0,
        "no letters",
    )
    assert lines["script"].to_list()[:4] == ["Han", "Han", "Arabic", "Latin"]


def test_the_beginning_that_instructions_share_is_left_out() -> None:
    line = listed_rows(selection(), STORED, "row ").row(5, named=True)
    assert (line["instruction"], line["instruction_length"]) == ("6", 1)
    assert line["response"] == "row 6"


def test_no_more_selected_rows_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed, "MAX_SELECTED", 4)
    lines = listed_rows(selection(), STORED)
    assert lines.filter(pl.col("outcome") == "selected")["position"].to_list() == [1, 2, 3, 4]


def test_the_mix_of_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    mix = script_mix(selection(), STORED)
    assert list(mix) == ["Latin", "Han", "Arabic"]
    assert mix["Han"] == (pytest.approx(2 / 200), pytest.approx(2 / 10))
    assert mix["Latin"] == (pytest.approx(197 / 200), pytest.approx(7 / 10))
    monkeypatch.setattr(listed, "MIX_ROWS", 4)  # a draw of both
    assert script_mix(selection(), STORED)["Han"] == (0.5, 0.5)


def test_nothing_selected_has_no_mix_of_its_own() -> None:
    table = TABLE.with_columns(selected=False)
    assert script_mix(selection(table), STORED)["Han"] == (pytest.approx(2 / 200), 0.0)
