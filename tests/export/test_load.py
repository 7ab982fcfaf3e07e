"""load_subset: the public way from a store to training code."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tshirt_assets
from tests.export.rows import MULTI, SAMPLES, SINGLE, selection_table
from tshirt_assets.corpus.sample import to_table
from tshirt_assets.incremental import stored_rows
from tshirt_assets.incremental.stored_rows import TEXT_COLUMNS, HeldTexts, read_texts
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo


@pytest.fixture
def uri(tmp_path: Path) -> str:
    store = Store(str(tmp_path / "store"))
    store.write("demo", "samples", "a", to_table(SAMPLES), {})
    chosen = selection_table([SINGLE, MULTI])
    store.write("demo", "selected_subset", "tshirt-5pct", chosen.to_arrow(), {})
    return str(tmp_path / "store")


def test_a_frame_with_texts_and_scores_best_first(uri: str) -> None:
    rows = tshirt_assets.load_subset(uri, "demo", "tshirt-5pct")
    assert rows["sample_id"].to_list() == [MULTI.sample_id, SINGLE.sample_id]
    assert rows["response"].to_list() == ["2", SINGLE.response]
    assert rows["rank"].to_list() == [1, 2]
    assert rows["messages"][1].to_list()[0] == {"role": "user", "content": "Say hi | now"}


def test_only_the_wanted_rows_are_read(uri: str) -> None:
    wanted = pl.DataFrame({"shard": ["a", "a"], "row": [2, 0]})
    assert sorted(read_texts(Store(uri), "demo", wanted)["row"]) == [0, 2]
    assert read_texts(Store(uri), "demo", wanted.clear()).height == 0


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("bound", [stored_rows.HELD_BYTES, 0])
def test_texts_that_are_held_are_those_that_are_read(
    uri: str, monkeypatch: pytest.MonkeyPatch, bound: int, at_once: bool
) -> None:
    monkeypatch.setattr(stored_rows, "HELD_BYTES", bound)
    store, read = Store(uri), list[int]()
    if not at_once:  # as where one table cannot be looked at
        monkeypatch.setattr(Store, "size", lambda self, tables: None)

    def told(store: Store, corpus: str, wanted: pl.DataFrame, versions: Any) -> pl.DataFrame:
        read.extend(wanted["row"])
        return read_texts(store, corpus, wanted, versions)

    monkeypatch.setattr(stored_rows, "read_texts", told)
    table = store.info("demo", "samples", "a")
    assert table is not None
    held = HeldTexts(store, "demo", {"a": table})
    for rows in ([0], [0, 2], [2, 1, 1], [0, 1, 2, 9], []):
        wanted = pl.DataFrame({"shard": ["a"] * len(rows), "row": rows}, {"shard": str, "row": int})
        found = held.read(wanted)
        assert found.columns == list(TEXT_COLUMNS)
        assert_frame_equal(found, read_texts(store, "demo", wanted), check_row_order=False)
    if bound:
        assert sorted(read) == ([9] if at_once else [0, 1, 2, 9])
    else:
        assert len(read) > 4


def test_of_many_texts_few_tables_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, sized = Store(str(tmp_path)), list[str]()
    tables = {
        shard: store.write("demo", "samples", shard, to_table([SINGLE]), {}) for shard in "abc"
    }
    size = Store.size

    def told(store: Store, tables: Sequence[TableInfo]) -> int | None:
        sized.extend(table.name for table in tables)
        return size(store, tables)

    monkeypatch.setattr(Store, "size", told)
    monkeypatch.setattr(stored_rows, "SIZED_AT_ONCE", 1)
    monkeypatch.setattr(stored_rows, "HELD_BYTES", 1.5 * (store.size([tables["a"]]) or 0))
    sized.clear()
    held = HeldTexts(store, "demo", tables)
    for _ in range(2):
        assert held.read(pl.DataFrame({"shard": ["c"], "row": [0]}))["row"].to_list() == [0]
    assert sized == [tables["a"].name, tables["b"].name]


def test_texts_are_held_at_their_version_and_in_spite_of_a_table_that_is_damaged(
    tmp_path: Path,
) -> None:
    store = Store(str(tmp_path))
    used = store.write("demo", "samples", "a", to_table(SAMPLES), {})
    other = store.write("demo", "samples", "b", to_table([SINGLE]), {})
    store.write("demo", "samples", "a", to_table([SINGLE]), {})
    [data] = (tmp_path / f"{other.name}.lance" / "data").iterdir()
    data.unlink()
    held = HeldTexts(store, "demo", {"a": used, "b": other})
    rows = pl.DataFrame({"shard": ["a", "a"], "row": [0, 2]})
    assert sorted(held.read(rows)["row"]) == [0, 2]
    with pytest.raises(StoreError):
        held.read(pl.DataFrame({"shard": ["b"], "row": [0]}))


def test_samples_that_changed_are_read_as_they_were_selected(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    used = store.write("demo", "samples", "a", to_table(SAMPLES), {})
    inputs = json.dumps({"samples": {"a": {"version": used.version, "data_version": "x"}}})
    chosen = selection_table([SINGLE, MULTI]).to_arrow()
    store.write("demo", "selected_subset", "r", chosen, {"inputs": inputs})
    store.write("demo", "selected_subset", "unrecorded", chosen, {})
    store.write("demo", "samples", "a", to_table([SINGLE]), {})
    rows = tshirt_assets.load_subset(str(tmp_path / "store"), "demo", "r")
    assert rows["response"].to_list() == ["2", SINGLE.response]
    with pytest.raises(ValueError, match="materialize selected_subset again"):
        tshirt_assets.load_subset(str(tmp_path / "store"), "demo", "unrecorded")


def test_a_dataset_that_trl_can_read(uri: str) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the optional package `datasets`")
    rows = tshirt_assets.load_subset(uri, "demo", "tshirt-5pct", as_="datasets")
    assert isinstance(rows, datasets.Dataset)
    assert rows[0]["messages"][0] == {"role": "system", "content": "Be brief."}


def test_without_datasets_the_error_says_what_to_install(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match="pip install datasets"):
        tshirt_assets.load_subset(uri, "demo", "tshirt-5pct", as_="datasets")


def test_an_unknown_recipe_or_form_is_an_error(uri: str) -> None:
    with pytest.raises(StoreError, match=r"'nope' .* materialize .* there: tshirt-5pct"):
        tshirt_assets.load_subset(uri, "demo", "nope")
    with pytest.raises(ValueError, match="'polars' and 'datasets'"):
        tshirt_assets.load_subset(uri, "demo", "tshirt-5pct", as_="pandas")  # type: ignore[call-overload]


def test_a_mistyped_store_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="stor: there is no such store"):
        tshirt_assets.load_subset(str(tmp_path / "stor"), "demo", "tshirt-5pct")
    assert not (tmp_path / "stor").exists()


def test_importing_the_package_stays_light() -> None:
    code = "import tshirt_assets, sys; sys.exit('polars' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
