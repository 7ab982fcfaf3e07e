"""How far a run is, on a terminal and elsewhere."""

import io
import os
import pty
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from tshirt_assets.commands import run_progress as shown
from tshirt_assets.commands.live_line import LiveLine, can_be_live
from tshirt_assets.commands.run_progress import RunProgress, shown_progress
from tshirt_assets.commands.terminal import say
from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.catalog import EMBEDDINGS, SAMPLES, TOKEN_SCORES
from tshirt_assets.incremental.progress import Advanced, Began, tell

WARNING = click.style("warning", fg="yellow")
WIDTH = 80
STEPS = 10


class Terminal:
    """A pseudo terminal of 80 columns, and what a user would see on it."""

    def __init__(self) -> None:
        self._reading, writing = pty.openpty()
        termios.tcsetwinsize(writing, (24, WIDTH))
        self.stream = open(writing, "w")  # noqa: SIM115
        self._written = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                found = os.read(self._reading, 4096)
            except OSError:  # the other end is closed
                return
            self._written += found

    def close(self) -> str:
        """All that was written."""
        self.stream.close()
        self._reader.join()
        os.close(self._reading)
        return self._written.decode()


def screen(written: str) -> list[str]:
    """The lines that stay: a carriage return goes back to the beginning of its line."""
    lines = []
    for line in written.replace("\r\n", "\n").split("\n"):
        cells: list[str] = []
        for part in line.split("\r"):
            cells[: len(part)] = part
        lines.append("".join(cells).rstrip())
    return lines


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, term: str = "xterm") -> Iterator[Callable[[], str]]:
    found = Terminal()
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stderr", found.stream)
    try:
        yield found.close
    finally:
        monkeypatch.undo()


@pytest.fixture
def config(tmp_path: Path) -> CorpusConfig:
    (tmp_path / "a.jsonl").write_text('{"instruction": "a", "output": "b"}\n')
    return CorpusConfig(name="c", paths=[str(tmp_path / "a.jsonl")], store=str(tmp_path / "store"))


@pytest.fixture(autouse=True)
def _hundred_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every shard."""
    known = ("embeddings", "token_scores")
    monkeypatch.setattr(
        shown, "rows_to_do", lambda _, __, asset, keys: 100 * len(keys) if asset in known else None
    )
    monkeypatch.setattr(shown, "LIVE_SECONDS", 0.0)


def scored(progress: RunProgress, shards: Sequence[str] = ("s", "t")) -> None:
    """The events of two phases; the second of its shards fails at the scores."""
    progress.expect([SAMPLES], [shards])
    tell(Began("samples"))
    tell(Advanced("samples", 200))
    progress.expect([EMBEDDINGS, TOKEN_SCORES], [shards[:1], shards[1:]])
    tell(Began("embeddings"))
    tell(Advanced("embeddings", 200))  # all reused
    tell(Began("token_scores"))
    tell(Advanced("token_scores", 40))
    tell(Advanced("token_scores", 60, 60, 6_000))
    say("warning: something", err=True)


def plain(line: str) -> str:
    """A line without its speed."""
    return line.split(" tokens/s")[0].rpartition(", ")[0] if "tokens/s" in line else line


def test_on_a_terminal_one_line_is_drawn_in_place_and_others_are_printed_above_it(
    config: CorpusConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = STEPS
    with terminal(monkeypatch) as close:
        with shown_progress(config, STEPS) as progress:
            scored(progress)
        written = close()
    assert list(map(plain, screen(written))) == [
        f"[1/{n}] samples: 200 rows",
        f"[2/{n}] embeddings: 200 rows",
        f"{WARNING}: something",
        f"[3/{n}] token_scores: 100 of 200 rows",  # of two shards one failed
        "",
    ]
    assert f"\r[3/{n}] token_scores: 40 rows" in written  # it was there meanwhile
    assert "\x1b" not in written.replace(WARNING, "")
    assert max(len(part) for line in written.splitlines() for part in line.split("\r")) <= WIDTH


def test_a_line_that_is_too_long_is_cut_to_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as close:
        line = LiveLine(sys.stderr)
        line.show("x" * 200)
        line.show("short")
        line.close()
        written = close()
    assert WIDTH - 1 <= max(map(len, written.split("\r"))) <= WIDTH
    assert screen(written) == [""]


@pytest.mark.parametrize("term", ["dumb", None])
def test_elsewhere_lines_are_printed_now_and_then(
    config: CorpusConfig, monkeypatch: pytest.MonkeyPatch, term: str | None
) -> None:
    n = STEPS
    if term is None:
        monkeypatch.setattr(sys, "stderr", written := io.StringIO())
        with shown_progress(config, STEPS) as progress:
            scored(progress)
        lines = written.getvalue().splitlines()
    else:
        with terminal(monkeypatch, term) as close:
            with shown_progress(config, STEPS) as progress:
                scored(progress)
            lines = close().replace("\r\n", "\n").splitlines()
    assert list(map(plain, lines)) == [
        f"[1/{n}] samples",
        f"[1/{n}] samples: 200 rows",
        f"[2/{n}] embeddings",
        f"[2/{n}] embeddings: 200 rows",
        f"[3/{n}] token_scores",
        "warning: something",
        f"[3/{n}] token_scores: 100 of 200 rows",
    ]
    assert not any("\r" in line or "\x1b" in line for line in lines)


def test_plain_lines_keep_their_distance(
    config: CorpusConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(shown, "time", SimpleNamespace(monotonic=lambda: now))
    progress = RunProgress(config, None, STEPS)
    progress.expect([TOKEN_SCORES], [["s"]])
    progress.hear(Began("token_scores"))
    for _ in range(100):
        now += 0.5
        progress.hear(Advanced("token_scores", 1, 1, 10))
    progress.finish()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 + 5
    assert "] token_scores: 20 of 100 rows, " in lines[1]
    assert "] token_scores: 100 of 100 rows, " in lines[-1]


def test_workers_that_take_turns_with_two_assets_say_each_once(
    config: CorpusConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = RunProgress(config, None, STEPS)
    progress.expect([EMBEDDINGS, TOKEN_SCORES], [["s", "t"]])
    for worker in range(2):
        for asset in ("embeddings", "token_scores"):
            progress.hear(Began(asset))
            progress.hear(Advanced(asset, 50, 50, 500 * worker))
    for asset in ("token_scores", "embeddings"):
        progress.hear(Advanced(asset, 100, 100))
    progress.finish()
    lines = [plain(line).partition("] ")[2] for line in capsys.readouterr().err.splitlines()]
    assert lines[:2] == ["embeddings", "token_scores"]
    assert [line.partition(", ")[0] for line in lines[2:]] == [
        "embeddings: 200 of 200 rows",
        "token_scores: 200 of 200 rows",
    ]


def test_a_run_of_one_row(config: CorpusConfig, capsys: pytest.CaptureFixture[str]) -> None:
    progress = RunProgress(config, None, STEPS)
    progress.expect([SAMPLES], [["s"]])
    progress.hear(Began("samples"))
    progress.hear(Advanced("samples", 1))
    progress.finish()
    assert capsys.readouterr().err.splitlines()[-1].endswith("] samples: 1 row")


def interrupted(config: CorpusConfig) -> None:
    with shown_progress(config, STEPS) as progress:
        scored(progress)
        raise KeyboardInterrupt


def test_an_interrupt_leaves_no_line_behind(
    config: CorpusConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with terminal(monkeypatch) as close:
        with pytest.raises(KeyboardInterrupt):
            interrupted(config)
        say("interrupted", err=True)
        written = close()
    assert screen(written)[-2:] == ["interrupted", ""]


def test_what_is_no_terminal_has_no_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert not can_be_live(io.StringIO())


def test_a_terminal_that_is_gone_ends_no_run(
    config: CorpusConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(shown, "say", gone)
    RunProgress(config, None, STEPS).hear(Began("samples"))
