"""What can go wrong in the store, in one line each, with the remedy."""

import random
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from tshirt_assets.config.credentials import masked

Result = TypeVar("Result")

TRIES = 25
PANICS_TAKEN = 8  # in a row: some conflicts make Lance panic, but so do damaged tables
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 2.0  # seconds
LONGEST_CAUSE = 300  # characters

PANIC = "rust future panicked"

# Texts of Lance errors that another writer's commit causes; the same commit succeeds when repeated.
CONFLICTS = (
    "retryable commit conflict",
    "commit conflict",
    "preempted by concurrent",
    "incompatible transaction",
    "already exists",
    "too many concurrent writers",
)

PANICS = ("rust future panicked", "panicked at", "panicexception")

# Texts of Lance errors about files that are missing or cut off. Of a table that is being read any
# other failure means the same, unless it is one of the ENVIRONMENT.
DAMAGE = (
    "not found: ",
    "file size is too small",
    "failed to fill whole buffer",
    "invalid range",
    "invalid magic",
)

Remedy = tuple[tuple[str, ...], str]
"""Texts in a message, and what they mean and what to do."""

# What is wrong around the store; its tables may be whole.
ENVIRONMENT: tuple[Remedy, ...] = (
    (
        ("no space left on device", "disk quota exceeded", "storage full"),
        "the disk is full; what was stored before is unchanged. Free space (`tshirt-assets "
        "maintain` prunes old versions) and run again",
    ),
    (
        ("permission denied", "operation not permitted", "read-only file system"),
        "the store cannot be written; make the folder writable or set `store` to another one",
    ),
    (
        (
            "accessdenied",
            "access denied",
            "invalidaccesskeyid",
            "signaturedoesnotmatch",
            "unauthorized",
            "403 forbidden",
            "instance metadata",
            "credential",
        ),
        "the object store refused the credentials; set them in the environment and refer to them "
        "as ${NAME} in `storage_options`",
    ),
    (
        ("nosuchbucket", "bucket does not exist"),
        "the bucket does not exist; create it or correct `store`",
    ),
    (
        ("error sending request", "connection refused", "dns error", "timed out", "timeout"),
        "the object store cannot be reached; check `endpoint` in `storage_options` and the network",
    ),
    (
        (
            "generic s3 error",
            "generic gcs error",
            "generic microsoftazure error",
            "generic http error",
            "service unavailable",
            "slow down",
            "connection reset",
        ),
        "the object store failed; run again when it answers",
    ),
    (("please upgrade lance",), "a newer version of Lance wrote this table; upgrade lancedb"),
    (
        ("too many open files", "cannot allocate memory", "out of memory", "input/output error"),
        "this machine failed, not the table; correct the cause and run again",
    ),
)
DAMAGE_REMEDY = (
    "the stored table is damaged; materialize its shard again, or restore it from a backup"
)
# The first that fits counts.
REMEDIES: tuple[Remedy, ...] = (
    *ENVIRONMENT[:-3],
    (
        ("no field named", "invalid input, schema error"),
        "the table lacks a column that was asked for; materialize its shard again with this "
        "version of the package",
    ),
    (
        PANICS,
        "LanceDB failed inside (a panic); run again, and if it stays, `tshirt-assets verify` "
        "tells whether the table is damaged",
    ),
    (DAMAGE, DAMAGE_REMEDY),
    *ENVIRONMENT[-3:],
    (
        ("not a directory", "no such file or directory", "file exists", "file name too long"),
        "the store path cannot be used; set `store` to a folder that can be created",
    ),
)
CONFLICT_REMEDY = "other processes kept replacing the same shard; materialize it again"
DEFAULT_REMEDY = "nothing was changed; correct the cause and run again"


class StoreError(RuntimeError):
    """A failure of the store: one line that says what failed and what to do about it."""


class DamagedTableError(StoreError):
    """A table that is not what was written: files are missing, cut off or changed.

    A run takes it for missing: it is computed again, and replaced.
    """


def is_conflict(error: BaseException) -> bool:
    """True when another writer's commit got in between and the same commit may be repeated."""
    text = str(error).lower()
    return any(conflict in text for conflict in CONFLICTS)


def is_panic(error: BaseException) -> bool:
    """True when Rust code failed inside; such an error need not be an `Exception`."""
    text = f"{type(error).__name__}: {error}".lower()
    return any(sign in text for sign in PANICS)


def is_failure(error: BaseException) -> bool:
    """Whether something failed, Rust code included; else somebody wants to end."""
    return isinstance(error, Exception) or is_panic(error)


def is_missing(error: BaseException) -> bool:
    """Whether LanceDB says that there is no such table; if so, where it did is forgotten.

    The future of its call holds the error, the error's traceback the future, and the frames in it
    all callers with what they have in memory, until Python happens to look for such circles: in a
    run, hundreds of MiB for every shard that had no table yet.
    """
    if not isinstance(error, ValueError) or "was not found" not in str(error):
        return False
    error.__traceback__ = None
    return True


def retried(action: Callable[[], Result]) -> Result:
    """Result of `action`, repeated with growing random pauses while commits conflict."""
    panics = 0
    for attempt in range(TRIES - 1):
        try:
            return action()
        except BaseException as error:
            panics = panics + 1 if is_panic(error) else 0
            if not is_conflict(error) and (not is_panic(error) or panics >= PANICS_TAKEN):
                raise
        time.sleep(random.uniform(SHORTEST_PAUSE, min(LONGEST_PAUSE, 0.1 * 2**attempt)))
    return action()


def explained(
    subject: str, error: BaseException, secrets: Iterable[str], *, reading: bool = False
) -> StoreError:
    """`error` as one line about `subject`, with its remedy and without any of the `secrets`.

    reading: it came up while a stored table was read. It is a `DamagedTableError` then unless the
    cause lies in the environment: permissions, the disk, the network, memory.
    """
    text = f"{type(error).__name__}: {error}".lower()
    known = [(signs, remedy) for signs, remedy in REMEDIES if any(sign in text for sign in signs)]
    signs, remedy = known[0] if known else ((), DEFAULT_REMEDY)
    around = isinstance(error, MemoryError) or (signs, remedy) in ENVIRONMENT
    damaged = signs is DAMAGE or (reading and not around)
    if damaged and signs in ((), PANICS):
        remedy = DAMAGE_REMEDY
    elif is_conflict(error) and not damaged:
        remedy = CONFLICT_REMEDY
    cause = " ".join(masked(str(error), secrets).split())
    cause = cause if len(cause) <= LONGEST_CAUSE else f"{cause[:LONGEST_CAUSE]}..."
    kind = DamagedTableError if damaged else StoreError
    return kind(f"{subject}: {remedy} (cause: {cause})")
