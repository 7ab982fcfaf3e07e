import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tshirt_assets.corpus import json_window
from tshirt_assets.corpus.bytestream import StreamFault
from tshirt_assets.corpus.json_stream import Refused, json_values
from tshirt_assets.corpus.json_window import Fault, Window
from tshirt_assets.corpus.records import Undecodable

LIMIT = 1 << 20
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def pieces(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def read(text: str, limit: int = LIMIT, size: int = 1 << 20) -> list[Any]:
    """The values; of a fault its excerpt, as a tuple, with whether nothing follows."""
    return [
        (found.text, found.ends) if isinstance(found, Fault) else found
        for found in json_values(Window(pieces(text, size), limit))
    ]


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_window, "STEP", 1)  # grow the window as little as possible


@example([0.5, 123e-20, -7], 1, None)  # numbers of which the window ends inside
@given(st.lists(VALUES, max_size=6), st.integers(1, 40), st.sampled_from([None, 2]))
def test_elements_are_those_of_the_whole_text(
    values: list[Any], size: int, indent: int | None
) -> None:
    step, json_window.STEP = json_window.STEP, 1
    try:
        assert read(json.dumps(values, indent=indent), size=size) == values
    finally:
        json_window.STEP = step


@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=3), min_size=1, max_size=5), st.data())
def test_a_cut_array_keeps_the_whole_elements_before_the_cut(
    values: list[Any], data: st.DataObject
) -> None:
    text = json.dumps(values)
    cut = data.draw(st.integers(1, len(text) - 1))
    found = read(text[:cut])
    # The elements whose last character lies before the cut.
    ends = [len(json.dumps(values[: n + 1])) - 1 for n in range(len(values))]
    assert found[:-1] == values[: sum(end <= cut for end in ends)]
    assert found[-1][1]


ROWS = [{"instruction": f"do {n}", "output": f'[{n}], {{"x": 1}}, "y"'} for n in range(5)]
TURNS = [
    {"id": n, "conversations": [{"from": "human", "value": f"{n}?"}, {"from": "gpt", "value": "!"}]}
    for n in range(5)
]
BREAK = {
    "trailing comma": lambda text: text[:-1] + ",}",
    "raw newline": lambda text: text.replace("do", "d\no").replace("?", "\n"),
    "raw control character": lambda text: text.replace("do", "d\x01o").replace("?", "\x01"),
    "many digits": lambda text: f'{text[:-1]}, "n": {"9" * 5000}}}',
    "nested deeply": lambda text: f'{text[:-1]}, "n": {"[" * 9000}{"]" * 9000}}}',
    "no closing quote": lambda text: text.replace("do 2", 'do 2"', 1).replace('2?"', "2?"),
    "no opening quote": lambda text: text.replace('"do', "do").replace('"2?', "2?"),
    "quotes inside": lambda text: text.replace("do", 'say "do" and').replace("2?", '"2"?'),
    "no colon": lambda text: text.replace(":", "", 1),
    "no comma": lambda text: text.replace('", "', '" "', 1).replace('2, "c', '2 "c'),
    "single quotes": lambda text: text.replace('"', "'"),
    "no closing brace": lambda text: text[:-1],
    "one brace more": lambda text: text + "}",
    "no closing bracket": lambda text: text.replace("}]", "}").replace(': "[', ': ["['),
    "not JSON": lambda text: "oops",
    "an escape": lambda text: text.replace("do", "\\x").replace("?", "\\x"),
    "a name": lambda text: text.replace(":", ": undefined, ", 1),
}


@pytest.mark.parametrize("position", [0, 2, 4])
@pytest.mark.parametrize("rows", [ROWS, TURNS], ids=["flat", "nested"])
@pytest.mark.parametrize("between", [", ", ",\n", ",\n  "], ids=["one line", "lines", "indented"])
@pytest.mark.parametrize("fault", BREAK)
def test_a_broken_element_takes_no_other_with_it(
    fault: str, between: str, rows: list[dict[str, Any]], position: int
) -> None:
    texts = [json.dumps(row) for row in rows]
    texts[position] = BREAK[fault](texts[position])
    found = read(f"[{between.join(texts)}]")
    good = [row for at, row in enumerate(rows) if at != position]
    assert all(isinstance(row, tuple) or row in rows for row in found)
    assert [row for row in found if row in good] == good
    assert not any(row[1] for row in found if isinstance(row, tuple))
    assert len(found) == len(rows) + (fault == "one brace more")  # which is no row's


@pytest.mark.parametrize("fault", ["trailing comma", "raw newline", "no colon", "quotes inside"])
@pytest.mark.parametrize("indent", [None, 0, 2])
def test_every_other_element_may_be_broken(fault: str, indent: int | None) -> None:
    rows = [{"instruction": f"do {n}", "output": "x"} for n in range(300)]
    texts = [json.dumps(row, indent=indent) for row in rows]
    texts[1::2] = [BREAK[fault](text.rstrip("\n}") + "}") for text in texts[1::2]]
    found = read(f"[{','.join(texts)}]", size=700)
    assert [row for row in found if isinstance(row, dict)] == rows[::2]
    assert sum(isinstance(row, tuple) for row in found) == 150


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("[]", []),
        ("[1, 2", [1, 2, ("", True)]),
        ('[{"a": "x', [('{"a": "x', True)]),
        ('[{"a": 1} {"a": 2},, {"a": 3},]', [{"a": 1}, {"a": 2}, {"a": 3}]),
        ('[{"a": 1}] [{"a": 2}]', [{"a": 1}, {"a": 2}]),
        ('[{"a": 1}] [', [{"a": 1}, ("", True)]),
        ("[1, " + "[" * 200_000, [1, ("[" * 2000, True)]),
        ('{"a": 1}{"a": 2}\n{"a":\n3}', [{"a": 1}, {"a": 2}, {"a": 3}]),
        ('{\n"a": 1\n},\n{\n"a": 2,\n},\n{"a": 3}', [{"a": 1}, ('{\n"a": 2,\n}', False), {"a": 3}]),
        ('{"a": 1}\n{"a": ', [{"a": 1}, ('{"a": ', True)]),
    ],
)
def test_layouts_of_values(text: str, expected: list[Any]) -> None:
    assert read(text) == expected


WRAPPED = '[{"a": 1}, {"a": 2}]'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'{{"data": {WRAPPED}}}', [{"a": 1}, {"a": 2}]),
        (f'{{"version": "1", "n": [1, 2], "rows": {WRAPPED}, "end": 3}}', [{"a": 1}, {"a": 2}]),
        ('{"data": [{"a": 1}, {"a": 2,}, {"a": 3}]}', [{"a": 1}, ('{"a": 2,}', False), {"a": 3}]),
        ('{"v": 1, "data": [{"a": 1}, {"a": 2,}], "n": 2}', [{"a": 1}, ('{"a": 2,}', False)]),
        ('{"data": [{"a": 1}, {"a": 2}', [{"a": 1}, {"a": 2}, ("", True)]),
        ('{"data": [{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}, ("", True)]),
        ('{"d": [{"a": 1,}], "e": [{"a": 2}]}', [('{"a": 1,}', False), ("", True)]),
        # Rows that hold lists of objects stand for themselves.
        ('{"dialog": [{"role": "user"}]}', [{"dialog": [{"role": "user"}]}]),
        ('{"prompt": "x", "more": [{"a": 1}]}', [{"prompt": "x", "more": [{"a": 1}]}]),
        (f'{{"x": {WRAPPED}}} {{"x": []}}', [{"x": [{"a": 1}, {"a": 2}]}, {"x": []}]),
    ],
)
def test_an_object_may_stand_for_its_rows(text: str, expected: list[Any]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f'{{"train": {WRAPPED}, "test": {WRAPPED}}}', r"several lists of rows \(train, test\)"),
        (f'{{"data": {WRAPPED}, "data": [{{"a": 9}}]}}', "holds 'data' more than once"),
        ('{"prompt": {"0": "x", "1": "y"}, "response": {"0": "a", "1": "b"}}', "holds columns"),
    ],
)
def test_other_layouts_are_refused_with_the_remedy(text: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        read(text)


@pytest.mark.parametrize("text", ['[{"a": 1, "b": {"c": 1, "c": 2}, "a": 2}, {"a": 3}]'])
def test_of_a_name_with_several_values_none_counts(text: str) -> None:
    first, second = read(text)
    assert isinstance(first["a"], Undecodable)
    assert "more than once" in str(first["a"])
    assert isinstance(first["b"]["c"], Undecodable)
    assert second == {"a": 3}


def test_a_name_that_is_there_twice_with_one_value_is_none_the_worse() -> None:
    assert read('[{"a": [1], "a": [1]}]') == [{"a": [1]}]


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("text", ['{"a": "xxxx"}', '{"a": [[[[1, 2, 3]]]]}', "1" * 300])
def test_an_element_longer_than_the_limit_is_one_fault(text: str) -> None:
    long = text.replace("xxxx", "x" * 500).replace("3", "3, " * 100 + "3")
    found = read(f'[{{"a": 1}}, {long}, {{"a": 2}}]', limit=100, size=7)
    assert (found[0], found[-1]) == ({"a": 1}, {"a": 2})
    assert len(found) == 3


def test_a_huge_element_is_never_held() -> None:
    def chunks() -> Iterator[str]:
        yield '[{"a": 1}, {"a": "'
        yield from ("x" * (1 << 16) for _ in range(1 << 10))
        yield '"}, {"a": 2}]'

    window = json_window.Window(chunks(), 1 << 18)
    window.peek()
    window.at, window.inside = 1, "the array"
    found, largest = [], 0
    while window.peek() not in ("", "]"):
        found.append(window.value())
        largest = max(largest, len(window.text))
    assert [isinstance(value, Fault) for value in found] == [False, True, False]
    assert largest < 4 << 20


def test_a_syntax_error_does_not_pull_in_the_rest_of_the_file() -> None:
    def endless() -> Iterator[str]:
        yield '[{"a": 1}, {"a" 2},'
        while True:
            yield '{"a": "' + "x" * 1000 + '"},'

    found = list(islice(json_values(Window(endless(), LIMIT)), 4))
    assert [isinstance(value, Fault) for value in found] == [False, True, False, False]


def test_elements_before_a_broken_stream_are_kept() -> None:
    def broken() -> Iterator[str]:
        yield '[{"a": 1}, {"a": '
        raise StreamFault("the gzip data is cut off")

    first, fault = json_values(Window(broken(), LIMIT))
    assert first == {"a": 1}
    assert fault == Fault("the gzip data is cut off inside the array", '{"a": ', ends=True)


@given(st.text(alphabet='[]{}",:\\ \n1ax', max_size=60), st.integers(1, 9))
def test_no_text_raises_and_every_text_ends(text: str, size: int) -> None:
    step, json_window.STEP = json_window.STEP, 1
    try:
        for prefix in ("", "[", '[{"a": 1}, ', '{"data": ['):
            read(prefix + text, limit=20, size=size)
    except Refused:
        pass
    finally:
        json_window.STEP = step
