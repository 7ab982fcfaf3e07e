"""The sentences on top of a report, from selections made so that each can be foretold."""

import polars as pl
import pytest

from tests.report.selection import report_data
from tshirt_assets.report.data import ReportData
from tshirt_assets.report.digest import digest
from tshirt_assets.selection.agreement import compare_recipes


def made(
    domains: dict[str, tuple[int, int]], lengths: tuple[int, int] = (10, 10), **changes: object
) -> ReportData:
    """A selection with (rows, selected rows) per domain, and lengths of the corpus and subset."""
    names = [name for name, (rows, _) in domains.items() for _ in range(rows)]
    chosen = [i < part for rows, part in domains.values() for i in range(rows)]
    table = pl.DataFrame(
        {
            "sample_id": [f"{i:04d}" for i in range(len(names))],
            "domain": names,
            "selected": chosen,
            "n_response_tokens": [lengths[1] if one else lengths[0] for one in chosen],
        }
    )
    return report_data(ranking=table, comparison=None, **changes)


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        (
            (10, 25),
            "Responses are 2.5 times as long as in the corpus: median 25 tokens against 10.",
        ),
        ((40, 20), "Responses are shorter than in the corpus: median 20 tokens against 40."),
        ((40, 44), "Responses are about as long as in the corpus: median 44 tokens against 40."),
    ],
)
def test_length(lengths: tuple[int, int], expected: str) -> None:
    assert digest(made({"a": (90, 4)}, lengths)) == [expected]


def test_domains_that_grew_and_that_are_gone() -> None:
    # 10 of 100 rows: 5 are expected of a, 3 of b, 2 of c.
    said = digest(made({"a": (50, 8), "b": (30, 0), "c": (20, 2)}))[1:]
    assert said == [
        "More of a (80 % instead of 50 %).",
        "Nothing of b; the option quotas reserves rows for domains.",
    ]


def test_a_row_more_or_less_of_a_small_domain_is_not_worth_a_sentence() -> None:
    # 10 of 100 rows: half a row is expected of b and of c.
    assert len(digest(made({"a": (90, 9), "b": (5, 1), "c": (5, 0)}))) == 1


def test_many_domains_are_counted_beyond_the_first_few() -> None:
    gone = {f"d{i}": (10, 0) for i in range(7)}
    said = digest(made({"a": (30, 20)} | gone))[-1]
    assert said.startswith("Nothing of d0, d1, d2, d3, d4 and 2 more;")


def compared(**others: tuple[int, int]) -> ReportData:
    """A selection of 10 rows beside others: their first row and the one after their last."""
    table = report_data().ranking.select("sample_id", "selected", "position")
    row = pl.int_range(pl.len())
    rankings = {
        name: table.with_columns(selected=(row >= first) & (row < end))
        for name, (first, end) in others.items()
    }
    comparison = compare_recipes({"tshirt-5pct": table} | rankings)
    return report_data(ranking=table, comparison=comparison)


def test_the_closest_recipe_is_set_against_chance() -> None:
    # y has 20 of the 200 usable rows, 4 of them selected here; all of the one row of z is.
    assert digest(compared(x=(9, 19), y=(6, 26), z=(0, 1))) == [
        "The closest other recipe is y, with 40 % of these rows; by chance it would have 10 %."
    ]
    assert digest(compared(x=(10, 20))) == ["No other recipe selects any of these rows."]
    assert digest(compared(x=(0, 0))) == ["No other recipe selects any of these rows."]
    assert digest(compared()) == []


@pytest.mark.parametrize(("above", "warned"), [(101, True), (100, False)])
def test_a_prompt_format_that_does_not_suit_the_scorer_is_named(above: int, warned: bool) -> None:
    ifd = pl.Series([1.0] * above + [0.5] * (200 - above))
    table = report_data().ranking.select("sample_id", "selected").with_columns(ifd=ifd)
    said = digest(report_data(ranking=table, comparison=None))
    assert bool(said) == warned
    assert not warned or said[0].startswith("For 50 % of the corpus the instruction makes")


def test_nothing_known_nothing_said() -> None:
    table = report_data().ranking.select("sample_id", "selected")
    assert digest(report_data(ranking=table, comparison=None)) == []
    assert digest(made({"a": (10, 0)})) == []
