"""Upkeep of the store: merge small files, delete table versions older than a retention window."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tshirt_assets.store.database import Database
from tshirt_assets.store.faults import DamagedTableError, StoreError
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import STAGING_PREFIX

if TYPE_CHECKING:
    from lancedb.table import Table

NEVER = timedelta(days=36_500)


class PinnedError(StoreError):
    """Pruning would delete what a recorded subset was made from."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A table version that a recorded subset was made from."""

    table: str
    version: int
    subset: str


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What `maintain` did, or would do in a dry run."""

    tables: int
    compacted: tuple[str, ...]  # tables of several files: merged where they are small
    pruned: dict[str, tuple[int, ...]]  # deleted versions by table
    dropped: tuple[str, ...]  # orphaned tables, and staging tables that nobody continued
    damaged: tuple[str, ...]  # tables that cannot be opened: left for a run to mend
    lost: tuple[Pin, ...]  # pins whose version is among the deleted ones
    outdated: tuple[str, ...] = ()  # planted copies of rows that are gone: left as they are

    def __add__(self, other: "Upkeep") -> "Upkeep":
        """What was done of both."""
        return Upkeep(
            self.tables + other.tables,
            self.compacted + other.compacted,
            self.pruned | other.pruned,
            self.dropped + other.dropped,
            self.damaged + other.damaged,
            self.lost + other.lost,
            self.outdated + other.outdated,
        )

    @property
    def lost_subsets(self) -> list[str]:
        """Recorded subsets that can no longer be re-read as they were."""
        return sorted({pin.subset for pin in self.lost})


def maintain(
    store: Store,
    corpus: str,
    *,
    older_than: timedelta,
    pins: Sequence[Pin] = (),
    orphans: Collection[str] = (),
    force: bool = False,
    dry_run: bool = False,
) -> Upkeep:
    """Compact the tables of `corpus` and delete their versions older than `older_than`.

    The latest version of a table stays, whatever its age; only the tables named as `orphans` go
    altogether. Choose `older_than` longer than any run: one that still reads a deleted version
    fails. Raises `PinnedError` naming the recorded subsets among `pins` that would lose a version,
    and then changes nothing, unless `force`.
    """
    database = store.database
    now = datetime.now().astimezone()
    names = database.names()
    own = [name for name in names if name.startswith(f"{corpus}.")]
    kept = [name for name in own if name not in orphans]
    found = {name: _plan(database, name, now - older_than) for name in kept}
    plans = [plan for plan in found.values() if isinstance(plan, _Plan)]
    pruned = {plan.name: plan.versions for plan in plans if plan.versions}
    abandoned = _abandoned(database, names, corpus, now - older_than)
    lost = tuple(
        pin for pin in pins if pin.table in orphans or pin.version in pruned.get(pin.table, ())
    )
    report = Upkeep(
        tables=len(plans),
        compacted=tuple(plan.name for plan in plans if plan.compacts),
        pruned=pruned,
        dropped=(*sorted({*own} & {*orphans}), *abandoned),
        damaged=tuple(name for name, plan in found.items() if isinstance(plan, DamagedTableError)),
        lost=lost,
    )
    if dry_run:
        return report
    if lost and not force:
        raise PinnedError(
            f"{database.uri}: pruning would make these recorded subsets impossible to re-read: "
            f"{', '.join(report.lost_subsets)}; keep versions longer, select them again, or force"
        )
    for plan in plans:
        if plan.compacts:
            database.optimize(plan.name, NEVER)
        if plan.versions:
            database.optimize(plan.name, older_than)
    for name in report.dropped:
        database.drop(name)
    return report


@dataclass(frozen=True, slots=True)
class _Plan:
    name: str
    compacts: bool
    versions: tuple[int, ...]  # to be deleted


def _plan(database: Database, name: str, limit: datetime) -> "_Plan | DamagedTableError | None":
    """The plan for one table; None for a table that was never completed."""
    try:
        table = database.open(name)
        return None if table is None else _planned(database, name, table, limit)
    except DamagedTableError as error:
        return error


def _planned(database: Database, name: str, table: "Table", limit: datetime) -> _Plan:
    with database.reading(name):
        # Compaction writes a new version, so that the present one is no longer the latest.
        stats: Any = table.stats()  # a dict, whatever its annotation says
        compacts = stats["fragment_stats"]["num_small_fragments"] > 1
        old = [v["version"] for v in table.list_versions() if _written(v) < limit]
        kept = None if compacts else table.version
        return _Plan(name, compacts, tuple(version for version in old if version != kept))


def _abandoned(
    database: Database, names: Sequence[str], corpus: str, limit: datetime
) -> Iterator[str]:
    for name in names:
        if not name.startswith(f"{STAGING_PREFIX}{corpus}."):
            continue
        try:
            table = database.open(name)
            if table is None:
                continue
            with database.reading(name):
                last = max(_written(version) for version in table.list_versions())
        except DamagedTableError:
            yield name  # nothing can be taken from it
            continue
        if last < limit:
            yield name


def _written(version: dict) -> datetime:
    return version["timestamp"].astimezone()  # LanceDB gives local time without a zone
