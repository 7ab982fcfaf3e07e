"""What recipes, exports and search ask for: by it an asset knows whether it is needed at all."""

from collections.abc import Callable

from tshirt_assets.config import CorpusConfig, Recipe
from tshirt_assets.selection.methods import METHODS

Need = Callable[[CorpusConfig], bool]


def always(config: CorpusConfig) -> bool:
    """What every selection is made from."""
    return True


def by_hand(config: CorpusConfig) -> bool:
    """What no configuration asks for: it is made when somebody wants it."""
    return False


def decided_by(*tables: str) -> Need:
    """Whether a recipe ranks by the scores of one of these tables."""

    def decides(config: CorpusConfig) -> bool:
        return any(
            METHODS[recipe.method].decided_by in tables for recipe in config.recipes.values()
        )

    return decides


robustness: Need = decided_by("robust_scores", "neighbour_deltas")
miwv: Need = decided_by("miwv_scores")


def tau(config: CorpusConfig) -> bool:
    """Whether tau is asked for: by robustness, or by the weights of exported tokens."""
    return robustness(config) or config.export_token_weights


def relevance(config: CorpusConfig) -> bool:
    """Whether a recipe leaves out rows of low relevance."""
    return any(recipe.min_relevance is not None for recipe in config.recipes.values())


def vectors(config: CorpusConfig) -> bool:
    """Whether vectors are asked for: by MIWV, relevance, a recipe's last steps, or by search."""
    last_steps = any(r.dedupe_similarity or r.diversity for r in config.recipes.values())
    return miwv(config) or relevance(config) or last_steps or config.semantic_search


def decisive_tables(config: CorpusConfig, recipe: Recipe) -> list[str]:
    """Names of the tables that decide what a recipe, and the recipes it fuses, selects."""
    parts = [recipe, *(config.recipes[name] for name in recipe.fuse)]
    tables = ["samples", "token_scores"]
    tables += sorted({METHODS[part.method].decided_by for part in parts} - set(tables))
    guarded = any(part.min_relevance is not None for part in parts)
    if recipe.dedupe_similarity or recipe.diversity or guarded:
        tables.append("embeddings")
    return [*tables, *(["relevance"] if guarded else [])]
