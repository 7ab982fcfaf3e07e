"""Files elsewhere: listed, looked at, and read as a stream that survives a broken connection."""

import io
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import BinaryIO, Final, Protocol, TypeVar, cast

from tshirt_assets.config.credentials import UnsetVariable, resolved, secrets_in
from tshirt_assets.corpus.addresses import Address, Seen, as_address, is_remote
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.object_stores import ObjectStore
from tshirt_assets.corpus.patience import ChangedError, GoneError, patient
from tshirt_assets.corpus.web import Web

Result = TypeVar("Result")

FIRST_BLOCK: Final = 1 << 18  # bytes of the first request of a reading; each one is twice the last
LARGEST_BLOCK: Final = 1 << 23  # up to this; a second one is fetched ahead of its reading


class RemoteFile(Protocol):
    """A file elsewhere, opened."""

    seen: Seen

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`; fewer where the connection breaks."""

    def close(self) -> None:
        """Let go of it."""


class Remote(Protocol):
    """A client of one kind of source. Its methods raise whatever its library does."""

    def look(self, url: str) -> Seen:
        """What is seen of a file now, without reading it."""

    def opened(self, url: str) -> RemoteFile:
        """A file, to be read by ranges."""

    def listed(self, pattern: str) -> dict[str, Seen | None]:
        """The file at an address, those that match a pattern, or those below a folder.

        What the listing itself does not tell of a file is None.
        """


def look(path: str) -> Seen:
    """The version and the size of a file elsewhere, by one request.

    Raises `CorpusError` for one that is gone, is not ours to read, or cannot be reached.
    """
    address = as_address(path)
    return _asked(address, lambda client: client.look(address), first=True)


def listed(pattern: str) -> list[Address]:
    """The files that an address, a pattern or a folder elsewhere stands for; there may be none.

    Raises `CorpusError` where that cannot be found out.
    """
    address = as_address(pattern)
    try:
        found = _asked(address, lambda client: client.listed(address), first=True)
    except GoneError:
        return []
    return [Address(url, address.options, seen) for url, seen in found.items()]


def open_file(path: str) -> BinaryIO:
    """A file of this machine or elsewhere, opened for reading and seeking.

    Raises `OSError` for a file of this machine, `CorpusError` for one elsewhere: there also while
    it is read, where it has changed meanwhile or its source fails for good.
    """
    if not is_remote(path):
        return open(path, "rb")
    return cast(BinaryIO, io.BufferedReader(_Stream(as_address(path)), FIRST_BLOCK))


def _client(address: Address) -> Remote:
    try:
        options = {name: resolved(value) for name, value in address.options.items()}
    except UnsetVariable as unset:
        [name] = unset.args
        raise CorpusError(
            f"{address}: the options of this source refer to ${{{name}}}, which is not set; "
            f"export {name} and run again"
        ) from None
    options = {name: value for name, value in options.items() if value}  # a variable may be empty
    return Web(options) if address.kind == "https" else ObjectStore(address.kind, options)


def _asked(address: Address, request: Callable[[Remote], Result], *, first: bool = False) -> Result:
    """The result of a request; each try reads the credentials anew, as they may be renewed."""
    secrets = secrets_in(address.options.values())
    return patient(address, lambda: request(_client(address)), secrets=secrets, first=first)


class _Stream(io.RawIOBase):
    """The bytes of a file elsewhere, fetched in blocks; while one is read the next one comes."""

    def __init__(self, address: Address):
        self._address = address
        self._file: RemoteFile | None = None
        self._fetcher = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._at = 0
        self._start, self._block, self._size = 0, b"", FIRST_BLOCK
        self._ahead: tuple[int, Future[bytes]] | None = None
        self._file = _asked(address, lambda client: client.opened(address), first=True)
        self._seen = self._file.seen

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {0: 0, 1: self._at, 2: self._seen.size}[whence]
        return self._at

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        if self._at >= self._seen.size:
            return 0
        if not self._start <= self._at < self._start + len(self._block):
            self._turn_to(self._at)
        first = self._at - self._start
        count = min(len(buffer), len(self._block) - first)
        buffer[:count] = memoryview(self._block)[first : first + count]
        self._at += count
        return count

    def close(self) -> None:
        if not self.closed:
            self._fetcher.shutdown(wait=False, cancel_futures=True)
            if self._file is not None:
                self._file.close()
        super().close()

    def _turn_to(self, place: int) -> None:
        """Have the block that begins at a place, and the one behind it on its way."""
        onwards = 0 < place == self._start + len(self._block)
        self._size = min(2 * self._size, LARGEST_BLOCK) if onwards else FIRST_BLOCK
        start, coming = self._ahead or (None, None)
        self._ahead = None
        if coming is not None and start != place:
            wait([coming])  # one request at a time; what it gives, or why not, is of no use now
            coming = None
        self._block = coming.result() if coming else self._fetch(place, self._size)
        self._start = place
        following = place + len(self._block)
        if onwards and following < self._seen.size:
            self._ahead = following, self._fetcher.submit(self._fetch, following, self._size)

    def _fetch(self, start: int, size: int) -> bytes:
        stop = min(start + size, self._seen.size)

        def request() -> bytes:
            if self.closed:  # nobody waits for it any more
                raise CorpusError(f"{self._address}: was closed")
            file, self._file = self._file or self._opened_again(), None
            try:
                data = file.read(start, stop)
                if len(data) != stop - start:
                    raise ConnectionError(f"it broke after {len(data):,} of {stop - start:,} bytes")
            except BaseException:
                file.close()
                raise
            if self.closed:
                file.close()
            self._file = file
            return data

        return patient(self._address, request, secrets=secrets_in(self._address.options.values()))

    def _opened_again(self) -> RemoteFile:
        """The file after a try that failed, if it is still the same one."""
        file = _client(self._address).opened(self._address)
        if file.seen != self._seen:
            file.close()
            raise ChangedError(self._address)
        return file
