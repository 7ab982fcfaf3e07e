import os
from collections.abc import Iterator

import pytest

from tshirt_assets.corpus import kept_stream
from tshirt_assets.corpus.kept_stream import Stream, keep, take

SOURCE = ("x.jsonl.gz", "10-20", 100)


@pytest.fixture(autouse=True)
def none_kept() -> Iterator[None]:
    kept_stream._kept.clear()
    yield
    kept_stream._kept.clear()


def test_a_stream_is_taken_once_by_who_reads_on_where_it_is() -> None:
    stream = Stream(SOURCE, 3, iter("abc"))
    keep(stream)
    assert take(SOURCE, 3) is stream
    assert take(SOURCE, 3) is None


@pytest.mark.parametrize(
    ("source", "row"), [(SOURCE, 4), (("x.jsonl.gz", "10-21", 100), 3), (("y.gz", "10-20", 100), 3)]
)
def test_any_other_reading_lets_it_go(source: tuple[str, str, int], row: int) -> None:
    keep(Stream(SOURCE, 3, iter("abc")))
    assert take(source, row) is None
    assert take(SOURCE, 3) is None


def test_a_forked_process_opens_the_file_itself() -> None:
    keep(Stream(SOURCE, 3, iter("abc"), process=os.getppid()))
    assert take(SOURCE, 3) is None
