import json
from collections.abc import Iterator
from itertools import islice

import pytest

from tshirt_assets.corpus.bytestream import StreamFault
from tshirt_assets.corpus.json_elements import JsonElements
from tshirt_assets.corpus.places import Place

ROWS = [{"prompt": f"{n} é", f"field {n // 100}": n} for n in range(300)]


def chunks(data: bytes, begin: int = 0, size: int = 1000) -> Iterator[bytes]:
    """The data from `begin` on, in chunks that end where those of the whole end."""
    while begin < len(data):
        end = begin - begin % size + size
        yield data[begin:end]
        begin = end


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_reader_goes_on_with_the_window_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch, indent: int | None, wrapped: bool
) -> None:
    monkeypatch.setattr("tshirt_assets.corpus.json_window.STEP", 3000)
    text = json.dumps(ROWS, indent=indent, ensure_ascii=False)
    data = (f'{{"data": {text}}}' if wrapped else text).encode()
    limit = 10_000  # less than the whole object
    reader = JsonElements("x.json", chunks(data), limit)
    items = iter(reader)
    for row in (1, 70, 150, 299):
        list(islice(items, row - (reader._window.good if row > 1 else 0)))
        found = reader.place()
        assert found is not None
        place = Place(row, found[0], found[1:], reader.layout())
        again = JsonElements("x.json", chunks(data, place.offset), limit, place)
        assert again.place() == found
        assert again.layout() == reader.layout()
        assert again._window.inside == reader._window.inside
        assert [record.fields for record in again] == ROWS[row:]


def test_a_file_that_breaks_where_it_did_not_break_before_raises_nothing() -> None:
    def broken() -> Iterator[bytes]:
        yield b'{"a": 1},'
        raise StreamFault("the gzip data is corrupt")

    place = Place(5, 100, (0, 500, 1, 0, 5, 1), {"wrapper": None, "shapes": [["a"]]})
    *_, last = JsonElements("x.json", broken(), 1000, place)
    assert last.ends_early
    assert last.fault == "after element 6: the gzip data is corrupt inside the array"
