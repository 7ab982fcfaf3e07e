"""Whether a causal LM can be used, from its small files and the headers of its weights alone."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tshirt_assets.config import CausalLMOptions, Recipe
from tshirt_assets.models.causal_lm import read_tokenizer
from tshirt_assets.models.checkpoint import (
    load_without_values,
    read_config,
    shapes,
    weight_files,
)
from tshirt_assets.models.model_files import (
    ModelError,
    copy_folder,
    first_line,
    is_hub_id,
    locate_model,
    require_gguf,
)
from tshirt_assets.models.remarks import FROM_IDS, UNWRAPPED, noise_refusal, remarks
from tshirt_assets.models.weight_names import unwrapping, weights_fault

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inspection:
    """What can be said of a model before it is loaded, in lines that name it.

    faults: why it will not be used; each with the remedy. remarks: what its load will log, if
    nothing is wrong with it.
    """

    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def model_faults(
    options: CausalLMOptions, recipes: Mapping[str, Recipe] | None = None
) -> list[str]:
    """Why a model cannot be used, one line each with the remedy; see `inspect_model`."""
    return list(inspect_model(options, recipes).faults)


def inspect_model(
    options: CausalLMOptions, recipes: Mapping[str, Recipe] | None = None
) -> Inspection:
    """What would be said at the load of a model, as far as it shows without reading the weights.

    Of a hub id at most the small files are downloaded, and weights that are in the cache already
    are looked at; a GGUF file is looked into once it was converted. Loading may find more: numbers
    that are none, or a model that is not causal. recipes: what the model is to be the scorer of.
    """
    try:
        folder = _folder(options)
        if folder is None:
            return Inspection()
        config = read_config(folder, options)
    except ModelError as error:
        return Inspection((str(error),))
    faults: list[str] = []
    adaptations: tuple[str, ...] = ()
    tokenizer = None
    try:
        adaptations = _adaptations(folder, config, options)
    except ModelError as error:
        faults.append(str(error))
    try:
        tokenizer = read_tokenizer(folder, options)
    except ModelError as error:
        faults.append(str(error))
    text = config.get_text_config()
    if getattr(text, "hidden_size_per_layer_input", None):  # looked up by id in every layer
        adaptations += (FROM_IDS,)
        if refusal := noise_refusal(options.path, recipes or {}):
            faults.append(refusal)
    if faults or tokenizer is None:
        return Inspection(tuple(faults))
    positions = getattr(text, "max_position_embeddings", None)
    found = remarks(options, adaptations, tokenizer, text.vocab_size, positions)
    return Inspection(remarks=tuple(found))


def _folder(options: CausalLMOptions) -> Path | None:
    """The model's folder, at most without its weights; None for a GGUF file that has no copy."""
    location = locate_model(
        options.path,
        options.revision,
        trust_remote_code=options.trust_remote_code,
        weights=False,
    )
    if location.suffix != ".gguf":
        return location
    require_gguf(location)
    copy = copy_folder(location)
    return copy if copy.is_dir() else None


def _adaptations(
    folder: Path, config: "PreTrainedConfig", options: CausalLMOptions
) -> tuple[str, ...]:
    """How the names of the model's weights are adapted, if they are at hand.

    Raises `ModelError` if they are not the model's.
    """
    import torch
    from transformers import AutoModelForCausalLM

    name = f"model {options.path!r}"
    try:
        weights = shapes(weight_files(folder, name, allow_pickle=options.allow_pickle))
    except Exception as error:
        if is_hub_id(options.path):  # not downloaded yet
            return ()
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{name}: cannot be loaded: {first_line(error)}") from error
    renamed = unwrapping(weights)
    adaptations = (UNWRAPPED,) if renamed else ()
    try:
        with torch.device("meta"):
            empty = AutoModelForCausalLM.from_config(
                config, trust_remote_code=options.trust_remote_code
            )
    except Exception as error:  # whatever code of a model's own needs; its load will say it
        logger.info("%s cannot be built without values: %r", name, error)
        return adaptations
    found = load_without_values(empty, weights, renamed)
    if found and (fault := weights_fault(found[1], type(found[0]).__name__)):
        raise ModelError(f"{name}: {fault}")
    return adaptations
