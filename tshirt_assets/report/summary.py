"""The report in small, as Markdown for the metadata of a materialization."""

from typing import Final

import numpy as np

from tshirt_assets.export.escaping import markdown
from tshirt_assets.report.data import ReportData
from tshirt_assets.report.digest import digest
from tshirt_assets.report.distributions import LENGTHS, SCORES
from tshirt_assets.report.numbers import number, percent
from tshirt_assets.report.pictures import MAX_POINTS, picture_markdown
from tshirt_assets.report.sections.plane import plane_chart
from tshirt_assets.report.svg import histogram_svg
from tshirt_assets.selection.methods import METHODS

MAX_REASONS: Final = 8
PLANE: Final = "S-IFD mean versus std"


def summary_markdown(data: ReportData) -> str:
    """Headline, what stands out, medians, one picture and the reasons for dropping, in Markdown.

    About fifteen kilobytes at most, whatever the size of the corpus.
    """
    parts = [
        f"**{number(data.n_selected)} rows selected**, {percent(data.n_selected, data.usable)} of "
        f"{number(data.usable)} usable ones ({number(data.n_rows)} in the corpus).",
        "\n".join(f"- {markdown(said)}" for said in (*data.notes, *digest(data))),
        _medians(data),
        _picture(data),
        _reasons(data),
    ]
    return "\n\n".join(part for part in parts if part)


def _medians(data: ReportData) -> str:
    lines = ["| median | corpus | subset |", "| --- | ---: | ---: |"]
    for quantity in (*SCORES, *LENGTHS):
        corpus, subset = (data.values(quantity.column, selected=part) for part in (False, True))
        if len(subset):
            values = (number(float(np.median(part))) for part in (corpus, subset))
            lines.append(f"| {quantity.title} | {' | '.join(values)} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def _picture(data: ReportData) -> str:
    if "s_ifd_mean" in data.cuts and "s_ifd_std" in data.cuts:
        plane = plane_chart(data, MAX_POINTS)
        keys = {"corpus": "not selected", "subset": "selected"}
        return picture_markdown(plane, PLANE, keys) if plane else ""
    method = METHODS[data.method]
    column = (None if method.by_robustness else method.column) or "ifd"
    shown = next(score for score in (*SCORES, *LENGTHS) if score.column == column)
    corpus, subset = (data.values(shown.column, selected=part) for part in (False, True))
    if not len(corpus):
        return ""
    histogram = histogram_svg(
        corpus,
        subset,
        shown.title,
        threshold=shown.threshold,
        threshold_label=shown.threshold_label,
        log=shown.log,
    )
    return picture_markdown(histogram, shown.title, {"corpus": "corpus", "subset": "subset"})


def _reasons(data: ReportData) -> str:
    ordered = sorted(data.excluded.items(), key=lambda item: -item[1])
    lines = [f"| {markdown(reason)} | {number(rows)} |" for reason, rows in ordered[:MAX_REASONS]]
    return "\n".join(["| not selected because | rows |", "| --- | ---: |", *lines]) if lines else ""
