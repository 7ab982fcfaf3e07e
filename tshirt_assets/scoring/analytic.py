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
from dataclasses import dataclass, replace

import numpy as np
import torch

from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.clean import CleanLosses, pass_requests
from tshirt_assets.scoring.kernel.noise import noise_scale
from tshirt_assets.scoring.kernel.token_loss import LossRequest, TokenLossEngine
from tshirt_assets.scoring.robustness import RobustScore
from tshirt_assets.scoring.token_noise import TokenNoise
from tshirt_assets.scoring.tokenize import TokenizedSample

GROUP_VALUES = 1 << 24  # gradient values of the rows whose second pass is awaited: 64 MiB


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
    d, s = deltas.astype(np.float64), np.asarray(noise_sd, np.float64)
    above, below = (tau - d) / s, (-tau - d) / s  # informative: z > above or z < below
    in_above, in_below = _density(above), _density(below)
    # Moments of I * z^m for z ~ N(0, 1) and the indicator I of an informative token.
    p = _normal_cdf(-above) + _normal_cdf(below)
    z1 = in_above - in_below
    z2 = p + above * in_above - below * in_below
    count = p.sum()
    mean = float((p * d + s * z1).sum() / count)
    k = d - mean
    # f = I * (D - mean), a token's share in moving the mean of the informative tokens.
    f, ff, fz = k * p + s * z1, k * k * p + 2 * k * s * z1 + s * s * z2, k * z1 + s * z2
    with np.errstate(over="ignore"):
        value = float(np.exp(-mean))
    residual = np.maximum(ff - f * f - fz * fz, 0.0).sum()  # neither mean nor linear in z
    return SmoothScore(value, -value * fz / s / count, value * math.sqrt(residual) / float(count))


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
    smooth: dict[int, SmoothScore] = {}
    for index in usable:
        deltas, ratio = clean[index].deltas, clean[index].ifd
        if (np.abs(deltas) > tau).any():
            smooth[index] = smooth_s_ifd(deltas, tau, noise_sd[index])
            detail = "losses, or their gradient, not finite"
            scores[index] = replace(
                scores[index], status=Status.NON_FINITE_LOSS, status_detail=detail
            )
        else:
            scores[index] = RobustScore(
                samples[index].sample_id,
                Status.NO_INFORMATIVE_TOKEN,
                f"no token has abs(delta) > {tau:g}",
                ifd_mean=ratio,
            )
    indices = list(smooth)
    gradients = score_gradients(
        engine, [samples[i] for i in indices], [smooth[i].slopes for i in indices]
    )
    for at, gradient in gradients:
        index = indices[at]
        value, std = smooth[index].value, first_order_std(gradient, alpha)
        if math.isfinite(value) and math.isfinite(std):
            scores[index] = RobustScore(
                samples[index].sample_id,
                Status.OK,
                None,
                s_ifd_mean=value,
                s_ifd_std=math.hypot(std, smooth[index].jump_std),
                ifd_mean=clean[index].ifd,
            )
    return scores


def score_gradients(
    engine: TokenLossEngine,
    samples: Sequence[TokenizedSample],
    coefficients: Sequence[np.ndarray],
) -> Iterator[tuple[int, torch.Tensor]]:
    """Gradient of sum_t c_t * D_t by the embeddings of prompt and response, per sample.

    The response is seen by both passes, which share its noise (and the BOS's): its gradient is
    that of the unconditional losses minus that of the conditional ones.

    Args:
        samples: rows with status ok.
        coefficients: per sample (T - first_delta_index,) float, c_t.

    Yields:
        (index of the sample, gradient (P + T, C) float32 on the engine's device), in no
        particular order. A row with a loss that is not finite is left out.
    """
    start = 0
    for stop in _group_ends(samples, engine.width):
        requests: list[LossRequest] = []
        weights: list[np.ndarray] = []
        for sample, own in zip(samples[start:stop], coefficients[start:stop], strict=True):
            requests += pass_requests(sample)
            weights += [np.concatenate([np.zeros(sample.first_delta_index), -own]), own]
        waiting: dict[int, torch.Tensor | None] = {}
        for at, losses, gradient in engine.embedding_gradients(requests, weights):
            row = at // 2
            usable = gradient if np.isfinite(losses).all() else None
            if row not in waiting:
                waiting[row] = usable
                continue
            other = waiting.pop(row)
            if usable is None or other is None:
                continue
            cond, uncond = (usable, other) if at % 2 == 0 else (other, usable)
            sample = samples[start + row]
            n_response = len(sample.response_ids)
            n_lead = len(uncond) - n_response  # 1 behind a BOS, else 0
            total = cond.clone()  # (P + T, C)
            total[:n_lead] += uncond[:n_lead]
            total[len(cond) - n_response :] += uncond[n_lead:]
            yield start + row, total
        start = stop


def first_order_std(gradient: torch.Tensor, alpha: float) -> float:
    """Std of a score with this gradient (L, C) under the noise of `alpha`, to first order."""
    eps = noise_scale(alpha, *gradient.shape)
    return eps / math.sqrt(3.0) * float(torch.linalg.vector_norm(gradient.double()))


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
