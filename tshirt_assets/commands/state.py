"""The state of a corpus as values, for `show` and for other programs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from tshirt_assets.commands.made_with import outdated_lines
from tshirt_assets.config import CorpusConfig, Recipe
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental.dataset import incomplete_shards
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.judgement_counts import JudgementCounts, judgement_counts
from tshirt_assets.incremental.stored_rows import read_texts
from tshirt_assets.selection.agreement import overlap
from tshirt_assets.selection.methods import METHODS
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store


@dataclass(frozen=True, slots=True)
class SelectedRow:
    """One selected row: its place, the value that it was ranked by (if any), and its texts."""

    rank: int
    score: float | None
    sample_id: str
    instruction: str
    response: str


@dataclass(frozen=True, slots=True)
class Selection:
    """What a recipe selected: how many rows, by what, the first and the last of them."""

    rows: int
    by: str
    first_and_last: tuple[SelectedRow, ...]


@dataclass(frozen=True, slots=True)
class CorpusState:
    """What is stored of a corpus, and what is left to do.

    rows, statuses: of all shards that are read. shards: how many are registered. new_shards: how
    many files, or parts of them, are not registered where none is; listing_fault: why they cannot
    be listed. incomplete: why a shard breaks off. outdated: lines on scores of another model or
    other options. judgements: None where nobody has judged. tau: nats; None before `contenders`.
    overlap: of each pair of selections the share of the smaller one that both have, None where both
    are empty. exports: their folder.
    """

    corpus: str
    rows: int
    statuses: Mapping[str, int]
    shards: int
    new_shards: int
    listing_fault: str | None
    incomplete: Mapping[str, str]
    outdated: tuple[str, ...]
    judgements: JudgementCounts | None
    tau: float | None
    keep_fraction: float | None
    selections: Mapping[str, Selection]
    overlap: Mapping[str, Mapping[str, float | None]]
    store: str
    exports: str
    reports: tuple[str, ...]
    dagster_home: str

    def values(self) -> dict[str, Any]:
        """The state as JSON holds it."""
        return asdict(self)


def corpus_state(instance: dg.DagsterInstance, config: CorpusConfig) -> CorpusState:
    """Look at what is stored of a corpus."""
    store = Store(config.store, config.storage_options)
    registered = instance.get_dynamic_partitions(config.name)
    statuses = _statuses(store, config.name, registered)
    new, fault = (0, None) if registered else _unread(config)
    contenders = store.info(config.name, "contenders")
    found = TableFacts.of(contenders) if contenders is not None else None
    subsets = _subsets(store, config)
    folder = Path(config.export_dir) / config.name
    return CorpusState(
        corpus=config.name,
        rows=statuses.total(),
        statuses=dict(statuses.most_common()),
        shards=len(registered),
        new_shards=new,
        listing_fault=fault,
        incomplete=incomplete_shards(store, config, registered),
        outdated=tuple(outdated_lines(instance, store, config, registered)),
        judgements=judgement_counts(store, config.name, registered),
        tau=found.tau if found else None,
        keep_fraction=found.keep_fraction if found else None,
        selections={
            name: _selection(store, config, config.recipes[name], subset)
            for name, subset in subsets.items()
        },
        overlap=_overlap(subsets) if len(subsets) > 1 else {},
        store=config.store,
        exports=str(folder),
        reports=tuple(map(str, sorted(folder.glob("*/report.html")))),
        dagster_home=str(instance.root_directory),
    )


def _statuses(store: Store, corpus: str, registered: Sequence[str]) -> Counter[str]:
    """How many rows have each status; scoring may have found more than reading did."""
    statuses: Counter[str] = Counter()
    for shard in registered:
        for asset in ("token_scores", "samples"):
            if store.info(corpus, asset, shard) is not None:
                column = store.read(corpus, asset, shard, columns=["status"])["status"]
                statuses.update(column.to_pylist())
                break
    return statuses


def _unread(config: CorpusConfig) -> tuple[int, str | None]:
    """How many shards there are in a corpus of which nothing was read, or why nobody knows."""
    if config.source_asset is not None:
        return 0, None
    try:
        return len(discover_shards(config, missing_ok=True)), None
    except CorpusError as error:
        return 0, str(error)


def _subsets(store: Store, config: CorpusConfig) -> dict[str, pl.DataFrame]:
    return {
        recipe: to_frame(store.read(config.name, "selected_subset", recipe))
        for recipe in config.recipes
        if store.info(config.name, "selected_subset", recipe) is not None
    }


def _selection(
    store: Store, config: CorpusConfig, recipe: Recipe, subset: pl.DataFrame
) -> Selection:
    ends = pl.concat([subset.head(1), subset.tail(1)]) if subset.height > 1 else subset
    texts = read_texts(store, config.name, ends).unique("sample_id")
    joined = ends.join(texts.select("sample_id", "instruction", "response"), "sample_id")
    rows = joined.sort("rank").select("rank", "score", "sample_id", "instruction", "response")
    return Selection(
        rows=subset.height,
        by=METHODS[recipe.method].describe(recipe),
        first_and_last=tuple(SelectedRow(**row) for row in rows.iter_rows(named=True)),
    )


def _overlap(subsets: Mapping[str, pl.DataFrame]) -> dict[str, dict[str, float | None]]:
    ids = {name: set(frame["sample_id"]) for name, frame in subsets.items()}
    return {name: {other: _known(overlap(ids[name], ids[other])) for other in ids} for name in ids}


def _known(share: float) -> float | None:
    return None if isnan(share) else share
