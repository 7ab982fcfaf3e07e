"""The published search table: what it holds, when it is rewritten, how it is searched."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

import tshirt_assets
from tests.corpora import NAME, Corpus, make_rows, save_embedder
from tshirt_assets.assets import search as asset
from tshirt_assets.cli import main
from tshirt_assets.commands.verify import verify
from tshirt_assets.models.model_files import ModelError
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.table_info import table_name
from tshirt_assets.store.vector_search import has_index


@pytest.fixture
def searchable(materialized: Corpus) -> Corpus:
    materialized.materialize("search")
    return materialized


def test_holds_every_usable_row_once_with_its_text_and_vector(searchable: Corpus) -> None:
    rows = searchable.frame("search")
    keys = ["sample_id", "shard", "row"]
    samples = searchable.frame("samples").filter(pl.col("status") == "ok")
    assert rows.select(keys).rows() == samples.select(keys).rows()
    for column in ("instruction", "input", "response", "domain"):
        assert rows[column].equals(samples[column])
    embedded = searchable.frame("embeddings").filter(pl.col("status") == "ok")
    assert rows["vector"].equals(embedded["vector"])
    assert verify(searchable.store, searchable.config, searchable.shards).faults == []


def test_finds_a_row_by_its_text_and_by_its_vector(searchable: Corpus) -> None:
    rows = searchable.frame("search").unique("sample_id", keep="first", maintain_order=True)
    uri = searchable.config.store
    vectors = np.array(rows["vector"].to_list())
    for row in rows.sample(3, seed=1).iter_rows(named=True):
        text = "\n".join(filter(None, (row["instruction"], row["input"])))
        cosines = np.sort(vectors @ np.array(row["vector"]))[::-1]
        for query in (text, row["vector"]):
            found = tshirt_assets.search(uri, NAME, query, k=3)
            best = found.row(0, named=True)
            assert best["similarity"] == pytest.approx(1.0, abs=1e-5)
            assert best["instruction"] == row["instruction"]
            assert best["response"] == row["response"]
            unique = found.unique("sample_id", keep="first", maintain_order=True)["similarity"]
            assert unique.to_list() == pytest.approx(cosines[: unique.len()].tolist(), abs=1e-5)


def test_is_written_again_only_when_rows_changed(searchable: Corpus) -> None:
    version = searchable.version("search")
    searchable.materialize("samples", "embeddings")
    searchable.materialize("search")
    assert searchable.version("search") == version
    assert searchable.metadata("search")["published"] is False
    assert searchable.metadata("search")["table_version"] == 1

    searchable.write("d.jsonl", make_rows(9, 4))
    searchable.register()
    searchable.materialize("samples", "embeddings")
    searchable.materialize("search")
    assert searchable.version("search") != version
    assert searchable.metadata("search")["published"] is True
    assert searchable.metadata("search")["dagster/row_count"] == 36
    [hit] = tshirt_assets.search(
        searchable.config.store, NAME, make_rows(9, 4)[1]["instruction"], 1
    ).iter_rows(named=True)
    assert (hit["shard"], hit["row"]) == (searchable.shard("d-"), 1)


def test_large_tables_get_an_index_also_after_a_crash_before_it(
    materialized: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = table_name(NAME, "search", None)
    materialized.materialize("search")
    assert not has_index(materialized.store, name, "vector")
    monkeypatch.setattr(asset, "INDEX_FROM", 30)
    materialized.materialize("search")
    assert materialized.metadata("search")["published"] is False
    assert materialized.metadata("search")["indexed"] is True
    assert has_index(materialized.store, name, "vector")


def test_what_cannot_be_searched_says_why(searchable: Corpus, tiny_models: Path) -> None:
    uri = searchable.config.store
    with pytest.raises(StoreError, match="vectors of 16 numbers"):
        tshirt_assets.search(uri, NAME, [1.0, 2.0])
    with pytest.raises(StoreError, match="'other' has no search table; materialize its asset"):
        tshirt_assets.search(uri, "other", "river")
    with pytest.raises(ValueError, match="k=0"):
        tshirt_assets.search(uri, NAME, "river", k=0)
    searchable.configure(embedder={"path": str(searchable.folder / "moved"), "device": "cpu"})
    save_embedder(searchable.folder / "moved", seed=3)
    info = searchable.store.info(NAME, "search")
    assert info is not None
    meta = info.meta | {"embedder": searchable.config.embedder.model_dump_json()}
    searchable.store.write(NAME, "search", None, searchable.store.read(NAME, "search"), meta)
    with pytest.raises(ModelError, match="is not the model that the corpus was embedded with"):
        tshirt_assets.search(uri, NAME, "river")


def test_rows_that_do_not_exist_are_a_fault(searchable: Corpus) -> None:
    info = searchable.store.info(NAME, "search")
    assert info is not None
    rows = searchable.frame("search").with_columns(shard=pl.lit("gone")).to_arrow()
    searchable.store.write(NAME, "search", None, rows, info.meta)
    found = verify(searchable.store, searchable.config, searchable.shards).faults
    remedy = "are not those of samples and embeddings; materialize search again"
    assert [str(fault) for fault in found] == [
        f"search: its rows of {shard} {remedy}" for shard in [*sorted(searchable.shards), "others"]
    ]


def test_the_command_prints_one_line_per_hit(
    searchable: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(searchable.home))
    row = make_rows(1, 10)[4]
    result = CliRunner().invoke(
        main, ["search", str(searchable.file), row["instruction"], "-k", "2"]
    )
    assert result.exit_code == 0, result.output
    first, second = result.stdout.splitlines()
    assert first.startswith(f"1.000  {searchable.shard('b-')}:4  {row['instruction'][:10]}")
    assert float(second.split()[0]) <= 1.0
