"""A causal language model, scorer or target: loaded safely, on first use, once per process."""

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tshirt_assets.config import CausalLMOptions
from tshirt_assets.models import cache
from tshirt_assets.models.model_files import (
    ModelError,
    fingerprint,
    locate_model,
    safetensors_copy,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine

logger = logging.getLogger(__name__)

PRECISIONS = {"auto": "auto", "float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}


@dataclass(frozen=True)
class LoadedCausalLM:
    """A model ready to score: the token-loss engine over it, its tokenizer, its fingerprint."""

    engine: "TokenLossEngine"
    tokenizer: Any
    path: str
    revision: str | None
    fingerprint: str
    max_length: int

    @property
    def identity(self) -> dict[str, Any]:
        """Everything about this model that changes a score; part of every score identity."""
        return {
            "model": self.fingerprint,
            "precision": self.engine.precision,
            "max_length": self.max_length,
        }


def load_causal_lm(options: CausalLMOptions) -> LoadedCausalLM:
    """The model that `options` names, loaded at most once per process.

    Raises `ModelError` with the remedy if it is missing, has no tokenizer, or is not in a safe
    file format.
    """
    return cache.shared(("causal_lm", options), lambda: _load(options))


@lru_cache(maxsize=4)
def load_tokenizer(options: CausalLMOptions) -> Any:
    """The tokenizer alone, without the weights. Raises `ModelError` with the remedy."""
    from transformers import AutoTokenizer

    folder, _ = _folder(options)
    try:
        return AutoTokenizer.from_pretrained(
            folder, trust_remote_code=options.trust_remote_code, local_files_only=True
        )
    except Exception as error:
        raise ModelError(
            f"model {options.path!r}: no usable tokenizer beside the weights; "
            "save one there with `tokenizer.save_pretrained(folder)`"
        ) from error


def _folder(options: CausalLMOptions) -> tuple[Path, Path]:
    """Folder of a transformers model, and the file or folder that `path` stands for."""
    location = locate_model(
        options.path,
        options.revision,
        allow_pickle=options.allow_pickle,
        trust_remote_code=options.trust_remote_code,
    )
    folder = safetensors_copy(location) if location.suffix == ".gguf" else location
    if not (folder / "config.json").is_file():
        raise ModelError(f"model {options.path!r}: no config.json, so not a transformers model")
    return folder, location


def read_model(options: CausalLMOptions) -> "PreTrainedModel":
    """A copy of the model for the caller alone, in eval mode with frozen weights.

    Raises `ModelError` as `load_causal_lm` does.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    folder, _ = _folder(options)
    if not any(folder.glob("*.safetensors")) and not options.allow_pickle:
        raise ModelError(
            f"model {options.path!r}: no safetensors weights; convert them, or set "
            "`allow_pickle: true` if you trust the file"
        )
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = {"float16": torch.float16, "bfloat16": torch.bfloat16}.get(options.dtype, torch.float32)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=None if options.allow_pickle else True,
            trust_remote_code=options.trust_remote_code,
            local_files_only=True,
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"model {options.path!r}: cannot be loaded: {reason}") from error
    model.eval().requires_grad_(False)
    model = torch.nn.Module.to(model, torch.device(device))
    logger.info("loaded %s on %s", options.path, device)
    return model


def _load(options: CausalLMOptions) -> LoadedCausalLM:
    from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine

    tokenizer = load_tokenizer(options)  # first: its absence is cheaper to find
    engine = TokenLossEngine(read_model(options), precision=PRECISIONS[options.dtype])
    return LoadedCausalLM(
        engine=engine,
        tokenizer=tokenizer,
        path=options.path,
        revision=options.revision,
        fingerprint=fingerprint(_folder(options)[1]),
        max_length=min(options.max_length, engine.max_positions or options.max_length),
    )
