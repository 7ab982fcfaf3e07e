"""The store: it can be opened, and the corpus of this name in it is this one."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.addresses import is_remote, with_access
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.remote import look
from tshirt_assets.incremental.catalog import SAMPLES
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.sources import source_path
from tshirt_assets.preflight.file_sample import sample_file
from tshirt_assets.preflight.finding import Finding
from tshirt_assets.preflight.folders import unusable
from tshirt_assets.preflight.inspection import Inspection
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store

COMPARED_FILES = 20


def store_findings(inspection: Inspection) -> Iterator[Finding]:
    """A store that cannot be opened, or that holds another corpus of this name."""
    config = inspection.config
    store = Store(config.store, config.storage_options)
    folder = Path(store.database.uri)
    if store.database.is_local and (unusable(folder) or not folder.is_dir()):
        return  # there is nothing in it, or another check says why
    try:
        recorded = _recorded(store, config.name)
        strange = _strange_file(store, inspection, recorded)
    except (StoreError, UpstreamError) as error:
        yield Finding("error", "store", str(error))
        return
    if strange is not None:
        yield Finding(
            "error",
            "name",
            f"{config.store} already holds a corpus {config.name}, of other files ({strange})",
            "give one of the two another `name` or `store`; where these files take the place of "
            "those, move those away first",
        )


def _recorded(store: Store, corpus: str) -> dict[str, str]:
    """The file that each stored shard was read from, as far as that is recorded."""
    infos = [info for info in store.stored(corpus, SAMPLES.name) if info.shard is not None]
    sources = {str(info.shard): TableFacts.of(info).source for info in infos}
    return {
        shard: source_path(store, source) for shard, source in sources.items() if source is not None
    }


def _strange_file(store: Store, inspection: Inspection, recorded: Mapping[str, str]) -> str | None:
    """A file of another corpus with this name; None where there is no such corpus.

    It is another one if its files are still there, none of them is a file of this corpus, and
    none of its rows is among the first rows of ours: files that were moved or copied, and a
    corpus that grows, are the same.
    """
    files, _ = inspection.listed
    own, theirs = set(map(_real, files)), set(map(_real, recorded.values()))
    if not own or own & theirs:
        return None
    other = next((path for path in sorted(theirs) if _is_there(path, inspection.config)), None)
    if other is None:
        return None
    ids = {
        sample_id
        for path in files[:COMPARED_FILES]
        for sample_id in sample_file(path, inspection.config).ids
    }
    for shard in recorded:
        rows = store.read(inspection.config.name, SAMPLES.name, shard, columns=["sample_id"])
        if ids & set(rows["sample_id"].to_pylist()):
            return None
    return other


def _real(path: str) -> str:
    return path if is_remote(path) else os.path.realpath(path)


def _is_there(path: str, config: CorpusConfig) -> bool:
    if not is_remote(path):
        return os.path.isfile(path)
    try:
        return bool(look(with_access(path, config)))
    except CorpusError:
        return False
