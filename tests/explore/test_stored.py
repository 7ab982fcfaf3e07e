"""What the browser reads of a store: all rows, their scores, choices, map, and every change."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from tshirt_assets.explore import projection
from tshirt_assets.explore.choices import Choice, outcome
from tshirt_assets.explore.explored import Explored
from tshirt_assets.explore.query import Query
from tshirt_assets.explore.snapshot import read_snapshot
from tshirt_assets.explore.text_search import TextSearch
from tshirt_assets.explore.view import View
from tshirt_assets.incremental.judgements import Judgement, record

if TYPE_CHECKING:
    from tests.corpora import Corpus


def whole_view(explored: Explored) -> View:
    """The view when nothing is to come any more."""
    explored.view()
    explored._pool.submit(lambda: None).result()
    return explored.view()


@pytest.fixture(scope="module")
def view(finished: "Corpus") -> View:
    return whole_view(Explored(finished.store, finished.config))


def test_every_row_is_there_with_its_status_and_scores(finished: "Corpus", view: View) -> None:
    frame = view.frame
    assert frame.height == finished.frame("samples").height == 34
    assert frame["status"].cast(str).value_counts().sort("status").rows() == [
        ("empty_response", 1),
        ("ok", 32),
        ("unreadable_line", 1),
    ]
    for table, columns in {
        "token_scores": ["ifd", "n_response_tokens", "cond_nll"],
        "miwv_scores": ["miwv", "similarity"],
    }.items():
        stored = finished.frame(table).select(pl.col(columns).cast(pl.Float32))
        assert frame.select(pl.col(columns).cast(pl.Float32)).equals(stored), table
    robust = finished.frame("robust_scores").filter(pl.col("status") == "ok")
    assert frame["s_ifd_mean"].count() > robust.unique("sample_id").height - 1 > 0
    assert frame["s_ifd"].count() == 32


def test_recipes_take_what_the_stored_subsets_hold(finished: "Corpus", view: View) -> None:
    for recipe in finished.config.recipes:
        taken = view.frame.filter(outcome(recipe, "taken"))
        subset = finished.frame("selected_subset", recipe)
        assert sorted(taken["sample_id"]) == sorted(subset["sample_id"])
        choice = view.choices[recipe]
        assert isinstance(choice, Choice)
        assert dict(choice.reasons.rows()) == dict(subset.select("sample_id", "reason").rows())


def test_the_second_of_two_equal_rows_is_left_as_a_duplicate(view: View) -> None:
    why = view.frame.filter(pl.col("status") == "ok")[outcome("random", "why")].cast(str)
    assert why.eq("duplicate").sum() == 2
    bad = view.frame.filter(pl.col("status") != "ok")
    assert bad[outcome("random", "why")].cast(str).to_list() == bad["status"].cast(str).to_list()


def test_the_map_has_the_principal_components_of_the_vectors(
    finished: "Corpus", view: View
) -> None:
    stored = finished.frame("embeddings")
    there = stored["vector"].is_not_null()
    vectors = stored.filter(there)["vector"].to_numpy().astype(float)
    middle = vectors - vectors.mean(axis=0)
    _, sizes, axes = np.linalg.svd(middle, full_matrices=False)
    found = view.frame.filter(there).select("map_x", "map_y").to_numpy()
    np.testing.assert_allclose(np.abs(found), np.abs(middle @ axes[:2].T), atol=1e-5)
    assert view.map is not None
    np.testing.assert_allclose(view.map.shares, (sizes**2 / (sizes**2).sum())[:2], atol=1e-6)
    assert view.frame.filter(~there)["map_x"].null_count() == 2
    assert view.map.fitted == 32


def test_the_map_is_fitted_to_a_bounded_sample(
    finished: "Corpus", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection, "SAMPLE", 8)
    view = whole_view(Explored(finished.store, finished.config))
    assert view.map is not None
    assert 6 <= view.map.fitted <= 12
    assert view.frame["map_x"].count() == 32


@pytest.mark.parametrize(
    ("text", "found"), [("CAT", "cat"), ("(", "("), ("nowhere", None), (".", ".")]
)
def test_text_is_searched_by_its_letters(
    finished: "Corpus", view: View, text: str, found: str | None
) -> None:
    search = TextSearch(finished.store, view.snapshot, text)
    search.wait(30)
    samples = finished.frame("samples").select("instruction", "input", "response").fill_null("")
    lines = [" ".join(row).lower() for row in samples.rows()]
    assert search.complete
    assert search.done == len(lines)
    assert search.found.tolist() == [found is not None and found in line for line in lines]


def test_what_is_judged_is_seen_and_selected_by(materialized: "Corpus") -> None:
    explored = Explored(materialized.store, materialized.config)
    before = whole_view(explored)
    sample_id = before.frame["sample_id"][0]
    record(materialized.store, materialized.config.name, [Judgement(sample_id, "drop", "odd")])
    after = whole_view(explored)
    assert after.version > before.version
    assert after.snapshot is before.snapshot  # nothing else is read again
    judged = after.frame.filter(pl.col("verdict") == "drop").select("sample_id", "label")
    assert set(judged.rows()) == {(sample_id, "odd")}
    assert before.frame["verdict"].null_count() == before.frame.height


def test_a_table_that_has_changed_is_read_again_and_no_other(materialized: "Corpus") -> None:
    explored = Explored(materialized.store, materialized.config)
    before = explored.view().snapshot
    changed, kept = sorted(before.shards)[:2]
    name = materialized.config.name
    table = materialized.store.read(name, "token_scores", changed)
    meta = materialized.store.info(name, "token_scores", changed).meta  # type: ignore[union-attr]
    other = table.set_column(
        table.schema.get_field_index("ifd"), "ifd", [np.full(table.num_rows, 0.25)]
    )
    materialized.store.write(name, "token_scores", changed, other, meta)
    after = explored.view().snapshot
    ifd = after.frame.filter(pl.col("shard").cast(str) == changed)["ifd"]
    assert set(ifd) == {0.25}
    assert after.parts[kept] is before.parts[kept]
    assert explored.view().snapshot is after


@pytest.mark.parametrize(
    ("missing", "column"),
    [("miwv_scores", "miwv"), ("robust_scores", "s_ifd_mean"), ("embeddings", None)],
)
def test_a_table_that_is_missing_leaves_its_columns_empty(
    materialized: "Corpus", missing: str, column: str | None
) -> None:
    for shard in materialized.shards:
        materialized.store.drop(materialized.config.name, missing, shard)
    view = whole_view(Explored(materialized.store, materialized.config))
    if column is None:
        assert view.map is None
        assert "map_x" not in view.frame.columns
    else:
        assert view.frame[column].count() == 0
        assert any(isinstance(choice, str) for choice in view.choices.values())
    assert isinstance(view.choices["random"], Choice)


def test_a_corpus_that_was_only_read_has_rows_and_no_choices(corpus: "Corpus") -> None:
    explored = Explored(corpus.store, corpus.config)
    assert explored.view().frame.height == 0
    assert explored.places(explored.view(), Query(text="cat"))[0].tolist() == []
    corpus.register()
    corpus.materialize("samples")
    view = whole_view(explored)
    assert view.frame.height == 34
    assert view.choices == {}
    assert not explored.working


def test_a_million_rows_would_take_some_hundred_megabytes(finished: "Corpus") -> None:
    frame = read_snapshot(finished.store, finished.config).frame
    assert frame.estimated_size() / frame.height < 200  # bytes


def test_the_store_may_be_elsewhere(finished: "Corpus", monkeypatch: pytest.MonkeyPatch) -> None:
    database: Any = type(finished.store.database)
    monkeypatch.setattr(database, "is_local", property(lambda self: False))
    explored = Explored(finished.store, finished.config)
    assert explored.view().frame.height == 34
    assert explored.view() is explored.view()


def test_a_folder_that_is_not_there_has_no_tables(tmp_path: Path, finished: "Corpus") -> None:
    explored = Explored(type(finished.store)(str(tmp_path / "none")), finished.config)
    assert explored.view().frame.is_empty()
