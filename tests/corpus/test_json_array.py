import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tshirt_assets.corpus import json_array
from tshirt_assets.corpus.bytestream import StreamFault
from tshirt_assets.corpus.json_array import ArrayFault, array_elements

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def pieces(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def read(chunks: Iterator[str]) -> tuple[list[Any], str | None]:
    """Elements up to the fault, and the fault."""
    elements = []
    try:
        for element in array_elements(chunks):
            elements.append(element)
    except ArrayFault as fault:
        return elements, str(fault)
    return elements, None


@example([0.5, 123e-20, -7], 1, None)  # numbers of which the window ends inside
@given(st.lists(VALUES, max_size=6), st.integers(1, 40), st.sampled_from([None, 2]))
def test_elements_are_those_of_the_whole_text(
    values: list[Any], size: int, indent: int | None
) -> None:
    step, json_array.STEP = json_array.STEP, 1  # grow the window as little as possible
    try:
        assert read(pieces(json.dumps(values, indent=indent), size)) == (values, None)
    finally:
        json_array.STEP = step


@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=3), min_size=1, max_size=5), st.data())
def test_a_cut_array_keeps_the_whole_elements_before_the_cut(
    values: list[Any], data: st.DataObject
) -> None:
    text = json.dumps(values)
    cut = data.draw(st.integers(1, len(text) - 1))
    elements, fault = read(iter([text[:cut]]))
    # The elements whose last character lies before the cut.
    ends = [len(json.dumps(values[: n + 1])) - 1 for n in range(len(values))]
    assert elements == values[: sum(end <= cut for end in ends)]
    assert fault is not None


@pytest.mark.parametrize(
    ("text", "elements", "reason"),
    [
        ("[1, 2", [1, 2], "file ends inside"),
        ('[{"a": "x', [], "file ends inside"),
        ('[{"a": 1} {"a": 2}]', [{"a": 1}], "',' was expected"),
        ('[{"a": 1}, {"a" 2}]', [{"a": 1}], "Expecting ':'"),
        ('[{"a": 1}] [', [{"a": 1}], "after the end"),
        ("[1, " + "[" * 200_000, [1], "nested too deeply"),
        ("[1, " + "9" * 5000 + "]", [1], "4300 digits"),
    ],
)
def test_faults_come_after_the_elements_before_them(
    text: str, elements: list[Any], reason: str
) -> None:
    found, fault = read(iter([text]))
    assert found == elements
    assert fault is not None
    assert reason in fault


def test_a_syntax_error_does_not_pull_in_the_rest_of_the_file() -> None:
    def endless() -> Iterator[str]:
        yield '[{"a": 1}, {"a" 2},'
        while True:
            yield '{"b": "' + "x" * 1000 + '"},'

    found, fault = read(endless())
    assert found == [{"a": 1}]
    assert fault == "Expecting ':' delimiter"


def test_elements_before_a_broken_stream_are_kept() -> None:
    def broken() -> Iterator[str]:
        yield '[{"a": 1}, {"a": '
        raise StreamFault("the gzip data is cut off")

    assert read(broken()) == ([{"a": 1}], "the gzip data is cut off inside the array")
