"""Which shards a corpus has: files, or ranges of rows of large files, with stable keys."""

import glob
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.files import count_records, file_format

SLUG_LENGTH = 48
GLOB_CHARACTERS = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class ShardSpec:
    """Rows `start` up to `stop` (None: the end) of a file. The key is a Dagster partition key."""

    key: str
    path: str
    start: int = 0
    stop: int | None = None


def discover_shards(config: CorpusConfig, *, missing_ok: bool = False) -> list[ShardSpec]:
    """Shards of all files that match `config.paths`, in natural order of the paths (2 before 10).

    A shard holds `config.rows_per_shard` rows of one file; every file has at least one shard, and
    the shards of a file are numbered, so that files and rows that are added later leave the keys
    of the others as they are. Reads every file that may have several shards once, to count rows.

    Raises `CorpusError` for a file in another format and, unless `missing_ok` (for a corpus that
    is known already, whose files may have gone), for a pattern that matches no file.
    """
    root = _common_folder(config.paths)
    files = {
        os.path.normpath(path) for pattern in config.paths for path in _matches(pattern, missing_ok)
    }
    shards = []
    for path in sorted(files, key=_natural):
        key = _file_key(path, root)
        for index in range(_shard_count(path, config.rows_per_shard)):
            start = index * config.rows_per_shard
            suffix = f"-{index:05d}" if index else ""
            shards.append(ShardSpec(key + suffix, path, start, start + config.rows_per_shard))
    return shards


def _matches(pattern: str, missing_ok: bool) -> list[str]:
    if "://" in pattern:
        raise CorpusError(f"{pattern}: object stores cannot be read; copy the files to a folder")
    if os.path.isfile(pattern):  # also a name that looks like a glob
        return [pattern]
    files = [path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path)]
    if not files and not missing_ok:
        raise CorpusError(f"{pattern}: no file matches; check `paths` of the corpus")
    return files


def _shard_count(path: str, rows_per_shard: int) -> int:
    file_format(path)
    try:
        rows = count_records(path)
    except CorpusError:
        # One unreadable file must not hide the others: its shard says what is wrong when read.
        return 1
    return max(1, -(-rows // rows_per_shard))


def _common_folder(patterns: tuple[str, ...]) -> str:
    """The deepest folder above all files that the patterns can match.

    Keys are relative to it, so that they survive moving the corpus to another folder or machine.
    """
    return os.path.commonpath([os.path.abspath(_fixed_folder(pattern)) for pattern in patterns])


def _fixed_folder(pattern: str) -> Path:
    parts = Path(pattern).parts[:-1]
    fixed = next((i for i, part in enumerate(parts) if GLOB_CHARACTERS.search(part)), len(parts))
    return Path(*parts[:fixed])


def _file_key(path: str, root: str) -> str:
    """A readable part and a hash of the relative path: letters, digits, _ and - only."""
    relative = os.path.relpath(path, root)
    name = Path(relative).as_posix().encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(name, digest_size=4).hexdigest()
    stem = re.sub(r"\.\w+(\.gz|\.zst)?$", "", relative)
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", stem)[-SLUG_LENGTH:].strip("-")
    return f"{slug or 'file'}-{digest}"


def _natural(path: str) -> list[tuple[int, str]]:
    """Sort key that compares runs of digits as numbers."""
    parts = re.split(r"(\d+)", path)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts] + [(-1, path)]
