"""What is written beside its place and then moved there, and what a kill left of that.

A writer locks what it stages until its process ends: what nobody locks is left over.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STAGED = re.compile(r"\.(.+)-[a-z0-9_]{8}")  # as tempfile makes it of the prefix


@contextmanager
def staged_folder(target: Path) -> Iterator[Path]:
    """A new folder beside `target`, deleted at the end, and those that were left there before.

    Raises `OSError` where the disk refuses.
    """
    remove_leftovers(target.parent, target.name)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def staged_file(target: Path) -> Iterator[Path]:
    """A new file beside `target`, moved over it at the end; after a failure the old one stays.

    Removes what was left there before. Raises `OSError` where the disk refuses.
    """
    remove_leftovers(target.parent, target.name)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    os.close(handle)
    staged = Path(name)
    try:
        with _locked(staged):
            yield staged
            os.chmod(staged, 0o644)
            os.replace(staged, target)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def leftovers(folder: Path, name: str | None = None) -> list[Path]:
    """What writers left beside `name`, or beside anything in `folder`, and no process works on."""
    found = []
    for path in sorted(folder.glob(".*")):
        staged = STAGED.fullmatch(path.name)
        if staged and name in (None, staged[1]) and not _in_use(path):
            found.append(path)
    return found


def remove_leftovers(folder: Path, name: str | None = None) -> list[Path]:
    """Delete what `leftovers` finds; what cannot be deleted stays."""
    found = leftovers(folder, name)
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
    return found


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    import fcntl  # POSIX only

    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # a network file system without locks: nothing is removed there
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _in_use(path: Path) -> bool:
    """True where another writer holds it, or it cannot be told."""
    import fcntl  # POSIX only

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
