"""HTML that is escaped unless it was built here: row text never becomes markup."""

import html
import re
from typing import Final

CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
VOID: Final = frozenset({"br", "col", "line", "path", "circle", "rect"})


class Html(str):
    """Markup that is safe to put into a page as it is."""

    __slots__ = ()


def visible(value: str) -> str:
    """Text with the characters that HTML cannot hold, or that reorder a line, made visible.

    Control characters and bidirectional overrides become their code point in brackets, and what is
    no character U+FFFD. Newlines and tabs stay.
    """
    return CONTROLS.sub(_shown, value.replace("\r\n", "\n"))


def text(value: str) -> Html:
    """Any text as markup."""
    return Html(html.escape(visible(value)))


def join(*parts: str) -> Html:
    """Concatenation; parts that are not `Html` are escaped."""
    return Html("".join(part if isinstance(part, Html) else text(part) for part in parts))


def el(tag: str, *children: str, **attributes: str | None) -> Html:
    """One element. In attribute names `_` stands for `-` and a final one is dropped: `class_`.

    Children that are not `Html` are escaped; attributes that are None are left out.
    """
    pairs = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{text(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in VOID and not children:
        return Html(f"<{tag}{pairs}/>")
    return Html(f"<{tag}{pairs}>{join(*children)}</{tag}>")


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    return "\ufffd" if code >= 0xD800 else f"[U+{code:04X}]"
