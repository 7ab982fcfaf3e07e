"""The report: one self-contained HTML file that opens from disk and asks the network nothing."""

import base64
import hashlib
import os
import re
import tempfile
from importlib import resources
from pathlib import Path
from typing import Final

from tshirt_assets.export.card import dotted
from tshirt_assets.report.data import ReportData
from tshirt_assets.report.markup import Html, el, join, text
from tshirt_assets.report.numbers import number, size
from tshirt_assets.report.sections import scores as sections
from tshirt_assets.report.sections.dropped import dropped
from tshirt_assets.report.sections.recipes import recipes
from tshirt_assets.report.sections.rows import legend, rows_section

PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}")


def write_report(data: ReportData, path: Path) -> None:
    """Write the page to `path`, atomically; folders above it are made.

    Raises `OSError` where the disk refuses; the old file then stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, staged = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(report_html(data))
        os.chmod(staged, 0o644)
        os.replace(staged, path)
    except BaseException:
        os.unlink(staged)
        raise


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
    parts = {
        "scores": sections.distributions(data),
        "plane": sections.plane(data),
        "drift": sections.drift(data),
        "recipes": recipes(data),
        "dropped": dropped(data),
        "rows": _rows(data),
        "reproduce": _reproduce(data),
    }
    names = {
        "scores": "Scores",
        "plane": "Mean vs std",
        "drift": "Length and domain",
        "recipes": "Recipes",
        "dropped": "Dropped",
        "rows": "Rows",
        "reproduce": "Reproduce",
    }
    links = [el("a", names[key], href=f"#{key}") for key, part in parts.items() if part]
    return join(
        el("header", _title(data), sections.headline(data)),
        el("nav", *links, aria_label="Sections"),
        el("main", *parts.values()),
    )


def _title(data: ReportData) -> Html:
    made = f" Written {data.created}." if data.created else ""
    lead = f"Rows of {data.corpus} that the recipe {data.recipe} ({data.method}) selected.{made}"
    return join(
        el("p", data.corpus, class_="eyebrow"), el("h1", data.recipe), el("p", lead, class_="lead")
    )


def _rows(data: ReportData) -> Html:
    tau = data.tau or 0.0
    groups = [
        rows_section("best", "best rows", "First in the recipe's order.", data.best, tau),
        rows_section(
            "borderline",
            "borderline rows",
            "The last rows selected and the first left out.",
            data.borderline,
            tau,
        ),
        rows_section(
            "worst",
            "worst rows",
            "Furthest from being selected: lowest score, or lowest IFD where the recipe scores "
            "only some rows.",
            data.worst,
            tau,
        ),
    ]
    if not any(groups):
        return Html("")
    lead = (
        "Response tokens are coloured by their delta D = log p(token | instruction) − "
        "log p(token): how much the instruction helps, in nats. Point at a token, or tap it, for "
        "its value. "
    )
    if data.tau is not None:
        lead += f"Tokens up to τ = {number(data.tau)} count as not informative and stay uncoloured."
    return el(
        "section",
        el("h2", "Rows, token by token"),
        el("p", lead, class_="lead"),
        legend(data.tau),
        *groups,
        id="rows",
    )


def _reproduce(data: ReportData) -> Html:
    lines = [
        el("tr", el("th", key, scope="row"), el("td", value))
        for key, value in dotted(data.provenance)
        if value
    ]
    files = [
        el(
            "tr",
            el("th", name, scope="row"),
            el("td", f"{number(rows)} rows, {size(n_bytes)}" if rows else size(n_bytes)),
        )
        for name, rows, n_bytes in data.files
    ]
    method = (
        "IFD here is the ratio of perplexities PPL(y|x) / PPL(y); other tools use the name for a "
        "ratio of losses, or for the inverse. S-IFD is the same over tokens whose |D| is above τ. "
        "MIWV is the one-shot minus the zero-shot mean loss. Sources: T-SHIRT (arXiv 2506.01317) "
        "and MIWV (arXiv 2511.07074)."
    )
    return el(
        "section",
        el("h2", "Reproduce"),
        el("p", method, class_="lead"),
        el("table", el("tbody", *lines, *files), class_="facts") if lines or files else Html(""),
        el("details", el("summary", "Configuration"), el("pre", data.config, tabindex="0"))
        if data.config
        else Html(""),
        id="reproduce",
    )


def _asset(name: str) -> str:
    return resources.files("tshirt_assets.report").joinpath(name).read_text(encoding="utf-8")
