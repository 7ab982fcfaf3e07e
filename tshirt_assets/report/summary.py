"""The report in small, as Markdown for the metadata of a materialization."""

from typing import Final

import numpy as np

from tshirt_assets.export.escaping import markdown
from tshirt_assets.report.data import ReportData
from tshirt_assets.report.digest import digest
from tshirt_assets.report.distributions import LENGTHS, SCORES
from tshirt_assets.report.inline import INLINE_CHARACTERS
from tshirt_assets.report.numbers import number, percent
from tshirt_assets.report.pictures import MAX_POINTS, picture_markdown
from tshirt_assets.report.sections.plane import plane_chart
from tshirt_assets.report.svg import histogram_svg
from tshirt_assets.selection.methods import METHODS

PLANE: Final = "S-IFD mean versus std"


def summary_markdown(data: ReportData) -> str:
    """Headline and what stands out, in Markdown that the UI shows in place."""
    found = (
        f"**{number(data.n_selected)} rows selected**, {percent(data.n_selected, data.usable)} of "
        f"{number(data.usable)} usable ones ({number(data.n_rows)} in the corpus).\n"
    )
    for said in digest(data):
        line = f"\n- {markdown(said)}"
        if len(found) + len(line) < INLINE_CHARACTERS:
            found += line
    return found


def medians(data: ReportData) -> dict[str, tuple[str, str]]:
    """By score or length: its median over the usable rows of the corpus, and over the subset."""
    found = {}
    for quantity in (*SCORES, *LENGTHS):
        corpus, subset = (data.values(quantity.column, selected=part) for part in (False, True))
        if len(subset):
            found[quantity.title] = (
                number(float(np.median(corpus))),
                number(float(np.median(subset))),
            )
    return found


def picture(data: ReportData) -> str:
    """Markdown image of what decides, corpus and subset, with axes; empty where nothing is known.

    About fifteen kilobytes at most, whatever the size of the corpus.
    """
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
