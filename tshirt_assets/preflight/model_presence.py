"""Whether a model is on this machine, or the hub has it."""

from tshirt_assets.config import CausalLMOptions, EmbedderOptions
from tshirt_assets.models.model_files import ModelError, first_line, located_model

AnyModel = CausalLMOptions | EmbedderOptions
HUB_SECONDS = 10


def absent(options: AnyModel, online: bool) -> list[str]:
    """Why a model cannot be had, in one line with the remedy; else nothing.

    A hub id that is not in the local cache is asked for where `online`.
    """
    try:
        folder = located_model(options.path, options.revision)
    except ModelError as error:
        return [str(error)]
    return _faults_of_hub(options) if folder is None and online else []


def _faults_of_hub(options: AnyModel) -> list[str]:
    """Why the hub cannot give a model; it is only asked whether it has it."""
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(options.path, revision=options.revision, timeout=HUB_SECONDS)
    except Exception as error:
        cause = f"{type(error).__name__}: {first_line(error)}"
        return [
            f"model {options.path!r}: not a local folder, not in the local hub cache, and the hub "
            f"did not provide it ({cause}); check the id, the network, or use a local path"
        ]
    return []
