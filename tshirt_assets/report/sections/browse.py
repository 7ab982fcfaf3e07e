"""The section that searches, filters and sorts rows: data for the page's script."""

import json
import math
from typing import Any, Final

import polars as pl

from tshirt_assets.export.escaping import visible
from tshirt_assets.report.data import ReportData
from tshirt_assets.report.markup import Html, el, join
from tshirt_assets.report.numbers import number
from tshirt_assets.report.parts import NOTHING, Section
from tshirt_assets.report.staged import two_stages
from tshirt_assets.selection.methods import METHODS
from tshirt_assets.selection.scores import SCORES

DIGITS: Final = 4
TEXTS: Final = ("instruction", "response")


def browse(data: ReportData) -> Html:
    """Inputs and an empty table; the script fills it from the data beside it."""
    if data.listed is None or data.listed.is_empty():
        return NOTHING
    listed = data.listed
    chosen = listed.filter(pl.col("outcome") == "selected").height
    first = "All" if chosen == data.n_selected else f"The first {number(chosen)} of"
    lead = (
        f"{first} {number(data.n_selected)} selected rows, and {number(listed.height - chosen)} "
        "of those not selected: up to 100 of each reason, drawn by their ids, without duplicates."
    )
    if data.shared_beginning:
        lead += " Instructions are shown without the beginning that most of them share."
    fields = [
        el("label", "Search", el("input", type="search", id="find", autocomplete="off")),
        *(_choice(name, key, listed) for name, key in FILTERS if _differs(listed, key)),
    ]
    table = el("table", el("thead"), el("tbody"), class_="listed")
    return el(
        "section",
        el("h2", "All rows"),
        el("p", lead, class_="lead"),
        el("p", two_stages(data), class_="lead") if two_stages(data) else NOTHING,
        el("form", *fields, class_="filters", role="search"),
        el("p", id="found", role="status", class_="lead"),
        el("div", table, class_="scroll", tabindex="0", role="region", aria_label="Rows"),
        el("button", "Show more rows", type="button", id="more", hidden=""),
        _data_block({"columns": _columns(data), "rows": _lines(data)}),
        id="browse",
    )


FILTERS: Final = (("Outcome", "outcome"), ("Domain", "domain"), ("Script", "script"))


def _differs(listed: pl.DataFrame, key: str) -> bool:
    return listed[key].n_unique() > 1


def _choice(name: str, key: str, listed: pl.DataFrame) -> Html:
    values = sorted(listed[key].drop_nulls().unique().to_list())
    options = [el("option", "any", value="")]
    options += [el("option", value.replace("_", " "), value=visible(value)) for value in values]
    return el("label", name, el("select", *options, data_key=key))


def _columns(data: ReportData) -> list[dict[str, Any]]:
    """Key, heading and kind (number or text) of each column, in the order of the table."""
    assert data.listed is not None
    staged = bool(two_stages(data))
    columns: list[tuple[str, str, str]] = [("position", "place", "number")]
    if staged:
        columns.append(("mean_place", "place by mean", "number"))
    columns += [("outcome", "outcome", "text"), *((name, name, "text") for name in TEXTS)]
    scores = [score for score in SCORES.values() if data.listed[score.column].is_not_null().any()]
    front = ("s_ifd_mean", "s_ifd_std") if staged else (METHODS[data.method].column or "ifd",)
    scores.sort(key=lambda score: score.column not in front)
    columns += [(score.column, score.label, "number") for score in scores]
    columns += [(key, key, "text") for key in ("domain", "script") if _differs(data.listed, key)]
    columns += [("shard", "shard", "text"), ("row", "row", "number")]
    return [{"key": key, "name": name, "kind": kind} for key, name, kind in columns]


def _lines(data: ReportData) -> list[list[Any]]:
    """The values of the listed rows, in the order of the columns."""
    assert data.listed is not None
    values = [_values(data.listed, str(column["key"])) for column in _columns(data)]
    return [list(line) for line in zip(*values, strict=True)]


def _values(listed: pl.DataFrame, key: str) -> list[Any]:
    values = listed[key].to_list()
    if key in TEXTS:
        lengths = listed[f"{key}_length"].to_list()
        return [_text(*text) for text in zip(values, lengths, strict=True)]
    if listed.schema[key] == pl.String:
        return [value if value is None else visible(value) for value in values]
    if listed.schema[key].is_float():
        return [_short(value) for value in values]
    return values


def _text(value: str | None, length: int | None) -> str | None:
    if value is None:
        return None
    cut = length is not None and length > len(value)
    return visible(value) + (f"… ({length:,} characters)" if cut else "")


def _short(value: float | None) -> float | None:
    return float(f"{value:.{DIGITS}g}") if value is not None and math.isfinite(value) else None


def _data_block(value: Any) -> Html:
    """JSON for the script of the page; nothing in it can end the block."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return join(Html('<script type="application/json" id="listed">'), Html(text), Html("</script>"))


SECTION: Final = Section("browse", "All rows", browse)
