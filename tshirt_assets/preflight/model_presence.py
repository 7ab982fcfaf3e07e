"""Whether a model is on this machine, or the hub has it."""

from pathlib import Path

from tshirt_assets.config import CausalLMOptions, EmbedderOptions
from tshirt_assets.models.model_files import ModelError, is_hub_id, locate_model

AnyModel = CausalLMOptions | EmbedderOptions
HUB_SECONDS = 10


def located(options: AnyModel) -> Path | None:
    """The local folder or file of a model; None for a hub id that is not cached.

    Raises `ModelError` where there is none.
    """
    if not is_hub_id(options.path):
        return locate_model(options.path, options.revision)
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(options.path, "config.json", revision=options.revision)
    except ValueError:  # no id that the hub could have: it says so itself
        return None
    return Path(found).parent if isinstance(found, str) else None


def absent(options: AnyModel, online: bool) -> list[str]:
    """Why a model cannot be had, in one line with the remedy; else nothing.

    A hub id that is not in the local cache is asked for where `online`.
    """
    try:
        folder = located(options)
    except ModelError as error:
        return [str(error)]
    return _faults_of_hub(options) if folder is None and online else []


def _faults_of_hub(options: AnyModel) -> list[str]:
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
