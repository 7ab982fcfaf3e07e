"""What relevance means in one corpus: that of its rows against that of shuffled pairs.

A cosine says nothing by itself: it depends on the embedding model, the language and the kind of
rows. So a floor is a quantile over pairs of one row's instruction with another row's response.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tshirt_assets.selection.lots import in_drawn_order

PAIRED_ROWS = 2_000
"""Rows of a corpus that are paired with each other: four million pairs."""
PAIRED_SEED = 0
SAME = 0.9999
"""Cosine of two instructions from which they are one: another answer to it is no shuffled pair."""
TELLS_APART = 0.75
"""Below this chance to tell rows from shuffled pairs, relevance says too little of a corpus."""
NO_FLOOR = -2.0  # below every cosine: with nothing to compare, every row is relevant


@dataclass(frozen=True, slots=True, eq=False)
class Pairings:
    """Cosines of instructions and responses of a sample of rows, float32.

    own: (n,) of each instruction with its own response. shuffled: (pairs,) ascending, of every
    instruction with the responses of all other rows. nearest: (n,) of each instruction with the
    response of the row whose instruction is most similar; empty where there is no other.
    """

    own: np.ndarray
    shuffled: np.ndarray
    nearest: np.ndarray

    def floor(self, share: float) -> float:
        """The relevance that this share of the shuffled pairs does not exceed."""
        if not len(self.shuffled):
            return NO_FLOOR
        return float(np.quantile(self.shuffled, share))

    @property
    def told_apart(self) -> float | None:
        """The chance that a row is more relevant than a shuffled pair (AUC); None without pairs."""
        if not len(self.shuffled) or not len(self.own):
            return None
        sides = (np.searchsorted(self.shuffled, self.own, side) for side in ("left", "right"))
        return float(np.mean([side.mean() for side in sides]) / len(self.shuffled))

    def facts(self, share: float) -> dict[str, float]:
        """What a floor at `share` means here, by name, for metadata.

        rows_below and nearest_below: shares of the sampled rows, and of their instructions with the
        response of the nearest other one, that do not exceed it.
        """
        floor = self.floor(share)
        found = {"min_relevance": share, "floor": floor, "rows_paired": len(self.own)}
        if self.told_apart is not None:
            found["told_apart"] = round(self.told_apart, 4)
        for name, cosines in (("rows_below", self.own), ("nearest_below", self.nearest)):
            if len(cosines):
                found[name] = round(float((cosines <= floor).mean()), 4)
        return found


def paired_ids(sample_ids: Sequence[str]) -> list[str]:
    """The rows to pair: at most PAIRED_ROWS, a draw that growth changes little."""
    return in_drawn_order(PAIRED_SEED, set(sample_ids))[:PAIRED_ROWS]


def paired(prompts: np.ndarray, responses: np.ndarray) -> Pairings:
    """The pairings of n rows, from L2-normalised vectors (n, C) of prompts and responses."""
    cosines = prompts @ responses.T  # (n, n)
    alike = prompts @ prompts.T
    others = alike < SAME
    np.fill_diagonal(others, False)
    has_other = others.any(axis=1)
    nearest = np.where(others, alike, -np.inf).argmax(axis=1)
    return Pairings(
        own=np.einsum("ij,ij->i", prompts, responses),
        shuffled=np.sort(cosines[others]),
        nearest=cosines[np.arange(len(cosines)), nearest][has_other],
    )


def pairing_notes(pairings: Pairings) -> list[str]:
    """What a user should know of a corpus before its rows are held to a floor."""
    told = pairings.told_apart
    if told is None:
        return ["min_relevance: too few different rows to compare; none is left out for it"]
    if told < TELLS_APART:
        return [
            f"min_relevance: relevance hardly tells rows from shuffled pairs here ({told:.0%}, "
            "where chance is 50%). Either the embedder does not know the language or kind of these "
            "rows, then use another one or leave min_relevance out; or many responses belong to "
            "other rows"
        ]
    return []
