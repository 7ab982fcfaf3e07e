"""The report of one recipe."""

from pathlib import Path

from tshirt_assets.report.data import ReportData
from tshirt_assets.report.markup import Html, el, join
from tshirt_assets.report.page import page_html, page_links, write_page
from tshirt_assets.report.sections import SECTIONS
from tshirt_assets.report.sections.headline import headline


def write_report(data: ReportData, path: Path) -> None:
    """Write the page to `path`, atomically; folders above it are made.

    Raises `OSError` where the disk refuses; the old file then stays.
    """
    write_page(report_html(data), path)


def report_html(data: ReportData) -> str:
    """The page as text: the data's sections in the frame of every page."""
    return page_html(f"{data.corpus} / {data.recipe}", body(data))


def body(data: ReportData) -> Html:
    """Everything inside `<body>`."""
    built = [(section, section.build(data)) for section in SECTIONS]
    links = [el("a", section.name, href=f"#{section.anchor}") for section, part in built if part]
    return join(
        el("header", _title(data), page_links(data.links), headline(data)),
        el("nav", *links, aria_label="Sections"),
        el("main", *(part for _, part in built)),
    )


def _title(data: ReportData) -> Html:
    made = f" Written {data.created}." if data.created else ""
    lead = f"Rows of {data.corpus} that the recipe {data.recipe} ({data.method}) selected.{made}"
    return join(
        el("p", data.corpus, class_="eyebrow"), el("h1", data.recipe), el("p", lead, class_="lead")
    )
