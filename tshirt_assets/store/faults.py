"""What can go wrong in the store, in one line each, with the remedy."""

import random
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from tshirt_assets.config.credentials import masked

Result = TypeVar("Result")

TRIES = 25
PANICS_TAKEN = 5  # of the tries: some conflicts make Lance panic, but so do damage and its bugs
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 2.0  # seconds
LONGEST_CAUSE = 300  # characters

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

# Texts of Lance errors about files that are missing or cut off.
DAMAGE = (
    "not found: ",
    "file size is too small",
    "failed to fill whole buffer",
    "invalid range",
    "invalid magic",
)

# (texts in the message, what it means and what to do); the first that fits counts
REMEDIES: tuple[tuple[tuple[str, ...], str], ...] = (
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
        ("no field named", "invalid input, schema error"),
        "the table lacks a column that was asked for; materialize its shard again with this "
        "version of the package",
    ),
    (
        PANICS,
        "LanceDB failed inside (a panic); run again, and if it stays, `tshirt-assets verify` "
        "tells whether the table is damaged",
    ),
    (
        DAMAGE,
        "the stored table is damaged; materialize its shard again, or restore it from a backup",
    ),
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
    """A table whose files are missing or cut off: after a power failure, or by hand."""


def is_conflict(error: BaseException) -> bool:
    """True when another writer's commit got in between and the same commit may be repeated."""
    text = str(error).lower()
    return any(conflict in text for conflict in CONFLICTS)


def is_panic(error: BaseException) -> bool:
    """True when Rust code failed inside; such an error need not be an `Exception`."""
    text = f"{type(error).__name__}: {error}".lower()
    return any(sign in text for sign in PANICS)


def retried(action: Callable[[], Result]) -> Result:
    """Result of `action`, repeated with growing random pauses while commits conflict."""
    panics = 0
    for attempt in range(TRIES - 1):
        try:
            return action()
        except BaseException as error:
            panics += is_panic(error)
            if not is_conflict(error) and (not is_panic(error) or panics >= PANICS_TAKEN):
                raise
        time.sleep(random.uniform(SHORTEST_PAUSE, min(LONGEST_PAUSE, 0.1 * 2**attempt)))
    return action()


def explained(subject: str, error: BaseException, secrets: Iterable[str]) -> StoreError:
    """`error` as one line about `subject`, with its remedy and without any of the `secrets`."""
    text = f"{type(error).__name__}: {error}".lower()
    known = [(signs, remedy) for signs, remedy in REMEDIES if any(sign in text for sign in signs)]
    signs, remedy = known[0] if known else ((), DEFAULT_REMEDY)
    if is_conflict(error):
        signs, remedy = CONFLICTS, CONFLICT_REMEDY
    cause = " ".join(masked(str(error), secrets).split())
    cause = cause if len(cause) <= LONGEST_CAUSE else f"{cause[:LONGEST_CAUSE]}..."
    kind = DamagedTableError if signs is DAMAGE else StoreError
    return kind(f"{subject}: {remedy} (cause: {cause})")
