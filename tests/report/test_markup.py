"""Escaping: whatever text comes in, no markup comes out."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.report.markup import Html, el, join, text, visible


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[str] = []
        self.data = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(f"{tag} {dict(attrs)}")

    def handle_data(self, data: str) -> None:
        self.data += data


def parse(markup: str) -> Reader:
    reader = Reader()
    reader.feed(markup)
    reader.close()
    return reader


@given(st.text())
def test_any_text_stays_text(value: str) -> None:
    reader = parse(el("p", value, title=value))
    assert reader.seen == ["p " + str({"title": visible(value)})]
    assert reader.data == visible(value)


@given(st.text())
def test_visible_text_fits_utf8_and_holds_no_control(value: str) -> None:
    shown = visible(value).encode("utf-8").decode("utf-8")
    assert not any(ord(c) < 32 and c not in "\n\t" for c in shown)
    assert not set(shown) & {chr(c) for c in range(0x202A, 0x202F)}


def test_what_cannot_be_seen_is_spelled_out() -> None:
    assert visible("a\x00b\x1bc\x7f\x85") == "a[U+0000]b[U+001B]c[U+007F][U+0085]"
    assert visible("\u202eabc\u2066") == "[U+202E]abc[U+2066]"
    assert visible("\ud800\uffff") == "\ufffd\ufffd"
    assert visible("line\r\nnext\ttab\n") == "line\nnext\ttab\n"


def test_markup_made_here_is_not_escaped_again() -> None:
    inner = el("b", "1 < 2")
    assert inner == "<b>1 &lt; 2</b>"
    assert join(inner, "<") == "<b>1 &lt; 2</b>&lt;"
    assert el("div", inner, class_="x", aria_label=None) == f'<div class="x">{inner}</div>'
    assert isinstance(text("x"), Html)


def test_void_elements_close_themselves() -> None:
    assert el("line", x1="1") == '<line x1="1"/>'
    assert el("td") == "<td></td>"
