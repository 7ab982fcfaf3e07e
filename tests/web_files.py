"""A web server on this machine that has files, and faults that a test asks for."""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


@dataclass
class Cut:
    """An answer that breaks off after so many bytes."""

    after: int


@dataclass
class Status:
    """An answer that is no file."""

    code: int
    retry_after: str = ""
    location: str = ""


@dataclass
class WebFiles:
    """What the server has and does.

    faults: of the next requests, one each; None for one that goes well, or what is done before it.
    answer: what is said in JSON to a path and the content that was sent; None: no such page.
    asked: path and range of every request; credentials: what it was authorized by.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Cut | Status | Callable[[], None] | None] = field(default_factory=list)
    ranges: bool = True
    tags: bool = True
    lists: bool = False
    token: str = ""
    answer: Callable[[str, bytes], Any] = lambda path, sent: None
    asked: list[tuple[str, str]] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(web: WebFiles) -> Iterator[WebFiles]:
    """The server while it runs; `url` is where."""

    class Handler(_Handler):
        state = web

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    web.url = f"http://127.0.0.1:{server.server_port}"
    yield web
    server.shutdown()
    server.server_close()
    thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: WebFiles
    sent = b""

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        self.sent = self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self) -> None:
        web, path = self.state, unquote(self.path.partition("?")[0])
        web.asked.append((self.path, self.headers.get("Range", "")))
        web.credentials.append(self.headers.get("Authorization", ""))
        fault = web.faults.pop(0) if web.faults else None
        if isinstance(fault, Status):
            self.refuse(fault)
        elif web.token and self.headers.get("Authorization") != f"Bearer {web.token}":
            self.refuse(Status(401))
        else:
            if callable(fault):
                fault()
            self.give(path, fault.after if isinstance(fault, Cut) else None)

    def refuse(self, status: Status) -> None:
        self.send_response(status.code)
        if status.retry_after:
            self.send_header("Retry-After", status.retry_after)
        if status.location:
            self.send_header("Location", status.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def give(self, path: str, cut: int | None) -> None:
        web = self.state
        if path.endswith("/") and web.lists:
            names = sorted(name for name in web.files if name.startswith(path))
            links = "".join(f'<a href="{name.removeprefix(path)}">x</a>' for name in names)
            return self.send(200, f"<a href='../'>up</a>{links}".encode(), {}, "text/html")
        told = web.answer(self.path, self.sent)
        if told is not None:
            return self.send(200, json.dumps(told).encode(), {}, "application/json")
        if path not in web.files:
            return self.refuse(Status(404))
        data = web.files[path]
        headers = {"ETag": f'"{hashlib.md5(data).hexdigest()}"'} if web.tags else {}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not (wanted and web.ranges):
            return self.send(200, data, headers, cut=cut)
        first = int(wanted[1])
        if first >= len(data):
            return self.send(416, b"", headers | {"Content-Range": f"bytes */{len(data)}"})
        part = data[first : int(wanted[2]) + 1 if wanted[2] else None]
        headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        return self.send(206, part, headers, cut=cut)

    def send(
        self,
        code: int,
        data: bytes,
        headers: dict[str, str],
        kind: str = "application/octet-stream",
        cut: int | None = None,
    ) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:cut])
        if cut is not None:
            self.close_connection = True
