"""`verify`: a sound corpus has no fault, and every injected fault is found and named."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from click.testing import CliRunner

from tests.corpora import ASSETS, NAME, RECIPES, Corpus
from tshirt_assets.cli import main
from tshirt_assets.commands.verify import Verification, verify
from tshirt_assets.incremental.identity import data_version
from tshirt_assets.store.table_info import table_name


def check(corpus: Corpus) -> Verification:
    return verify(corpus.store, corpus.config, corpus.shards)


def faults(corpus: Corpus) -> list[str]:
    return [str(fault) for fault in check(corpus).faults]


def rewrite(
    corpus: Corpus,
    asset: str,
    shard: str | None,
    change: Callable[[pl.DataFrame], pl.DataFrame],
    **meta: Any,
) -> None:
    """Store a table changed, with a data version that fits."""
    info = corpus.store.info(NAME, asset, shard)
    assert info is not None
    before = corpus.store.read(NAME, asset, shard)
    after = change(pl.DataFrame(pl.from_arrow(before))).to_arrow().cast(before.schema)
    meta = info.meta | {"data_version": data_version(after)} | meta
    corpus.store.write(NAME, asset, shard, after, meta)


def first_row(**values: Any) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def change(frame: pl.DataFrame) -> pl.DataFrame:
        first = pl.int_range(pl.len()) == 0
        return frame.with_columns(
            pl.when(first).then(pl.lit(value)).otherwise(column).alias(column)
            for column, value in values.items()
        )

    return change


def test_a_sound_corpus_has_no_fault(finished: Corpus) -> None:
    found = check(finished)
    assert found.faults == []
    stored = [
        info
        for asset in (*ASSETS, "neighbour_deltas")
        for info in finished.store.stored(NAME, asset)
    ]
    assert found.tables >= len(stored) == 24
    assert found.rows >= sum(info.rows for info in stored)
    assert found.files == 4 * 4  # messages, Parquet, dataset_info and card of four recipes


def test_what_is_not_materialized_yet_is_no_fault(corpus: Corpus) -> None:
    assert faults(corpus) == []
    corpus.register()
    corpus.materialize("samples")
    corpus.materialize("token_scores")
    assert check(corpus).tables == 6
    assert faults(corpus) == []


@pytest.mark.parametrize(
    ("asset", "values", "message"),
    [
        ("token_scores", {"sample_id": "x"}, "1 rows are not those of samples"),
        ("miwv_scores", {"row": 9}, "1 rows are not those of samples"),
        ("embeddings", {"shard": "b"}, "1 rows have another shard"),
        ("embeddings", {"identity": "other"}, "1 rows have another identity"),
        ("miwv_scores", {"neighbour_id": "x"}, "1 rows were scored with another demo than"),
        ("robust_scores", {"sample_id": "x"}, "1 rows that contenders does not have"),
        ("robust_scores", {"sample_id": "x"}, "1 rows of contenders are absent"),
        ("robust_scores", {"tau": 0.123}, "its tau is not that of contenders"),
        ("neighbour_deltas", {"row": 99}, "1 rows of contenders are absent"),
    ],
)
def test_a_changed_row_is_found(
    materialized: Corpus, asset: str, values: dict[str, Any], message: str
) -> None:
    shard = materialized.shard("a-")
    rewrite(materialized, asset, shard, first_row(**values))
    found = faults(materialized)
    again = "robust_scores" if asset == "neighbour_deltas" else asset
    assert any(
        fault.startswith(f"{asset} {shard}: {message}")
        and fault.endswith(f"; materialize {again} again")
        for fault in found
    ), found


@pytest.mark.parametrize(
    ("asset", "values", "message"),
    [
        ("contenders", {"sample_id": "x"}, "1 rows that token_scores .* does not have"),
        ("contenders", {"shard": "gone"}, "rows of gone, which has no token_scores"),
        ("neighbours", {"sample_id": "x"}, "1 rows that samples does not have"),
        ("neighbours", {"neighbour_id": "x"}, r"1 nearest neighbours do not exist \(first: x in"),
        ("neighbours", {"neighbour_shard": "gone"}, "1 nearest neighbours do not exist"),
    ],
)
def test_a_changed_row_of_a_dataset_wide_table_is_found(
    materialized: Corpus, asset: str, values: dict[str, Any], message: str
) -> None:
    rewrite(materialized, asset, None, first_row(**values))
    own = [fault for fault in faults(materialized) if fault.startswith(asset)]
    assert any(re.search(message, fault) for fault in own), own


def test_lost_rows_are_counted(materialized: Corpus) -> None:
    shard = materialized.shard("c-")
    rewrite(materialized, "token_scores", shard, lambda rows: rows.head(12))
    place = f"token_scores {shard}"
    assert f"{place}: 12 rows where samples has 14; materialize token_scores again" in faults(
        materialized
    )


def test_rows_that_were_refused_must_stay_refused(materialized: Corpus) -> None:
    shard = materialized.shard("c-")
    rewrite(materialized, "miwv_scores", shard, lambda rows: rows.with_columns(status=pl.lit("ok")))
    [fault] = faults(materialized)
    assert "2 rows that samples refuses have another status" in fault


def test_rows_that_changed_behind_the_data_version(materialized: Corpus) -> None:
    for asset, shard in (("samples", materialized.shard("a-")), ("selected_subset", "ifd")):
        info = materialized.store.info(NAME, asset, shard)
        assert info is not None
        version = info.meta["data_version"]
        rewrite(materialized, asset, shard, lambda rows: rows.reverse(), data_version=version)
        assert any(
            fault.startswith(f"{asset} {shard}: its rows have changed since they were written")
            for fault in faults(materialized)
        )


def test_shards_of_two_identities(materialized: Corpus) -> None:
    shard = materialized.shard("b-")
    change = first_row()
    rewrite(materialized, "embeddings", shard, change, identity="other")
    found = faults(materialized)
    place = f"embeddings {shard}"
    assert f"{place}: its identity is not the others'; materialize embeddings again" in found
    assert f"{place}: 10 rows have another identity; materialize embeddings again" in found


def test_orphaned_shards_recipes_and_partitions(materialized: Corpus) -> None:
    a, b = materialized.shard("a-"), materialized.shard("b-")
    materialized.path("a.jsonl").unlink()
    materialized.configure(recipes={name: RECIPES[name] for name in ("tshirt", "miwv", "ifd")})
    materialized.instance.delete_dynamic_partition(NAME, b)
    found = faults(materialized)
    remedy = "put it back, or drop the table with `tshirt-assets maintain --orphans`"
    for asset in ("samples", "token_scores", "neighbour_deltas"):
        assert f"{asset} {a}: orphaned: the shard's file is gone; {remedy}" in found
        assert any(
            fault.startswith(f"{asset} {b}: orphaned") and "shards --register" in fault
            for fault in found
        )
    assert f"selected_subset random: its recipe is gone; {remedy}" in found


def test_leftovers_and_unreadable_tables(materialized: Corpus) -> None:
    a, b, c = materialized.shards
    store, folder = materialized.store, Path(materialized.config.store)
    rows = pa.table({"sample_id": ["x"]})
    store.staging(NAME, "token_scores", a, "i").append(rows)
    foreign = table_name(NAME, "token_scores", "elsewhere")
    (folder / f"{table_name(NAME, 'token_scores', a)}.lance").rename(folder / f"{foreign}.lance")
    for file in (folder / f"{table_name(NAME, 'miwv_scores', c)}.lance").glob("data/*"):
        file.write_bytes(b"")
    for file in (folder / f"{table_name(NAME, 'samples', b)}.lance").glob("_versions/*"):
        file.unlink()
    found = faults(materialized)
    expected = [
        "^_staging.*chunks of a shard that was not finished; run the asset again",
        f"{foreign}: holds token_scores of shard {a}; put the folder of this table back",
        f"^miwv_scores {c}: cannot be read; .*damaged; materialize its shard again",
        f"{table_name(NAME, 'samples', b)}: its first write was cut short; materialize it again",
        f"^{b}: has scores but no samples; materialize samples again",
    ]
    for pattern in expected:
        assert any(re.search(pattern, fault) for fault in found), (pattern, found)


def test_selected_rows_that_are_gone(materialized: Corpus) -> None:
    selected = materialized.store.read(NAME, "selected_subset", "ifd").to_pylist()[0]
    missing = selected["sample_id"]
    rewrite(
        materialized,
        "samples",
        selected["shard"],
        lambda rows: rows.filter(pl.col("sample_id") != missing),
    )
    # The samples have a version with this row still: it can be read again.
    assert not [fault for fault in faults(materialized) if fault.startswith("selected_subset")]
    materialized.store.drop(NAME, "samples", selected["shard"])
    assert any(
        fault.startswith("selected_subset ifd: its rows cannot be read")
        for fault in faults(materialized)
    )


def test_exports_that_changed(materialized: Corpus) -> None:
    exports = Path(materialized.config.export_dir) / NAME
    with (exports / "ifd" / "messages.jsonl").open("a") as file:
        file.write("{}\n")
    (exports / "ifd" / "subset.parquet").unlink()
    (exports / "miwv" / "manifest.json").write_text("{")
    manifest = json.loads((exports / "random" / "manifest.json").read_text())
    manifest["provenance"]["data_version"] = "0" * 16
    (exports / "random" / "manifest.json").write_text(json.dumps(manifest))
    found = faults(materialized)
    expected = [
        r"ifd/messages.jsonl: is not the file that was exported \(its SHA-256 differs\); "
        "materialize selected_subset ifd again",
        r"ifd/subset.parquet: cannot be read \(No such file",
        "selected_subset miwv: .*miwv has no readable manifest.json",
        "selected_subset random: .*random was exported from another selection",
    ]
    assert len(found) == len(expected)
    for pattern in expected:
        assert any(re.search(pattern, fault) for fault in found), (pattern, found)


def test_the_command_lists_the_faults_and_exits_with_1(materialized: Corpus) -> None:
    environment = {"DAGSTER_HOME": str(materialized.home)}
    arguments = ["verify", str(materialized.file)]
    sound = CliRunner().invoke(main, arguments, env=environment)
    assert sound.exit_code == 0
    assert re.fullmatch(
        r"0 faults in 24 tables with \d+ rows and 16 exported files; [\d,]+ bytes were checked\n",
        sound.stdout,
    ), sound.stdout

    shard = materialized.shard("c-")
    rewrite(materialized, "token_scores", shard, lambda rows: rows.head(12))
    faulty = CliRunner().invoke(main, arguments, env=environment)
    assert faulty.exit_code == 1
    *lines, last = faulty.stdout.splitlines()
    assert f"token_scores {shard}: 12 rows where samples has 14" in faulty.stdout
    assert last.startswith(f"{len(lines)} faults in 24 tables")
