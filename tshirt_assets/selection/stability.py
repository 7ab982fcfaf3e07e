"""How much of a selection would stay if the robustness had been measured again."""

import numpy as np

REPEATS = 40


def expected_overlap(
    mean: np.ndarray,
    std: np.ndarray,
    mean_error: np.ndarray | float,
    log_std_error: np.ndarray | float,
    *,
    budget: int,
    pool: int,
    both: bool,
    seed: int = 0,
) -> float:
    """Expected share of the `budget` selected rows that a second selection has, too.

    mean, std: (n,) of the eligible rows, taken for the truth; mean_error: sd of an estimated mean
    around it, log_std_error: of the logarithm of an estimated std. A selection takes the `pool`
    rows of highest mean and of those the `budget` of lowest std. `both`: both selections have
    errors (two seeds of a sampled estimate); else one is the truth (an estimate without a seed).
    Normal errors, REPEATS simulations; 1.0 when nothing is left to choose.
    """
    if budget >= len(mean):
        return 1.0
    rng = np.random.default_rng(seed)
    log_std = np.log(np.maximum(std, np.finfo(np.float64).tiny))

    def selected(noisy: bool) -> np.ndarray:
        own_mean = mean + noisy * mean_error * rng.normal(size=len(mean))
        own_std = log_std + noisy * log_std_error * rng.normal(size=len(mean))
        best = np.argsort(-own_mean, kind="stable")[:pool]
        return best[np.argsort(own_std[best], kind="stable")[:budget]]

    shares = [len(np.intersect1d(selected(True), selected(both))) / budget for _ in range(REPEATS)]
    return float(np.mean(shares))


def sampled_errors(std: np.ndarray, n_neighbours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sd of the sampled mean (n,), and of the logarithm of the sampled std (n,).

    For normal draws: std / sqrt(M), and half the root of the variance of a log chi-square with
    M - 1 degrees of freedom, about 2 / (M - 2): within 2 % from 5 draws on.
    """
    n = np.maximum(n_neighbours, 3)
    return std / np.sqrt(n), np.sqrt(0.5 / (n - 2))


def recipe_stability(*a, **k):
    return None
