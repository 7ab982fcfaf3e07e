"""Rows that no contestant may be trained on: of every length and domain as many as there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from tshirt_assets.evidence.evidence_error import EvidenceError

LENGTHS: Final = 3  # classes of length with equally many rows
LARGEST_SHARE: Final = 4  # at most one row in so many is held out
FEWEST_ROWS: Final = 12  # usable ones, of which three can be held out
VALIDATING: Final = 3  # one held-out row in so many chooses learning rates


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Sample ids of rows to measure on.

    test: their losses are what is compared. validation: they choose the learning rates, and tell
    the oracle what to aim at.
    """

    test: tuple[str, ...]
    validation: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """All of them."""
        return self.test + self.validation


def hold_out(rows: pl.DataFrame, count: int) -> HeldOut:
    """Hold out `count` rows of a corpus, at most a quarter of it; always the same ones.

    rows: sample_id, domain, length. Every stratum (domain and third of the lengths) gets its share
    of the rows, to less than one row, and so do test and validation of the held-out ones, nearly.
    Raises `EvidenceError` where there are too few rows.
    """
    if rows.height < FEWEST_ROWS:
        raise EvidenceError(
            f"{rows.height} rows can be used; to compare trainings takes at least {FEWEST_ROWS}"
        )
    chosen = stratified(rows, min(count, rows.height // LARGEST_SHARE))
    validating = np.arange(len(chosen)) % VALIDATING == VALIDATING // 2
    ids = np.array(chosen)
    return HeldOut(tuple(ids[~validating].tolist()), tuple(ids[validating].tolist()))


def stratified(rows: pl.DataFrame, count: int) -> Sequence[str]:
    """Ids of `count` of the rows (sample_id, domain, length), in order of their strata.

    Rows at even distances in the order of the strata, so that each has its share. Within one they
    go by their ids, which are hashes of the content: as good as a random draw.
    """
    place = pl.col("length").rank("ordinal") - 1
    ordered = rows.sort("length", "sample_id").with_columns(
        third=(place * LENGTHS) // max(rows.height, 1)
    )
    ids = ordered.sort("domain", "third", "sample_id", nulls_last=True)["sample_id"]
    count = min(count, rows.height)
    places = ((np.arange(count) + 0.5) * rows.height / max(count, 1)).astype(np.int64)
    return ids.gather(places).to_list()
