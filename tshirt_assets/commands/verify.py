"""Re-check everything stored of a corpus: tables, what they were made from, exports, reports."""

from collections.abc import Collection, Mapping
from pathlib import Path

import dagster as dg

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.export.export_checks import exported_faults, manifest_faults
from tshirt_assets.export.load import read_subset
from tshirt_assets.export.manifest import Manifest, is_unchanged
from tshirt_assets.incremental import cross_checks
from tshirt_assets.incremental.catalog import ASSETS, BY_RECIPE, SELECTED_SUBSET
from tshirt_assets.incremental.findings import Fault, Verification, place_of
from tshirt_assets.incremental.leftovers import leftovers
from tshirt_assets.incremental.planted_copies import stored_copies
from tshirt_assets.incremental.recorded_inputs import (
    absent_sources,
    input_faults,
    unlike_recorded,
)
from tshirt_assets.incremental.retention import export_folders
from tshirt_assets.incremental.table_checks import CheckedTables
from tshirt_assets.incremental.table_list import Place, expected_names, list_tables
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.report.serve import report_file
from tshirt_assets.report.signing import is_signed, page_fault
from tshirt_assets.store.store import Store

__all__ = ["Fault", "Verification", "recorded_versions", "verify"]

SUBSET = SELECTED_SUBSET.name
PLANT_AGAIN = "make the evidence again with `tshirt-assets evidence`"
PUT_BACK = "put it back, or drop the table with `tshirt-assets maintain --orphans`"


def verify(
    store: Store,
    config: CorpusConfig,
    registered: Collection[str],
    recorded: Mapping[Place, str] | None = None,
) -> Verification:
    """Check every stored table of a corpus by itself and against the others, and the exports.

    `registered`: keys of the shards that are partitions. `recorded`: what `recorded_versions`
    finds in Dagster's instance. What was never materialized is no fault. Reads every table in
    whole, shard by shard, and every exported file and report; changes nothing.
    """
    found = Verification()
    live = _live_shards(config, registered, found)
    expected = expected_names(config, live | set(registered))
    tables = list_tables(store, config.name, expected, found)
    names = set(store.database.names())
    there = {*tables, *(place for name, place in expected.items() if name in names)}
    checked = CheckedTables(store, tables, found)
    _check_partitions(checked, config, live, registered)
    cross_checks.check_identities(checked)
    cross_checks.check_rows(checked, config)
    with found.guarded("search", "materialize search again"):
        cross_checks.check_search(checked, config)
    _check_origins(checked, config, there, recorded or {})
    for recipe in config.recipes:
        _check_subset(checked, config, recipe)
    _check_across(config, found)
    checked.rest()
    _check_leftovers(config, found)
    for copy in stored_copies(store, config.name):
        _check_copy(store, copy, found)
    unsealed = sum(not info.sealed for info in tables.values())
    if unsealed:
        found.notes.append(
            f"{unsealed} tables are of an earlier version, which recorded no hash of what is "
            "recorded with them: only what they must hold was checked"
        )
    return found


def recorded_versions(
    instance: dg.DagsterInstance, config: CorpusConfig
) -> dict[tuple[str, str | None], str]:
    """Data version of the latest materialization of every asset and partition."""
    binding, tag = Binding(config), "dagster/data_version"
    shards = set(instance.get_dynamic_partitions(config.name))
    found: dict[tuple[str, str | None], str] = {}
    for record in ASSETS.values():
        key = binding.key(record.name)
        if record.unit == "corpus":
            event = instance.get_latest_materialization_event(key)
            made = event.asset_materialization if event else None
            if made is not None and made.tags and tag in made.tags:
                found[record.name, None] = made.tags[tag]
            continue
        partitions = shards if record.unit == "shard" else set(config.recipes)
        by_partition = instance.event_log_storage.get_latest_tags_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION, [tag]
        )
        for partition, tags in by_partition.items():
            if partition in partitions and tag in tags:
                found[record.name, partition] = tags[tag]
    return found


def _live_shards(
    config: CorpusConfig, registered: Collection[str], found: Verification
) -> set[str]:
    """Keys of the shards that have a file; the registered ones where files cannot be listed."""
    try:
        return {spec.key for spec in discover_shards(config, set(registered))}
    except CorpusError as error:
        found.add("files", "the shards cannot be listed", str(error))
        return set(registered)


def _check_partitions(
    checked: CheckedTables, config: CorpusConfig, live: set[str], registered: Collection[str]
) -> None:
    """Tables of shards whose file is gone, of shards and recipes that are no partitions."""
    for table, partition in checked.tables:
        place = place_of(table, partition)
        if partition is None:
            continue
        if table in BY_RECIPE:
            if partition not in config.recipes:
                checked.found.add(place, "its recipe is gone", PUT_BACK)
        elif partition not in live:
            gone = "file" if config.source_asset is None else "partition upstream"
            checked.found.add(place, f"orphaned: the shard's {gone} is gone", PUT_BACK)
        elif partition not in registered:
            remedy = "run `tshirt-assets shards --register`"
            checked.found.add(place, "orphaned: the shard is no partition", remedy)


def _check_origins(
    checked: CheckedTables,
    config: CorpusConfig,
    there: Collection[Place],
    recorded: Mapping[Place, str],
) -> None:
    """What tables were made from is stored, and they are those that were made last."""
    found = checked.found
    for (table, partition), info in checked.tables.items():
        place = place_of(table, partition)
        if table == SUBSET:
            if partition in config.recipes:
                faults = input_faults(checked.store, info, checked.tables, there)
                found.add_all(place, place, faults)
            continue
        with found.guarded(place, f"materialize {table} again"):
            for source in absent_sources(info, there):
                problem = f"{table} was made from it, but its table is gone"
                found.add_all(place_of(*source), source[0], [problem])
    for source, problem in unlike_recorded(recorded, checked.tables, there):
        place = place_of(*source)
        found.add_all(place, place if source[0] == SUBSET else source[0], [problem])


def _check_subset(checked: CheckedTables, config: CorpusConfig, recipe: str) -> None:
    """The selected rows exist, and the exported files and the report are of this selection."""
    place, found = f"{SUBSET} {recipe}", checked.found
    folder = Path(config.export_dir) / config.name / recipe
    info = checked.tables.get((SUBSET, recipe))
    if info is None:
        problems = [f"{folder} was exported, but the subset is not stored"]
        found.add_all(place, place, problems if Manifest.read(folder) else [])
        return
    if checked.frame(SUBSET, recipe) is None:
        return
    try:
        read_subset(checked.store, config.name, recipe)
    except Exception as error:  # of tables in another shape, whatever polars makes of it
        found.add_all(place, place, [f"its rows cannot be read ({error})"])
    manifest = Manifest.read(folder)
    report, unsigned = (
        report_file(config, recipe),
        manifest is not None and is_unchanged(folder) is None,
    )
    if manifest is None:
        found.add_all(place, place, [f"{folder} has no readable manifest.json"])
    else:
        found.add_all(place, place, manifest_faults(folder, manifest, info))
        for name, problem in exported_faults(folder, manifest, config):
            found.add_all(str(folder / name), place, [problem])
        found.files += len(manifest.files)
        found.bytes += sum(_size(folder / name) for name in manifest.files)
    broken = page_fault(report, unsigned=unsigned)
    if broken:
        found.add_all(str(report), place, [broken])
    elif not is_signed(report):
        found.notes.append(f"{report} is of an earlier version: it cannot be told if it changed")
    found.bytes += _size(report)


def _check_across(config: CorpusConfig, found: Verification) -> None:
    """The report across recipes, which earlier versions did not write, is as it was written."""
    page = report_file(config)
    if page.exists():
        broken = page_fault(page)
        found.add_all(str(page), SUBSET, [broken] if broken else [])
        found.bytes += _size(page)


def _check_copy(store: Store, copy: str, found: Verification) -> None:
    """The tables of a planted copy, each by itself: nothing of the corpus is made from them."""
    own = Verification()
    CheckedTables(store, list_tables(store, copy, {}, own), own).rest()
    for fault in own.faults:
        found.add(f"{copy}, planted: {fault.place}", fault.problem, PLANT_AGAIN)
    found.tables, found.rows = found.tables + own.tables, found.rows + own.rows
    found.bytes += own.bytes


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _check_leftovers(config: CorpusConfig, found: Verification) -> None:
    for folder in export_folders(config):
        for path in leftovers(folder):
            found.add(str(path), "was left by a run that was killed", "run again, or `maintain`")
