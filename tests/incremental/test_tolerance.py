"""When tau stays as it was."""

import pytest

from tests.corpora import NAME, Corpus
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.tolerance import kept_tau
from tshirt_assets.incremental.writing import write_table

QUANTILE = 0.5


def record(corpus: Corpus, **facts: float) -> None:
    """Put these facts in the place of those of the stored contenders."""
    table = corpus.store.read(NAME, "contenders")
    write_table(corpus.store, NAME, "contenders", None, table, facts=TableFacts(**facts))


@pytest.mark.parametrize(
    ("off", "stays"), [(0.0, True), (0.0024, True), (-0.0024, True), (0.0028, False)]
)
def test_tau_stays_within_its_tolerance(materialized: Corpus, off: float, stays: bool) -> None:
    record(materialized, tau=QUANTILE / (1 + off), keep_fraction=materialized.config.keep_fraction)
    found = kept_tau(materialized.store, materialized.config, QUANTILE)
    assert (found == pytest.approx(QUANTILE / (1 + off), rel=1e-12)) is (stays or off == 0)
    assert (found == QUANTILE) is (not stays or off == 0)


def test_without_tolerance_tau_is_the_quantile(materialized: Corpus) -> None:
    keep = materialized.config.keep_fraction
    record(materialized, tau=QUANTILE * (1 - 1e-9), keep_fraction=keep)
    materialized.configure(tau_tolerance=0.0)
    assert kept_tau(materialized.store, materialized.config, QUANTILE) == QUANTILE


def test_another_keep_fraction_is_another_tau(materialized: Corpus) -> None:
    record(materialized, tau=QUANTILE * 1.001, keep_fraction=0.3)
    assert kept_tau(materialized.store, materialized.config, QUANTILE) == QUANTILE


def test_without_a_stored_tau_it_is_the_quantile(materialized: Corpus) -> None:
    record(materialized)
    assert kept_tau(materialized.store, materialized.config, QUANTILE) == QUANTILE
    materialized.store.database.drop(f"{NAME}.contenders")
    assert kept_tau(materialized.store, materialized.config, QUANTILE) == QUANTILE
