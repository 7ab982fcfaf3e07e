"""How much of a selection would stay if the robustness had been measured again."""

from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from tshirt_assets.config import Recipe
from tshirt_assets.selection.hierarchical import pool_rows
from tshirt_assets.selection.methods import METHODS
from tshirt_assets.selection.recipes import Selection

if TYPE_CHECKING:
    from tshirt_assets.scoring.calibration import Errors

REPEATS = 40
WITH_ITSELF = "expected overlap of two selections with different noise seeds"
WITH_TRUTH = "expected overlap with a selection from many sampled neighbours"


def stability(
    recipe: Recipe, selection: Selection, *, neighbours: int, errors: "Errors | None"
) -> tuple[str, float] | None:
    """The expected share of the selection that stays, after a phrase that says in which sense.

    neighbours: perturbed copies drawn of a row. errors: those of the analytic estimate, None if
    unknown; a sampled estimate needs none. Returns None for recipes that do not select by
    robustness, and where errors that are needed are unknown. Quotas, similarity and spread are
    left out of account.
    """
    method = METHODS[recipe.method]
    eligible = selection.ranking.filter("eligible")
    if not method.by_robustness or eligible.is_empty():
        return None
    mean, std = (eligible[name].to_numpy() for name in ("s_ifd_mean", "s_ifd_std"))
    own_mean_error, own_std_error = sampled_errors(std, neighbours)
    sampled = method.decided_by == "neighbour_deltas" or recipe.estimator == "sampled"
    mean_error: np.ndarray | float
    log_std_error: np.ndarray | float
    if sampled:
        mean_error, log_std_error = own_mean_error, own_std_error
    elif errors is None:
        return None
    else:
        mean_error, log_std_error = errors.mean_error, errors.std_error
        if recipe.estimator == "hybrid":  # two means, weighted by their precision
            mean_error = own_mean_error * mean_error / np.hypot(own_mean_error, mean_error)
    share = expected_overlap(
        mean,
        std,
        mean_error,
        log_std_error,
        budget=selection.budget,
        pool=pool_rows(recipe.gamma, selection.budget),
        both=sampled,
    )
    return (WITH_ITSELF if sampled else WITH_TRUTH), round(share, 3)


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
    """Expected share of the `budget` selected rows that a second selection has as well.

    mean, std: (n,) of the eligible rows, taken for the truth. mean_error: sd of an estimated mean
    around it. log_std_error: sd of the logarithm of an estimated std. A selection takes the `pool`
    rows of highest mean and of those the `budget` of lowest std. `both`: both selections have
    errors (two seeds of a sampled estimate); else one is the truth (an estimate without a seed).
    Normal errors, REPEATS simulations; 1.0 when nothing is left to choose.
    """
    if budget >= len(mean):
        return 1.0
    rng = np.random.default_rng(seed)
    log_std = np.log(np.maximum(std, np.finfo(np.float64).tiny))

    def noise() -> np.ndarray:
        return rng.normal(size=len(mean))

    def selected(own_mean: np.ndarray, own_std: np.ndarray) -> np.ndarray:
        best = np.argsort(-own_mean, kind="stable")[:pool]
        return best[np.argsort(own_std[best], kind="stable")[:budget]]

    def measured() -> np.ndarray:
        return selected(mean + mean_error * noise(), log_std + log_std_error * noise())

    others = (
        (measured() for _ in range(REPEATS)) if both else repeat(selected(mean, log_std), REPEATS)
    )
    common = [len(np.intersect1d(measured(), other, assume_unique=True)) for other in others]
    return float(np.mean(common)) / budget


def sampled_errors(std: np.ndarray, neighbours: int) -> tuple[np.ndarray, float]:
    """Sd of the mean sampled from M neighbours (n,), and of the logarithm of the sampled std.

    For normal draws: std / sqrt(M), and half the root of the variance of a log chi-square with
    M - 1 degrees of freedom, about 2 / (M - 2): within 2 % from 5 draws on.
    """
    n = max(neighbours, 3)
    return std / np.sqrt(n), float(np.sqrt(0.5 / (n - 2)))
