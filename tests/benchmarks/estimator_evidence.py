"""How good each estimator of robustness is, against many draws of the same rows.

    python -m tests.benchmarks.estimator_draws DATA_FOLDER      # hours; resumable
    python -m tests.benchmarks.estimator_evidence DATA_FOLDER   # about 15 minutes on 2 cores

The draws of a row (15 blocks of 10) are split five ways: 30 serve the estimator that needs some,
the other 120 are the truth (hard threshold, as published). Overlap: share of the final selection
that the truth selects, too; seeds: the same between two of the five. A selection of k = 5 or 10 %
of all rows is made among the contenders, as the asset does; overlaps are the mean over all budgets
within a fifth of that, because a row more or less moves the cuts and with them an overlap by 0.03.
Costs are row passes (a conditional and an unconditional forward pass of the row) and seconds of
this run. Writes build/evidence/result.json and docs/images/estimators.png.
"""

import argparse
import json
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from tests.benchmarks.estimator_draws import ALPHA, FOLDER, GAMMA, Evidence
from tests.benchmarks.overlap import eligible, selected
from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.analytic import (
    analytic_robust_scores,
    gradient_robust_scores,
    row_eps,
)
from tshirt_assets.scoring.calibration import (
    PILOT_NEIGHBOURS,
    Calibration,
    compare,
    pilot_ids,
)
from tshirt_assets.scoring.clean import CleanLosses, clean_scores
from tshirt_assets.scoring.hybrid import hybrid_robust_scores
from tshirt_assets.scoring.robustness import (
    NeighbourDeltas,
    RobustScore,
    neighbour_deltas,
    robust_score,
)
from tshirt_assets.scoring.token_noise import fit_token_noise

SPLITS, BLOCKS_PER_SPLIT = 5, 3  # 30 draws for the estimator, 120 for the truth
SHARES = (0.05, 0.10)
TIMED_ROWS = 24
PICTURE = Path("docs/images/estimators.png")


class Study:
    """The drawn contenders: their clean losses, their draws, the truth of every split."""

    def __init__(self, data: Path):
        self.evidence = Evidence(data)
        self.engine = self.evidence.model.engine
        self.tau = self.evidence.tau
        draws = {i: self.evidence.draws(i) for i in self.evidence.contenders}
        self.draws = {i: found for i, found in draws.items() if found is not None}
        self.ids = list(self.draws)
        self.rows = [self.evidence.rows[i] for i in self.ids]
        self.clean = [
            CleanLosses.of(score.token_nll, score.token_delta, score.ifd)
            for score in clean_scores(self.engine, self.rows)
            if score.token_nll is not None and score.token_delta is not None and score.ifd
        ]
        assert len(self.clean) == len(self.ids)
        # The share of the rows is that of the drawn contenders, if not all are drawn yet.
        drawn = len(self.ids) / len(self.evidence.contenders)
        exact = {s: s * len(self.evidence.rows) * drawn for s in SHARES}
        self.budgets = {s: range(round(0.8 * n), round(1.2 * n) + 1) for s, n in exact.items()}
        blocks = next(iter(self.draws.values())).deltas.shape[0]
        splits = np.split(np.arange(SPLITS * BLOCKS_PER_SPLIT), SPLITS)
        self.own = list(splits)
        self.truth = [self.sampled(np.setdiff1d(np.arange(blocks), own)) for own in splits]

    def neighbours(self, blocks: np.ndarray, most: int | None = None) -> list[NeighbourDeltas]:
        """The first `most` draws of these blocks, per row."""
        found = []
        for sample_id, draw in self.draws.items():
            deltas = np.concatenate(draw.deltas[blocks])[:most]
            ifd_mean = float(draw.ifd_mean[blocks].mean())
            found.append(NeighbourDeltas(sample_id, Status.OK, None, ifd_mean, deltas))
        return found

    def sampled(self, blocks: np.ndarray, most: int | None = None) -> list[RobustScore]:
        """Sampled scores from these draws."""
        return [robust_score(row, self.tau) for row in self.neighbours(blocks, most)]

    def calibration(self) -> Calibration:
        """As the asset makes it: a pilot among the contenders, its first draws."""
        pilot = set(pilot_ids(self.ids))
        at = [k for k, sample_id in enumerate(self.ids) if sample_id in pilot]
        drawn = self.neighbours(self.own[0], PILOT_NEIGHBOURS)
        clean = [self.clean[k] for k in at]
        noise = fit_token_noise(
            clean,
            [drawn[k].deltas for k in at],  # type: ignore[misc]
            [row_eps(self.rows[k], ALPHA, self.engine.width) for k in at],
        )
        estimates = analytic_robust_scores(
            self.engine,
            [self.rows[k] for k in at],
            clean,
            tau=self.tau,
            alpha=ALPHA,
            noise=noise,
        )
        errors = compare(estimates, [robust_score(drawn[k], self.tau) for k in at])
        return Calibration(noise, None, errors)

    def with_sd(self, sd: Callable[[int], np.ndarray]) -> list[RobustScore]:
        """Analytic scores with given noise sds of the k-th row's tokens."""
        return gradient_robust_scores(
            self.engine,
            self.rows,
            self.clean,
            tau=self.tau,
            alpha=ALPHA,
            noise_sd=[sd(k) for k in range(len(self.rows))],
        )

    def select(self, scores: list[RobustScore], share: float) -> list[set[str]]:
        """The final selections by these scores, of every budget around the share."""
        frame = eligible(scores)
        return [selected(frame, budget, GAMMA) for budget in self.budgets[share]]

    def judge(self, found: list[list[RobustScore]], passes: float) -> dict[str, Any]:
        """Agreement of an estimator with the truth; one result per split, or one for all."""
        pairs = list(zip(found * (SPLITS if len(found) == 1 else 1), self.truth, strict=True))
        result: dict[str, Any] = {"row_passes": round(passes, 2)}
        for name in ("s_ifd_mean", "s_ifd_std"):
            ranks = [_rank_correlation(one, truth, name) for one, truth in pairs]
            result[name] = round(float(np.mean(ranks)), 3)
        for share in SHARES:
            chosen = [self.select(one, share) for one in found]
            true = [self.select(one, share) for one in self.truth]
            repeated = chosen * (len(true) // len(chosen))
            shares = [_overlap(one, other) for one, other in zip(repeated, true, strict=True)]
            result[f"overlap_{share:g}"] = round(float(np.mean(shares)), 3)
            twice = [_overlap(a, b) for a, b in combinations(chosen, 2)]
            result[f"seeds_{share:g}"] = round(float(np.mean(twice)), 3) if twice else 1.0
        return result


def _overlap(one: list[set[str]], other: list[set[str]]) -> float:
    """Mean over the budgets."""
    return float(np.mean([len(a & b) / len(b) for a, b in zip(one, other, strict=True)]))


def _rank_correlation(one: list[RobustScore], truth: list[RobustScore], name: str) -> float:
    pairs = [(getattr(a, name), getattr(b, name)) for a, b in zip(one, truth, strict=True)]
    return float(spearmanr(*zip(*(pair for pair in pairs if None not in pair), strict=True))[0])


def seconds_per_row(study: Study, calibration: Calibration) -> dict[str, float]:
    """Wall seconds per row of ten draws and of the analytic estimate, alternating, best of 3."""
    rows, clean = study.rows[:TIMED_ROWS], study.clean[:TIMED_ROWS]
    work = {
        "draws_10": lambda: neighbour_deltas(
            study.engine, rows, neighbours=10, alpha=ALPHA, seed=99
        ),
        "analytic": lambda: analytic_robust_scores(
            study.engine, rows, clean, tau=study.tau, alpha=ALPHA, noise=calibration.noise
        ),
    }
    best = dict.fromkeys(work, float("inf"))
    for _ in range(3):
        for name, run in work.items():
            started = time.perf_counter()
            run()
            best[name] = min(best[name], (time.perf_counter() - started) / len(rows))
    return best


def main() -> None:
    """Measure all estimators; print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the draws' rows")
    study = Study(parser.parse_args().data)
    calibration = study.calibration()
    timing = seconds_per_row(study, calibration)
    gradient = 10 * timing["analytic"] / timing["draws_10"]  # row passes of one gradient
    sds = [
        calibration.noise.sd(clean, row_eps(row, ALPHA, study.engine.width))
        for clean, row in zip(study.clean, study.rows, strict=True)
    ]
    typical = float(np.median(np.concatenate(sds)))
    analytic = study.with_sd(lambda k: sds[k])
    table = {
        "sampled, 10": study.judge([study.sampled(own, 10) for own in study.own], 10),
        "sampled, 30": study.judge([study.sampled(own) for own in study.own], 30),
        "analytic, hard threshold": study.judge(
            [study.with_sd(lambda k: np.full(len(sds[k]), 1e-6))], gradient
        ),
        "analytic, one width": study.judge(
            [study.with_sd(lambda k: np.full(len(sds[k]), typical))], gradient
        ),
        "analytic": study.judge([analytic], gradient),
    }
    for most in (4, 8):
        found = [
            hybrid_robust_scores(
                study.engine,
                study.rows,
                study.clean,
                study.neighbours(own, most),
                tau=study.tau,
                alpha=ALPHA,
                calibration=calibration,
            )
            for own in study.own
        ]
        table[f"hybrid, {most}"] = study.judge(found, gradient + most)
    result = {
        "rows": len(study.evidence.rows),
        "contenders": len(study.ids),
        "budgets": {share: [*budgets] for share, budgets in study.budgets.items()},
        "tau": study.tau,
        "calibration": calibration.facts(),
        "typical_noise_sd": typical,
        "seconds_per_row": timing,
        "estimators": table,
    }
    (FOLDER / "result.json").write_text(json.dumps(result, indent=2))
    plot(study, analytic)
    print(json.dumps({key: value for key, value in result.items() if key != "estimators"}))
    print("| estimator |", " | ".join(next(iter(table.values()))), "|")
    for name, line in table.items():
        print(f"| {name} |", " | ".join(str(value) for value in line.values()), "|")


def plot(study: Study, analytic: list[RobustScore]) -> None:
    """Std of every row: analytic, and 30 draws, against the other 120 draws."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FixedLocator, NullFormatter

    figure, axes = plt.subplots(1, 2, figsize=(8, 3.8), sharex=True, sharey=True)
    sampled = study.sampled(study.own[0])
    for axis, found, name in zip(
        axes, (analytic, sampled), ("analytic (no draws)", "30 draws"), strict=True
    ):
        pairs = [
            (truth.s_ifd_std, score.s_ifd_std)
            for truth, score in zip(study.truth[0], found, strict=True)
            if truth.s_ifd_std and score.s_ifd_std
        ]
        x, y = zip(*pairs, strict=True)
        axis.loglog(x, y, ".", color="#6b3fd4", alpha=0.6, markersize=5)
        axis.loglog([min(x), max(x)], [min(x), max(x)], color="#8c93a3", linewidth=1)
        for side in (axis.xaxis, axis.yaxis):  # a few round numbers; the default labels collide
            side.set_major_locator(FixedLocator([0.02, 0.05, 0.1, 0.2]))
            side.set_major_formatter("{x:g}")
            side.set_minor_formatter(NullFormatter())
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("std of S-IFD, 120 draws")
    axes[0].set_ylabel("std of S-IFD, estimated")
    figure.tight_layout()
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
