"""Requests to sources elsewhere: which faults pass when one waits, and what the others mean."""

import errno
import time
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from tshirt_assets.config.credentials import masked
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.records import one_line

Result = TypeVar("Result")

PAUSES: Final = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]
"""Seconds between the tries of a request; with the last one the source is given up."""
FIRST_TRIES: Final = 3  # where a source that nothing was read from yet does not answer
LONGEST_PAUSE: Final = 60.0  # seconds, whatever a source asks for

GONE: Final = "is not there (any more); put it back, or correct `paths`"
DENIED: Final = (
    "access is denied: the credentials in `source_options` are missing, wrong or expired; renew "
    "them and run again, which continues"
)
CHANGED: Final = "changed while it was read; run again when it is complete"
_PASSING: Final = {408, 425, 429}  # codes of 4xx


class StatusError(OSError):
    """A source answers with an HTTP status that is a fault; `wait`: the seconds that it asks for.

    Never an answer to the content: `status` says it all.
    """

    def __init__(self, status: int, reason: str, wait: float = 0.0):
        super().__init__(f"HTTP {status} {reason}".rstrip())
        self.status = status
        self.wait = wait


class GoneError(CorpusError):
    """There is no such file, or folder, or bucket."""


class ChangedError(OSError):
    """The file is another one than when it was opened."""


def patient(
    url: str, request: Callable[[], Result], *, secrets: Iterable[str] = (), first: bool = False
) -> Result:
    """The result of a request, tried again while its fault is one that passes.

    first: nothing was read from there yet; a source that never answers is given up soon then.
    Raises `CorpusError` with what to do, in which no secret stands; `GoneError` where nothing is.
    """
    for tried, pause in enumerate([*PAUSES, None], start=1):
        try:
            return request()
        except CorpusError:
            raise
        except Exception as error:
            reason = _lasting(error)
            told = masked(one_line(error), secrets)
            status = _status(error)
            wait = getattr(error, "wait", 0.0)
        if reason is not None:
            kind = GoneError if reason is GONE else CorpusError
            raise kind(f"{url}: {reason.format(told)}") from None
        if pause is None or (first and status is None and tried >= FIRST_TRIES):
            break
        time.sleep(min(max(pause, wait), LONGEST_PAUSE))
    answer = "is busy or fails" if status is not None else "cannot be reached"
    raise CorpusError(
        f"{url}: {answer} after {tried} tries ({told}); check the address, `source_options` and "
        "the network, then run again, which continues"
    )


def _lasting(error: Exception) -> str | None:
    """What is wrong and what to do, with a gap for the error's text; None if it may pass."""
    status, code = _status(error), getattr(error, "errno", None)
    if isinstance(error, ImportError | NotImplementedError | ValueError | TypeError):
        return "cannot be opened ({}); check the address and `source_options`"
    if isinstance(error, ChangedError) or type(error).__name__ == "FileExpired" or status == 412:
        return CHANGED
    if isinstance(error, PermissionError) or status in (401, 403):  # the Hub hides what is denied
        return DENIED
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return GONE
    if type(error).__name__ in ("NoCredentialsError", "ClientAuthenticationError"):
        return DENIED
    if isinstance(error, IsADirectoryError | NotADirectoryError) or code in (
        errno.EINVAL,  # as s3fs translates answers without a reason, to expired tokens too
        errno.EPERM,
    ):
        return "the request is refused ({}); check the address, and that no credential has expired"
    if status is not None and 400 <= status < 500 and status not in _PASSING:
        return "the request is refused ({}); check the address and `source_options`"
    return None


def _status(error: Exception) -> int | None:
    """The HTTP status that an error of any client stands for; None where there was no answer."""
    cause = error.__cause__
    for holder in (error, getattr(error, "response", None), getattr(cause, "response", None)):
        for name in ("status", "status_code", "code"):
            value = getattr(holder, name, None)
            if isinstance(value, int):
                return value
    return 503 if getattr(error, "errno", None) == errno.EBUSY else None
