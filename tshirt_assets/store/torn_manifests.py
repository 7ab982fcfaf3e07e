"""Manifests that a power failure cut off, taken out of the way of a table's older versions."""

import logging
import os
from pathlib import Path

MANIFEST_END = b"LANC"  # last bytes of every manifest in the Lance format

logger = logging.getLogger(__name__)


def set_aside_torn_manifests(folder: Path) -> bool:
    """Rename manifests of a table that are not whole; True if there were any.

    The version before them is the latest again. A power failure leaves them behind, empty, of zeros
    or cut off (Lance does not fsync), and nothing can be written over them. The lock keeps a second
    process from taking away the good manifest that a first one has written in its place.
    """
    import fcntl  # POSIX only

    versions = folder / "_versions"
    if not versions.is_dir():
        return False
    descriptor = os.open(versions, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        torn = [file for file in versions.glob("*.manifest") if _is_torn(file)]
        for file in torn:
            file.rename(file.with_suffix(".torn"))
            logger.warning("%s was torn (power failure?): back to the version before", file)
        return bool(torn)
    finally:
        os.close(descriptor)


def _is_torn(manifest: Path) -> bool:
    with manifest.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(MANIFEST_END)))
        return file.read() != MANIFEST_END
