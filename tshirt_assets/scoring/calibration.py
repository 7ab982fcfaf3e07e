"""The analytic estimator's few constants, measured on a small pilot of sampled neighbours.

The pilot is a few dozen rows, chosen by a hash of their ids: the same rows whatever the sharding.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b

import numpy as np
import torch

from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.analytic import analytic_robust_scores, smooth_s_ifd
from tshirt_assets.scoring.robustness import NeighbourDeltas, RobustScore, robust_score
from tshirt_assets.scoring.sifd import s_ifd_rows
from tshirt_assets.scoring.token_loss import TokenLossEngine
from tshirt_assets.scoring.tokenize import TokenizedSample

PILOT_ROWS = 32
PILOT_NEIGHBOURS = 16
MIN_ROWS = 4  # fewer say nothing about an error
# Steps of a tenth: fine enough for a curve this flat, coarse enough not to follow every new row.
NOISE_SDS = np.geomspace(0.02, 1.0, 42)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the pilot says about the analytic estimator.

    `noise_sd`: sd of a token delta's noise in nats, the width of the smooth threshold. `std_scale`:
    sampled over analytic std, geometric mean over the rows. `std_error`: sd of the logarithm of
    that ratio, beyond what the pilot's own sampling adds. `mean_shift`, `mean_error`: mean and sd
    of sampled minus smooth mean, likewise. `n_rows` took part.
    """

    noise_sd: float
    std_scale: float
    std_error: float
    mean_shift: float
    mean_error: float
    n_rows: int

    def apply(self, score: RobustScore) -> RobustScore:
        """An analytic score on the scale of sampled ones."""
        if score.s_ifd_mean is None or score.s_ifd_std is None:
            return score
        return replace(
            score,
            s_ifd_mean=score.s_ifd_mean + self.mean_shift,
            s_ifd_std=score.s_ifd_std * self.std_scale,
        )

    def facts(self) -> dict[str, float]:
        """The numbers by name, for metadata and identities."""
        return asdict(self)


def pilot_ids(sample_ids: Collection[str], rows: int = PILOT_ROWS) -> list[str]:
    """The ids of lowest hash: a fixed random sample, of which growth exchanges a few rows."""
    return sorted(
        set(sample_ids),
        key=lambda sample_id: blake2b(sample_id.encode(), digest_size=8, person=b"pilot").digest(),
    )[:rows]


def fit_noise_sd(
    clean: Sequence[np.ndarray], noisy: Sequence[np.ndarray], tau: float
) -> tuple[float, float]:
    """The noise sd whose smooth slopes explain most of S-IFD's variance over the neighbours.

    clean: token deltas (T,) per row; noisy: (M, T) of its neighbours. Returns the sd of `NOISE_SDS`
    with the smallest unexplained share of the variance (mean over rows), and that share.

    Raises:
        ValueError: S-IFD varies in no row.
    """
    rows = []
    for deltas, neighbours in zip(clean, noisy, strict=True):
        scores = hard_scores(neighbours, tau)
        usable = np.isfinite(scores)
        if (np.abs(deltas) > tau).any() and usable.sum() > 1 and scores[usable].std() > 0:
            rows.append((deltas, neighbours[usable].astype(np.float64), scores[usable]))
    if not rows:
        raise ValueError("no pilot row has a score that noise changes")
    unexplained = np.array(
        [
            np.mean(
                [
                    (scores - neighbours @ smooth_s_ifd(deltas, tau, noise_sd).slopes).var()
                    / scores.var()
                    for deltas, neighbours, scores in rows
                ]
            )
            for noise_sd in NOISE_SDS
        ]
    )
    best = int(unexplained.argmin())
    return float(NOISE_SDS[best]), float(unexplained[best])


def calibrate(
    engine: TokenLossEngine,
    samples: Sequence[TokenizedSample],
    clean: Sequence[tuple[np.ndarray, float]],
    pilot: Sequence[NeighbourDeltas],
    *,
    tau: float,
    alpha: float,
) -> Calibration:
    """Constants of the analytic estimator from rows that were also sampled.

    clean: token deltas and IFD of each sample's clean passes; pilot: its neighbours.

    Raises:
        ValueError: fewer than MIN_ROWS rows have both estimates.
    """
    found = [i for i, row in enumerate(pilot) if row.deltas is not None]
    if len(found) < MIN_ROWS:
        raise ValueError(f"{len(found)} usable pilot rows; at least {MIN_ROWS} are needed")
    noisy = [row.deltas for row in pilot if row.deltas is not None]
    noise_sd, _ = fit_noise_sd([clean[i][0] for i in found], noisy, tau)
    estimates = analytic_robust_scores(
        engine,
        [samples[i] for i in found],
        [clean[i] for i in found],
        tau=tau,
        noise_sd=[noise_sd] * len(found),
        alpha=alpha,
    )
    return compare(estimates, [robust_score(pilot[i], tau) for i in found], noise_sd)


def compare(
    estimates: Sequence[RobustScore], sampled: Sequence[RobustScore], noise_sd: float
) -> Calibration:
    """Scale, shift and errors of estimates against sampled scores of the same rows.

    The logarithm of a sample std of n normal values is off by a known bias and variance, which
    are taken out: digamma and trigamma of (n - 1) / 2.

    Raises:
        ValueError: fewer than MIN_ROWS rows have a positive std in both.
    """
    pairs = [
        (estimate.s_ifd_mean, estimate.s_ifd_std, row.s_ifd_mean, row.s_ifd_std, row.n_neighbours)
        for estimate, row in zip(estimates, sampled, strict=True)
        if estimate.status is row.status is Status.OK and estimate.s_ifd_std and row.s_ifd_std
    ]
    if len(pairs) < MIN_ROWS:
        raise ValueError(f"{len(pairs)} pilot rows have two estimates; {MIN_ROWS} are needed")
    mean, std, other_mean, other_std, n = np.array(pairs, dtype=np.float64).T
    half = torch.from_numpy((n - 1) / 2)
    unbiased = other_std**2 * n / (n - 1)
    bias = 0.5 * (torch.digamma(half) - torch.log(half)).numpy()
    ratio = np.log(np.sqrt(unbiased) / std) - bias  # (rows,)
    difference = other_mean - mean
    return Calibration(
        noise_sd=noise_sd,
        std_scale=float(np.exp(ratio.mean())),
        std_error=_beyond(ratio, torch.polygamma(1, half).numpy() / 4),
        mean_shift=float(difference.mean()),
        mean_error=_beyond(difference, unbiased / n),
        n_rows=len(pairs),
    )


def hard_scores(deltas: np.ndarray, tau: float) -> np.ndarray:
    """S-IFD of each neighbour, (M,) float64, from token deltas (M, T)."""
    return s_ifd_rows(deltas.ravel(), np.full(len(deltas), deltas.shape[1]), tau)


def _beyond(values: np.ndarray, sampling_variance: np.ndarray) -> float:
    """Sd of the values without the variance that their sampling explains."""
    return math.sqrt(max(float(values.var(ddof=1) - sampling_variance.mean()), 0.0))
