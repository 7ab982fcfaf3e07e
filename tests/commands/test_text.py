"""Texts and paths of the terminal: columns, not characters, and paths that hold from any folder."""

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tshirt_assets.commands.overlap_table import overlap_lines
from tshirt_assets.commands.text import clipped, exchange, near, pasted, shortened, wrapped

CJK = "請用繁體中文解釋為什麼天空是藍色的，並舉出三個例子。"


@given(st.text(), st.text(), st.integers(20, 80))
def test_an_exchange_fits_its_columns(asked: str, answered: str, columns: int) -> None:
    assert cell_len(exchange(asked, answered, columns)) <= columns


def test_wide_characters_take_two_columns() -> None:
    assert clipped(CJK, 11) == "請用繁體中…"
    assert clipped("短い", 4) == "短い"
    assert cell_len(exchange(CJK, CJK, 61)) in (59, 60, 61)


def test_what_one_text_leaves_the_other_gets() -> None:
    assert exchange("Why?", "b" * 40, 30) == "Why? -> " + "b" * 21 + "…"
    assert exchange("a" * 40, "So.", 30) == "a" * 22 + "… -> So."
    assert exchange("a\nb\x1b[2J", "c", 30) == "a b[U+001B][2J -> c"


def test_a_long_name_keeps_its_end() -> None:
    assert shortened("tshirt-sampled-with-a-guard-5pct", 20) == "tshirt-sam…uard-5pct"
    assert shortened("tshirt", 20) == "tshirt"


def test_lines_are_wrapped_and_words_are_not() -> None:
    path = "/" + "folder/" * 14 + "rows.jsonl"
    lines = list(wrapped(f"incomplete, left out of selections: {path}: it breaks off {CJK}", "  "))
    assert lines == [
        "  incomplete, left out of selections:",
        f"    {path}:",
        f"    it breaks off {CJK}",
    ]
    assert list(wrapped("short")) == ["short"]


@pytest.mark.parametrize("recipes", [2, 12, 120])
@pytest.mark.parametrize("name", ["r{}", "非常長的名字" * 5 + "{}", "n" * 70 + "{}"])
def test_the_overlaps_of_any_number_of_recipes_fit(recipes: int, name: str) -> None:
    names = [name.format(number) for number in range(recipes)]
    shares = {one: {other: float(one == other) for other in names} for one in names}
    lines = list(overlap_lines(shares))
    assert max(map(cell_len, lines)) <= 80
    assert sum(line.count("100%") for line in lines) == recipes
    heads = [line for line in lines if "%" not in line]
    assert "".join(heads).split() == [str(number + 1) for number in range(recipes)]


def test_unknown_overlaps_are_dashes() -> None:
    assert list(overlap_lines({"a": {"a": None, "b": 0.5}, "b": {"a": 0.5, "b": 1.0}})) == [
        "       1     2",
        "1 a    –   50%",
        "2 b  50%  100%",
    ]


def test_paths_hold_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "store" / "rows"
    monkeypatch.chdir(tmp_path)
    assert near(file) == "store/rows"
    assert near("s3://bucket/store") == "s3://bucket/store"
    monkeypatch.chdir("/")
    assert near(file) == str(file)
    spaced = tmp_path / "my rows" / "corpus.yaml"
    assert shlex.split(pasted(spaced)) == [str(spaced)]
    assert pasted("data/corpus.yaml") == "data/corpus.yaml"
