"""What a user should know of a model that can be loaded."""

from collections.abc import Iterator, Mapping
from typing import Any

from tshirt_assets.config import CausalLMOptions, Recipe
from tshirt_assets.selection.methods import METHODS

UNWRAPPED = "names unwrapped"
FROM_IDS = "from ids"

_REMARKS = {
    UNWRAPPED: "the prefixes that wrappers left in the names of its weights (_orig_mod., module.) "
    "are stripped",
    FROM_IDS: "it cannot take perturbed embeddings, so it gives clean scores only",
}


def remarks(
    options: CausalLMOptions,
    adaptations: tuple[str, ...],
    tokenizer: Any,
    vocabulary: int,
    positions: int | None,
) -> Iterator[str]:
    """One line for everything about a model that is no fault, and changes what is scored.

    adaptations: `UNWRAPPED`, `FROM_IDS`. vocabulary: how many token ids it knows. positions: the
    most tokens that it takes.
    """
    name = f"model {options.path!r}"
    for adaptation in adaptations:
        yield f"{name}: {_REMARKS[adaptation]}"
    beyond = sorted((at, token) for token, at in tokenizer.get_vocab().items() if at >= vocabulary)
    if beyond:
        first, token = beyond[0]
        yield (
            f"{name}: {len(beyond)} of its tokenizer's tokens have ids beyond the {vocabulary} "
            f"that it knows (the first: {token!r}, {first}); rows with them get no score"
        )
    if positions is not None and positions < options.max_length:
        yield f"{name}: it takes {positions} tokens, fewer than max_length {options.max_length}"


def noise_refusal(path: str, recipes: Mapping[str, Recipe]) -> str | None:
    """Why a scorer that cannot take perturbed embeddings is refused, where a recipe needs it to."""
    needing = [name for name, recipe in recipes.items() if METHODS[recipe.method].by_robustness]
    if not needing:
        return None
    others = ", ".join(name for name, method in METHODS.items() if not method.by_robustness)
    return (
        f"model {path!r}: it cannot take perturbed embeddings, by which the recipes "
        f"{', '.join(map(repr, needing))} are measured; choose another scorer, or leave these "
        f"recipes out (methods without noise: {others})"
    )
