"""The numbers one wants to know first, above all sections."""

from tshirt_assets.report.data import ReportData
from tshirt_assets.report.digest import digest
from tshirt_assets.report.distributions import LENGTHS, SCORES, median
from tshirt_assets.report.markup import Html, el, join
from tshirt_assets.report.numbers import number, percent
from tshirt_assets.report.parts import NOTHING


def headline(data: ReportData) -> Html:
    """The numbers one wants to know first."""
    tiles = [
        _tile(
            "Selected",
            number(data.n_selected),
            f"{percent(data.n_selected, data.usable)} of {number(data.usable)} usable rows",
        ),
        _tile("Corpus", number(data.n_rows), f"rows, {_not_usable(data)} not usable or duplicate"),
    ]
    for quantity in (*SCORES, LENGTHS[0]):
        corpus, subset = (data.values(quantity.column, selected=part) for part in (False, True))
        if len(subset):
            whole = "corpus" if len(corpus) == data.usable else f"{number(len(corpus))} scored rows"
            text = f"median; {whole} {number(median(corpus))}"
            tiles.append(_tile(quantity.title, number(median(subset)), text))
    if data.tau is not None:
        share = f"keeps {percent(data.keep_fraction, 1)} of tokens" if data.keep_fraction else ""
        tiles.append(_tile("Threshold τ", number(data.tau), share or "of |token delta|, nats"))
    notes = [el("li", note) for note in data.notes]
    return join(
        el("dl", *tiles, class_="tiles"),
        el("ul", *(el("li", said) for said in digest(data)), class_="digest"),
        el("ul", *notes, class_="notes") if notes else NOTHING,
    )


def _tile(name: str, value: str, note: str) -> Html:
    return el("div", el("dt", name), el("dd", value), el("dd", note, class_="note"))


def _not_usable(data: ReportData) -> str:
    return number(data.n_rows - data.usable)
