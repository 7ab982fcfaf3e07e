"""A made-up selection that the report tests share."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from tshirt_assets.report.data import ReportData, ReportRow
from tshirt_assets.selection.agreement import compare_recipes
from tshirt_assets.selection.scores import SCORES

USABLE, SELECTED = 200, 10
RNG = np.random.default_rng(7)

SCRIPT = "<script>document.title = 'pwned'</script>"
IMAGE = "<img src='http://attacker.example/x.png' onerror='document.title=1'>"
HEBREW = "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd"

HOSTILE = ReportRow(
    sample_id="f" * 32,
    shard="a",
    row=7,
    instruction=f'{SCRIPT} {{{{style}}}} & "quotes" \'',
    input=HEBREW,
    response="unused",
    selected=True,
    tokens=[
        (HEBREW, None),
        ("\u202eevil", 0.8),
        ("\x00\x07", -3.5),
        ("\n\n", 0.3),
        ("\U0001f9f5", 4.2),
        (IMAGE, -0.9),
    ],
    scores={"IFD": 0.93, "MIWV": None},
    rank=1,
    domain=SCRIPT,
    reason=SCRIPT,
)
LONG = ReportRow(
    sample_id="e" * 32,
    shard="a",
    row=8,
    instruction="w" * 50_000,
    input="",
    response="unused",
    selected=False,
    tokens=[("word ", 0.5)] * 5_000,
    counterfactual="would be kept at budget 6 % (12 rows)",
    reason="over budget",
)
PLAIN = ReportRow("d" * 32, "a", 9, "Say hi", "", "hi there", selected=False)


def ranking() -> pl.DataFrame:
    """The columns of `Selection.ranking`: rows are numbered in the order of the recipe."""
    position = np.arange(1, USABLE + 1)
    chosen = position <= SELECTED
    return pl.DataFrame(
        {
            "sample_id": [f"{i:032d}" for i in position],
            "shard": "a",
            "row": position,
            "domain": ["code" if i % 4 == 0 else "qa" for i in position],
            "score": 1.0 - position / 1000,
            "position": position,
            "eligible": True,
            "selected": chosen,
            "excluded": [None if i <= SELECTED else "over budget" for i in position],
            "kept_at": np.maximum(position, SELECTED),
            "ifd": RNG.normal(0.9, 0.05, USABLE),
            "n_response_tokens": RNG.integers(2, 400, USABLE),
            "s_ifd_mean": 1.0 - position / 1000,
            "s_ifd_std": RNG.gamma(2.0, 0.01, USABLE),
            "ifd_mean": RNG.normal(0.9, 0.05, USABLE),
            "miwv": RNG.normal(0.0, 0.2, USABLE),
        }
    )


def report_data(**changes: Any) -> ReportData:
    """A complete report; `changes` replace fields."""
    table = ranking()
    whole = ReportData(
        corpus="demo",
        recipe="tshirt-5pct",
        method="tshirt",
        n_rows=USABLE + 5,
        ranking=table,
        excluded={"over budget": USABLE - SELECTED, "empty_response": 5},
        best=[HOSTILE],
        borderline=[PLAIN],
        worst=[LONG],
        tau=0.0132,
        keep_fraction=0.75,
        cuts={"s_ifd_mean": 0.98, "s_ifd_std": 0.02},
        notes=["quota of 'code': 2 of 10 rows could be selected"],
        comparison=compare_recipes({"tshirt-5pct": table, "reversed": reverse(table)}),
        files=[("messages.jsonl", SELECTED, 12_345)],
        provenance={"identity": "3f9c", "models": {"scorer": "gpt2"}},
        config="name: demo\nscorer: gpt2\n",
        created="2025-01-31 12:00 UTC",
    )
    return replace(whole, **changes)


def reverse(table: pl.DataFrame) -> pl.DataFrame:
    """The same rows, ranked the other way round."""
    return table.with_columns(
        position=USABLE + 1 - pl.col("position"), selected=pl.col("position") > USABLE - SELECTED
    )


NOT_KNOWN = pl.lit(None, pl.Float64)


def listed() -> pl.DataFrame:
    """Rows as `report.listed.listed_rows` gives them: all selected, and fifty of the others."""
    table = ranking().head(SELECTED + 50)
    said = pl.Series([f"say {i} {'word ' * (i % 3 * 20)}".strip() for i in table["row"]])
    return table.select(
        *("sample_id", "shard", "row", "domain", "position"),
        *(pl.col(name) if name in table.columns else NOT_KNOWN.alias(name) for name in SCORES),
        outcome=pl.when("selected").then(pl.lit("selected")).otherwise(pl.lit("over_budget")),
        mean_place=pl.col("position"),
        instruction=said,
        response=said,
        instruction_length=said.str.len_chars(),
        response_length=said.str.len_chars(),
        script=pl.when(pl.col("row") % 5 == 0).then(pl.lit("Han")).otherwise(pl.lit("Latin")),
    )
