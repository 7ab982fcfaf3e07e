"""Stored rows that are not what was written are computed again, and a warning says so."""

import logging
from pathlib import Path

import pyarrow as pa
import pytest

from tests.corpora import NAME, Corpus
from tests.runs import damage
from tshirt_assets.incremental.soundness import (
    numbered_chunk,
    other_columns,
    reusable_rows,
    sound_chunks,
    sound_rows,
)
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.store.faults import DamagedTableError
from tshirt_assets.store.store import Store

ROWS = pa.table({"sample_id": ["a", "b"], "ifd": [0.25, 0.75]})


def test_rows_are_compared_with_their_version(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    info = write_table(store, "c", "token_scores", "s", ROWS, identity="i")
    assert sound_rows(store, info).equals(ROWS)
    edited = ROWS.set_column(1, "ifd", pa.array([0.25, 0.7]))
    info = store.write("c", "token_scores", "s", edited, info.meta)
    with pytest.raises(DamagedTableError, match="have changed since they were written"):
        sound_rows(store, info)


def test_only_sound_rows_of_the_identity_and_columns_are_reusable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, log = Store(str(tmp_path)), logging.getLogger("test")
    written = write_table(store, "c", "token_scores", "s", ROWS, identity="i")

    def reusable(identity: str = "i", schema: pa.Schema = ROWS.schema) -> pa.Table | None:
        return reusable_rows(
            store, "c", "token_scores", "s", identity=identity, schema=schema, log=log
        )

    found = reusable()
    assert found is not None
    assert found.equals(ROWS)
    assert reusable(identity="j") is None
    assert caplog.messages == []
    assert reusable(schema=pa.schema([*ROWS.schema, pa.field("more", pa.int32())])) is None
    assert reusable(schema=pa.schema([pa.field("ifd", pa.float32())])) is None
    store.write("c", "token_scores", "s", ROWS.slice(1), written.meta)
    assert reusable() is None
    said = ["lacks the column more", "has double in the column ifd, which holds float", "changed"]
    assert len(caplog.messages) == 3
    for part, message in zip(said, caplog.messages, strict=True):
        assert part in message
        assert message.endswith("not reused, but computed again")


def test_columns_beyond_the_expected_are_no_fault() -> None:
    assert other_columns(ROWS.schema, pa.schema([ROWS.schema.field(0)])) is None
    text = pa.schema([pa.field("sample_id", pa.large_string())])
    assert other_columns(text, pa.schema([ROWS.schema.field(0)])) is None


def test_chunks_are_sound_one_by_one() -> None:
    first, second = numbered_chunk(ROWS), numbered_chunk(ROWS.slice(1))
    staged = pa.concat_tables([first, second, first])
    assert sound_chunks(pa.concat_tables([first, second]), ROWS.schema) is not None
    assert sound_chunks(ROWS, ROWS.schema) == ROWS  # of an earlier version
    edited = staged.slice(1, 2)  # of the first chunk a row is gone
    assert sound_chunks(edited, ROWS.schema) == ROWS.slice(1)
    assert sound_chunks(staged.slice(1, 1), ROWS.schema) is None
    assert sound_chunks(staged.drop_columns(["ifd"]), ROWS.schema) is None


@pytest.mark.parametrize("own", [False, True])
def test_an_edited_score_is_not_laundered(materialized: Corpus, own: bool) -> None:
    """Reused, it would be written again under a data version that fits it."""
    table = ("token_scores", "a-")
    before = materialized.store.read(NAME, *damage.place(materialized, table))
    damage.replaced(table, damage.edited("ifd", 0.123))(materialized)
    if own:  # also where another shard borrows the rows
        materialized.path("a.jsonl").rename(materialized.path("z.jsonl"))
        [shard] = materialized.register()
    else:
        shard = materialized.shard("a-")
    materialized.materialize("samples", "token_scores", partitions=[shard])
    after = materialized.store.read(NAME, "token_scores", shard)
    assert materialized.metadata("token_scores", shard)["computed"] >= 9  # one row is in c.jsonl
    assert after["ifd"].to_pylist() == pytest.approx(before["ifd"].to_pylist(), abs=1e-5)
