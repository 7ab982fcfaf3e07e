"""Subsets and score tables as arguments of assets, in the corpus's code location and in others."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pyarrow as pa
import pytest

from tests.export.rows import MULTI, SAMPLES, SINGLE, selection_table
from tests.export.tool_rows import OPENAI, as_samples
from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.sample import to_table
from tshirt_assets.factory import build_curation_defs, build_input_defs
from tshirt_assets.resources.store import LanceStore
from tshirt_assets.resources.subset_io_manager import SubsetIOManager
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store

RECIPES = dg.StaticPartitionsDefinition(["one", "two"])
BUILDERS = [build_curation_defs, build_input_defs]


@pytest.fixture
def corpus(tmp_path: Path) -> CorpusConfig:
    store = Store(str(tmp_path / "store"))
    store.write("demo", "samples", "a", to_table(SAMPLES), {})
    for recipe, chosen in (("one", [SINGLE, MULTI]), ("two", [MULTI])):
        rows = selection_table(chosen).with_columns(recipe=pl.lit(recipe))
        store.write("demo", "selected_subset", recipe, rows.to_arrow(), {})
    for shard in ("a", "b"):
        scores = {"sample_id": ["x", "y"], "shard": [shard] * 2, "ifd": [0.25, 0.75]}
        store.write("demo", "token_scores", shard, pa.table(scores), {})
    store.write("demo", "contenders", None, pa.table({"sample_id": ["x"], "sifd": [0.5]}), {})
    recipe = {"method": "random", "budget": 2}
    return CorpusConfig.model_validate(
        {
            "name": "demo",
            "paths": [str(tmp_path / "*.jsonl")],
            "store": str(tmp_path / "store"),
            "export_dir": str(tmp_path / "exports"),
            "recipes": {"one": recipe, "two": recipe},
        }
    )


def given(
    defs: dg.Definitions,
    kind: Any,
    *,
    table: str = "selected_subset",
    recipe: str | None = None,
    shards: tuple[str, ...] = ("a", "b"),
    key: dg.AssetKey | None = None,
    **metadata: Any,
) -> Any:
    """What an asset gets as an argument of this type, materialized in these definitions."""
    seen: list[Any] = []

    def take(rows: Any) -> None:
        seen.append(rows)

    if kind is not None:
        take.__annotations__["rows"] = kind
    else:
        del take.__annotations__["rows"]
    asset = dg.asset(
        name="taker",
        partitions_def=RECIPES if recipe else None,
        ins={"rows": dg.AssetIn(key or dg.AssetKey(["demo", table]), metadata=metadata)},
    )(take)
    whole = dg.Definitions.merge(defs, dg.Definitions(assets=[asset]))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("demo", list(shards))
        job = whole.resolve_implicit_global_asset_job_def()
        job.execute_in_process(instance=instance, asset_selection=[asset.key], partition_key=recipe)
    return seen[0]


def ids(rows: Any) -> list[str]:
    if isinstance(rows, pl.LazyFrame):
        rows = rows.collect()
    return list(rows["sample_id"].to_pylist() if isinstance(rows, pa.Table) else rows["sample_id"])


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("kind", [pl.DataFrame, pl.LazyFrame, pa.Table, None, Any])
def test_the_type_of_the_argument_decides(
    corpus: CorpusConfig, build: Callable[..., dg.Definitions], kind: Any
) -> None:
    rows = given(build(corpus), kind, recipe="one")
    assert isinstance(rows, pl.DataFrame if kind in (None, Any) else kind)
    assert ids(rows) == [MULTI.sample_id, SINGLE.sample_id]


def test_a_dataset_with_tools_as_objects(corpus: CorpusConfig, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the optional package `datasets`")
    samples = as_samples(OPENAI)
    store = Store(corpus.store)
    store.write("demo", "samples", "a", to_table(samples), {})
    store.write("demo", "selected_subset", "one", selection_table(samples).to_arrow(), {})
    rows = given(build_input_defs(corpus), datasets.Dataset, recipe="one")
    assert isinstance(rows, datasets.Dataset)
    assert rows[0]["tools"] == OPENAI["tools"]
    [call] = rows[0]["messages"][2]["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": {"city": "Köln"}}


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("kind", [dict[str, pl.LazyFrame], dict[str, pa.Table], dict, None])
def test_all_recipes_are_a_dict(
    corpus: CorpusConfig, build: Callable[..., dg.Definitions], kind: Any
) -> None:
    found = given(build(corpus), kind)
    assert {name: ids(rows) for name, rows in found.items()} == {
        "one": [MULTI.sample_id, SINGLE.sample_id],
        "two": [MULTI.sample_id],
    }


@pytest.mark.parametrize("build", BUILDERS)
def test_score_tables_of_all_shards_are_one_lazy_frame(
    corpus: CorpusConfig, build: Callable[..., dg.Definitions], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = given(build(corpus), pl.LazyFrame, table="token_scores")
    assert rows.collect_schema().names() == ["sample_id", "shard", "ifd"]
    read: list[tuple[str | None, list[str] | None]] = []
    batches = Store.batches

    def spied(self: Store, *place: Any, columns: Any = None, **options: Any) -> Any:
        read.append((place[2], columns))
        return batches(self, *place, columns=columns, **options)

    monkeypatch.setattr(Store, "batches", spied)
    best = rows.filter(pl.col("ifd") > 0.5).select("shard")
    assert best.collect()["shard"].to_list() == ["a", "b"]
    assert {shard: sorted(columns or []) for shard, columns in read} == {
        "a": ["ifd", "shard"],
        "b": ["ifd", "shard"],
    }
    read.clear()
    assert rows.head(1).collect().height == 1
    assert [shard for shard, _ in read] == ["a"]


def test_a_lazy_frame_stays_at_its_version(corpus: CorpusConfig) -> None:
    rows = given(build_input_defs(corpus), pl.LazyFrame, table="token_scores")
    changed = pa.table({"sample_id": ["z"], "shard": ["a"], "ifd": [0.0]})
    Store(corpus.store).write("demo", "token_scores", "a", changed, {})
    assert rows.select("sample_id").collect()["sample_id"].to_list() == ["x", "y", "x", "y"]


def test_other_tables(corpus: CorpusConfig) -> None:
    defs = build_input_defs(corpus)
    frame = given(defs, pl.DataFrame, table="token_scores")
    assert frame.height == 4
    by_shard = given(defs, dict[str, pa.Table], table="token_scores")
    assert {shard: table.num_rows for shard, table in by_shard.items()} == {"a": 2, "b": 2}
    assert ids(given(defs, pl.DataFrame, table="contenders")) == ["x"]


def test_shards_that_are_not_there(corpus: CorpusConfig) -> None:
    defs, shards = build_input_defs(corpus), ("a", "b", "c")
    with pytest.raises(
        StoreError, match=re.escape("not materialized for 1 of 3 tables (first: c)")
    ):
        given(defs, pl.DataFrame, table="token_scores", shards=shards)
    rows = given(
        defs, pl.DataFrame, table="token_scores", shards=shards, allow_missing_partitions=True
    )
    assert rows.height == 4
    found = given(
        defs,
        dict[str, pl.DataFrame],
        table="token_scores",
        shards=shards,
        allow_missing_partitions=True,
    )
    assert list(found) == ["a", "b"]


@pytest.mark.parametrize(
    ("kind", "table", "said"),
    [
        (int, "selected_subset", "cannot be loaded as <class 'int'>; annotate the argument as one"),
        (dict[str, int], "selected_subset", "polars.DataFrame, polars.LazyFrame, pyarrow.Table"),
        (
            pl.DataFrame,
            "selected_subset",
            r"2 recipes \(one, two\); annotate it as dict\[str, Data",
        ),
        (pl.DataFrame, "neighbours", "neighbours of corpus 'demo' is not materialized"),
    ],
)
def test_what_cannot_be_an_argument(corpus: CorpusConfig, kind: Any, table: str, said: str) -> None:
    with pytest.raises((TypeError, StoreError), match=said):
        given(build_input_defs(corpus), kind, table=table)


def test_a_recipe_that_was_never_selected(corpus: CorpusConfig) -> None:
    Store(corpus.store).drop("demo", "selected_subset", "two")
    with pytest.raises(StoreError, match=re.escape("there is no subset 'two' of corpus 'demo'")):
        given(build_input_defs(corpus), pl.DataFrame, recipe="two")
    found = given(build_input_defs(corpus), dict, allow_missing_partitions=True)
    assert list(found) == ["one"]


@pytest.mark.parametrize("build", BUILDERS)
def test_keys_may_be_others(corpus: CorpusConfig, build: Callable[..., dg.Definitions]) -> None:
    def mine(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(
            key=dg.AssetKey(["lake", *spec.key.path[:-1], f"t_{spec.key.path[-1]}"])
        )

    defs = build(corpus, map_asset_spec=mine)
    key = dg.AssetKey(["lake", "demo", "t_selected_subset"])
    assert ids(given(defs, pl.DataFrame, recipe="two", key=key)) == [MULTI.sample_id]


def test_a_spec_without_partitions_of_its_own(corpus: CorpusConfig) -> None:
    """The manager alone, without the configuration: it finds the table by the key."""
    manager = SubsetIOManager(corpus="demo", store=LanceStore(uri=corpus.store))
    spec = dg.AssetSpec(["demo", "selected_subset"]).with_io_manager_key("subsets")
    defs = dg.Definitions(assets=[spec], resources={"subsets": manager})
    assert ids(given(defs, pl.DataFrame, recipe="two")) == [MULTI.sample_id]
    assert list(given(defs, dict)) == ["one", "two"]


def test_it_writes_nothing(corpus: CorpusConfig) -> None:
    manager = SubsetIOManager(corpus="demo", store=LanceStore(uri=corpus.store))
    context = dg.build_output_context(asset_key=dg.AssetKey("mine"))
    manager.handle_output(context, None)
    with pytest.raises(TypeError, match="give mine another io_manager_key, or return None"):
        manager.handle_output(context, 1)


def test_a_store_with_credentials_from_the_environment(
    corpus: CorpusConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Storage options are those of the corpus, and are resolved when the table is read."""
    asked = corpus.model_copy(update={"storage_options": {"key": "${TEST_STORE_KEY}"}})
    with pytest.raises(StoreError, match=re.escape("${TEST_STORE_KEY}")):
        given(build_input_defs(asked), pl.DataFrame, recipe="two")
    monkeypatch.setenv("TEST_STORE_KEY", "k")
    assert ids(given(build_input_defs(asked), pl.DataFrame, recipe="two")) == [MULTI.sample_id]
