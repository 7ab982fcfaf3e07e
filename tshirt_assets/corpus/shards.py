"""Which shards a corpus has: files, or ranges of rows of large files, with stable keys."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.addresses import GLOB_CHARACTERS, is_remote, with_access
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.file_index import file_index
from tshirt_assets.corpus.files import file_format, is_supported
from tshirt_assets.corpus.listing import matching_files

SLUG_LENGTH = 48


@dataclass(frozen=True, slots=True)
class ShardSpec:
    """Rows `start` up to `stop` (None: the end) of a file. The key is a Dagster partition key.

    Of an asset in place of files, `path` is its address, see `asset_address`.
    """

    key: str
    path: str
    start: int = 0
    stop: int | None = None


def discover_shards(
    config: CorpusConfig, known: Collection[str] = (), *, missing_ok: bool = False
) -> list[ShardSpec]:
    """Shards of all files that match `config.paths`, in natural order of the paths (2 before 10).

    A shard holds `config.rows_per_shard` rows of one file; every file has at least one shard, and
    the shards of a file are numbered, so that files and rows that are added later leave the keys
    of the others as they are. Files that are indexed already are not read.
    `known`: keys that are registered already; a file keeps the one that an earlier version of this
    package gave it.

    Raises `CorpusError` for a file in another format, for two files whose keys are the same and,
    unless `missing_ok` (for a corpus that is known already, whose files may have gone), for a
    pattern that matches no file. Where an asset holds the rows, the shards are those that are
    known: only Dagster can tell its partitions, and has registered them.
    """
    if config.source_asset is not None:
        return [ShardSpec(key, asset_address(config.source_asset)) for key in known]
    shards = []
    for key, path in keyed_files(config, known, missing_ok=missing_ok).items():
        for index in range(_shard_count(path, config)):
            start = index * config.rows_per_shard
            suffix = f"-{index:05d}" if index else ""
            shards.append(ShardSpec(key + suffix, path, start, start + config.rows_per_shard))
    return shards


def live_shards(config: CorpusConfig, registered: Collection[str]) -> set[str]:
    """The registered shards whose rows are still where they were. Raises `CorpusError`."""
    specs = discover_shards(config, registered, missing_ok=True)
    return {spec.key for spec in specs} & set(registered)


def asset_address(key: str) -> str:
    """How an asset is written where the path of a file stands otherwise."""
    return f"asset://{key}"


def keyed_files(
    config: CorpusConfig, known: Collection[str] = (), *, missing_ok: bool = False
) -> dict[str, str]:
    """The files of a corpus by the key of their first shard, in natural order of the paths.

    Nothing is read. Raises `CorpusError` as `discover_shards` does, but for the format.
    """
    if not config.paths:
        return {}
    files = {
        path if is_remote(path) else os.path.normpath(path)
        for pattern in config.paths
        for path in matching_files(with_access(pattern, config), missing_ok=missing_ok)
    }
    named = _names(files, config.paths)
    keyed: dict[str, str] = {}
    for path in sorted(files, key=_natural):
        key = _file_key(named[path], known)
        if (other := keyed.setdefault(key, path)) != path:
            raise CorpusError(f"{other} and {path}: both give the shard {key!r}; rename one")
    return keyed


def _shard_count(path: str, config: CorpusConfig) -> int:
    file_format(path)
    try:
        rows = file_index(path, config, as_listed=True).rows
    except CorpusError:
        # One unreadable file must not hide the others: its shard says what is wrong when read.
        return 1
    return max(1, -(-rows // config.rows_per_shard))


def _names(files: Collection[str], patterns: tuple[str, ...]) -> dict[str, str]:
    """What keys are made of: each path from the deepest folder above all that can match.

    So keys survive moving the corpus to another folder, machine or bucket. Beside files of this
    machine those elsewhere have their whole addresses, so that no two are the same.
    """
    here = [pattern for pattern in patterns if not is_remote(pattern)]
    there = [_as_path(_as_glob(pattern)) for pattern in patterns if is_remote(pattern)]
    root = _common_folder(here) if here else ""
    far_root = "/" if here or not there else _common_folder(there)
    return {
        path: os.path.relpath(_as_path(path), far_root)
        if is_remote(path)
        else os.path.relpath(path, root)
        for path in files
    }


def _as_path(address: str) -> str:
    return "/" + address.replace("://", "/", 1)


def _as_glob(address: str) -> str:
    """An address whose last part is a file or a pattern, which that of a folder is not."""
    plain = GLOB_CHARACTERS.search(address) is None and not is_supported(address)
    return f"{address.rstrip('/')}/*" if plain else address


def _common_folder(patterns: Sequence[str]) -> str:
    return os.path.commonpath([os.path.abspath(_fixed_folder(pattern)) for pattern in patterns])


def _fixed_folder(pattern: str) -> Path:
    if os.path.isdir(pattern):
        return Path(pattern)
    parts = Path(pattern).parts[:-1]
    fixed = next((i for i, part in enumerate(parts) if GLOB_CHARACTERS.search(part)), len(parts))
    return Path(*parts[:fixed])


def _file_key(relative: str, known: Collection[str] = ()) -> str:
    """A readable part and a hash of the relative path: letters, digits, _ and - only.

    A name with letters outside ASCII has them in its key, and a longer hash, unless `known` has
    the key that is made without them, as all keys once were.
    """
    name = Path(relative).as_posix().encode("utf-8", "surrogatepass")
    stem = re.sub(r"\.\w+(\.gz|\.zst)?$", "", relative)
    ascii_only = _key(stem, r"[^A-Za-z0-9_]+", name, 4)
    if not re.search(r"[^\W\d_a-zA-Z]", stem) or ascii_only in known:
        return ascii_only
    return _key(unicodedata.normalize("NFC", stem), r"\W+", name, 8)


def _key(stem: str, others: str, name: bytes, digest_size: int) -> str:
    slug = re.sub(others, "-", stem)[-SLUG_LENGTH:].strip("-")
    digest = hashlib.blake2b(name, digest_size=digest_size).hexdigest()
    return f"{slug or 'file'}-{digest}"


def _natural(path: str) -> list[tuple[int, str]]:
    """Sort key that compares runs of digits as numbers."""
    parts = re.split(r"(\d+)", path)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts] + [(-1, path)]
