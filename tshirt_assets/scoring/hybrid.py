"""The analytic estimate, sharpened by a few sampled neighbours.

A handful of neighbours says little about the std of a row's score, but much about the noise of
every single token, which the analytic estimate only predicts. So the neighbours measure the noise
sd per token, and the gradient and the jumps do the rest. The mean is the sampled and the smooth
mean, each weighted by its precision.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.analytic import gradient_robust_scores, row_eps
from tshirt_assets.scoring.calibration import Calibration
from tshirt_assets.scoring.clean import CleanLosses
from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine
from tshirt_assets.scoring.robustness import NeighbourDeltas, RobustScore, robust_score
from tshirt_assets.scoring.tokenize import TokenizedSample

PRIOR_DRAWS = 2.0  # what the predicted sd of a token is worth, in draws of its own


def token_noise_sd(deltas: np.ndarray, prior_sd: np.ndarray) -> np.ndarray:
    """Noise sd of each token, (T,), from deltas (M, T) of neighbours and what is predicted.

    The mean of a scaled inverse chi-square posterior: `prior_sd` (T,) counts as PRIOR_DRAWS draws.
    """
    squares = deltas.var(axis=0, dtype=np.float64) * len(deltas)
    return np.sqrt((PRIOR_DRAWS * prior_sd**2 + squares) / (PRIOR_DRAWS + len(deltas) - 1))


def hybrid_robust_scores(
    engine: TokenLossEngine,
    samples: Sequence[TokenizedSample],
    clean: Sequence[CleanLosses],
    neighbours: Sequence[NeighbourDeltas],
    *,
    tau: float,
    alpha: float,
    calibration: Calibration,
) -> list[RobustScore]:
    """Robust scores of every sample, in order, from its neighbours and one backward pass.

    clean: losses of each sample's clean passes. Rows whose neighbours are not ok, or without
    informative token, pass their status on; the mean IFD is that over the neighbours.
    """
    sampled = [robust_score(row, tau) for row in neighbours]
    found = [i for i, score in enumerate(sampled) if score.status is Status.OK]
    noise_sd = []
    for i in found:
        deltas = neighbours[i].deltas
        assert deltas is not None
        eps = row_eps(samples[i], alpha, engine.width)
        noise_sd.append(token_noise_sd(deltas, calibration.noise.sd(clean[i], eps)))
    analytic = gradient_robust_scores(
        engine,
        [samples[i] for i in found],
        [clean[i] for i in found],
        tau=tau,
        alpha=alpha,
        noise_sd=noise_sd,
    )
    mean_error = calibration.errors.mean_error if calibration.errors else None
    scores = list(sampled)
    for i, score in zip(found, analytic, strict=True):
        scores[i] = _blend(sampled[i], score, mean_error)
    return scores


def _blend(sampled: RobustScore, analytic: RobustScore, mean_error: float | None) -> RobustScore:
    """The analytic std; the means weighted by precision (equally if the error is not known)."""
    if analytic.s_ifd_mean is None or analytic.s_ifd_std is None:
        return replace(analytic, ifd_mean=sampled.ifd_mean)
    assert sampled.s_ifd_mean is not None
    own = analytic.s_ifd_std**2 / sampled.n_neighbours  # variance of the sampled mean
    other = own if mean_error is None else mean_error**2
    weight = other / (other + own) if own else 1.0
    mean = weight * sampled.s_ifd_mean + (1.0 - weight) * analytic.s_ifd_mean
    return replace(sampled, s_ifd_mean=mean, s_ifd_std=analytic.s_ifd_std)
