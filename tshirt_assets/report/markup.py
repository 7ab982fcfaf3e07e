"""HTML that is escaped unless it was built here: row text never becomes markup."""

import html
import re
from typing import Final

from tshirt_assets.export.escaping import INVISIBLE, visible

VOID: Final = frozenset({"br", "col", "line", "path", "circle", "rect", "input"})


_CHANGED: Final = re.compile(f"{INVISIBLE.pattern}|[&<>\"']")
"""What is not itself in markup. Most of a page are short texts without any of it."""


class Html(str):
    """Markup that is safe to put into a page as it is."""

    __slots__ = ()


def text(value: str) -> Html:
    """Any text as markup."""
    return Html(html.escape(visible(value)) if _CHANGED.search(value) else value)


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
