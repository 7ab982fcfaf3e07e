"""The report: one self-contained HTML file that opens from disk and asks the network nothing."""

import base64
import hashlib
import re
from importlib import resources
from pathlib import Path
from typing import Final

from tshirt_assets.incremental.leftovers import staged_file
from tshirt_assets.report.data import ReportData
from tshirt_assets.report.markup import Html, el, join, text
from tshirt_assets.report.parts import NOTHING
from tshirt_assets.report.sections import SECTIONS
from tshirt_assets.report.sections.headline import headline
from tshirt_assets.report.signing import signed_page

PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}")


def write_report(data: ReportData, path: Path) -> None:
    """Write the page to `path`, atomically; folders above it are made.

    Raises `OSError` where the disk refuses; the old file then stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with staged_file(path) as staged:
        staged.write_bytes(signed_page(report_html(data)))


def report_html(data: ReportData) -> str:
    """The page as text: template, style and script of this package around the data's sections."""
    script = _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    values = {
        "title": text(f"{data.corpus} / {data.recipe}"),
        "script_hash": f"sha256-{digest}",  # no other script may run, whatever a row holds
        "style": _asset("report.css"),
        "script": script,
        "body": body(data),
    }
    return PLACEHOLDER.sub(lambda match: values[match[1]], _asset("report.html"))


def body(data: ReportData) -> Html:
    """Everything inside `<body>`."""
    built = [(section, section.build(data)) for section in SECTIONS]
    links = [el("a", section.name, href=f"#{section.anchor}") for section, part in built if part]
    return join(
        el("header", _title(data), _links(data), headline(data)),
        el("nav", *links, aria_label="Sections"),
        el("main", *(part for _, part in built)),
    )


def _title(data: ReportData) -> Html:
    made = f" Written {data.created}." if data.created else ""
    lead = f"Rows of {data.corpus} that the recipe {data.recipe} ({data.method}) selected.{made}"
    return join(
        el("p", data.corpus, class_="eyebrow"), el("h1", data.recipe), el("p", lead, class_="lead")
    )


def _links(data: ReportData) -> Html:
    links = [el("a", name, href=address) for name, address in data.links]
    return el("p", *links, class_="links") if links else NOTHING


def _asset(name: str) -> str:
    return resources.files("tshirt_assets.report").joinpath(name).read_text(encoding="utf-8")
