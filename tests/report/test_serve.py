"""The report server: reports and nothing else, to this machine and nobody else."""

import http.client
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tshirt_assets.config import ConfigError, CorpusConfig, Recipe
from tshirt_assets.report import serve
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


def ask(
    server: ReportServer, path: str, host: str | None = None, method: str = "GET"
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    return connection.getresponse()


def get(server: ReportServer, path: str, host: str | None = None) -> tuple[int, str]:
    answer = ask(server, path, host)
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


@pytest.mark.parametrize("address", ["/tiny/report.html", "/tiny/_evidence/evidence.html"])
def test_what_reports_link_to_is_served_too(
    tmp_path: Path, server: ReportServer, address: str
) -> None:
    assert get(server, address)[0] == 404
    file = tmp_path / "exports" / address[1:]
    file.parent.mkdir(exist_ok=True)
    file.write_text("of all recipes")
    assert get(server, address) == (200, "of all recipes")
    assert f'<a href="{address}">' in get(server, "/")[1]


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
    [
        ("localhost:3001", 200),
        ("LOCALHOST:3001", 200),
        ("127.0.0.1", 200),
        ("evil.example:3001", 403),
        ("localhost.evil.example", 403),
        ("", 403),
    ],
)
def test_only_this_machine_is_answered(server: ReportServer, host: str, status: int) -> None:
    """A name that an attacker has resolve to 127.0.0.1 still arrives as that name."""
    assert server.server_address[0] == "127.0.0.1"
    assert get(server, "/tiny/ifd/report.html", host)[0] == status


@pytest.mark.parametrize(("query", "status"), [("?theme=dark", 200), ("?", 200), ("%3F", 404)])
def test_a_query_does_not_hide_a_report(server: ReportServer, query: str, status: int) -> None:
    assert get(server, f"/tiny/ifd/report.html{query}")[0] == status


@pytest.mark.parametrize("path", ["/", "/tiny/ifd/report.html", "/tiny/none/report.html"])
def test_head_answers_like_get_without_the_page(server: ReportServer, path: str) -> None:
    whole, head = ask(server, path), ask(server, path, method="HEAD")
    assert head.status == whole.status
    assert head.headers["Content-Length"] == whole.headers["Content-Length"]
    assert head.read() == b""


def test_links_lead_nowhere_else(tmp_path: Path, server: ReportServer) -> None:
    """Neither out of the exports, nor to another file of theirs, nor to a pipe without an end."""
    folder = tmp_path / "exports" / "tiny" / "random-5pct"
    folder.mkdir()
    report, secret = folder / "report.html", tmp_path / "elsewhere" / "report.html"
    secret.parent.mkdir()
    secret.write_text("not for you")
    for target in (secret, folder.parent / "ifd" / "messages.jsonl", report):
        report.symlink_to(target)
        assert get(server, "/tiny/random-5pct/report.html")[0] == 404
        assert "random-5pct" not in get(server, "/")[1]
        report.unlink()
    os.mkfifo(report)
    assert get(server, "/tiny/random-5pct/report.html")[0] == 404
    report.unlink()
    folder.rmdir()
    folder.symlink_to(secret.parent, target_is_directory=True)
    assert get(server, "/tiny/random-5pct/report.html")[0] == 404


def test_the_exports_themselves_may_be_a_link(tmp_path: Path, server: ReportServer) -> None:
    moved = (tmp_path / "exports").rename(tmp_path / "moved")
    (tmp_path / "exports").symlink_to(moved, target_is_directory=True)
    assert get(server, "/tiny/ifd/report.html") == (200, REPORT)


def test_silent_connections_are_dropped_and_bounded(
    server: ReportServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve._Handler, "timeout", 0.5)
    before = threading.active_count()
    address = ("127.0.0.1", server.server_port)
    silent = [socket.create_connection(address, timeout=10) for _ in range(40)]
    assert [connection.recv(1) for connection in silent] == [b""] * 40  # the server hung up
    assert threading.active_count() <= before + serve.AT_ONCE
    for connection in silent:
        connection.close()
    assert get(server, "/tiny/ifd/report.html")[0] == 200


def test_no_more_than_so_many_are_answered_at_once(server: ReportServer) -> None:
    address = ("127.0.0.1", server.server_port)
    waiting = [socket.create_connection(address, timeout=10) for _ in range(serve.AT_ONCE)]
    with socket.create_connection(address, timeout=10) as one_more:
        assert one_more.recv(1) == b""
    for connection in waiting:
        connection.close()


def test_without_report_url_there_is_no_link(tmp_path: Path) -> None:
    assert report_link(corpus(tmp_path), "ifd") is None


@pytest.mark.parametrize("url", ["https://host/reports", "https://host/reports/"])
def test_a_link_is_below_the_given_address(tmp_path: Path, url: str) -> None:
    link = report_link(corpus(tmp_path, report_url=url), "random-5pct")
    assert link == "https://host/reports/tiny/random-5pct/report.html"


def test_a_port_in_use_is_a_one_line_error(tmp_path: Path, server: ReportServer) -> None:
    with pytest.raises(ConfigError, match=f"^port {server.server_port} cannot be used.*--port"):
        report_server([corpus(tmp_path)], server.server_port)
