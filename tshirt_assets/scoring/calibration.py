"""The analytic estimator's few constants, and its errors, from a small pilot of sampled neighbours.

The pilot is a few dozen rows, chosen by a hash of their ids: the same rows whatever the sharding.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b

import numpy as np
import torch

from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.analytic import analytic_robust_scores, row_eps
from tshirt_assets.scoring.clean import CleanLosses
from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine
from tshirt_assets.scoring.robustness import NeighbourDeltas, RobustScore, robust_score
from tshirt_assets.scoring.token_noise import USUAL, TokenNoise, fit_token_noise
from tshirt_assets.scoring.tokenize import TokenizedSample

PILOT_ROWS = 32
PILOT_NEIGHBOURS = 8
MIN_ROWS = 4  # fewer say nothing about an error


@dataclass(frozen=True, slots=True)
class Errors:
    """How an estimate of robustness differs from sampling with many neighbours.

    `std_scale`: sampled over estimated std, geometric mean over the pilot's rows. `std_error`: sd
    of the logarithm of that ratio, beyond what the pilot's own sampling adds. `mean_shift` and
    `mean_error`: mean and sd of sampled minus estimated mean, likewise. `n_rows` took part.
    """

    std_scale: float
    std_error: float
    mean_shift: float
    mean_error: float
    n_rows: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a pilot found: the noise of token deltas, its typical size in nats, and the errors.

    `errors` is None where the pilot has fewer than MIN_ROWS rows with both estimates; `noise` is
    then what is usual.
    """

    noise: TokenNoise
    noise_sd: float | None = None
    errors: Errors | None = None

    def facts(self) -> dict[str, float | int]:
        """The numbers by name, for metadata."""
        errors = asdict(self.errors) if self.errors else {}
        typical = {} if self.noise_sd is None else {"noise_sd": self.noise_sd}
        return (
            {f"noise_{name}": value for name, value in asdict(self.noise).items()}
            | typical
            | errors
        )

    def decisive(self, estimator: str) -> dict[str, float]:
        """The numbers that change an estimator's scores: what belongs into their identity."""
        noise = asdict(self.noise)
        if estimator == "hybrid" and self.errors:
            noise["mean_error"] = self.errors.mean_error
        return noise

    @staticmethod
    def from_facts(facts: dict[str, float]) -> "Calibration":
        """The calibration whose `facts` these are."""
        noise = TokenNoise(*(facts[f"noise_{name}"] for name in TokenNoise.__slots__))
        names = Errors.__slots__
        errors = Errors(**{n: facts[n] for n in names}) if names[0] in facts else None  # type: ignore[arg-type]
        return Calibration(noise, facts.get("noise_sd"), errors)


def pilot_ids(sample_ids: Collection[str], rows: int = PILOT_ROWS) -> list[str]:
    """The ids of lowest hash: a fixed random sample, of which growth exchanges a few rows."""
    return sorted(
        set(sample_ids),
        key=lambda sample_id: blake2b(sample_id.encode(), digest_size=8, person=b"pilot").digest(),
    )[:rows]


def calibrate(
    engine: TokenLossEngine,
    samples: Sequence[TokenizedSample],
    clean: Sequence[CleanLosses],
    pilot: Sequence[NeighbourDeltas],
    *,
    tau: float,
    alpha: float,
) -> tuple[Calibration, list[RobustScore], list[RobustScore]]:
    """The calibration, and the analytic and the sampled scores of the pilot's rows, in order.

    clean: losses of each sample's clean passes; pilot: its neighbours.
    """
    found = [i for i, row in enumerate(pilot) if row.deltas is not None]
    noise, noise_sd = USUAL, None
    if len(found) >= MIN_ROWS:
        eps = [row_eps(samples[i], alpha, engine.width) for i in found]
        losses = [clean[i] for i in found]
        noisy = [row.deltas for row in pilot if row.deltas is not None]
        noise = fit_token_noise(losses, noisy, eps)
        sds = [noise.sd(own, scale) for own, scale in zip(losses, eps, strict=True)]
        noise_sd = float(np.median(np.concatenate(sds)))
    estimates = analytic_robust_scores(engine, samples, clean, tau=tau, alpha=alpha, noise=noise)
    sampled = [robust_score(row, tau) for row in pilot]
    return Calibration(noise, noise_sd, compare(estimates, sampled)), estimates, sampled


def compare(estimates: Sequence[RobustScore], sampled: Sequence[RobustScore]) -> Errors | None:
    """Scale, shift and errors of estimates against sampled scores of the same rows.

    The logarithm of a sample std of n normal values is off by a known bias and variance, which
    are taken out: digamma and trigamma of (n - 1) / 2. None where fewer than MIN_ROWS rows have a
    positive std in both.
    """
    pairs = [
        (estimate.s_ifd_mean, estimate.s_ifd_std, row.s_ifd_mean, row.s_ifd_std, row.n_neighbours)
        for estimate, row in zip(estimates, sampled, strict=True)
        if estimate.status is row.status is Status.OK and estimate.s_ifd_std and row.s_ifd_std
    ]
    if len(pairs) < MIN_ROWS:
        return None
    mean, std, other_mean, other_std, n = np.array(pairs, dtype=np.float64).T
    half = torch.from_numpy((n - 1) / 2)
    unbiased = other_std**2 * n / (n - 1)
    bias = 0.5 * (torch.digamma(half) - torch.log(half)).numpy()
    ratio = np.log(np.sqrt(unbiased) / std) - bias  # (rows,)
    difference = other_mean - mean
    return Errors(
        std_scale=float(np.exp(ratio.mean())),
        std_error=_beyond(ratio, torch.polygamma(1, half).numpy() / 4),
        mean_shift=float(difference.mean()),
        mean_error=_beyond(difference, unbiased / n),
        n_rows=len(pairs),
    )


def _beyond(values: np.ndarray, sampling_variance: np.ndarray) -> float:
    """Sd of the values without the variance that their sampling explains."""
    return math.sqrt(max(float(values.var(ddof=1) - sampling_variance.mean()), 0.0))
