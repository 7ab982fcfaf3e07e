"""The report server: reports and nothing else, to this machine and nobody else."""

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tshirt_assets.config import ConfigError, CorpusConfig, Recipe
from tshirt_assets.report.serve import ReportServer, report_link, report_server

REPORT = "<!doctype html><title>tiny / ifd</title><p>grüße"


def corpus(folder: Path, **options: Any) -> CorpusConfig:
    recipes = {
        "ifd": Recipe(method="ifd", budget=4),
        "random-5pct": Recipe(method="random", budget=1),
    }
    return CorpusConfig(
        name="tiny", paths=("rows",), recipes=recipes, export_dir=str(folder / "exports"), **options
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ReportServer]:
    """A running server of a corpus with two recipes, one of them materialized."""
    folder = tmp_path / "exports" / "tiny" / "ifd"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text(REPORT, encoding="utf-8")
    (folder / "messages.jsonl").write_text("{}")
    (tmp_path / "exports" / "tiny" / "old").mkdir()
    (tmp_path / "exports" / "tiny" / "old" / "report.html").write_text("no recipe of the corpus")
    with report_server([corpus(tmp_path)], 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def get(server: ReportServer, path: str, host: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request("GET", path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_a_link_leads_to_the_report(tmp_path: Path, server: ReportServer) -> None:
    config = corpus(tmp_path, report_url=server.url)
    link = report_link(config, "ifd")
    assert link == f"http://127.0.0.1:{server.server_port}/tiny/ifd/report.html"
    assert get(server, link.removeprefix(server.url.rstrip("/"))) == (200, REPORT)


def test_a_report_written_later_is_there_at_once(tmp_path: Path, server: ReportServer) -> None:
    address = "/tiny/random-5pct/report.html"
    assert get(server, address)[0] == 404
    assert address not in get(server, "/")[1]
    (tmp_path / "exports" / "tiny" / "random-5pct").mkdir()
    (tmp_path / "exports" / "tiny" / "random-5pct" / "report.html").write_text("new")
    assert get(server, address) == (200, "new")
    assert f'<a href="{address}">tiny/random-5pct</a>' in get(server, "/")[1]


@pytest.mark.parametrize(
    "path",
    [
        "/tiny/ifd/messages.jsonl",
        "/tiny/ifd/",
        "/tiny/old/report.html",
        "/tiny/ifd/../ifd/report.html",
        "/tiny/%69fd/report.html",
        "/../../../../etc/passwd",
        "/other/ifd/report.html",
    ],
)
def test_nothing_but_reports_is_served(server: ReportServer, path: str) -> None:
    assert get(server, path)[0] == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:3001", 200), ("127.0.0.1", 200), ("evil.example:3001", 403), ("", 403)],
)
def test_only_this_machine_is_answered(server: ReportServer, host: str, status: int) -> None:
    """A name that an attacker has resolve to 127.0.0.1 still arrives as that name."""
    assert server.server_address[0] == "127.0.0.1"
    assert get(server, "/tiny/ifd/report.html", host)[0] == status


def test_without_report_url_there_is_no_link(tmp_path: Path) -> None:
    assert report_link(corpus(tmp_path), "ifd") is None


@pytest.mark.parametrize("url", ["https://host/reports", "https://host/reports/"])
def test_a_link_is_below_the_given_address(tmp_path: Path, url: str) -> None:
    link = report_link(corpus(tmp_path, report_url=url), "random-5pct")
    assert link == "https://host/reports/tiny/random-5pct/report.html"


def test_a_port_in_use_is_a_one_line_error(tmp_path: Path, server: ReportServer) -> None:
    with pytest.raises(ConfigError, match=f"^port {server.server_port} cannot be used.*--port"):
        report_server([corpus(tmp_path)], server.server_port)
