"""Robustness without sampling: mean and spread of S-IFD from one forward and backward pass.

Under embedding noise a token's delta D_t is about normal around its clean value, with a standard
deviation that `TokenNoise` predicts. Averaged over that noise, S-IFD's threshold is smooth (a token
counts with the probability that its abs(D) is above tau), and so has a gradient that sees tokens
about to cross tau. What noise does to the score then has two parts:

1. the best linear response: a std of eps / sqrt(3) times the Euclidean norm of the gradient by
   the input embeddings, exact whatever the correlations between tokens (DESIGN.md section 7);
2. the jumps of tokens that cross tau, as far as they are not linear: their variance is known in
   closed form per token, and added up as if tokens jumped independently.

The noise is that of T-SHIRT section 3.3: independent U(-eps, eps), variance eps^2 / 3.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import torch

from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.clean import CleanLosses, pass_fields, pass_requests
from tshirt_assets.scoring.kernel.devices import to_device
from tshirt_assets.scoring.kernel.noise import noise_scale
from tshirt_assets.scoring.kernel.token_loss import LossRequest, TokenLossEngine
from tshirt_assets.scoring.robustness import RobustScore
from tshirt_assets.scoring.token_noise import TokenNoise
from tshirt_assets.scoring.tokenize import TokenizedSample

GROUP_VALUES = 1 << 24  # gradient values of the rows that are summed together: 64 MiB


@dataclass(frozen=True, slots=True)
class SmoothScore:
    """S-IFD averaged over independent normal noise on every token delta, to leading order.

    `slopes` (T,) float64, dS/dD_t of the smooth score: the coefficients of the best linear
    approximation of S-IFD. `jump_std`: std of what that leaves of the tokens' own noise.
    """

    value: float
    slopes: np.ndarray
    jump_std: float


def smooth_s_ifd(deltas: np.ndarray, tau: float, noise_sd: float | np.ndarray) -> SmoothScore:
    """S-IFD of clean token deltas (T,) whose noise has standard deviation `noise_sd` > 0 in nats.

    `noise_sd` is one for all tokens or (T,). As it goes to 0, the value goes to S-IFD itself. At
    least one token should have abs(D) > tau, else the value rests on far tails.
    """
    sd = np.broadcast_to(np.asarray(noise_sd, np.float64), deltas.shape)
    return smooth_s_ifds([deltas], tau, [sd])[0]


def smooth_s_ifds(
    deltas: Sequence[np.ndarray], tau: float, noise_sd: Sequence[np.ndarray]
) -> list[SmoothScore]:
    """`smooth_s_ifd` of many rows at once, each with the noise of its own tokens (T,)."""
    if not deltas:
        return []
    lengths = [len(row) for row in deltas]
    extents = [slice(*ends) for ends in pairwise([0, *accumulate(lengths)])]

    def sums(values: np.ndarray) -> np.ndarray:  # by row
        return np.array([np.add.reduce(values[row]) for row in extents])

    def spread(values: np.ndarray) -> np.ndarray:  # to the tokens of the row
        return np.repeat(values, lengths)

    d, s = np.concatenate(deltas).astype(np.float64), np.concatenate(noise_sd)
    above, below = (tau - d) / s, (-tau - d) / s  # informative: z > above or z < below
    in_above, in_below = _density(above), _density(below)
    # Moments of I * z^m for z ~ N(0, 1) and the indicator I of an informative token.
    p = _normal_cdf(-above) + _normal_cdf(below)
    z1 = in_above - in_below
    z2 = p + above * in_above - below * in_below
    count = sums(p)
    mean = sums(p * d + s * z1) / count
    k = d - spread(mean)
    # f = I * (D - mean), a token's share in moving the mean of the informative tokens.
    f, ff, fz = k * p + s * z1, k * k * p + 2 * k * s * z1 + s * s * z2, k * z1 + s * z2
    with np.errstate(over="ignore"):
        value = np.exp(-mean)
    residual = sums(np.maximum(ff - f * f - fz * fz, 0.0))  # neither mean nor linear in z
    jump_std = value * np.sqrt(residual) / count
    slopes = -spread(value) * fz / s / spread(count)
    by_row = (slopes[row] for row in extents)
    return [
        SmoothScore(*row) for row in zip(value.tolist(), by_row, jump_std.tolist(), strict=True)
    ]


def analytic_robust_scores(
    engine: TokenLossEngine,
    samples: Sequence[TokenizedSample],
    clean: Sequence[CleanLosses],
    *,
    tau: float,
    alpha: float,
    noise: TokenNoise,
) -> list[RobustScore]:
    """Robust scores of every sample, in order, without a single neighbour.

    `clean`: the stored losses of the clean passes; not looked at where the status is not ok.
    """
    noise_sd = [
        noise.sd(losses, row_eps(sample, alpha, engine.width))
        if sample.status is Status.OK
        else np.empty(0)
        for sample, losses in zip(samples, clean, strict=True)
    ]
    return gradient_robust_scores(engine, samples, clean, tau=tau, alpha=alpha, noise_sd=noise_sd)


def row_eps(sample: TokenizedSample, alpha: float, width: int) -> float:
    """Half width of the noise on a row's embeddings."""
    return noise_scale(alpha, len(sample.prompt_ids) + len(sample.response_ids), width)


def gradient_robust_scores(
    engine: TokenLossEngine,
    samples: Sequence[TokenizedSample],
    clean: Sequence[CleanLosses],
    *,
    tau: float,
    alpha: float,
    noise_sd: Sequence[np.ndarray],
) -> list[RobustScore]:
    """Robust scores of every sample, in order, from the noise sd (T - first_delta_index,) of its
    token deltas, in nats, and one gradient.

    The IFD stands for its mean over neighbours. Rows without a clean informative token get
    no_informative_token, rows whose losses or gradient are not finite non_finite_loss.
    """
    scores = [RobustScore(s.sample_id, s.status, s.status_detail) for s in samples]
    usable = [index for index, sample in enumerate(samples) if sample.status is Status.OK]
    measured = [index for index in usable if (np.abs(clean[index].deltas) > tau).any()]
    for index in set(usable).difference(measured):
        scores[index] = RobustScore(
            samples[index].sample_id,
            Status.NO_INFORMATIVE_TOKEN,
            f"no token has abs(delta) > {tau:g}",
            ifd_mean=clean[index].ifd,
        )
    smooth = smooth_s_ifds(
        [clean[index].deltas for index in measured], tau, [noise_sd[index] for index in measured]
    )
    stds = first_order_stds(
        engine, [samples[index] for index in measured], [row.slopes for row in smooth], alpha
    )
    for index, row, std in zip(measured, smooth, stds.tolist(), strict=True):
        sample_id = samples[index].sample_id
        if not (math.isfinite(row.value) and math.isfinite(std)):
            detail = "losses, or their gradient, not finite"
            scores[index] = RobustScore(sample_id, Status.NON_FINITE_LOSS, detail)
            continue
        scores[index] = RobustScore(
            sample_id,
            Status.OK,
            None,
            s_ifd_mean=row.value,
            s_ifd_std=math.hypot(std, row.jump_std),
            ifd_mean=clean[index].ifd,
        )
    return scores


def first_order_stds(
    engine: TokenLossEngine,
    samples: Sequence[TokenizedSample],
    coefficients: Sequence[np.ndarray],
    alpha: float,
) -> np.ndarray:
    """Std of sum_t c_t * D_t of every sample under the noise of `alpha`, to first order.

    (B,) float64. The arguments are those of `score_gradients`. NaN where a loss is not finite.
    """
    norms: list[torch.Tensor] = []
    for gradients in score_gradients(engine, samples, coefficients):
        own = torch.stack(torch._foreach_norm(gradients.rows, 2, dtype=torch.float64))
        norms.append(own + gradients.faults)
    if not norms:
        return np.empty(0)
    # Fetched after the last pack: the device never waits for this loop.
    found = torch.cat(norms).cpu().numpy()
    eps = np.array([row_eps(sample, alpha, engine.width) for sample in samples])
    return eps / math.sqrt(3.0) * found


@dataclass(frozen=True, slots=True)
class ScoreGradients:
    """Gradients of consecutive samples, on the engine's device.

    `rows`: per sample (P + T, C) float32, by the embeddings of prompt and response. `faults` (B,)
    float32: 0, or NaN where a loss of the sample is not finite or there is none.
    """

    rows: tuple[torch.Tensor, ...]
    faults: torch.Tensor


def score_gradients(
    engine: TokenLossEngine,
    samples: Sequence[TokenizedSample],
    coefficients: Sequence[np.ndarray],
) -> Iterator[ScoreGradients]:
    """Gradient of sum_t c_t * D_t by the embeddings of prompt and response, per sample, in order.

    The response is seen by both passes, which share its noise (and the BOS's): its gradient is
    that of the unconditional losses minus that of the conditional ones.

    Args:
        samples: rows with status ok.
        coefficients: per sample (T - first_delta_index,) float, c_t.
    """
    start = 0
    for stop in _group_ends(samples, engine.width):
        yield _summed(engine, samples[start:stop], coefficients[start:stop])
        start = stop


def _summed(
    engine: TokenLossEngine,
    samples: Sequence[TokenizedSample],
    coefficients: Sequence[np.ndarray],
) -> ScoreGradients:
    """The gradients of some samples, to which each pack of their passes adds its part."""
    requests: list[LossRequest] = []
    weights: list[np.ndarray] = []
    places: list[np.ndarray] = []  # of a request's tokens among the tokens of all samples
    lengths = [len(sample.prompt_ids) + len(sample.response_ids) for sample in samples]
    at = 0
    for sample, own, length in zip(samples, coefficients, lengths, strict=True):
        requests += pass_requests(sample)
        weights += [np.concatenate([np.zeros(sample.first_delta_index), -own]), own]
        places += pass_fields(sample, at)
        at += length
    total = torch.zeros(sum(lengths), engine.width, device=engine.device)
    faults = torch.zeros(len(samples), device=engine.device)
    absent = np.full(len(requests), np.nan, dtype=np.float32)
    for found in engine.embedding_gradients(requests, weights):
        absent[found.requests] = 0.0
        scored = [requests[index].n_scored for index in found.requests]
        rows = np.repeat(np.array(found.requests) // 2, scored)  # (S,)
        joined = np.concatenate([rows, *(places[index] for index in found.requests)])
        row, place = to_device(joined, engine.device).split([len(rows), len(joined) - len(rows)])
        total.index_add_(0, place, found.gradient)
        faults.index_add_(0, row, found.losses - found.losses)  # 0 or NaN
    faults += to_device(absent[::2] + absent[1::2], engine.device)
    return ScoreGradients(total.split(lengths), faults)


def _group_ends(samples: Sequence[TokenizedSample], width: int) -> Iterator[int]:
    """Ends of consecutive groups whose gradients hold about GROUP_VALUES together."""
    held = 0
    for index, sample in enumerate(samples):
        values = width * (len(sample.prompt_ids) + 2 * len(sample.response_ids))
        if held and held + values > GROUP_VALUES:
            yield index
            held = 0
        held += values
    if held:
        yield len(samples)


def _density(z: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


def _normal_cdf(z: np.ndarray) -> np.ndarray:
    return torch.special.ndtr(torch.from_numpy(z)).numpy()
