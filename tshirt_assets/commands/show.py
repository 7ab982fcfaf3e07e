"""The state of a corpus as text, for the command line."""

from collections import Counter
from pathlib import Path

import dagster as dg
import polars as pl

from tshirt_assets.config import CorpusConfig, Recipe
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.export.load import read_samples
from tshirt_assets.incremental.dataset import facts
from tshirt_assets.incremental.rows import to_frame
from tshirt_assets.store.store import Store

SHARD_ASSETS = ("samples", "embeddings", "token_scores", "robust_scores", "miwv_scores")
WIDTH = 72


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
    if not registered:  # only then: finding shards may read every file
        if new := discover_shards(config, missing_ok=True):
            lines.append(f"  {len(new)} new shards are not read yet: tshirt-assets run {source}")
        else:
            lines.append(f"  no file matches {', '.join(config.paths)}")
    lines += [f"  {status:<22}{count:>8,}" for status, count in statuses.most_common()]
    contenders = store.info(config.name, "contenders")
    if contenders is not None:
        lines += [
            "",
            f"tau {facts(contenders, 'tau'):.4f} nats "
            f"(tokens above it are informative: {facts(contenders, 'keep_fraction'):.0%})",
        ]
    subsets = _subsets(store, config)
    for recipe, subset in subsets.items():
        lines += ["", *_selection_lines(store, config, recipe, subset)]
    if len(subsets) > 1:
        lines += ["", "overlap of the selections", *_overlap_lines(subsets)]
    lines += [
        "",
        f"tables   {_near(config.store)}",
        f"exports  {_near(Path(config.export_dir) / config.name)}",
    ]
    lines += [f"report   {_near(path)}" for path in sorted(_reports(config))]
    lines += [
        f"UI       DAGSTER_HOME={instance.root_directory} TSHIRT_ASSETS_CORPUS={source} \\",
        "         dagster dev -m tshirt_assets.definitions",
    ]
    return "\n".join(lines)


def shard_table(instance: dg.DagsterInstance, config: CorpusConfig) -> str:
    """One line per shard: registered or not, and which of its tables are stored."""
    store = Store(config.store, config.storage_options)
    specs = {spec.key: spec for spec in discover_shards(config, missing_ok=True)}
    registered = instance.get_dynamic_partitions(config.name)
    width = max((len(key) for key in [*specs, *registered]), default=0)
    tables = {(t.meta["asset"], t.meta.get("shard")): t for t in store.stored(config.name)}
    lines = []
    known = set(registered)
    for key in [*registered, *(key for key in specs if key not in known)]:
        state = "registered" if key in known else "new"
        state = state if key in specs else "orphaned: its file is gone"
        stored = [asset for asset in SHARD_ASSETS if (asset, key) in tables]
        samples = tables.get(("samples", key))
        rows = f"{samples.rows:,} rows" if samples else "not read"
        lines.append(f"{key:<{width}}  {state:<10}  {rows:>12}  {', '.join(stored)}")
    return "\n".join(lines)


def hit_lines(found: pl.DataFrame) -> str:
    """One line per row that a search found: similarity, where it is, question and answer."""
    return "\n".join(
        f"{row['similarity']:.3f}  {row['shard']}:{row['row']}  "
        f"{_short(row['instruction'] or '')} -> {_short(row['response'] or '')}"
        for row in found.iter_rows(named=True)
    )


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
    texts = read_samples(store, config.name, ends).unique("sample_id")
    for row in (
        ends.join(texts.select("sample_id", "instruction", "response"), "sample_id")
        .sort("rank")
        .iter_rows(named=True)
    ):
        label = "top   " if row["rank"] == 1 else "bottom"
        text = f"{_short(row['instruction'])} -> {_short(row['response'])}"
        lines.append(f"  {label} {row['score']:>8.3f}  {text}")
    return lines


def _meaning(recipe: Recipe) -> str:
    return {
        "tshirt": "robust S-IFD: of the highest means the lowest std (shown: mean)",
        "reference": "robust S-IFD, as published",
        "miwv": "MIWV, highest first",
        "ifd": "IFD (perplexity ratio) below 1, highest first",
        "longest": "response tokens",
        "random": "seeded draw",
        "fusion": f"fused ranks of {', '.join(recipe.fuse)}",
    }[recipe.method]


def _overlap_lines(subsets: dict[str, pl.DataFrame]) -> list[str]:
    width = max(map(len, subsets))
    names = list(subsets)
    lines = [" " * (width + 3) + "  ".join(f"{i + 1:>4}" for i in range(len(names)))]
    ids = {name: set(frame["sample_id"]) for name, frame in subsets.items()}
    for number, name in enumerate(names, start=1):
        shares = [
            len(ids[name] & ids[other]) / max(1, min(len(ids[name]), len(ids[other])))
            for other in names
        ]
        lines.append(f"{number} {name:<{width}} " + "  ".join(f"{share:>4.0%}" for share in shares))
    return lines


def _reports(config: CorpusConfig) -> list[Path]:
    return list((Path(config.export_dir) / config.name).glob("*/report.html"))


def _near(path: str | Path) -> str:
    """The path relative to the present folder, if it lies below it."""
    text = str(path)
    inside = "://" not in text and Path(text).is_relative_to(Path.cwd())
    return str(Path(text).relative_to(Path.cwd())) if inside else text


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH // 2 else line[: WIDTH // 2 - 1] + "…"
