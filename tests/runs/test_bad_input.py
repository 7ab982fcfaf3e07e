"""Input and storage that go wrong under the assets: what is said, what is kept, what mends it."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from tests.corpora import NAME, Corpus, make_rows
from tests.incremental.test_dataset import failure
from tshirt_assets.store.table_info import full_meta, table_name

SHARD_TABLES = ("embeddings", "token_scores", "miwv_scores")


def test_one_content_in_two_shards_is_selected_once(materialized: Corpus) -> None:
    materialized.write("d.jsonl", make_rows(0, 10))  # the rows of a.jsonl again
    materialized.configure(recipes={"all": {"method": "random", "budget": 1.0}})
    materialized.materialize_all()
    a, d = materialized.shard("a-"), materialized.shard("d-")
    assert materialized.metadata("token_scores", d)["computed"] == 0
    subset = materialized.frame("selected_subset", "all")
    assert subset["sample_id"].is_unique().all()
    assert subset.height == 30
    assert set(subset.filter(pl.col("shard").is_in([a, d]))["shard"]) == {a}
    assert materialized.metadata("selected_subset", "all")["not_selected"]["duplicate"] == 12


def test_a_file_cut_in_a_line_loses_that_row_alone_until_it_is_whole(corpus: Corpus) -> None:
    whole = corpus.path("a.jsonl").read_bytes()
    corpus.path("a.jsonl").write_bytes(whole[:-20])
    corpus.register()
    a = corpus.shard("a-")
    corpus.materialize("samples", "token_scores", partitions=[a])
    scores = corpus.frame("token_scores", a)
    assert scores["status"].to_list() == ["ok"] * 9 + ["file_ends_early"]
    assert "without a newline" in scores["status_detail"][9]
    corpus.path("a.jsonl").write_bytes(whole)
    corpus.materialize("samples", "token_scores", partitions=[a])
    assert corpus.frame("token_scores", a)["status"].to_list() == ["ok"] * 10
    assert corpus.metadata("token_scores", a)["computed"] == 1


def test_tables_of_a_newer_package_are_named_and_left_alone(materialized: Corpus) -> None:
    b = materialized.shard("b-")
    name = table_name(NAME, "token_scores", b)
    newer = pa.table({"unknown": [1]})
    meta = full_meta(NAME, "token_scores", b, {"identity": "i"}) | {"schema_version": "99"}
    materialized.store.database.replace(name, newer.replace_schema_metadata(meta))

    said = failure(materialized.materialize("token_scores", succeeds=False))
    assert "token_scores: 1 of 3 partitions failed" in said
    assert "has schema version 99, this package reads up to 1; upgrade tshirt-assets" in said
    said = failure(materialized.materialize("contenders", succeeds=False))
    assert "upgrade tshirt-assets" in said
    stored = materialized.store.database.open(name)
    assert stored is not None
    assert stored.to_arrow().to_pylist() == newer.to_pylist()


@pytest.mark.parametrize("asset", SHARD_TABLES)
def test_a_damaged_table_is_mended_by_materializing_it_again(
    materialized: Corpus, asset: str
) -> None:
    b = materialized.shard("b-")
    before = materialized.frame(asset, b)
    version = materialized.version(asset, b)
    folder = Path(materialized.config.store) / f"{table_name(NAME, asset, b)}.lance"
    for file in (folder / "data").iterdir():
        file.unlink()
    materialized.materialize(asset)
    assert materialized.metadata(asset, b)["computed"] == 10
    assert materialized.version(asset, b) == version
    assert materialized.frame(asset, b).equals(before)
    assert materialized.metadata(asset, materialized.shard("a-"))["computed"] == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    mount = tmp_path / "small"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mount)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"tmpfs cannot be mounted here: {error}")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_full_disk_is_named_and_leaves_the_old_rows(corpus: Corpus, small_disk: Path) -> None:
    corpus.configure(store=str(small_disk / "store"))
    corpus.register()
    a = corpus.shard("a-")
    corpus.materialize("samples", "token_scores")
    before = corpus.frame("samples", a), corpus.frame("token_scores", a)

    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 8_192))
    corpus.write("a.jsonl", make_rows(20, 400))
    said = failure(corpus.materialize("samples", "token_scores", partitions=[a], succeeds=False))
    assert "the disk is full; what was stored before is unchanged" in said
    assert corpus.frame("samples", a).equals(before[0])
    assert corpus.frame("token_scores", a).equals(before[1])

    ballast.unlink()
    corpus.materialize("samples", partitions=[a])
    assert corpus.frame("samples", a).height == 400


def test_markup_in_rows_stays_text_in_the_report_and_the_metadata(corpus: Corpus) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    row = {"instruction": evil, "output": f"the rain {evil}", "kind": "<b>bold</b>"}
    corpus.write("d.jsonl", [row])
    corpus.configure(recipes={"all": {"method": "longest", "budget": 1.0}})
    corpus.register()
    corpus.materialize("samples", "token_scores")
    corpus.materialize("selected_subset")
    metadata = corpus.metadata("selected_subset", "all")
    report = Path(metadata["report"]).read_text()
    shown = [report, metadata["first_rows"], metadata["summary"]]
    shown.append(corpus.metadata("samples", corpus.shard("d-"))["first_rows"])
    assert "&lt;script&gt;alert(1)" in report
    for text in shown:  # in Markdown, a backslash takes the meaning from what follows
        assert not re.search(r"(?<!\\)<(script>alert|img src=x|b>bold)", text)
