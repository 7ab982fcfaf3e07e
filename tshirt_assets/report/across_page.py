"""The report across recipes: where they agree, where they do not, and what each prefers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from tshirt_assets.report.across import CORPUS, AcrossData, PlacedRow
from tshirt_assets.report.markup import Html, el, join
from tshirt_assets.report.matrix import agreement_figures, matrix, share_cell
from tshirt_assets.report.numbers import number
from tshirt_assets.report.page import page_html, page_links, write_page
from tshirt_assets.report.parts import NOTHING, section
from tshirt_assets.report.signing import page_fault

SHARES: Final = 15  # domains, scripts
PEEK: Final = 90  # characters of a row that are seen before it is opened
MADE_FROM: Final = re.compile(rb"<main data-made-from=\"([0-9a-f]+)\">")


def made_across(path: Path) -> str | None:
    """What a page was made from; None where there is no such page, or not as it was written."""
    if page_fault(path) is not None:
        return None
    found = MADE_FROM.search(path.read_bytes())
    return found[1].decode() if found else None


def write_across(data: AcrossData, path: Path) -> None:
    """Write the page to `path`, atomically; raises `OSError` where the disk refuses."""
    write_page(across_html(data), path)


def across_html(data: AcrossData) -> str:
    """The page as text."""
    return page_html(f"{data.corpus} / recipes compared", _body(data))


def _body(data: AcrossData) -> Html:
    built = [
        ("agreement", "Agreement", _agreement(data)),
        ("disputed", "Disputed rows", _disputed(data)),
        ("only", "Only one recipe", _only(data)),
        ("mix", "Domains and scripts", _mix(data)),
    ]
    names = [f"{name}/report.html" for name in data.comparison.names]
    count = len(data.comparison.names)
    lead = (
        f"What {count:,} recipes select of the {number(data.usable)} usable rows."
        if count != 1
        else f"What one recipe selects of the {number(data.usable)} usable rows."
    )
    made = f" Written {data.created}." if data.created else ""
    return join(
        el(
            "header",
            el("p", data.corpus, class_="eyebrow"),
            el("h1", "Recipes compared"),
            el("p", lead + made, class_="lead"),
            page_links(list(zip(data.comparison.names, names, strict=True))),
        ),
        el(
            "nav",
            *(el("a", name, href=f"#{anchor}") for anchor, name, part in built if part),
            aria_label="Sections",
        ),
        el("main", *(part for _, _, part in built), data_made_from=data.source),
    )


def _agreement(data: AcrossData) -> Html:
    if len(data.comparison.names) < 2:
        return NOTHING
    lead = "Recipes of similar size with a high overlap would train much the same model."
    return section("agreement", "Where recipes agree", lead, agreement_figures(data.comparison))


def _disputed(data: AcrossData) -> Html:
    if not data.disputed:
        return NOTHING
    lead = (
        "Rows that some recipes select and others rank in the lower half of theirs, or rule out; "
        "those that divide the recipes most evenly come first."
    )
    note = "Shaded: selected. Numbers are the row's places in each recipe's order; – is none."
    table = _places("Disputed rows", note, data.disputed, data.comparison.names)
    return section("disputed", "Where recipes disagree", lead, [table])


def _only(data: AcrossData) -> Html:
    if len(data.comparison.names) < 2:
        return NOTHING
    tables = [
        _places(
            f"Only {name}",
            f"{number(count)} rows; {number(len(rows))} are shown.",
            rows,
            data.comparison.names,
        )
        for name, (count, rows) in data.only.items()
    ]
    lead = "Rows that no other recipe selects: of each recipe those that the others rank lowest."
    return section("only", "Rows only one recipe selects", lead, tables)


def _mix(data: AcrossData) -> Html:
    figures = [
        _shares("Domains", "domain", "Share of the rows.", data.domains, data),
        _shares(
            "Writing systems",
            "script",
            "Share of the rows by the writing system of most of their letters (of many rows, a "
            "draw of 2,000).",
            data.scripts,
            data,
        ),
    ]
    return section("mix", "Domains and scripts", "What each recipe makes of the mix.", figures)


def _shares(
    title: str, kind: str, note: str, shares: Mapping[str, Sequence[float]], data: AcrossData
) -> Html:
    if not shares:
        return NOTHING
    left_out = len(shares) - SHARES
    more = f" The {left_out:,} rarest of the corpus are not shown." if left_out > 0 else ""
    lines = [(name, map(share_cell, row)) for name, row in [*shares.items()][:SHARES]]
    return matrix(title, note + more, (kind, CORPUS, *data.comparison.names), lines)


def _places(title: str, note: str, rows: Sequence[PlacedRow], names: Sequence[str]) -> Html:
    lines = [(_said(row), _cells(row, names)) for row in rows]
    return matrix(title, note, ("row", *names), lines, "places")


def _said(row: PlacedRow) -> Html:
    """The row's instruction; its response is seen when it is opened."""
    peek = row.instruction or "(empty instruction)"
    cut = len(peek) > PEEK
    where = " · ".join(filter(None, (row.domain, row.shard, f"row {row.row:,}")))
    return el(
        "details",
        el("summary", el("bdi", f"{peek[:PEEK].rstrip()}…" if cut else peek)),
        el("p", peek, dir="auto") if cut else NOTHING,
        el("p", row.response or "(empty response)", dir="auto"),
        el("p", where, class_="where"),
    )


def _cells(row: PlacedRow, names: Sequence[str]) -> Iterator[Html]:
    for name in names:
        selected, place = row.places.get(name, (False, None))
        shown = "–" if place is None else number(place)
        if not selected:
            yield el("td", shown, class_="num", title="ruled out" if place is None else None)
        else:
            mark = el("span", "selected, ", class_="unseen")
            yield el("td", mark, "kept" if place is None else shown, class_="num in")
