"""The state of a corpus as values, for `show` and for other programs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any, Final

import dagster as dg
import polars as pl

from tshirt_assets.commands.made_with import outdated_lines
from tshirt_assets.config import CorpusConfig, Recipe
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental.boilerplate import shared_beginning
from tshirt_assets.incremental.dataset import incomplete_shards
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.judgement_counts import JudgementCounts, judgement_counts
from tshirt_assets.incremental.stored_rows import read_texts
from tshirt_assets.report.serve import report_file
from tshirt_assets.selection.agreement import overlap
from tshirt_assets.selection.methods import METHODS
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store

SHOWN: Final = ("sample_id", "instruction", "response")
AROUND: Final = 4  # rows at either end of a selection whose instructions are compared


@dataclass(frozen=True, slots=True)
class SelectedRow:
    """One selected row: its place, the value that it was ranked by (if any), and its texts.

    std: of S-IFD, by which a recipe with two stages ranks in the end; None with other recipes.
    """

    rank: int
    score: float | None
    std: float | None
    sample_id: str
    instruction: str
    response: str


@dataclass(frozen=True, slots=True)
class Selection:
    """What a recipe selected: how many rows, by what, the first and the last of them.

    two_stages: whether a high mean and then a low std decide.
    """

    rows: int
    by: str
    two_stages: bool
    first_and_last: tuple[SelectedRow, ...]


@dataclass(frozen=True, slots=True)
class CorpusState:
    """What is stored of a corpus, and what is left to do.

    rows, statuses: of all shards that are read. shards: how many are registered. new_shards: how
    many files, or parts of them, are not registered where none is; listing_fault: why they cannot
    be listed. incomplete: why a shard breaks off. outdated: lines on scores of another model or
    other options. judgements: None where nobody has judged. tau: nats; None before `contenders`.
    overlap: of each pair of selections the share of the smaller one that both have, None where both
    are empty. shared_beginning: what most instructions of selected rows begin with alike, if
    anything. exports: their folder. recipes_compared: the report across recipes, if there is one.
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
    shared_beginning: str
    store: str
    exports: str
    reports: tuple[str, ...]
    recipes_compared: str | None
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
    texts = _texts(store, config.name, subsets.values())
    folder = Path(config.export_dir) / config.name
    compared = report_file(config)
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
            name: _selection(config.recipes[name], subset, texts)
            for name, subset in subsets.items()
        },
        overlap=_overlap(subsets) if len(subsets) > 1 else {},
        shared_beginning=shared_beginning(texts["instruction"].to_list()),
        store=config.store,
        exports=str(folder),
        reports=tuple(map(str, sorted(folder.glob("*/report.html")))),
        recipes_compared=str(compared) if compared.is_file() else None,
        dagster_home=str(instance.root_directory),
    )


def _statuses(store: Store, corpus: str, registered: Sequence[str]) -> Counter[str]:
    """How many rows have each status; scoring may have found more than reading did."""
    scored, read = (store.infos(corpus, asset, registered) for asset in ("token_scores", "samples"))
    tables = [table for pair in zip(scored, read, strict=True) if (table := pair[0] or pair[1])]
    statuses: Counter[str] = Counter()
    for table in store.read_many(tables, columns=["status"]):
        statuses.update(table["status"].to_pylist())  # those that come first, first among equals
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


def _texts(store: Store, corpus: str, subsets: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Instruction and response of a few rows of each selection, the first and the last among them.

    More than are shown, to know what instructions have in common.
    """
    places = [
        part.select("shard", "row")
        for rows in subsets
        for part in (rows.head(AROUND), rows.tail(AROUND))
    ]
    if not places:
        return pl.DataFrame(schema=dict.fromkeys(SHOWN, pl.String))
    found = read_texts(store, corpus, pl.concat(places).unique(maintain_order=True))
    return found.select(SHOWN).unique("sample_id", maintain_order=True)


def _selection(recipe: Recipe, subset: pl.DataFrame, texts: pl.DataFrame) -> Selection:
    method = METHODS[recipe.method]
    std = pl.col("s_ifd_std") if method.by_robustness else pl.lit(None, pl.Float64)
    ends = pl.concat([subset.head(1), subset.tail(1)]) if subset.height > 1 else subset
    rows = ends.select("rank", "score", "sample_id", std=std).join(texts, "sample_id").sort("rank")
    return Selection(
        rows=subset.height,
        by=method.describe(recipe),
        two_stages=method.by_robustness,
        first_and_last=tuple(SelectedRow(**row) for row in rows.iter_rows(named=True)),
    )


def _overlap(subsets: Mapping[str, pl.DataFrame]) -> dict[str, dict[str, float | None]]:
    ids = {name: set(frame["sample_id"]) for name, frame in subsets.items()}
    return {name: {other: _known(overlap(ids[name], ids[other])) for other in ids} for name in ids}


def _known(share: float) -> float | None:
    return None if isnan(share) else share
