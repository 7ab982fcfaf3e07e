"""The exported files of a subset held to its manifest, and the manifest to the stored subset."""

from collections.abc import Iterator
from pathlib import Path

from tshirt_assets.config import CorpusConfig
from tshirt_assets.export.exported import CARD, MANIFEST
from tshirt_assets.export.formats import FORMATS
from tshirt_assets.export.manifest import Manifest, file_faults, is_unchanged
from tshirt_assets.export.write import WRITTEN
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.store.table_info import TableInfo


def manifest_faults(folder: Path, manifest: Manifest, subset: TableInfo) -> Iterator[str]:
    """What a manifest says otherwise than the stored subset that it was exported from."""
    exported = manifest.provenance
    recorded = TableFacts.of(subset).provenance
    selection = (manifest.corpus, manifest.recipe, manifest.rows, exported.data_version)
    stored = recorded.shown() if recorded else {}
    said = exported.shown()
    if selection != (subset.corpus, subset.shard, subset.rows, subset.data_version):
        yield f"{folder} was exported from another selection"
    elif other := [key for key, value in stored.items() if said.get(key) != value]:
        yield f"{folder / MANIFEST} says otherwise than the subset of {', '.join(other)}"
    elif is_unchanged(folder) is False:
        yield f"{folder / MANIFEST} has changed since it was written"


def exported_faults(
    folder: Path, manifest: Manifest, config: CorpusConfig
) -> Iterator[tuple[str, str]]:
    """(file name, what is wrong) of every file that an export consists of, or should."""
    yield from file_faults(folder, manifest)
    wanted = [CARD, *(FORMATS[name].file_name for name in config.exports)]
    for name in wanted:
        if name not in manifest.files:
            yield name, "is not in the manifest"
    for name in sorted(WRITTEN - {MANIFEST, *manifest.files, *wanted}):
        if (folder / name).exists():
            yield name, "is not in the manifest"
