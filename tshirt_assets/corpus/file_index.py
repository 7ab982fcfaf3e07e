"""One index per source file, built once per version of it, and kept for every later process.

It lies beside the tables, or in the user's cache folder where they are in an object store. Where
nothing can be written, each process builds its own.
"""

import hashlib
import logging
import os
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

from tshirt_assets.config import CorpusConfig
from tshirt_assets.config.cache_folder import cache_dir
from tshirt_assets.corpus.addresses import absolute
from tshirt_assets.corpus.bytestream import content_version, listed_version
from tshirt_assets.corpus.files import index_records
from tshirt_assets.corpus.places import FileIndex

INDEX_VERSION: Final = 1
"""Of what is written here, and of where a file's records begin and end."""
MOST_KNOWN: Final = 4096  # indexes that a process holds
FOLDER: Final = ".index"

_log = logging.getLogger(__name__)
_known: dict[tuple[str, int], FileIndex] = {}


def file_index(path: str, config: CorpusConfig, *, as_listed: bool = False) -> FileIndex:
    """The index of a file as it is now: held, stored, or built in one pass over the file.

    as_listed: of a file elsewhere as it was when it was listed, so that it is not asked about.
    Raises `CorpusError` for a file that cannot be read at all.
    """
    version = listed_version(path) if as_listed else content_version(path)
    source = (absolute(path), config.max_row_bytes)
    known = _known.get(source)
    if known is not None and known.version == version:
        return known
    stored = _stored_at(source, config)
    index = _load(stored, source[0])
    if index is None or index.version != version:
        index = index_records(path, max_row_bytes=config.max_row_bytes)
        if index.frames.failed or content_version(path) != version:
            return index  # of this moment only
        index = replace(index, version=version)
        _save(stored, index)
    else:
        with suppress(OSError):
            os.utime(stored)  # in use, see `drop_unused`
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    _known[source] = index
    return index


def drop_unused(config: CorpusConfig, older_than: timedelta) -> int:
    """Delete the stored indexes that nobody has used for so long; how many there were.

    Those of files that are gone among them, and what a killed process left half-written. One that
    is wanted after all is built again.
    """
    before, dropped = time.time() - older_than.total_seconds(), 0
    for stored in index_folder(config).glob("*"):
        with suppress(OSError):
            if stored.stat().st_mtime < before:
                stored.unlink()
                dropped += 1
    return dropped


def index_folder(config: CorpusConfig) -> Path:
    """Where indexes, and what else is kept of source files, lie; it may not be there yet."""
    return (cache_dir() if "://" in config.store else Path(config.store)) / FOLDER


def _stored_at(source: tuple[str, int], config: CorpusConfig) -> Path:
    path, limit = source
    name = hashlib.blake2b(f"{limit}\0{path}".encode("utf-8", "surrogatepass"), digest_size=16)
    return index_folder(config) / f"{name.hexdigest()}.json"


def _load(stored: Path, path: str) -> FileIndex | None:
    """The stored index of a file, of whatever version of it; None if there is none of use."""
    try:
        head, _, text = stored.read_bytes().partition(b"\n")
    except OSError:
        return None
    version, _, check = head.partition(b" ")
    if not version.isdigit() or check != _check(version, text):
        _log.warning(f"{stored}: is damaged; the index of {path} is built again")
    elif int(version) > INDEX_VERSION:
        _log.warning(f"{stored}: is of a newer version; the index of {path} is built again")
    elif int(version) == INDEX_VERSION:
        return FileIndex.from_json(text)
    return None


def _save(stored: Path, index: FileIndex) -> None:
    """Put the file there at once, so that nobody sees a part of it and the last of two wins."""
    version, text = str(INDEX_VERSION).encode(), index.to_json()
    part = stored.with_name(f".{stored.name}.{uuid4().hex}")
    try:
        stored.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(version + b" " + _check(version, text) + b"\n" + text)
        part.replace(stored)
    except OSError as error:  # a place that cannot be written to costs time, nothing else
        _log.debug(f"{stored}: the index is not kept ({error})")
        with suppress(OSError):
            part.unlink()


def _check(version: bytes, text: bytes) -> bytes:
    return hashlib.blake2b(version + text, digest_size=16).hexdigest().encode()
