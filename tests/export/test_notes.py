"""Which rows a note counts; `test_tool_calls` has what the notes say of calls."""

import polars as pl

from tshirt_assets.export import notes
from tshirt_assets.export.notes import export_notes

TURNS = pl.List(pl.Struct({"role": pl.String, "content": pl.String, "weight": pl.Int64}))


class File:
    def __init__(self, name, rows):
        self.format, self.rows = name, rows


def conversation(*roles, **last):
    turns = [{"role": role, "content": "x", "weight": None} for role in roles]
    turns[-1] |= last
    return turns


ONE = conversation("user", "assistant")
TWO = conversation("user", "assistant", "user", "assistant")
TWICE_ASKED = conversation("user", "user", "assistant")
MARKED = [*conversation("user", "assistant", weight=0), *ONE]


def counts(*conversations):
    """How many rows each note counts that counts any."""
    rows = pl.DataFrame({"messages": list(conversations)}, schema={"messages": TURNS})
    files = [File("prompt_completion", rows.height), File("sharegpt", rows.height)]
    found = export_notes(rows, files)
    return {
        name: number
        for name in ("MARKED", "EARLIER", "SHAREGPT_ORDER")
        for number in range(1, rows.height + 1)
        if getattr(notes, name).format(rows=notes._rows(number)) in found
    } | ({"more": found} if len(found) > 2 else {})


def test_rows_of_one_shape_are_counted_each():
    assert counts(ONE, TWO, ONE, TWO, TWICE_ASKED) == {"EARLIER": 2, "SHAREGPT_ORDER": 1}
    assert counts(ONE, ONE) == {}


def test_a_turn_that_has_more_is_no_such_row():
    """In MARKED the answer in front of the last one is not to be trained on, in TWO it is."""
    assert counts(ONE, MARKED, TWO) == {"MARKED": 1, "EARLIER": 1}
