"""The files of a causal LM, before its weights are read: config.json, names and shapes."""

import json
import logging
import re
import zipfile
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tshirt_assets.config import CausalLMOptions
from tshirt_assets.models.model_files import ModelError, first_line
from tshirt_assets.models.weight_names import without_report

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

logger = logging.getLogger(__name__)

_OTHER_HEAD = re.compile(r"For(?!CausalLM|ConditionalGeneration)[A-Z]\w*$|Reward")


def read_config(folder: Path, options: CausalLMOptions) -> "PreTrainedConfig":
    """The config of the causal LM in a folder. Raises `ModelError` if it describes none."""
    from transformers import AutoConfig

    name = f"model {options.path!r}"
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"{name}: adapter_config.json makes it a PEFT adapter, not a model; merge it into its "
            "base model (`merge_and_unload()`, then `save_pretrained(folder)`) and give that "
            "folder, or delete the file where that is done"
        )
    if not (folder / "config.json").is_file():
        raise ModelError(f"{name}: no config.json, so not a transformers model")
    try:
        config = AutoConfig.from_pretrained(
            folder, trust_remote_code=options.trust_remote_code, local_files_only=True
        )
    except Exception as error:
        raise ModelError(f"{name}: config.json cannot be used: {first_line(error)}") from error
    if kind := _other_kind(config):
        raise ModelError(
            f"{name}: config.json describes {kind}, no causal LM, so that losses would mean "
            "nothing; choose a model that predicts the next token (`architectures`: ...ForCausalLM)"
        )
    return config


def _other_kind(config: "PreTrainedConfig") -> str | None:
    """What the config describes if that is no causal LM."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    named = ", ".join(config.architectures or ()) or config.model_type
    if getattr(config, "is_encoder_decoder", False):
        return f"an encoder-decoder ({named})"
    own_code = getattr(config, "auto_map", None) or {}
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING and "AutoModelForCausalLM" not in own_code:
        return f"a model of type {config.model_type!r}"
    if any(_OTHER_HEAD.search(name) for name in config.architectures or ()):
        return named
    return None


def weight_files(folder: Path, name: str, *, allow_pickle: bool = False) -> list[Path]:
    """The files that transformers would read the weights from; some of them may not be there.

    Raises `ModelError`, for the model called `name`, where there are none that are allowed.
    """
    for single in ("model.safetensors", *["pytorch_model.bin"] * allow_pickle):
        index = folder / f"{single}.index.json"
        if (folder / single).is_file():
            return [folder / single]
        if index.is_file():
            try:
                parts = set(json.loads(index.read_text())["weight_map"].values())
            except (OSError, ValueError, LookupError, AttributeError) as error:
                raise ModelError(
                    f"{name}: {index.name} cannot be used: {first_line(error)}"
                ) from error
            return [folder / part for part in sorted(parts)]
    if others := sorted(folder.glob("*.safetensors")):  # under a name that config.json gives
        return others
    if allow_pickle:
        raise ModelError(f"{name}: no weights beside config.json")
    raise ModelError(
        f"{name}: no safetensors weights; convert them, or set "
        "`allow_pickle: true` if you trust the file"
    )


def shapes(files: Iterable[Path]) -> dict[str, Any]:
    """Every weight of these files by name, as a tensor without values (on the meta device)."""
    import torch
    from safetensors import safe_open

    found: dict[str, Any] = {}
    for file in files:
        if file.suffix != ".safetensors":
            mapped = zipfile.is_zipfile(file)
            found |= torch.load(file, map_location="meta", weights_only=True, mmap=mapped)
            continue
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 - not a mapping
                shape = weights.get_slice(name).get_shape()
                found[name] = torch.empty(shape, device="meta")
    return found


def load_without_values(
    model: "PreTrainedModel", weights: dict[str, Any], renamed: dict[str, str]
) -> tuple["PreTrainedModel", dict[str, Any]] | None:
    """A model of that kind on the meta device, and what transformers says of weights' names.

    Goes through transformers' own load, which knows what is tied, renamed or fused. weights: from
    `shapes`. None where that is not possible: without accelerate, for quantized weights, or where
    the load needs values.
    """
    import torch
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    if getattr(model.config, "quantization_config", None) or find_spec("accelerate") is None:
        return None
    try:
        with without_report():
            loaded: Any = type(model).from_pretrained(
                None,
                config=model.config,
                state_dict=weights,
                device_map={"": "meta"},
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                key_mapping=renamed or None,
            )
        return loaded
    except Exception as error:
        logger.info("the names of weights are only known once they are loaded: %r", error)
        return None
