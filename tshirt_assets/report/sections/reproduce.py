"""Everything needed to make the subset again."""

from typing import Final

from tshirt_assets.export.card import dotted
from tshirt_assets.report.data import ReportData
from tshirt_assets.report.markup import Html, el
from tshirt_assets.report.numbers import number, size
from tshirt_assets.report.parts import Section


def reproduce(data: ReportData) -> Html:
    """Provenance, files and configuration of the subset."""
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


SECTION: Final = Section("reproduce", "Reproduce", reproduce)
