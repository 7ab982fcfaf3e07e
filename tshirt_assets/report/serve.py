"""Reports over HTTP, for the browser that shows the Dagster UI.

A page that came over http may not open a file, so a link in a materialization's metadata needs a
server. This one answers on this machine only and has nothing but reports to give.
"""

import http.server
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tshirt_assets.config import ConfigError, CorpusConfig
from tshirt_assets.report.markup import Html, el

HOST: Final = "127.0.0.1"
REPORT: Final = "report.html"


def report_link(config: CorpusConfig, recipe: str) -> str | None:
    """Where a browser finds the report of a recipe; None without the option `report_url`."""
    if config.report_url is None:
        return None
    return config.report_url.rstrip("/") + _address(config, recipe)


def report_server(corpora: Sequence[CorpusConfig], port: int) -> "ReportServer":
    """A server of the reports of these corpora; `serve_forever` starts it.

    Port 0 takes a free one. Raises `ConfigError` when the port cannot be had.
    """
    files = {
        _address(config, recipe): Path(config.export_dir) / config.name / recipe / REPORT
        for config in corpora
        for recipe in config.recipes
    }
    try:
        return ReportServer(files, port)
    except OSError as error:
        raise ConfigError(
            f"port {port} cannot be used ({error.strerror}); choose another one with --port, and "
            "the same one in the option report_url"
        ) from None


class ReportServer(http.server.ThreadingHTTPServer):
    """Serves `files`, by address, and a list of those that exist; nothing else can be reached."""

    def __init__(self, files: dict[str, Path], port: int) -> None:
        super().__init__((HOST, port), _Handler)
        self.files = files

    @property
    def url(self) -> str:
        """Address of the list of reports."""
        return f"http://{HOST}:{self.server_port}/"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: ReportServer

    def do_GET(self) -> None:
        # Any web page can have its own name resolve to this machine; none of them is us.
        asked_of = self.headers.get("Host", "").partition(":")[0]
        if asked_of not in (HOST, "localhost"):
            self.send_error(403, explain="reports are served to this machine only")
            return
        page = self._page()
        if page is None:
            self.send_error(404, explain="no such report; has selected_subset been materialized?")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(page)

    def _page(self) -> bytes | None:
        files = self.server.files
        if self.path == "/":
            there = [address for address, file in files.items() if file.is_file()]
            return _list(there).encode()
        try:
            return files[self.path].read_bytes()
        except (KeyError, FileNotFoundError):
            return None

    def log_message(self, *_: object) -> None:
        """No line per request: the terminal is Dagster's."""


def _address(config: CorpusConfig, recipe: str) -> str:
    return f"/{config.name}/{recipe}/{REPORT}"


def _list(addresses: Sequence[str]) -> str:
    items = [
        el("li", el("a", address.removesuffix(f"/{REPORT}")[1:], href=address))
        for address in addresses
    ]
    body = el("ul", *items) if items else el("p", "No recipe has been materialized yet.")
    return Html("<!doctype html>") + el("title", "Reports") + el("h1", "Reports") + body
