"""What a tau that lies off the quantile does to the selection: the evidence behind `tau_tolerance`.

    python -m tests.benchmarks.tau_tolerance --rows 300

Scores short real rows once (they are cheap, and a shifted tau changes them most), then measures the
analytic robustness of everything that any of these taus makes a contender, selects at several
budgets and compares with the exact tau. Also says how far the quantile itself moves when 1 % of
the rows are other ones.
"""

import argparse
import random

import numpy as np
import polars as pl

from tests.benchmarks.overlap import eligible, selected
from tests.benchmarks.rows import ALPHA, KEEP_FRACTION, scorer, shortest_rows
from tshirt_assets.config import Recipe
from tshirt_assets.scoring.analytic import analytic_robust_scores
from tshirt_assets.scoring.clean import CleanLosses, clean_scores
from tshirt_assets.scoring.sifd import s_ifd
from tshirt_assets.scoring.token_noise import USUAL
from tshirt_assets.selection.contenders import contenders
from tshirt_assets.selection.threshold import threshold

OFF = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05)  # relative, to either side
SHARES = (0.02, 0.05, 0.1)  # of the rows
GAMMA, MARGIN = 2.0, 1.35


def main() -> None:
    """Print one line per distance: the overlap of the selections, the worst and the mean."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=300)
    wanted = parser.parse_args().rows
    lm = scorer()
    rows = [row.tokens for row in shortest_rows(lm, wanted)]
    scores = clean_scores(lm.engine, rows)
    deltas = [score.token_delta for score in scores]
    tau = threshold(lambda: iter(deltas), KEEP_FRACTION)
    print(f"{len(rows)} rows, tau {tau:.5f}; it moves by (relative, 20 draws of 99 % of the rows):")
    draw = random.Random(0)
    moved = []
    for _ in range(20):
        part = draw.sample(deltas, round(0.99 * len(deltas)))
        moved.append(abs(threshold(lambda part=part: iter(part), KEEP_FRACTION) / tau - 1))
    print(f"  mean {np.mean(moved):.5f}, largest {max(moved):.5f}")
    exact = selections(lm, rows, scores, tau)
    for off in OFF:
        same = []
        for sign in (1, -1) if off else (1,):
            other = selections(lm, rows, scores, tau * (1 + sign * off))
            same += [len(exact[b] & other[b]) / b for b in exact]
        print(f"  tau off by {off:.2%}: overlap mean {np.mean(same):.4f}, worst {min(same):.4f}")


def selections(lm, rows, scores, tau: float) -> dict[int, set[str]]:
    """The selected ids by budget in rows, under this tau."""
    clean = pl.DataFrame(
        {
            "sample_id": [row.sample_id for row in rows],
            "status": [str(score.status) for score in scores],
            "ifd": [score.ifd for score in scores],
            "s_ifd": [s_ifd(score.token_delta, tau) for score in scores],
        }
    )
    budgets = [round(share * len(rows)) for share in SHARES]
    recipes = [Recipe(method="tshirt", budget=b, gamma=GAMMA) for b in budgets]
    ids = contenders(clean, recipes, margin=MARGIN)["sample_id"].to_list()
    place = {row.sample_id: at for at, row in enumerate(rows)}
    at = [place[sample_id] for sample_id in ids]
    found = analytic_robust_scores(
        lm.engine,
        [rows[i] for i in at],
        [losses(scores[i]) for i in at],
        tau=tau,
        alpha=ALPHA,
        noise=USUAL,
    )
    robust = eligible(found)
    return {b: selected(robust, b, GAMMA) for b in budgets}


def losses(score) -> CleanLosses:
    """The losses of the clean passes, as `token_scores` stores them."""
    return CleanLosses.of(score.token_nll, score.token_delta, score.ifd)


if __name__ == "__main__":
    main()
