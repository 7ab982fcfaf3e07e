"""The Dagster IO manager that loads subsets and other tables of a corpus as arguments of assets."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, get_args, get_origin

import dagster as dg
import polars as pl
from pydantic import Field

from tshirt_assets.export.load import as_dataset, read_subset
from tshirt_assets.export.scan import scan_tables
from tshirt_assets.incremental.catalog import ASSETS, SELECTED_SUBSET
from tshirt_assets.orchestration.binding import TABLE
from tshirt_assets.store.store import Store

TYPES: Final[Mapping[tuple[str, str], Callable[[pl.LazyFrame], Any]]] = {
    ("polars", "DataFrame"): lambda rows: rows.collect(),
    ("polars", "LazyFrame"): lambda rows: rows,
    ("pyarrow", "Table"): lambda rows: rows.collect().to_arrow(),
    ("datasets", "Dataset"): lambda rows: as_dataset(rows.collect()),
}
"""What an argument may be, by the package and name of its type, which need not be installed."""


class SubsetIOManager(dg.ConfigurableIOManager):
    """Loads tables of a corpus as arguments; the type of the argument says as what.

    `pl.DataFrame`, `pl.LazyFrame`, `pa.Table` or `datasets.Dataset`; without a type it is a
    `pl.DataFrame`. `dict[str, T]` has one of them for each recipe, or shard, and so has an
    argument without a type that is several recipes. Several shards in one are concatenated. Of
    score tables a `pl.LazyFrame` reads only the columns that are asked for. Metadata of the input,
    `allow_missing_partitions: True`, lets it have gaps. The tables themselves are written by the
    corpus's own assets.
    """

    corpus: str = Field(description="Name of the corpus.")
    store: dg.ResourceDependency[Any] = Field(description="Where its tables are: a `LanceStore`.")

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Nothing to do for assets that wrote their own tables; raises `TypeError` for a value."""
        if obj is not None:
            raise TypeError(
                f"{type(self).__name__} only loads the tables of {self.corpus!r}; give "
                f"{context.asset_key.to_user_string()} another io_manager_key, or return None"
            )

    def load_input(self, context: dg.InputContext) -> Any:
        """The rows of the upstream asset, as the type of the argument.

        Raises `TypeError` for other types, `StoreError` for what is not materialized, and what
        `load_subset` raises where samples have changed.
        """
        asset, kind = _asset(context), context.dagster_type.typing_type
        store: Store = self.store.open()
        keys = self._partitions(context, store, asset)
        recipes = asset == SELECTED_SUBSET.name
        convert = _converter(_part(kind))
        missing_ok = bool((context.definition_metadata or {}).get("allow_missing_partitions"))

        def rows(of: Sequence[str | None]) -> pl.LazyFrame:
            if recipes:
                return read_subset(store, self.corpus, str(of[0])).lazy()
            return scan_tables(store, self.corpus, asset, of, missing_ok=missing_ok)

        if _is_dict(kind) or (recipes and len(keys) > 1 and kind is Any):
            stored = {info.shard for info in store.stored(self.corpus, asset)} if missing_ok else ()
            return {key: convert(rows([key])) for key in keys if not missing_ok or key in stored}
        if recipes and len(keys) != 1:
            raise TypeError(
                f"{context.name} is {len(keys)} recipes ({', '.join(map(str, keys))}); annotate it "
                f"as dict[str, {_name(kind)}], or give the asset the recipes as its partitions"
            )
        return convert(rows(keys))

    def _partitions(
        self, context: dg.InputContext, store: Store, asset: str
    ) -> Sequence[str | None]:
        """The partitions to load; where the upstream asset is not declared, all that are stored."""
        if ASSETS[asset].unit == "corpus":
            return [None]
        if context.has_asset_partitions:
            return context.asset_partition_keys
        if context.has_partition_key:
            return [context.partition_key]
        return [info.shard for info in store.stored(self.corpus, asset)]


def _asset(context: dg.InputContext) -> str:
    """The name that an upstream asset has in the corpus, whatever its key is."""
    upstream = context.upstream_output
    metadata = (upstream.definition_metadata if upstream else None) or {}
    name = str(metadata.get(TABLE, context.asset_key.path[-1]))
    if name not in ASSETS:
        raise TypeError(
            f"{context.asset_key.to_user_string()} has no table; arguments may be "
            f"{', '.join(ASSETS)}"
        )
    return name


def _is_dict(kind: Any) -> bool:
    return kind is dict or get_origin(kind) is dict


def _part(kind: Any) -> Any:
    """The type of one partition: that of the values of a dict."""
    if not _is_dict(kind):
        return kind
    return get_args(kind)[1] if get_args(kind) else Any


def _converter(kind: Any) -> Callable[[pl.LazyFrame], Any]:
    if kind is Any:
        return TYPES["polars", "DataFrame"]
    found = TYPES.get((getattr(kind, "__module__", "").partition(".")[0], _name(kind)))
    if found is None:
        allowed = ", ".join(".".join(names) for names in TYPES)
        raise TypeError(
            f"a subset or table cannot be loaded as {kind}; annotate the argument as one of "
            f"{allowed}, or as dict[str, ...] of one of them"
        )
    return found


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))
