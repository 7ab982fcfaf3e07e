"""Reading, replacing and listing tables of shards."""

import string
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tshirt_assets.store import table_info as tables
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo, table_name

ROWS = pa.table(
    {
        "sample_id": ["a", "b", "c"],
        "row": pa.array([0, 1, 2], pa.int64()),
        "token_delta": pa.array([[0.5, float("nan")], [], None], pa.list_(pa.float32())),
        "status": ["ok", None, "ok"],
    }
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "made" / "with" / "parents"))


def test_round_trip_keeps_rows_types_order_and_meta(store: Store) -> None:
    info = store.write("corpus", "scores", "file 1.jsonl[0:3]", ROWS, {"identity": "ä" * 5000})
    assert (info.version, info.rows) == (1, 3)
    assert info.meta == {
        "identity": "ä" * 5000,
        "corpus": "corpus",
        "asset": "scores",
        "shard": "file 1.jsonl[0:3]",
        "schema_version": "1",
    }
    assert store.info("corpus", "scores", "file 1.jsonl[0:3]") == info
    back = store.read("corpus", "scores", "file 1.jsonl[0:3]")
    assert back.schema.equals(ROWS.schema, check_metadata=True)
    assert repr(back.to_pylist()) == repr(ROWS.to_pylist())  # repr: NaN equals NaN


def test_the_size_is_that_of_the_rows_of_one_version(store: Store) -> None:
    small = store.write("corpus", "scores", "s", ROWS, {})
    numbers = pa.table({"n": pa.array(np.arange(200_000))})
    large = store.write("corpus", "scores", "s", numbers, {})
    other = store.write("corpus", "scores", "other", numbers, {})
    size = store.size([large])
    assert size is not None
    assert numbers.nbytes <= size < 1.1 * numbers.nbytes
    assert store.size([large, other]) == pytest.approx(2 * size, rel=1e-3)
    assert (store.size([small]) or size) < size / 100
    assert store.size([]) == 0
    store.drop("corpus", "scores", "other")
    assert store.size([large, other]) is None


def test_reads_only_the_asked_columns_and_rows_in_order(store: Store) -> None:
    numbers = np.arange(200_000)
    table = pa.table({"row": numbers, "even": numbers % 2 == 0, "other": numbers})
    store.write("corpus", "scores", "s", table, {})
    part = store.read("corpus", "scores", "s", columns=["row"], where="even AND row >= 100000")
    assert part.column_names == ["row"]
    np.testing.assert_array_equal(part["row"], np.arange(100_000, 200_000, 2))
    batches = list(store.batches("corpus", "scores", "s", columns=["row"]))
    assert len(batches) > 1
    np.testing.assert_array_equal(np.concatenate([batch["row"] for batch in batches]), numbers)


def test_replacing_changes_rows_columns_and_meta_together(store: Store) -> None:
    store.write("corpus", "scores", "s", ROWS, {"identity": "old", "only_old": "1"})
    new = pa.table({"sample_id": ["z"], "ifd": [0.5]})
    info = store.write("corpus", "scores", "s", new, {"identity": "new"})
    assert info.version == 2
    assert "only_old" not in info.meta
    assert store.info("corpus", "scores", "s") == info
    assert store.read("corpus", "scores", "s").equals(new)
    assert store.read("corpus", "scores", "s", version=1).column_names == ROWS.column_names


def test_empty_table_keeps_its_columns(store: Store) -> None:
    store.write("corpus", "scores", "s", ROWS.slice(0, 0), {})
    assert store.read("corpus", "scores", "s").schema.equals(ROWS.schema)
    assert list(store.batches("corpus", "scores", "s")) == []


def test_lists_tables_of_one_asset_with_their_shard_keys(store: Store) -> None:
    for shard in ("a.b", "a-b", "ü", "A.b"):
        store.write("corpus", "scores", shard, ROWS, {})
    store.write("corpus", "scores_more", "x", ROWS, {})
    store.write("corpus2", "scores", "x", ROWS, {})
    store.write("corpus", "contenders", None, ROWS, {})
    store.staging("corpus", "scores", "y", "i").append(ROWS)
    store.staging("only_staged", "scores", "y", "i").append(ROWS)
    shards = [info.meta["shard"] for info in store.stored("corpus", "scores")]
    assert sorted(shards) == ["A.b", "a-b", "a.b", "ü"]
    assert [info.name for info in store.stored("corpus", "contenders")] == ["corpus.contenders"]
    assert store.stored("corpus", "nothing") == []
    store.drop("corpus", "scores", "ü")
    store.drop("corpus", "scores", "ü")
    assert store.info("corpus", "scores", "ü") is None
    assert len(store.stored("corpus", "scores")) == 3


def test_missing_table_and_version_say_what_to_do(store: Store) -> None:
    assert store.info("corpus", "scores", "s") is None
    with pytest.raises(StoreError, match=r"there is no table .* materialize its asset first"):
        store.read("corpus", "scores", "s")
    with pytest.raises(StoreError, match="there is no table"):
        store.batches("corpus", "scores", "s")
    store.write("corpus", "scores", "s", ROWS, {})
    with pytest.raises(StoreError, match="version 7 was pruned; select again"):
        store.read("corpus", "scores", "s", version=7)
    with pytest.raises(StoreError, match=r"lacks a column .* materialize its shard again"):
        store.read("corpus", "scores", "s", columns=["ifd"])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_vectors_may_be_null_but_must_be_finite(store: Store, bad: float) -> None:
    vector = pa.list_(pa.float32(), 12)
    good = pa.table({"vector": pa.array([[1.0] * 12, None, [0.5] * 12], vector)})
    store.write("corpus", "embeddings", "s", good, {})
    assert store.read("corpus", "embeddings", "s").equals(good)
    # `bad` sits behind an offset, where only a check of the visible rows finds it.
    wrong = pa.table({"vector": pa.array([[1.0] * 12, [bad] * 12], vector)})
    store.write("corpus", "embeddings", "t", wrong.slice(0, 1), {})
    with pytest.raises(StoreError, match=r"column 'vector' .* give those rows a status"):
        store.write("corpus", "embeddings", "s", wrong.slice(1, 1), {})
    assert store.read("corpus", "embeddings", "s").equals(good)


def test_tables_of_a_newer_package_are_neither_read_nor_replaced(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "SCHEMA_VERSION", 2)
    store.write("corpus", "scores", "s", ROWS, {})
    monkeypatch.undo()
    for use in (
        lambda: store.info("corpus", "scores", "s"),
        lambda: store.stored("corpus", "scores"),
        lambda: store.infos("corpus", "scores", ["none", "s"]),
        lambda: store.read("corpus", "scores", "s"),
        lambda: store.batches("corpus", "scores", "s"),
        lambda: store.write("corpus", "scores", "s", ROWS, {}),
    ):
        with pytest.raises(StoreError, match=r"schema version 2, .* up to 1; upgrade"):
            use()


def test_2000_shards_are_all_listed(tmp_path: Path) -> None:
    # Copies of one table folder: Lance tables hold no absolute paths.
    store = Store(str(tmp_path))
    store.write("corpus", "scores", "x", ROWS, {"identity": "i"})
    (folder,) = tmp_path.glob("*.lance")
    files = [file for file in folder.rglob("*") if file.is_file()]
    for number in range(2_000):
        copy = tmp_path / f"corpus.other.{number:04d}.lance"
        for file in files:
            target = copy / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(file)
    found = store.stored("corpus", "other")
    assert [info.name for info in found] == [f"corpus.other.{number:04d}" for number in range(2000)]
    assert all(isinstance(info, TableInfo) and info.rows == 3 for info in found)


def test_many_tables_are_read_like_each_of_them(store: Store) -> None:
    numbers = np.arange(150_000)
    for shard in ("a", "b", "c"):
        table = pa.table({"row": numbers, "even": numbers % 2 == 0, "of": [shard] * len(numbers)})
        store.write("corpus", "scores", shard, table, {"shard": shard})
    infos = store.infos("corpus", "scores", ["c", "none", "a"])
    assert infos == [store.info("corpus", "scores", shard) for shard in ("c", "none", "a")]
    c, none, a = infos
    assert none is None
    assert c is not None
    assert a is not None
    store.write("corpus", "scores", "a", ROWS, {})  # what was there before is read
    found = store.read_many([c, a], columns=["row", "of"], where="even")
    for shard, table in zip("ca", found, strict=True):
        assert table.column_names == ["row", "of"]
        assert table.schema.metadata is None
        assert set(table["of"].to_pylist()) == {shard}
        np.testing.assert_array_equal(table["row"], numbers[::2])
    assert store.read_many([], columns=["row"]) == []
    with pytest.raises(StoreError, match="the table lacks a column that was asked for"):
        store.read_many([c], columns=["no_such_column"])


ANY_KEY = st.text(st.characters(exclude_categories=()), min_size=0, max_size=300)
ALLOWED = set(string.ascii_letters + string.digits + "._-")


@given(st.lists(ANY_KEY, min_size=2, max_size=20, unique=True))
@example(["a/b", "a b", "a.b", "a-b", "A-b", "a_b", "", "-", "..", "\ud800", "é", "e\u0301"])
@example(["x" * 200 + end for end in "abc"])
def test_names_of_any_shard_keys_are_valid_and_distinct(keys: list[str]) -> None:
    names = [table_name("corpus", "scores", key) for key in keys]
    names += [table_name("corpus", "scores", None), table_name("corpus", "score", keys[0])]
    assert len({name.lower() for name in names}) == len(names)  # also where case is ignored
    for name in names:
        assert set(name) <= ALLOWED
        assert len(f"_staging.{name}.lance") <= 255  # longest file name of common file systems
        assert name.split(".")[:2] in (["corpus", "scores"], ["corpus", "score"])


@pytest.mark.parametrize("part", ["", "a.b", "../up", "a/b", "_staging", "a b"])
def test_corpus_and_asset_cannot_leave_their_place(part: str) -> None:
    for corpus, asset in ((part, "scores"), ("corpus", part)):
        with pytest.raises(StoreError, match="cannot name a corpus or asset"):
            table_name(corpus, asset, None)
