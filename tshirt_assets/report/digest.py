"""What stands out about a selection, in a few sentences."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import polars as pl

from tshirt_assets.report.data import ReportData
from tshirt_assets.report.numbers import number, percent

MAX_NAMES: Final = 5
SHIFT: Final = 1.5  # times as large a share of the subset as of the corpus: worth saying


def digest(data: ReportData) -> list[str]:
    """Sentences on fit, length, domains and the closest other recipe, as far as is known."""
    return [*_fit(data), *_length(data), *_domains(data), *_closest_recipe(data)]


def _fit(data: ReportData) -> Iterator[str]:
    ifd = data.values("ifd")
    hurt = int((ifd >= 1.0).sum())
    if 2 * hurt > len(ifd):
        yield (
            f"For {_share(hurt, len(ifd))} of the corpus the instruction makes the response less "
            "likely (IFD 1 or above): the prompt format may not suit the scorer."
        )


def _length(data: ReportData) -> Iterator[str]:
    corpus, subset = (data.values("n_response_tokens", selected=part) for part in (False, True))
    if not len(subset):
        return
    whole, part = float(np.median(corpus)), float(np.median(subset))
    medians = f"median {number(part)} tokens against {number(whole)}"
    ratio = part / whole
    if 0.8 < ratio < 1.25:
        yield f"Responses are about as long as in the corpus: {medians}."
    elif ratio > 1:
        yield f"Responses are {number(ratio, 2)} times as long as in the corpus: {medians}."
    else:
        yield f"Responses are shorter than in the corpus: {medians}."


def _domains(data: ReportData) -> Iterator[str]:
    if "domain" not in data.ranking.columns or not data.n_selected:
        return
    counts = (
        data.ranking.filter(pl.col("domain").is_not_null())
        .group_by("domain")
        .agg(corpus=pl.len(), subset=pl.col("selected").sum())
        .with_columns(expected=pl.col("corpus") * data.n_selected / max(1, data.usable))
        .sort("subset", "domain", descending=[True, False])
    )
    # One row more or less of a small subset says nothing.
    grown = counts.filter(
        (pl.col("subset") >= SHIFT * pl.col("expected"))
        & (pl.col("subset") - pl.col("expected") >= 1)
    )
    if grown.height:
        shares = [
            f"{domain} ({_share(subset, data.n_selected)} instead of {_share(corpus, data.usable)})"
            for domain, corpus, subset, _ in grown.iter_rows()
        ]
        yield f"More of {_listed(shares)}."
    absent = counts.filter((pl.col("subset") == 0) & (pl.col("expected") >= 1))
    if absent.height:
        names = absent.sort("corpus", "domain", descending=[True, False])["domain"].to_list()
        yield f"Nothing of {_listed(names)}; the option quotas reserves rows for domains."


def _closest_recipe(data: ReportData) -> Iterator[str]:
    compared = data.comparison
    if compared is None or data.recipe not in compared.names or not data.n_selected:
        return
    own = compared.names.index(data.recipe)
    others = [i for i in range(len(compared.names)) if i != own]
    if not others:
        return
    closest = max(others, key=lambda i: compared.common[own, i])
    shared = int(compared.common[own, closest])
    if shared:
        yield (
            f"The closest other recipe is {compared.names[closest]}, with "
            f"{_share(shared, compared.sizes[own])} of these rows; by chance it would have "
            f"{_share(compared.sizes[closest], data.usable)}."
        )
    else:
        yield "No other recipe selects any of these rows."


def _share(part: float, whole: float) -> str:
    """A share in whole percents, where there are any: a sentence is no table."""
    return f"{100 * part / whole:.0f} %" if part >= 0.01 * whole > 0 else percent(part, whole)


def _listed(names: Sequence[str]) -> str:
    """ "a, b and c", with the number of those beyond the first few."""
    shown = list(names[:MAX_NAMES])
    if len(names) > MAX_NAMES:
        shown.append(f"{len(names) - MAX_NAMES:,} more")
    return ", ".join(shown[:-1]) + (" and " if len(shown) > 1 else "") + shown[-1]
