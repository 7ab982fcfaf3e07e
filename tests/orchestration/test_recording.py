"""Tables in the metadata: short enough to be shown in place, and never more than text."""

import pyarrow as pa
import pytest

from tshirt_assets.orchestration.recording import markdown_table
from tshirt_assets.report.inline import INLINE_CHARACTERS


def lines(table: pa.Table, *columns: str) -> list[str]:
    return str(markdown_table(table, columns).value).splitlines()


def test_first_rows_of_the_named_columns() -> None:
    table = pa.table({"row": range(9), "ifd": [0.98765, None] + [0.5] * 7, "text": ["a\n b"] * 9})
    assert lines(table, "row", "text", "ifd") == [
        "| row | text | ifd |",
        "| --- | --- | --- |",
        "| 0 | a b | 0.9877 |",
        "| 1 | a b |  |",
        "| 2 | a b | 0.5000 |",
        "| 3 | a b | 0.5000 |",
        "| 4 | a b | 0.5000 |",
    ]


def test_long_texts_are_cut_until_the_ui_shows_the_table_in_place() -> None:
    long, short = "word " * 100, "as it is"
    wide = lines(pa.table({"text": [long] * 5}), "text")
    assert {len(line) for line in wide[2:]} == {len("| " + " |") + 80}
    table = pa.table({"a": [long] * 5, "b": [long] * 5, "c": [long] * 5, "d": [short] * 5})
    narrow = lines(table, "a", "b", "c", "d")
    assert len("\n".join(narrow)) < INLINE_CHARACTERS
    assert all(line.endswith("… | as it is |") for line in narrow[2:])


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("![](http://x/p.png)", r"\!\[\](http://x/p.png)"),
        ("[a](javascript:b)", r"\[a\](javascript:b)"),
        ("<img src=x>", r"\<img src=x\>"),
        ("a | b", r"a \| b"),
        ("*a* _b_ `c` ~d~ \\", r"\*a\* \_b\_ \`c\` \~d\~ \\"),
    ],
)
def test_text_of_rows_is_never_markup(text: str, cell: str) -> None:
    """A picture in a row's text would be fetched by every browser that shows the metadata."""
    assert lines(pa.table({"text": [text]}), "text")[2] == f"| {cell} |"


def test_a_table_without_rows_keeps_its_head() -> None:
    assert lines(pa.table({"row": pa.array([], pa.int64())}), "row") == ["| row |", "| --- |"]
