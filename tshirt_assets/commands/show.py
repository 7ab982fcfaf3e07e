"""The state of a corpus as text, for the command line."""

from collections import Counter
from math import isnan
from pathlib import Path

import dagster as dg
import polars as pl

from tshirt_assets.commands.made_with import outdated_lines
from tshirt_assets.commands.text import near, short
from tshirt_assets.config import CorpusConfig, Recipe
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental.dataset import incomplete_shards, left_out_if_incomplete
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.stored_rows import read_texts
from tshirt_assets.selection.agreement import overlap
from tshirt_assets.selection.methods import METHODS
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store


def summary(instance: dg.DagsterInstance, config: CorpusConfig, source: str) -> str:
    """Rows by status, tau, each recipe's first and last row, overlaps, and where things are.

    `source` is the path of the corpus.yaml, for the command that opens the UI.
    """
    store = Store(config.store, config.storage_options)
    registered = instance.get_dynamic_partitions(config.name)
    statuses: Counter[str] = Counter()
    for shard in registered:
        for asset in ("token_scores", "samples"):
            if store.info(config.name, asset, shard) is not None:
                column = store.read(config.name, asset, shard, columns=["status"])["status"]
                statuses.update(column.to_pylist())
                break
    lines = [f"corpus {config.name}: {statuses.total():,} rows in {len(registered)} shards"]
    if not registered:
        lines.append(f"  {_unread(config, source)}")
    lines += [f"  {status:<22}{count:>8,}" for status, count in statuses.most_common()]
    fate = "left out of selections" if left_out_if_incomplete(config) else "used as far as read"
    for shard, reason in incomplete_shards(store, config, registered).items():
        lines.append(f"  incomplete, {fate}: {shard}: {reason}")
    lines += [f"  {line}" for line in outdated_lines(instance, store, config, registered)]
    contenders = store.info(config.name, "contenders")
    if contenders is not None:
        found = TableFacts.of(contenders)
        lines += [
            "",
            f"tau {found.tau:.4f} nats "
            f"(tokens above it are informative: {found.keep_fraction:.0%})",
        ]
    subsets = _subsets(store, config)
    for recipe, subset in subsets.items():
        lines += ["", *_selection_lines(store, config, recipe, subset)]
    if len(subsets) > 1:
        lines += ["", "overlap of the selections", *_overlap_lines(subsets)]
    lines += [
        "",
        f"tables   {near(config.store)}",
        f"exports  {near(Path(config.export_dir) / config.name)}",
    ]
    lines += [f"report   {near(path)}" for path in sorted(_reports(config))]
    lines += [
        f"UI       DAGSTER_HOME={instance.root_directory} TSHIRT_ASSETS_CORPUS={source} \\",
        "         dagster dev -m tshirt_assets.definitions",
    ]
    return "\n".join(lines)


def _unread(config: CorpusConfig, source: str) -> str:
    """What there is to read in a corpus of which nothing was read."""
    if config.source_asset is not None:
        return (
            f"no partition of {config.source_asset} is registered yet: tshirt-assets run {source}"
        )
    try:
        new = discover_shards(config, missing_ok=True)
    except CorpusError as error:
        return f"its files cannot be listed: {error}"
    if new:
        return f"{len(new)} new shards are not read yet: tshirt-assets run {source}"
    return f"no file matches {', '.join(config.paths)}"


def _subsets(store: Store, config: CorpusConfig) -> dict[str, pl.DataFrame]:
    return {
        recipe: to_frame(store.read(config.name, "selected_subset", recipe))
        for recipe in config.recipes
        if store.info(config.name, "selected_subset", recipe) is not None
    }


def _selection_lines(
    store: Store, config: CorpusConfig, recipe: str, subset: pl.DataFrame
) -> list[str]:
    lines = [f"{recipe}: {subset.height} rows, by {_meaning(config.recipes[recipe])}"]
    ends = pl.concat([subset.head(1), subset.tail(1)]) if subset.height > 1 else subset
    texts = read_texts(store, config.name, ends).unique("sample_id")
    for row in (
        ends.join(texts.select("sample_id", "instruction", "response"), "sample_id")
        .sort("rank")
        .iter_rows(named=True)
    ):
        label = "top   " if row["rank"] == 1 else "bottom"
        text = f"{short(row['instruction'])} -> {short(row['response'])}"
        lines.append(f"  {label} {row['score']:>8.3f}  {text}")
    return lines


def _meaning(recipe: Recipe) -> str:
    return METHODS[recipe.method].describe(recipe)


def _overlap_lines(subsets: dict[str, pl.DataFrame]) -> list[str]:
    width = max(map(len, subsets))
    names = list(subsets)
    lines = [" " * (width + 3) + "  ".join(f"{i + 1:>4}" for i in range(len(names)))]
    ids = {name: set(frame["sample_id"]) for name, frame in subsets.items()}
    for number, name in enumerate(names, start=1):
        shares = [overlap(ids[name], ids[other]) for other in names]
        cells = ["   –" if isnan(share) else f"{share:>4.0%}" for share in shares]
        lines.append(f"{number} {name:<{width}} " + "  ".join(cells))
    return lines


def _reports(config: CorpusConfig) -> list[Path]:
    return list((Path(config.export_dir) / config.name).glob("*/report.html"))
