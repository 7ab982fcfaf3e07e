"""Which rows a report shows in full: the best, the borderline and the worst of a ranking."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from tshirt_assets.report.data import ReportRow
from tshirt_assets.report.numbers import number, percent
from tshirt_assets.selection.scores import SCORES

SHOWN: Final = sorted(SCORES.values(), key=lambda score: score.section == "drift")  # length last


def notable_rows(ranking: pl.DataFrame, n: int = 20) -> dict[str, pl.DataFrame]:
    """Lines of a ranking by group: best, borderline and worst, at most `n` each.

    best: first selected rows. borderline: the last selected ones and the first left out, half and
    half. worst: lowest score, or lowest IFD where the recipe scores only some rows.
    """
    order = ranking.filter(pl.col("position").is_not_null()).sort("position")
    chosen, left_out = order.filter("selected"), order.filter(~pl.col("selected"))
    best = chosen.head(n)
    edge = pl.concat([chosen.tail(n - n // 2), left_out.head(n // 2)])
    borderline = edge.join(best, on="sample_id", how="anti", maintain_order="left")
    by = "score" if ranking["score"].null_count() <= ranking.height / 2 else "ifd"
    rest = ranking.filter(~pl.col("selected") & pl.col(by).is_not_null()).sort(by, "sample_id")
    shown = pl.concat([best, borderline]).select("sample_id")
    worst = rest.join(shown, on="sample_id", how="anti", maintain_order="left").head(n)
    return {"best": best, "borderline": borderline, "worst": worst}


def counterfactual(kept_at: int | None, usable: int) -> str | None:
    """What budget would keep a row: "would be kept at budget 6 % (63 rows)"."""
    if kept_at is None:
        return None
    return f"would be kept at budget {percent(kept_at, usable)} ({number(kept_at)} rows)"


def report_row(
    line: Mapping[str, Any],
    sample: Mapping[str, Any],
    tokens: Sequence[tuple[str, float | None]],
    *,
    usable: int,
    reason: str = "",
) -> ReportRow:
    """A row of the report from a line of the ranking, its sample and its coloured tokens."""
    selected = bool(line["selected"])
    return ReportRow(
        sample_id=line["sample_id"],
        shard=line["shard"],
        row=line["row"],
        instruction=sample["instruction"] or "",
        input=sample["input"] or "",
        response=sample["response"] or "",
        selected=selected,
        tokens=tokens,
        scores={score.label: line[score.column] for score in SHOWN if score.column in line},
        rank=line.get("position"),
        domain=line.get("domain"),
        reason=reason or line.get("excluded") or "",
        counterfactual=None if selected else counterfactual(line.get("kept_at"), usable),
    )
