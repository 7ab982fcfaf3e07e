"""The files of a causal LM, before its weights are read: config.json, names and shapes."""

import json
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tshirt_assets.config import CausalLMOptions
from tshirt_assets.models.model_files import ModelError, first_line

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

_OTHER_HEAD = re.compile(r"For(?!CausalLM|ConditionalGeneration)[A-Z]\w*$|Reward")


def read_config(folder: Path, options: CausalLMOptions) -> "PreTrainedConfig":
    """The config of the causal LM in a folder. Raises `ModelError` if it describes none."""
    from transformers import AutoConfig

    name = f"model {options.path!r}"
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"{name}: adapter_config.json makes it a PEFT adapter, not a model; merge it into its "
            "base model (`merge_and_unload()`, then `save_pretrained(folder)`) and give that folder"
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
            f"{name}: {kind}, not a causal LM, so that its losses would mean nothing; choose a "
            "model that predicts the next token (in config.json, `architectures`: ...ForCausalLM)"
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
        return f"of the type {config.model_type!r}"
    if any(_OTHER_HEAD.search(name) for name in config.architectures or ()):
        return f"a {named}"
    return None


def weight_files(folder: Path, options: CausalLMOptions) -> list[Path]:
    """The files that transformers would read the weights from; some of them may not be there.

    Raises `ModelError` where there are none, or none that are allowed.
    """
    for name in ("model.safetensors", *["pytorch_model.bin"] * options.allow_pickle):
        index = folder / f"{name}.index.json"
        if (folder / name).is_file():
            return [folder / name]
        if index.is_file():
            try:
                parts = set(json.loads(index.read_text())["weight_map"].values())
            except (OSError, ValueError, LookupError, AttributeError) as error:
                raise ModelError(
                    f"model {options.path!r}: {index.name} cannot be used: {first_line(error)}"
                ) from error
            return [folder / part for part in sorted(parts)]
    if others := sorted(folder.glob("*.safetensors")):  # under a name that config.json gives
        return others
    if options.allow_pickle:
        raise ModelError(f"model {options.path!r}: no weights beside config.json")
    raise ModelError(
        f"model {options.path!r}: no safetensors weights; convert them, or set "
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
