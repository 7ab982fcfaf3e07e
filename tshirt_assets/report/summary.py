"""The report in small, as Markdown for the metadata of a materialization."""

from typing import Final

import numpy as np
import polars as pl

from tshirt_assets.report.data import ReportData
from tshirt_assets.report.digest import digest
from tshirt_assets.report.distributions import LENGTHS, SCORES
from tshirt_assets.report.markup import visible
from tshirt_assets.report.numbers import number, percent
from tshirt_assets.report.plots import histogram, mean_std_plane, png_markdown
from tshirt_assets.selection.methods import METHODS

MAX_REASONS: Final = 8


def summary_markdown(data: ReportData) -> str:
    """Headline, what stands out, medians, one plot and the reasons for dropping, in Markdown.

    About ten kilobytes, whatever the size of the corpus.
    """
    parts = [
        f"**{number(data.n_selected)} rows selected**, {percent(data.n_selected, data.usable)} of "
        f"{number(data.usable)} usable ones ({number(data.n_rows)} in the corpus).",
        "\n".join(f"- {_cell(said)}" for said in (*data.notes, *digest(data))),
        _medians(data),
        _plot(data),
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


def _plot(data: ReportData) -> str:
    if "s_ifd_mean" in data.cuts and "s_ifd_std" in data.cuts:
        title = "S-IFD mean versus std"
        png = mean_std_plane(
            data.ranking["s_ifd_mean"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
            data.ranking["s_ifd_std"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
            data.ranking["selected"].to_numpy(),
            title,
            mean_boundary=data.cuts["s_ifd_mean"],
            std_boundary=data.cuts["s_ifd_std"],
        )
        return png_markdown(png, title)
    method = METHODS[data.method]
    column = (None if method.by_robustness else method.column) or "ifd"
    shown = next(score for score in (*SCORES, *LENGTHS) if score.column == column)
    corpus = data.values(shown.column)
    if not len(corpus):
        return ""
    subset = data.values(shown.column, selected=True)
    return png_markdown(histogram(corpus, shown.title, subset=subset), shown.title)


def _reasons(data: ReportData) -> str:
    ordered = sorted(data.excluded.items(), key=lambda item: -item[1])
    lines = [f"| {_cell(reason)} | {number(rows)} |" for reason, rows in ordered[:MAX_REASONS]]
    return "\n".join(["| not selected because | rows |", "| --- | ---: |", *lines]) if lines else ""


def _cell(text: str) -> str:
    return " ".join(visible(text).split()).replace("|", "\\|")
