"""What reaches a terminal: text, and nothing that commands it."""

import ast
import logging
import sys
import unicodedata
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets import cli
from tshirt_assets.commands.terminal import TerminalHandler, mendable, say
from tshirt_assets.models.model_files import ModelError

BIDI = {*map(chr, (0x61C, 0x200E, 0x200F)), *map(chr, range(0x202A, 0x202F))}
BIDI |= set(map(chr, range(0x2066, 0x206A)))
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\u2066\u2028\x7f\ud800"


def printed(text: str, encoding: str = "utf-8") -> str:
    stream = TextIOWrapper(BytesIO(), encoding=encoding, newline="")
    before, sys.stdout = sys.stdout, stream
    try:
        say(text)
        stream.flush()
    finally:
        sys.stdout = before
    return stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


@given(st.text(st.characters()), st.sampled_from(["utf-8", "ascii", "latin-1", "cp1252"]))
def test_no_text_commands_a_terminal(text: str, encoding: str) -> None:
    shown = printed(text, encoding)
    for character in shown:
        assert character in "\n\t" or unicodedata.category(character) not in (
            "Cc",
            "Cs",
            "Zl",
            "Zp",
        )
        assert character not in BIDI


def test_hostile_text_stays_readable() -> None:
    assert printed(HOSTILE) == (
        "[U+001B]]0;owned[U+0007][U+001B][2J[U+009B]31m[U+202E]gnp.exe[U+2066][U+2028][U+007F]\ufffd\n"
    )
    assert printed("rivière → 川\tend") == "rivière → 川\tend\n"


def test_what_is_logged_is_one_safe_line(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.Logger("test")
    logger.addHandler(TerminalHandler())
    logger.warning("a\nb \x1b[31m")
    logger.info("plain")
    assert capsys.readouterr().err == "warning: a b [U+001B][31m\nplain\n"


def test_the_commands_print_in_one_way_only() -> None:
    rooms = Path(cli.__file__).parents[1]
    for file in (*rooms.glob("commands/*.py"), *rooms.glob("cli/*.py")):
        calls = [
            ast.unparse(n.func)
            for n in ast.walk(ast.parse(file.read_text()))
            if isinstance(n, ast.Call)
        ]
        allowed = {"click.echo"} if file.name == "terminal.py" else set()
        assert {"print", "click.echo"} & set(calls) <= allowed, file.name


def test_the_outermost_product_error_counts() -> None:
    hidden = ModelError("no tokenizer beside the weights")
    hidden.__cause__ = ValueError("Couldn't instantiate the backend tokenizer")
    wrapper = RuntimeError("wrapper")
    wrapper.__cause__ = hidden
    assert mendable(wrapper) is hidden
    assert mendable(ValueError("a bug")) is None


LINES = "tshirt: 14 rows\nwarning: check samples.rows_usable (1 of 3): few\nerror: no file\n"


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """What a terminal gets to see of `LINES`."""

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in ({"TERM": "xterm"} | environment).items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    say(LINES, names=["tshirt"])
    return stream.getvalue()


def test_a_terminal_shows_headings_levels_and_failed_checks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert on_a_terminal(monkeypatch) == (
        "\x1b[1mtshirt\x1b[0m: 14 rows\n"
        "\x1b[33mwarning\x1b[0m: \x1b[31mcheck samples.rows_usable\x1b[0m (1 of 3): few\n"
        "\x1b[31merror\x1b[0m: no file\n\n"
    )


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_colours_can_be_forbidden(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert on_a_terminal(monkeypatch, **environment) == LINES + "\n"


def test_no_colours_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(LINES, names=["tshirt"])
    assert capsys.readouterr().out == LINES + "\n"
