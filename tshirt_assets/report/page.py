"""The frame of every page: one self-contained HTML file that asks the network nothing."""

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Final

from tshirt_assets.incremental.leftovers import staged_file
from tshirt_assets.report.markup import Html, el, text
from tshirt_assets.report.parts import NOTHING
from tshirt_assets.report.signing import signed_page

PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}")


def page_html(title: str, body: Html) -> str:
    """A page as text: template, style and script of this package around what it shows."""
    script = _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    values = {
        "title": text(title),
        "script_hash": f"sha256-{digest}",  # no other script may run, whatever a row holds
        "style": _asset("report.css"),
        "script": script,
        "body": body,
    }
    return PLACEHOLDER.sub(lambda match: values[match[1]], _asset("report.html"))


def page_links(links: Sequence[tuple[str, str]]) -> Html:
    """Links to other pages, by name and address; nothing where there are none."""
    shown = [el("a", name, href=address) for name, address in links]
    return el("p", *shown, class_="links") if shown else NOTHING


def write_page(page: str, path: Path) -> None:
    """Write a page and its hash to `path`, atomically; folders above it are made.

    Raises `OSError` where the disk refuses; the old file then stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with staged_file(path) as staged:
        staged.write_bytes(signed_page(page))


def _asset(name: str) -> str:
    return resources.files("tshirt_assets.report").joinpath(name).read_text(encoding="utf-8")
