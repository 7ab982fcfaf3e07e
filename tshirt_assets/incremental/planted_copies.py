"""The planted copies of a corpus, which evidence makes: corpora of their own in the same store.

How they are named, which there are, and which of them are of rows that the corpus no longer has.
"""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.catalog import SELECTED_SUBSET
from tshirt_assets.incremental.judgements import JUDGEMENTS
from tshirt_assets.store.faults import DamagedTableError
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import STAGING_PREFIX

WHO: Final = "planted.parquet"
"""Lists the rows of a copy beside them: row, source (sample id in the corpus), kind."""
OF_A_CORPUS: Final = (SELECTED_SUBSET.name, JUDGEMENTS)
"""Tables that no copy has."""


def copy_name(corpus: str, seed: int) -> str:
    """The name of the corpus that the planted copy of a seed is."""
    return f"{corpus}_evidence_{seed}"


def copy_folder(config: CorpusConfig, seed: int) -> Path:
    """Where the files of a planted copy lie: beside the folder of the exports."""
    return Path(config.export_dir).parent / "evidence" / config.name / f"seed-{seed}"


def stored_copies(store: Store, corpus: str) -> dict[str, int]:
    """The planted copies of a corpus that the store has anything of: their seeds by name.

    A corpus of such a name that was selected from, or judged, is somebody's own.
    """
    pattern = f"(?:{re.escape(STAGING_PREFIX)})?({re.escape(copy_name(corpus, 0)[:-1])}([0-9]+))"
    tables: dict[str, set[str]] = {}
    seeds = {}
    for name in store.database.names():
        if found := re.fullmatch(rf"{pattern}\.([^.]+).*", name):
            tables.setdefault(found[1], set()).add(found[3])
            seeds[found[1]] = int(found[2])
    return {name: seeds[name] for name, own in tables.items() if own.isdisjoint(OF_A_CORPUS)}


def outdated_copies(
    store: Store, config: CorpusConfig, without: Collection[str] = ()
) -> dict[str, int]:
    """The stored copies of rows that the corpus has no more, or whose files are gone.

    without: names of tables whose rows are not counted. A copy of an earlier version, which did
    not list its rows, is not among them.
    """
    copies = stored_copies(store, config.name)
    present = _sample_ids(store, config.name, without) if copies else None
    if present is None:  # nothing to hold them to
        return {}
    return {
        name: seed
        for name, seed in copies.items()
        if _is_outdated(copy_folder(config, seed), present)
    }


def _is_outdated(folder: Path, present: pl.Series) -> bool:
    if not folder.exists():
        return True
    listed = folder / WHO
    if not listed.exists():
        return False
    return not pl.read_parquet(listed)["source"].is_in(present.implode()).all()


def _sample_ids(store: Store, corpus: str, without: Collection[str]) -> pl.Series | None:
    """Of all samples of a corpus; None where some cannot be read."""
    found = pl.Series(dtype=pl.String)
    for info in store.stored(corpus, "samples"):
        if info.name not in without:
            try:
                rows = store.read(corpus, info.asset, info.shard, columns=["sample_id"])
            except DamagedTableError:
                return None
            found = found.append(to_frame(rows)["sample_id"])
    return found
