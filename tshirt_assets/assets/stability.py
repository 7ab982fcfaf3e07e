"""How much of a selection would stay if the robustness had been measured again."""

from tshirt_assets.config import Recipe
from tshirt_assets.incremental.dataset import facts
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.selection.recipes import Selection
from tshirt_assets.store.store import Store

WITH_ITSELF = "expected overlap of two selections with different noise seeds"
WITH_TRUTH = "expected overlap with a selection from many sampled neighbours"


def stability(
    store: Store, binding: Binding, recipe: Recipe, selection: Selection
) -> tuple[str, float] | None:
    """What is meant by it, and the expected share of the selection that stays.

    None for recipes that do not select by robustness, and where the pilot was too small to tell
    the errors of an analytic estimate. Quotas, similarity and spread are left out.
    """
    import numpy as np

    from tshirt_assets.scoring.calibration import Calibration
    from tshirt_assets.selection.hierarchical import pool_rows
    from tshirt_assets.selection.stability import expected_overlap, sampled_errors

    eligible = selection.ranking.filter("eligible")
    if recipe.method not in ("tshirt", "reference") or eligible.is_empty():
        return None
    mean, std = (eligible[name].to_numpy() for name in ("s_ifd_mean", "s_ifd_std"))
    drawn = np.full(len(mean), binding.config.neighbours)
    sampled = recipe.method == "reference" or recipe.estimator == "sampled"
    mean_error: np.ndarray | float
    log_std_error: np.ndarray | float
    if sampled:
        mean_error, log_std_error = sampled_errors(std, drawn)
    else:
        info = store.info(binding.name, "calibration")
        errors = Calibration.from_facts(facts(info, "calibration")).errors if info else None
        if errors is None:
            return None
        mean_error, log_std_error = errors.mean_error, errors.std_error
        if recipe.estimator == "hybrid":  # two means, weighted by their precision
            own, _ = sampled_errors(std, drawn)
            mean_error = own * mean_error / np.hypot(own, mean_error)
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
