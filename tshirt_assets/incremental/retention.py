"""Which stored tables must stay: what recorded subsets were made from, and what is orphaned."""

import shutil
from collections.abc import Collection
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.file_index import drop_unused
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental.catalog import BY_RECIPE, SELECTED_SUBSET
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.leftovers import remove_leftovers
from tshirt_assets.incremental.planted_copies import (
    copy_folder,
    outdated_copies,
    stored_copies,
)
from tshirt_assets.store.compaction import Pin, Upkeep, maintain
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import table_name


def maintain_corpus(
    store: Store,
    config: CorpusConfig,
    *,
    older_than: timedelta,
    orphans: bool = False,
    registered: Collection[str] = (),
    force: bool = False,
    dry_run: bool = False,
) -> Upkeep:
    """Compact and prune the tables of a corpus, minding what its subsets were made from.

    So are those of its planted copies. Also removes what killed runs left beside exports and
    reports, and the indexes of files that nobody has read for as long. `orphans`: also drop the
    tables of shards whose file is gone, or (of an asset in place of files) that are not among the
    `registered` ones any more, of recipes that are no longer configured, and whole planted copies
    of rows that are gone. Raises `PinnedError` naming the subsets that could no longer be re-read;
    `UpstreamError` where it cannot be read what a subset was made from, unless `force`.
    """
    dropped = orphaned_tables(store, config, registered) if orphans else []
    outdated = outdated_copies(store, config, dropped)
    report = maintain(
        store,
        config.name,
        older_than=older_than,
        pins=recorded_pins(store, config.name, dropped, skip_unreadable=force),
        orphans=dropped,
        force=force,
        dry_run=dry_run,
    )
    gone = outdated if orphans else {}
    for copy in stored_copies(store, config.name):
        if copy in gone:
            report += _dropped(store, copy, dry_run=dry_run)
        else:
            report += maintain(store, copy, older_than=older_than, dry_run=dry_run)
    if not dry_run:
        for folder in export_folders(config):
            remove_leftovers(folder)
        for seed in gone.values():
            shutil.rmtree(copy_folder(config, seed), ignore_errors=True)
        drop_unused(config, older_than)
    return replace(report, outdated=tuple(sorted(outdated.keys() - gone.keys())))


def _dropped(store: Store, corpus: str, *, dry_run: bool) -> Upkeep:
    """What was done to drop all of a corpus, chunks that nobody finished too."""
    names = [name for name in store.database.names() if name.startswith(f"{corpus}.")]
    return maintain(store, corpus, older_than=timedelta(0), orphans=names, dry_run=dry_run)


def export_folders(config: CorpusConfig) -> list[Path]:
    """The folders in which exports and reports of a corpus are written, those that are there."""
    exports = Path(config.export_dir) / config.name
    return [folder for folder in (exports, *sorted(exports.glob("*"))) if folder.is_dir()]


def describe_upkeep(report: Upkeep) -> str:
    """What a maintenance did (or, in a dry run, would do), in one line per kind of work."""
    versions = sum(map(len, report.pruned.values()))
    lines = [
        f"{report.tables:,} tables: {len(report.compacted):,} compacted, {versions:,} old versions "
        f"of {len(report.pruned):,} tables pruned, {len(report.dropped):,} tables dropped",
        *(f"dropped {name}" for name in report.dropped),
    ]
    if report.outdated:
        copies = ", ".join(report.outdated)
        lines.append(f"planted copies of rows that are gone, which `--orphans` drops: {copies}")
    if report.damaged:
        damaged = ", ".join(report.damaged)
        lines.append(f"cannot be opened, left as they are until they are made again: {damaged}")
    if report.lost:
        subsets = ", ".join(report.lost_subsets)
        lines.append(f"recorded subsets that cannot be re-read any more: {subsets}")
    return "\n".join(lines)


def recorded_pins(
    store: Store, corpus: str, dropped: Collection[str] = (), *, skip_unreadable: bool = False
) -> list[Pin]:
    """The table versions that subsets were made from and that are not the present ones.

    A table that was written again with the same rows pins nothing. `dropped`: names of tables,
    and of subsets, that are about to go. Raises `UpstreamError` where it cannot be read what a
    subset was made from, unless `skip_unreadable`.
    """
    stored = [info for info in store.stored(corpus) if info.name not in dropped]
    present = {info.name: info.data_version for info in stored}
    pins = []
    for subset in (info for info in stored if info.asset == SELECTED_SUBSET.name):
        with suppress(UpstreamError) if skip_unreadable else nullcontext():
            pins += [
                Pin(name, recorded.version, str(subset.shard))
                for asset, shards in TableFacts.of(subset).inputs.items()
                for shard, recorded in shards.items()
                if present.get(name := table_name(corpus, asset, shard)) != recorded.data_version
            ]
    return pins


def orphaned_tables(
    store: Store, config: CorpusConfig, registered: Collection[str] = ()
) -> list[str]:
    """Names of the tables of shards whose file is gone, and of recipes that are not configured.

    Of an asset in place of files those of shards that are not `registered`.
    """
    stored = store.stored(config.name)
    files = config.source_asset is None
    known = [info.shard or "" for info in stored] if files else registered
    live = {shard.key for shard in discover_shards(config, known)}
    orphans = []
    for info in stored:
        known = config.recipes if info.asset in BY_RECIPE else live
        if info.shard is not None and info.shard not in known:
            orphans.append(info.name)
    return orphans
