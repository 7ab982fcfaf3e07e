"""Reports over HTTP, for the browser that shows the Dagster UI.

A page that came over http may not open a file, so a link in a materialization's metadata needs a
server. This one answers on this machine only and has nothing but reports to give.
"""

import http.server
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tshirt_assets.config import ConfigError, CorpusConfig
from tshirt_assets.evidence.evidence_files import FOLDER as EVIDENCE
from tshirt_assets.evidence.evidence_files import PAGE
from tshirt_assets.report.markup import Html, el

HOST: Final = "127.0.0.1"
REPORT: Final = "report.html"
NAMES: Final = (HOST, "localhost")  # of this machine, in a request's Host
AT_ONCE: Final = 16  # requests; more are turned away
SILENCE: Final = 10.0  # seconds after which a browser that sends or takes nothing is dropped


def report_link(config: CorpusConfig, recipe: str | None = None) -> str | None:
    """Where a browser finds the report of a recipe, or that across recipes.

    None without the option `report_url`.
    """
    if config.report_url is None:
        return None
    return f"{config.report_url.rstrip('/')}/{_below(config, recipe).as_posix()}"


def report_file(config: CorpusConfig, recipe: str | None = None) -> Path:
    """The file of the report of a recipe, or of that across recipes; it may not exist yet."""
    return Path(config.export_dir) / _below(config, recipe)


def report_server(corpora: Sequence[CorpusConfig], port: int) -> "ReportServer":
    """A server of the reports of these corpora; `serve_forever` starts it.

    Port 0 takes a free one. Raises `ConfigError` when the port cannot be had.
    """
    reports = {
        f"/{page.as_posix()}": _Report(Path(config.export_dir), page)
        for config in corpora
        for page in _pages(config)
    }
    try:
        return ReportServer(reports, port)
    except OSError as error:
        raise port_refused(port, error, "report_url") from None


def port_refused(port: int, error: OSError, option: str) -> ConfigError:
    """What to say of a port that a server cannot have; `option` holds the server's address."""
    return ConfigError(
        f"port {port} cannot be used ({error.strerror}); choose another one with --port, and "
        f"the same one in the option {option}"
    )


@dataclass(frozen=True)
class _Report:
    """A page that may not exist yet, below the exports."""

    exports: Path
    page: Path  # below the exports

    def file(self) -> Path | None:
        """The page's file; None where there is none, or a link leads to something else."""
        try:
            file = (self.exports / self.page).resolve(strict=True)
            inside = file.is_relative_to(self.exports.resolve())
        except (OSError, RuntimeError):  # missing, or links in a circle
            return None
        return file if inside and file.name == self.page.name and file.is_file() else None


class ReportServer(http.server.ThreadingHTTPServer):
    """Serves `reports`, by address, and a list of those that exist; nothing else can be reached."""

    def __init__(self, reports: dict[str, _Report], port: int) -> None:
        super().__init__((HOST, port), _Handler)
        self.reports = reports
        self._places = threading.BoundedSemaphore(AT_ONCE)

    @property
    def url(self) -> str:
        """Address of the list of reports."""
        return f"http://{HOST}:{self.server_port}/"

    def process_request(self, request: socket.socket | Any, client_address: Any) -> None:
        """Answer in a thread of its own, or hang up when too many are being answered."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: socket.socket | Any, client_address: Any) -> None:
        """Answer one request, then leave its place to the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: socket.socket | Any, client_address: Any) -> None:
        """A browser that goes away in the middle is no news: the terminal is Dagster's."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: ReportServer
    timeout = SILENCE

    def do_GET(self) -> None:
        page = self._answer()
        if page is not None:
            self.wfile.write(page)

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> bytes | None:
        """Send the status and the headers; the page to send after them, None after an error."""
        # Any web page can have its own name resolve to this machine; none of them is us.
        asked_of = self.headers.get("Host", "").partition(":")[0].lower()
        if asked_of not in NAMES:
            self.send_error(403, explain="reports are served to this machine only")
            return None
        page = self._page()
        if page is None:
            self.send_error(404, explain="no such report; has selected_subset been materialized?")
            return None
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        return page

    def _page(self) -> bytes | None:
        reports = self.server.reports
        address = self.path.partition("?")[0]
        if address == "/":
            there = [address for address, report in reports.items() if report.file()]
            return _list(there).encode()
        file = reports[address].file() if address in reports else None
        try:
            return file.read_bytes() if file else None
        except OSError:
            return None

    def log_message(self, *_: object) -> None:
        """No line per request: the terminal is Dagster's."""


def _pages(config: CorpusConfig) -> Iterator[Path]:
    """The pages of a corpus, below the exports: across recipes, evidence, and of each recipe."""
    yield _below(config, None)
    yield Path(config.name) / EVIDENCE / PAGE
    for recipe in config.recipes:
        yield _below(config, recipe)


def _below(config: CorpusConfig, recipe: str | None) -> Path:
    """The page of a recipe, or that across recipes, below the exports."""
    return Path(config.name, *filter(None, [recipe]), REPORT)


def _list(addresses: Sequence[str]) -> str:
    items = [
        el("li", el("a", address.removesuffix(f"/{REPORT}")[1:], href=address))
        for address in addresses
    ]
    body = el("ul", *items) if items else el("p", "No recipe has been materialized yet.")
    return Html("<!doctype html>") + el("title", "Reports") + el("h1", "Reports") + body
