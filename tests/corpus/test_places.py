import json

from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.corpus.bytestream import Frames
from tshirt_assets.corpus.places import MOST_PLACES, STEP, FileIndex, Places

NUMBERS = st.integers(0, 2**60)


def test_a_file_has_a_bounded_number_of_places() -> None:
    places = Places()
    for row in range(1, 5 * STEP * MOST_PLACES):
        if row >= places.next:
            places.add(row, (row,))
    rows = [row for row, *_ in places.found]
    assert MOST_PLACES / 2 <= len(rows) <= MOST_PLACES
    assert rows == list(range(places.step, rows[-1] + 1, places.step))


@given(
    st.text(),
    st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS)),
    st.lists(st.tuples(NUMBERS, NUMBERS)),
)
def test_an_index_is_written_whole(
    name: str, places: list[tuple[int, ...]], starts: list[tuple[int, int]]
) -> None:
    index = FileIndex(7, "1-2", {"header": [name, "\ud800"]}, places, Frames(starts, 3))
    text = index.to_json()
    assert b"\n" not in text
    assert FileIndex.from_json(text) == index
    assert json.loads(text)["rows"] == 7


def test_the_place_in_front_of_a_row() -> None:
    index = FileIndex(9, None, {"end": "\n"}, [(3, 30, 4), (6, 60, 7)])
    assert index.before(2) is None
    found = [index.before(row) for row in (3, 5, 6, 100)]
    assert [(place.row, place.offset, place.state) for place in found if place] == [
        (3, 30, (4,)),
        (3, 30, (4,)),
        (6, 60, (7,)),
        (6, 60, (7,)),
    ]
