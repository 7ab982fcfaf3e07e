"""Files on a web server, by ranges of bytes; a server without ranges is read from front to back.

Written on Python's own client: every answer says which version of the file it is of, whether the
server keeps to the range, and how long a busy one wants to be left alone.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from email.message import Message
from email.utils import parsedate_to_datetime
from fnmatch import fnmatch
from html.parser import HTMLParser
from http.client import HTTPException, HTTPResponse
from time import time
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urljoin
from urllib.request import Request, urlopen

from tshirt_assets.corpus.addresses import Seen
from tshirt_assets.corpus.patience import ChangedError, StatusError

TIMEOUT: Final = 20.0  # seconds without a byte
LARGEST_PAGE: Final = 1 << 24  # bytes of a page that lists files
SKIPPED: Final = 1 << 20  # bytes passed over at a time
PATTERN: Final = re.compile(r"[*\[]")  # in an address `?` begins a query


class Web:
    """Files of web servers. options: `token`, or `username` and `password`, resolved."""

    def __init__(self, options: Mapping[str, str]):
        self._authorization = None
        if "token" in options:
            self._authorization = f"Bearer {options['token']}"
        elif "username" in options:
            pair = f"{options['username']}:{options.get('password', '')}"
            self._authorization = f"Basic {b64encode(pair.encode()).decode()}"

    def look(self, url: str) -> Seen:
        """What the server says of a file."""
        try:
            with self.get(url, 0, 1) as response:
                return _seen(response.headers)
        except _EmptyFileError as empty:
            return empty.seen

    def opened(self, url: str) -> "WebFile":
        """A file, to be read by ranges."""
        return WebFile(self, url, self.look(url))

    def listed(self, pattern: str) -> dict[str, Seen | None]:
        """The file at an address; those that a page links to, for `folder/` or `folder/*.jsonl`."""
        if not PATTERN.search(pattern) and not pattern.endswith("/"):
            return {pattern: self.look(pattern)}
        folder, _, names = pattern.rpartition("/")
        if PATTERN.search(folder):
            raise ValueError("in an https:// address only the last part may be a pattern")
        try:
            with self.get(f"{folder}/") as response:
                page = response.read(LARGEST_PAGE).decode("utf-8", "replace")
                is_page = response.headers.get_content_type() == "text/html"
        except FileNotFoundError:
            page, is_page = "", False
        if not is_page:
            raise ValueError("the server lists no files there; name each of them in `paths`")
        links = _Links()
        links.feed(page)
        found = (urljoin(f"{folder}/", link) for link in links.found)
        below = [url for url in found if url.rpartition("/")[0] == folder and "?" not in url]
        return {url: None for url in below if fnmatch(_name(url), names or "?*")}

    def get(self, url: str, start: int = 0, stop: int | None = None) -> HTTPResponse:
        """The answer to a request for a range of bytes, or for everything. Raises `OSError`."""
        # Text outside ASCII and blanks, as people write them; what is quoted already stays.
        request = Request(quote(url, safe="%/:=&?~#+!$,;'@()*[]"))
        if stop is not None:
            request.add_header("Range", f"bytes={start}-{stop - 1}")
        if self._authorization:  # never sent on to another server that the first one names
            request.add_unredirected_header("Authorization", self._authorization)
        try:
            response: HTTPResponse = urlopen(request, timeout=TIMEOUT)
        except HTTPError as error:
            error.close()
            if error.code == 416 and error.headers.get("Content-Range") == "bytes */0":
                raise _EmptyFileError(_seen(error.headers)) from None
            if error.code == 416:
                raise ChangedError(url) from None
            if error.code in (404, 410):
                raise FileNotFoundError(url) from None
            raise StatusError(error.code, error.reason, _wait(error)) from None
        except URLError as error:
            raise ConnectionError(str(error.reason)) from None
        except HTTPException as error:
            raise ConnectionError(type(error).__name__) from None
        return response


class WebFile:
    """A file of a web server: what was seen of it, and any range of its bytes."""

    def __init__(self, web: Web, url: str, seen: Seen):
        self.seen = seen
        self._web = web
        self._url = url
        self._whole: tuple[HTTPResponse, int] | None = None  # of a server without ranges

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`; fewer where the connection breaks."""
        try:
            if self._whole and self._whole[1] <= start:
                return self._onwards(*self._whole, start, stop)
            self.close()
            response = self._web.get(self._url, start, stop)
            if _seen(response.headers) != self.seen:
                response.close()
                raise ChangedError(self._url)
            if response.status == 206:
                with response:
                    return response.read(stop - start)
            return self._onwards(response, 0, start, stop)
        except HTTPException as error:
            raise ConnectionError(type(error).__name__) from None

    def _onwards(self, response: HTTPResponse, at: int, start: int, stop: int) -> bytes:
        while at < start and (passed := response.read(min(SKIPPED, start - at))):
            at += len(passed)
        data = response.read(stop - start)
        self._whole = response, start + len(data)
        return data

    def close(self) -> None:
        """Give up what is still to come of a whole file."""
        if self._whole:
            self._whole[0].close()
            self._whole = None


class _EmptyFileError(ChangedError):
    """There is not even a first byte; a file that was opened with some has changed."""

    def __init__(self, seen: Seen):
        super().__init__()
        self.seen = seen


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


def _name(url: str) -> str:
    return unquote(url.rpartition("/")[2])


def _seen(headers: Message) -> Seen:
    size = headers.get("Content-Range", "").rpartition("/")[2] or headers.get("Content-Length", "")
    if not size.isdecimal():
        raise ValueError("the server does not say how large the file is; copy it to a folder")
    tag = headers.get("ETag", "").removeprefix("W/").strip('"') or headers.get("Last-Modified", "")
    return Seen(f"{size}-{tag}", int(size))


def _wait(error: HTTPError) -> float:
    """The seconds that `Retry-After` asks for, given as such or as a date; 0 without."""
    asked = error.headers.get("Retry-After", "")
    if asked.isdecimal():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time())
    except ValueError:
        return 0.0
