"""CSV rows that are broken, and the ones after them."""

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.corpus.bytestream import StreamFault
from tshirt_assets.corpus.csv_rows import CsvRows
from tshirt_assets.corpus.errors import CorpusError

LIMIT = 1 << 20


def read(text: str, limit: int = LIMIT) -> list[dict[str, str] | str]:
    found = CsvRows("x.csv", iter([text.encode("utf-8", "surrogateescape")]), limit)
    return [record.fields if record.fault is None else record.fault for record in found]


def rows(count: int, quoting: int = csv.QUOTE_ALL) -> list[str]:
    """Lines of a file, of which the first is the header."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]
    writer.writerow(["q", "a"])
    writer.writerows([f"question {n}", f"answer {n}, yes"] for n in range(count))
    return buffer.getvalue().splitlines(keepends=True)


@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
@pytest.mark.parametrize("position", [1, 150, 299, 300])
def test_an_unclosed_quote_costs_its_own_row(quoting: int, position: int) -> None:
    lines = rows(300, quoting)
    lines[position] = '"never closed, 2\n'
    found = read("".join(lines))
    assert len(found) == 300
    good = [row for row in found if isinstance(row, dict)]
    assert [row["q"] for row in good] == [f"question {n}" for n in range(300) if n != position - 1]
    assert f"line {position + 1}: " in next(row for row in found if isinstance(row, str))


def test_rows_over_several_lines_are_found_after_a_broken_one() -> None:
    text = 'q,a\n"open,1\n"two\nlines",2\n3,"and\nthree\n"\n4,5\n'
    found = read(text)
    assert found[-3:] == [
        {"q": "two\nlines", "a": "2"},
        {"q": "3", "a": "and\nthree\n"},
        {"q": "4", "a": "5"},
    ]
    assert len(found) == 4


def test_lines_that_give_no_row_are_counted() -> None:
    [fault, row] = read('q,a\n"x\n"y,2\nonly\n\n1,2\n')
    assert "2 lines after it give no row and were passed over" in str(fault)
    assert row == {"q": "1", "a": "2"}


def test_where_no_row_follows_the_file_ends_early() -> None:
    text = 'q,a\n1,2\n"x\nonly\nonly\n'
    *_, last = CsvRows("x.csv", iter([text.encode()]), LIMIT)
    assert last.ends_early


def test_a_row_is_bounded() -> None:
    lines = rows(50)
    lines[10] = '"never closed\n'
    lines[20:] = ["x,y\n"] * 5000  # and no quote that would end it
    found = read("".join(lines), limit=2000)
    assert len(found) == 18 + 1 + 5000
    assert sum(isinstance(row, str) for row in found) == 1


def test_lines_of_old_macs() -> None:
    assert read('q,a\r"1\r2",3\r4,5') == [{"q": "1\r2", "a": "3"}, {"q": "4", "a": "5"}]


def test_a_header_that_is_none_is_named() -> None:
    with pytest.raises(CorpusError, match=r"x\.csv: line 1: not a CSV header"):
        read('"q\n1,2\n')


def test_a_stream_that_breaks_off_is_named() -> None:
    def broken() -> Iterator[bytes]:
        yield b"q,a\n1,2\n3,"
        raise StreamFault("the gzip data is cut off")

    first, last = CsvRows("x.csv", broken(), LIMIT)
    assert first.fields == {"q": "1", "a": "2"}
    assert (last.fault, last.ends_early) == ("after line 2: the gzip data is cut off", True)


@given(st.text(alphabet='",ab\n\r', max_size=80), st.integers(68, 400))
def test_no_text_raises_and_every_text_ends(text: str, limit: int) -> None:
    read("q,a\n" + text, limit)
