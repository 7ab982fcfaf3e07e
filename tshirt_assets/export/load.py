"""Load a selected subset from the store, for training code."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import polars as pl

from tshirt_assets.corpus.tool_calls import CALLS, TOOLS
from tshirt_assets.export.formats import chat_columns
from tshirt_assets.export.subset import join_selected
from tshirt_assets.export.turns import turn_fields
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.stored_rows import read_texts
from tshirt_assets.store.frames import to_frame

if TYPE_CHECKING:
    from tshirt_assets.store.store import Store


@overload
def load_subset(
    store: str,
    corpus: str,
    recipe: str,
    as_: Literal["polars"] = "polars",
    *,
    storage_options: Mapping[str, str] | None = None,
) -> pl.DataFrame: ...
@overload
def load_subset(
    store: str,
    corpus: str,
    recipe: str,
    as_: Literal["datasets"],
    *,
    storage_options: Mapping[str, str] | None = None,
) -> Any: ...
def load_subset(
    store: str,
    corpus: str,
    recipe: str,
    as_: Literal["polars", "datasets"] = "polars",
    *,
    storage_options: Mapping[str, str] | None = None,
) -> Any:
    """The rows that a recipe selected, best first, with their texts, scores and provenance.

    `store` is the folder or URI of the option `store`. `as_="datasets"` returns a Hugging Face
    `datasets.Dataset` whose `messages` column TRL trains on; it needs the package `datasets`.
    Where turns have reasoning of their own, training marks or unknown fields, so have `messages`:
    `reasoning_content`, `tool_calls`, `tool_call_id`, `name`, `weight` (0: not to be trained on, 1,
    or null) and `extra` (JSON); tools are the column `tools`. Tools and calls are JSON text in
    polars, lists of objects in `datasets`.
    Raises `StoreError` when the subset was never materialized, or the samples it was made from
    are no longer there; `ValueError` when they changed and no version of them was recorded;
    `ImportError` without `datasets`.
    """
    from tshirt_assets.store.faults import StoreError
    from tshirt_assets.store.store import Store

    if as_ not in ("polars", "datasets"):
        raise ValueError(f"as_={as_!r}: allowed are 'polars' and 'datasets'")
    opened = Store(store, storage_options)
    if opened.database.is_local and not Path(opened.database.uri).is_dir():
        raise StoreError(f"{store}: there is no such store")
    rows = read_subset(opened, corpus, recipe)
    return rows if as_ == "polars" else as_dataset(rows)


def read_subset(store: "Store", corpus: str, recipe: str) -> pl.DataFrame:
    """`load_subset` as a frame, from an open store.

    Where the samples have changed since the selection, the table versions that were recorded with
    it are read, as long as the store keeps them.
    """
    from tshirt_assets.store.faults import StoreError

    if store.info(corpus, "selected_subset", recipe) is None:
        made = [str(info.shard) for info in store.stored(corpus, "selected_subset")]
        raise StoreError(
            f"{store.database.uri}: there is no subset {recipe!r} of corpus {corpus!r}; "
            "materialize selected_subset, or name one of those that are there: "
            f"{', '.join(made) or 'none'}"
        )
    selected = to_frame(store.read(corpus, "selected_subset", recipe))
    try:
        return join_selected(read_texts(store, corpus, selected), selected)
    except ValueError:
        versions = _recorded_versions(store, corpus, recipe)
        if not versions:
            raise
        return join_selected(read_texts(store, corpus, selected, versions), selected)


def _recorded_versions(store: "Store", corpus: str, recipe: str) -> dict[str, int]:
    """Version by shard of the samples tables that a subset was selected from."""
    info = store.info(corpus, "selected_subset", recipe)
    inputs = TableFacts.of(info).inputs if info else {}
    return {shard: table.version for shard, table in inputs.get("samples", {}).items()}


def as_dataset(rows: pl.DataFrame) -> Any:
    """A frame as a Hugging Face `datasets.Dataset`; tools and their calls are objects in it.

    Raises `ImportError` without the package `datasets`.
    """
    try:
        from datasets import Dataset
    except ImportError:
        raise ImportError(
            "load_subset(as_='datasets') needs the package `datasets`: pip install datasets"
        ) from None
    if TOOLS not in rows.columns and (
        "messages" not in rows.columns or CALLS not in turn_fields(rows)
    ):
        return Dataset.from_polars(rows)
    records = [row | chat_columns(row) for row in rows.iter_rows(named=True)]
    return Dataset.from_list(records, on_mixed_types="use_json")
