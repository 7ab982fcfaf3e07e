"""Which rows a note counts; `test_tool_calls` has what the notes say of calls."""

from pathlib import Path

import polars as pl

from tshirt_assets.export.exported import ExportedFile
from tshirt_assets.export.notes import EARLIER, MARKED, SHAREGPT_ORDER, export_notes

TURNS = pl.List(pl.Struct({"role": pl.String, "content": pl.String, "weight": pl.Int64}))


def conversation(*roles, **last):
    turns = [{"role": role, "content": "x", "weight": None} for role in roles]
    turns[-1] |= last
    return turns


ONE = conversation("user", "assistant")
TWO = conversation("user", "assistant", "user", "assistant")
TWICE_ASKED = conversation("user", "user", "assistant")
LEFT_ALONE = [*conversation("user", "assistant", weight=0), *ONE]


def noted(*conversations):
    rows = pl.DataFrame({"messages": list(conversations)}, schema={"messages": TURNS})
    formats = ("prompt_completion", "sharegpt")
    files = [ExportedFile(Path(name), name, rows.height, 0, "") for name in formats]
    return export_notes(rows, files)


def test_every_row_that_a_note_is_about_is_counted():
    several = noted(ONE, TWO, ONE, TWO, TWICE_ASKED)
    assert several == [EARLIER.format(rows="2 rows"), SHAREGPT_ORDER.format(rows="1 row")]
    assert noted(ONE, ONE) == []


def test_an_earlier_answer_counts_as_marked_or_as_one_to_be_trained_on():
    found = noted(ONE, LEFT_ALONE, TWO)
    assert found == [MARKED.format(rows="1 row"), EARLIER.format(rows="1 row")]
