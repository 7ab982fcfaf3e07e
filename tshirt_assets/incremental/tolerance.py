"""What stays although a few rows have changed, so that the others are not measured again."""

import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.catalog import CONTENDERS
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.store.faults import DamagedTableError
from tshirt_assets.store.store import Store

KEPT_PILOT = 0.75
"""Share of the pilot's rows that must still be there for its constants to stay."""


def kept_tau(store: Store, config: CorpusConfig, quantile: float) -> float:
    """The stored tau, where the quantile of the present rows is within the tolerance of it.

    Every row's analytic robustness belongs to one tau: where few rows change, it stays, and with
    it what was measured.
    """
    try:
        info = store.info(config.name, CONTENDERS.name)
        facts = TableFacts() if info is None else TableFacts.of(info)
    except (DamagedTableError, UpstreamError):  # it is about to be written again
        return quantile
    if facts.tau is None or facts.keep_fraction != config.keep_fraction:
        return quantile
    near = abs(quantile - facts.tau) <= config.tau_tolerance * abs(facts.tau)
    return facts.tau if near else quantile


def pilot_stays(pilot: pl.Series, present: pl.Series, share: float = KEPT_PILOT) -> bool:
    """Whether at least this share of the pilot's sample ids is among those of the present rows."""
    still = pilot.is_in(present.unique().implode())
    return bool(still.sum() >= share * len(still))
