"""Infos that are known from a look before: gone with anything that is written, moved or deleted."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tshirt_assets.store import seen_tables
from tshirt_assets.store.database import Database
from tshirt_assets.store.faults import DamagedTableError
from tshirt_assets.store.seen_tables import SETTLED, SeenTables
from tshirt_assets.store.store import Store


@pytest.fixture(autouse=True)
def none_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_tables, "_seen", type(seen_tables._seen)())


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all tables that were opened so far."""
    names: list[str] = []
    each = Database.each

    def spied(self: Database, some: Sequence[str], action: Any) -> Any:
        names.extend(some)
        return each(self, some, action)

    monkeypatch.setattr(Database, "each", spied)
    return names


def _written(folder: Path, shards: Sequence[str] = ("a",), rows: int = 3) -> Store:
    store = Store(str(folder))
    for shard in shards:
        store.write("c", "samples", shard, pa.table({"n": range(rows)}), {"identity": f"{rows}"})
    return store


def _settle() -> None:
    time.sleep(SETTLED + 0.02)


def test_a_table_is_opened_once_until_it_is_written_again(tmp_path: Path, opened: list[str]):
    store = _written(tmp_path, "ab")
    _settle()
    opened.clear()
    first = store.infos("c", "samples", ["a", "b"])
    assert sorted(opened) == sorted(info.name for info in first if info)
    assert Store(str(tmp_path)).infos("c", "samples", ["b", "a"]) == first[::-1]
    assert store.stored("c", "samples") == first
    assert len(opened) == 2
    _written(tmp_path, "b", rows=5)
    _settle()
    again = store.info("c", "samples", "b")
    assert again is not None
    assert (again.rows, again.identity) == (5, "5")
    assert store.info("c", "samples", "a") == first[0]


def test_what_was_written_just_now_is_not_taken_for_known(tmp_path: Path, opened: list[str]):
    """Two changes of a file within a tick of the clock cannot be told apart."""
    store = _written(tmp_path)
    assert store.info("c", "samples", "a") == store.info("c", "samples", "a")
    assert len(opened) >= 2


def test_a_table_that_is_gone_or_damaged_or_another_is_seen(tmp_path: Path):
    store = _written(tmp_path, "ab")
    _settle()
    [a, b] = store.infos("c", "samples", ["a", "b"])
    assert a is not None
    assert b is not None
    shutil.move(tmp_path / f"{b.name}.lance", tmp_path / "aside")
    assert store.info("c", "samples", "b") is None
    shutil.rmtree(tmp_path / f"{a.name}.lance")
    shutil.move(tmp_path / "aside", tmp_path / f"{a.name}.lance")
    with pytest.raises(DamagedTableError, match="holds samples of shard b"):
        store.info("c", "samples", "a")
    [manifest] = (tmp_path / f"{a.name}.lance" / "_versions").glob("*.manifest")
    manifest.write_bytes(bytes(manifest.stat().st_size))  # as a power failure leaves it
    assert store.info("c", "samples", "a") is None


def test_the_mark_is_that_from_before_the_look(tmp_path: Path):
    """What is written while a table is looked at makes its info be looked for again."""
    store = _written(tmp_path)
    info = store.info("c", "samples", "a")
    assert info is not None
    _settle()
    seen = SeenTables(str(tmp_path))
    mark = seen.mark(info.name)
    assert mark is not None
    _written(tmp_path, rows=5)
    seen.keep(mark, info)
    assert seen.get(info.name, seen.mark(info.name)) is None


def test_known_tables_are_bounded_and_those_used_last_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(seen_tables, "HELD", 2)
    store = _written(tmp_path, "abc")
    _settle()
    seen = SeenTables(str(tmp_path))
    [a, b, c] = [info for info in store.infos("c", "samples", ["a", "b", "c"]) if info]
    assert [seen.get(info.name, seen.mark(info.name)) for info in (a, b, c)] == [None, b, c]
    seen.get(b.name, seen.mark(b.name))
    seen.keep(seen.mark(a.name), a)
    assert [seen.get(info.name, seen.mark(info.name)) for info in (a, b, c)] == [a, b, None]


def test_nothing_is_known_of_a_table_elsewhere_or_without_versions(tmp_path: Path):
    assert SeenTables(None).mark("c.samples") is None
    (tmp_path / "c.samples.lance" / "_versions").mkdir(parents=True)
    assert SeenTables(str(tmp_path)).mark("c.samples") is None
    assert SeenTables(str(tmp_path)).mark("c.none") is None
