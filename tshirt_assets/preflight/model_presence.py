"""Whether the files of a model are there, without loading any weights."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

from tshirt_assets.config import CausalLMOptions, EmbedderOptions
from tshirt_assets.models.model_files import ModelError, locate_model

VOCABULARIES = (  # a folder with none of these has no tokenizer
    "tokenizer.json",
    "*.model",
    "vocab.*",
    "*.tiktoken",
    "tokenization*.py",
)
CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")
HUB_SECONDS = 10


def absent(options: CausalLMOptions | EmbedderOptions, online: bool) -> list[str]:
    """Why the files of a model cannot be used, in one line with the remedy; else nothing.

    A hub id that is not in the local cache is asked for where `online`.
    """
    if isinstance(options, CausalLMOptions):
        return _faults_of_files(options, online)
    try:
        folder = _folder(options)
    except ModelError as error:
        return [str(error)]
    return _faults_of_hub(options) if folder is None and online else []


def context_length(options: CausalLMOptions) -> int | None:
    """Positions of the model by its config.json; None where they are not known or not limited."""
    try:
        folder = _folder(options)
        values = json.loads((folder / "config.json").read_bytes()) if folder else {}
    except (ModelError, OSError, ValueError):
        return None
    groups = [values, values.get("text_config")] if isinstance(values, dict) else []
    found = [g.get(key) for g in groups if isinstance(g, dict) for key in CONTEXT_KEYS]
    return next((value for value in found if type(value) is int and value > 0), None)


def _faults_of_files(options: CausalLMOptions, online: bool) -> list[str]:
    name = f"model {options.path!r}"
    try:
        folder = _folder(options)
    except ModelError as error:
        return [str(error)]
    if folder is None:
        return _faults_of_hub(options) if online else []
    if folder.suffix == ".gguf":
        missing = [package for package in ("gguf", "accelerate") if find_spec(package) is None]
        remedy = f"{name}: GGUF files need `pip install 'tshirt-assets[gguf]'`"
        return [remedy] if missing else []
    if not (folder / "config.json").is_file():
        return [f"{name}: no config.json, so not a transformers model"]
    if not any(True for pattern in VOCABULARIES for _ in folder.glob(pattern)):
        return [
            f"{name}: no usable tokenizer beside the weights; "
            "save one there with `tokenizer.save_pretrained(folder)`"
        ]
    return []


def _folder(options: CausalLMOptions | EmbedderOptions) -> Path | None:
    """The local folder or .gguf file of a model; None for a hub id that is not cached.

    Raises `ModelError` as `locate_model` does, also for what can be no path at all.
    """
    path = os.path.expanduser(options.path)
    if path.startswith("~"):  # of a user whom this machine does not know
        raise ModelError(f"model {options.path!r}: no such file or folder; check `path`")
    try:
        return _local_folder(path, options.revision)
    except (ValueError, ImportError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"model {options.path!r}: not found ({reason}); check `path`") from None


def _local_folder(path: str, revision: str | None) -> Path | None:
    local = path.startswith(("package:", ".", "/")) or path.endswith(".gguf")
    if local or path.count("/") > 1 or os.path.exists(path):
        return locate_model(path, revision)
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(path, "config.json", revision=revision)
    except ValueError:  # no id that the hub could have: it says so itself
        return None
    return Path(found).parent if isinstance(found, str) else None


def _faults_of_hub(options: CausalLMOptions | EmbedderOptions) -> list[str]:
    """Why the hub cannot give a model; it is only asked whether it has it."""
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(options.path, revision=options.revision, timeout=HUB_SECONDS)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return [
            f"model {options.path!r}: not a local folder, not in the local hub cache, and the hub "
            f"did not provide it ({type(error).__name__}: {reason}); check the id, the network, "
            "or use a local path"
        ]
    return []
