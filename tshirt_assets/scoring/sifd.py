"""Scores made of token losses: token delta, IFD and S-IFD (METHODS.md section 1).

Sign convention: a token delta D_t = uncond_t - cond_t is **positive where the instruction
helps** (the official T-SHIRT code stores its negative as PMI). IFD and S-IFD are perplexity
ratios: below 1 the instruction helps, and among those rows high values are preferred.
Losses are natural-log NLLs in nats, float32 as the engine returns them; means and exponentials
are taken in float64.
"""

from collections.abc import Sequence

import numpy as np


def token_deltas(cond: np.ndarray, uncond: np.ndarray) -> np.ndarray:
    """Token deltas D_t = uncond_t - cond_t of the tokens that have both losses, float32.

    `cond` (T,) covers every response token. `uncond` covers the last len(uncond) of them: all T
    behind a BOS, T-1 without one, because the first token then has nothing to follow. Both may
    have leading axes in front, such as one of neighbours.
    """
    with np.errstate(invalid="ignore"):
        deltas = uncond - cond[..., cond.shape[-1] - uncond.shape[-1] :]
        return deltas.astype(np.float32, copy=False)


def ifd(cond: np.ndarray, uncond: np.ndarray) -> float:
    """Instruction-following difficulty, PPL(y given x) / PPL(y), by the published convention.

    Each mean runs over the losses there are: without BOS the conditional one over T tokens and
    the unconditional one over T-1. Not finite where a loss is not, or where the ratio overflows.
    """
    return float(mean_losses([(cond, uncond)])[1][0])


def mean_losses(
    passes: Sequence[tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray]:
    """Of pairs of conditional and unconditional losses: their means (N, 2), and the IFD (N,).

    Float64. A mean is not finite where one of its losses is not.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        sums = [[np.add.reduce(losses, dtype=np.float64) for losses in pair] for pair in passes]
        counts = [[len(losses) for losses in pair] for pair in passes]
        means = np.array(sums, dtype=np.float64).reshape(-1, 2) / np.array(counts).reshape(-1, 2)
        return means, np.exp(means[:, 0] - means[:, 1])


def mean_losses_of_copies(cond: np.ndarray, uncond: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`mean_losses` of M passes over the same tokens: losses (M, T) and (M, T'), all at once."""
    if cond.shape[1] > np.getbufsize():  # which NumPy sums a long row by
        return mean_losses(list(zip(cond, uncond, strict=True)))
    with np.errstate(over="ignore", invalid="ignore"):
        # Cast first: a sum that casts as it goes adds in another order.
        sums = [np.add.reduce(losses.astype(np.float64), axis=1) for losses in (cond, uncond)]
        means = np.stack(sums, axis=1) / np.array([cond.shape[1], uncond.shape[1]])
        return means, np.exp(means[:, 0] - means[:, 1])


def s_ifd(deltas: np.ndarray, tau: float) -> float:
    """Selective IFD: exp(-mean of D over the informative tokens), those with abs(D) > tau.

    The comparison is strict. NaN when no token is informative: exp(0) = 1 would put the row
    among the best; callers give it the status `no_informative_token` instead.
    """
    return float(s_ifd_rows(deltas, np.array([len(deltas)]), tau)[0])


def s_ifd_rows(deltas: np.ndarray, lengths: np.ndarray, tau: float) -> np.ndarray:
    """`s_ifd` of many rows at once: `deltas` holds the rows' tokens one after another.

    `lengths` (N,) tokens per row; returns (N,) float64, NaN for rows without informative token.
    """
    row = np.repeat(np.arange(len(lengths)), lengths)  # (tokens,)
    informative = np.abs(deltas).astype(np.float64) > tau
    count = np.bincount(row[informative], minlength=len(lengths))
    total = np.bincount(row[informative], weights=deltas[informative], minlength=len(lengths))
    with np.errstate(invalid="ignore", over="ignore"):
        return np.exp(-total / count)
