"""Robustness without sampling: the spread of S-IFD under embedding noise, to first order.

S-IFD's threshold is replaced by a sigmoid of width h, so that the score has a gradient that sees
tokens about to cross tau. Noise with independent components of variance eps^2 / 3 on the input
embeddings then moves the score by a standard deviation of eps / sqrt(3) times the Euclidean norm
of that gradient (DESIGN.md section 7). One forward and one backward pass per row, no randomness.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from tshirt_assets.scoring.clean import pass_requests
from tshirt_assets.scoring.noise import noise_scale
from tshirt_assets.scoring.token_loss import LossRequest, TokenLossEngine
from tshirt_assets.scoring.tokenize import TokenizedSample

GROUP_VALUES = 1 << 24  # gradient values of the rows whose second pass is awaited: 64 MiB


def soft_s_ifd(deltas: np.ndarray, tau: float, h: float) -> tuple[float, np.ndarray]:
    """S-IFD with soft threshold, S = exp(-sum w D / sum w), and dS/dD_t, (T,) float64.

    w_t = sigmoid((abs(D_t) - tau) / h): every token of `deltas` (T,) counts a little; h -> 0 gives
    S-IFD itself. `h` > 0 in nats, like tau.
    """
    delta = deltas.astype(np.float64)  # (T,)
    log_weight = -np.logaddexp(0.0, (tau - np.abs(delta)) / h)
    share = np.exp(log_weight - log_weight.max())  # weights that do not all underflow
    share /= share.sum()
    mean = float(share @ delta)
    slope = -np.expm1(log_weight) / h * np.sign(delta)  # d(log w)/dD, (T,)
    with np.errstate(over="ignore"):
        score = float(np.exp(-mean))
    return score, -score * share * (1.0 + slope * (delta - mean))


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
