"""How much embedding noise moves each token's delta, predicted from the token's clean losses.

To first order, noise on the logits moves -log p by the noise times the softmax's slope, whose
length is about 1 - p: a token the model is sure of stays put, a surprising one moves. So the sd
of D_t is modelled as a power law in 1 - p with and without the prompt, times the half width eps of
the embedding noise, which falls with the row's length. The three constants come from a pilot.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from tshirt_assets.scoring.clean import CleanLosses

FLOOR = 1e-3  # of 1 - p, below which float32 losses say little
RIDGE = 1e-3  # keeps the fit finite when all pilot tokens are alike


@dataclass(frozen=True, slots=True)
class TokenNoise:
    """sd(D_t) = eps * exp(base) * (1 - p_cond)^cond * (1 - p_uncond)^uncond, in nats."""

    base: float
    cond: float
    uncond: float

    def sd(self, clean: CleanLosses, eps: float) -> np.ndarray:
        """Noise sd of each token delta of a row, (T - first_delta_index,) float64."""
        weights = np.array([self.base, self.cond, self.uncond])
        return eps * np.exp(_features(clean) @ weights)


# About what short rows have under SmolLM2-135M-Instruct (docs/estimators.md).
USUAL = TokenNoise(base=2.0, cond=0.1, uncond=0.8)


def fit_token_noise(
    clean: Sequence[CleanLosses], noisy: Sequence[np.ndarray], eps: Sequence[float]
) -> TokenNoise:
    """The constants that fit the sds of noisy token deltas best, in logarithms.

    clean: the rows' clean losses; noisy: (M, T') perturbed deltas of each, M >= 3; eps: the half
    widths of their noise. Tokens that no neighbour moves say nothing and are left out.

    Raises:
        ValueError: noise moves no token.
    """
    features, targets = [], []
    for losses, deltas, scale in zip(clean, noisy, eps, strict=True):
        half = torch.tensor((len(deltas) - 1) / 2)
        bias = 0.5 * float(torch.digamma(half) - torch.log(half))  # of the log of a sample sd
        sd = deltas.std(axis=0, ddof=1, dtype=np.float64)
        moved = sd > 0
        features.append(_features(losses)[moved])
        targets.append(np.log(sd[moved] / scale) - bias)
    x, y = np.concatenate(features), np.concatenate(targets)
    if not len(y):
        raise ValueError("noise moves no token of the pilot")
    weights = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y)
    # Rounded: the last digits, which differ between machines, would make other score identities.
    return TokenNoise(*(round(float(weight), 3) for weight in weights))


def _features(clean: CleanLosses) -> np.ndarray:
    """(T', 3): 1, log(1 - p) with and without the prompt."""
    features = np.ones((len(clean.cond), 3))
    for column, loss in enumerate((clean.cond, clean.uncond), start=1):
        features[:, column] = np.log(FLOOR - np.expm1(-loss.astype(np.float64)))
    return features
