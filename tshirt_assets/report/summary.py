"""The report in small, as Markdown for the metadata of a materialization."""

from typing import Final

import numpy as np
import polars as pl

from tshirt_assets.report.data import ReportData
from tshirt_assets.report.digest import digest
from tshirt_assets.report.distributions import LENGTHS, SCORES
from tshirt_assets.report.markup import visible
from tshirt_assets.report.numbers import number, percent
from tshirt_assets.report.pictures import picture_markdown
from tshirt_assets.report.svg import histogram_svg, plane_svg
from tshirt_assets.selection.methods import METHODS

MAX_REASONS: Final = 8
MAX_POINTS: Final = 400  # of a picture that travels with the metadata
PLANE: Final = "S-IFD mean versus std"


def summary_markdown(data: ReportData) -> str:
    """Headline, what stands out, medians, one plot and the reasons for dropping, in Markdown.

    About twenty kilobytes, whatever the size of the corpus.
    """
    parts = [
        f"**{number(data.n_selected)} rows selected**, {percent(data.n_selected, data.usable)} of "
        f"{number(data.usable)} usable ones ({number(data.n_rows)} in the corpus).",
        "\n".join(f"- {_cell(said)}" for said in (*data.notes, *digest(data))),
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
        scored = data.ranking.filter(
            pl.col("s_ifd_mean").is_finite() & pl.col("s_ifd_std").is_finite()
        )
        plane = plane_svg(
            scored["s_ifd_mean"].to_numpy(),
            scored["s_ifd_std"].to_numpy(),
            scored["selected"].to_numpy(),
            PLANE,
            mean_cut=data.cuts["s_ifd_mean"],
            std_cut=data.cuts["s_ifd_std"],
            max_points=MAX_POINTS,
        )
        return picture_markdown(plane, PLANE, {"corpus": "not selected", "subset": "selected"})
    method = METHODS[data.method]
    column = (None if method.by_robustness else method.column) or "ifd"
    shown = next(score for score in (*SCORES, *LENGTHS) if score.column == column)
    corpus = data.values(shown.column)
    if not len(corpus):
        return ""
    histogram = histogram_svg(corpus, data.values(shown.column, selected=True), shown.title)
    return picture_markdown(histogram, shown.title, {"corpus": "corpus", "subset": "subset"})


def _reasons(data: ReportData) -> str:
    ordered = sorted(data.excluded.items(), key=lambda item: -item[1])
    lines = [f"| {_cell(reason)} | {number(rows)} |" for reason, rows in ordered[:MAX_REASONS]]
    return "\n".join(["| not selected because | rows |", "| --- | ---: |", *lines]) if lines else ""


def _cell(text: str) -> str:
    return " ".join(visible(text).split()).replace("|", "\\|")
