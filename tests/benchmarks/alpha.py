"""What the noise alpha decides: the same rows measured at several of them.

    python -m tests.benchmarks.alpha DATA_FOLDER [--rows 200]

Short real rows under SmolLM2-135M-Instruct, calibrated and measured by the analytic estimator at
each alpha as the assets do it. Prints two tables: what the noise does to tokens (of the pilot's
sampled neighbours) and scores, and how much of a selection at one alpha is selected at another:
mean over the budgets from 5 to 15 % of the rows, because one of 10 rows says little.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from tests.benchmarks.estimator_draws import GAMMA, KEEP_FRACTION, hash_order, scorer, short_rows
from tests.benchmarks.overlap import eligible, selected
from tshirt_assets.models.causal_lm import LoadedCausalLM
from tshirt_assets.scoring.analytic import analytic_robust_scores
from tshirt_assets.scoring.calibration import PILOT_NEIGHBOURS, Calibration, calibrate, pilot_ids
from tshirt_assets.scoring.clean import CleanLosses, clean_scores
from tshirt_assets.scoring.robustness import NeighbourDeltas, RobustScore, neighbour_deltas
from tshirt_assets.scoring.sifd import s_ifd
from tshirt_assets.scoring.tokenize import TokenizedSample
from tshirt_assets.selection.threshold import threshold

ALPHAS = (1.25, 2.5, 5.0, 10.0)
SHARES = (0.05, 0.15)


@dataclass(frozen=True)
class Measured:
    """What one alpha gives: the calibration, the pilot's neighbours, scores of all rows."""

    calibration: Calibration
    pilot: list[NeighbourDeltas]
    scores: list[RobustScore]

    def column(self, name: str) -> np.ndarray:
        """A score of all rows (n,), NaN where a row has none."""
        return np.array([getattr(score, name) for score in self.scores], dtype=float)

    def chosen(self) -> list[set[str]]:
        """The selections at every budget."""
        low, high = (round(share * len(self.scores)) for share in SHARES)
        frame = eligible(self.scores)
        return [selected(frame, budget, GAMMA) for budget in range(low, high + 1)]


def measure(
    model: LoadedCausalLM,
    rows: Sequence[TokenizedSample],
    clean: Sequence[CleanLosses],
    tau: float,
    alpha: float,
) -> Measured:
    """Calibrate on the pilot, then measure every row."""
    pilot = {*pilot_ids([row.sample_id for row in rows])}
    at = [place for place, row in enumerate(rows) if row.sample_id in pilot]
    own, losses = [rows[k] for k in at], [clean[k] for k in at]
    drawn = neighbour_deltas(model.engine, own, neighbours=PILOT_NEIGHBOURS, alpha=alpha, seed=0)
    calibration, *_ = calibrate(model.engine, own, losses, drawn, tau=tau, alpha=alpha)
    noise = calibration.noise
    scores = analytic_robust_scores(model.engine, rows, clean, tau=tau, alpha=alpha, noise=noise)
    return Measured(calibration, drawn, scores)


def crossing(found: Measured, clean: dict[str, CleanLosses], tau: float) -> tuple[float, float]:
    """Shares of the pilot's tokens that cross tau under noise, and whose delta changes its sign
    among those that are informative."""
    moved, turned = [], []
    for row in found.pilot:
        if row.deltas is not None:
            before = clean[row.sample_id].deltas
            informative = np.abs(before) > tau
            moved.append(((np.abs(row.deltas) > tau) != informative).ravel())
            turned.append((np.sign(row.deltas) != np.sign(before))[:, informative].ravel())
    return float(np.concatenate(moved).mean()), float(np.concatenate(turned).mean())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=200)
    asked = parser.parse_args()
    model = scorer()
    ordered = sorted(short_rows(asked.data, model), key=lambda row: hash_order(row.sample_id))
    rows = ordered[: asked.rows]
    clean = {
        score.sample_id: CleanLosses.of(score.token_nll, score.token_delta, score.ifd)
        for score in clean_scores(model.engine, rows)
        if score.token_nll is not None and score.token_delta is not None and score.ifd
    }
    rows = [row for row in rows if row.sample_id in clean]
    losses = [clean[row.sample_id] for row in rows]
    tau = threshold(lambda: (own.deltas for own in losses), KEEP_FRACTION)
    plain = np.array([s_ifd(own.deltas, tau) for own in losses], dtype=float)
    found: dict[float, Measured] = {}
    for alpha in ALPHAS:
        began = time.monotonic()
        found[alpha] = measure(model, rows, losses, tau, alpha)
        print(f"alpha {alpha:g}: {time.monotonic() - began:.0f} s", flush=True)
    _print_noise(found, clean, plain, tau)
    _print_overlaps(found)


def _print_noise(
    found: dict[float, Measured], clean: dict[str, CleanLosses], plain: np.ndarray, tau: float
) -> None:
    print(f"\n{len(plain)} rows, tau {tau:.3f}\n")
    print(
        "| alpha | `noise_base` | `noise_sd` | over tau | cross tau | change sign | mean, rank "
        "with clean S-IFD | std, median | std, rank with alpha 5 | `std_error` |\n"
        + "|---" * 10
        + "|"
    )
    middle = found[5.0].column("s_ifd_std")
    for alpha, one in found.items():
        own, errors = one.calibration, one.calibration.errors
        std = one.column("s_ifd_std")
        moved, turned = crossing(one, clean, tau)
        print(
            f"| {alpha:g} | {own.noise.base:.2f} | {own.noise_sd:.3f} | {own.noise_sd / tau:.2f} | "
            f"{moved:.1%} | {turned:.1%} | {_rank(one.column('s_ifd_mean'), plain):.3f} | "
            f"{np.nanmedian(std):.4f} | {_rank(std, middle):.3f} | "
            f"{errors.std_error if errors else float('nan'):.2f} |"
        )


def _print_overlaps(found: dict[float, Measured]) -> None:
    chosen = {alpha: one.chosen() for alpha, one in found.items()}
    print(f"\n| selected at | {' | '.join(f'{a:g}' for a in chosen)} |\n" + "|---" * 5 + "|")
    for alpha, own in chosen.items():
        shares = [
            np.mean([len(a & b) / len(b) for a, b in zip(own, other, strict=True)])
            for other in chosen.values()
        ]
        print(f"| {alpha:g} | {' | '.join(f'{share:.2f}' for share in shares)} |")


def _rank(one: np.ndarray, other: np.ndarray) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    return float(spearmanr(one[both], other[both])[0])


if __name__ == "__main__":
    main()
