"""A causal language model, scorer or target: loaded safely, on first use, once per process."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tshirt_assets.config import CausalLMOptions, Recipe
from tshirt_assets.models import cache
from tshirt_assets.models.checkpoint import read_config, shapes, weight_files
from tshirt_assets.models.model_files import (
    ModelError,
    fingerprint,
    first_line,
    locate_model,
    safetensors_copy,
)
from tshirt_assets.models.model_size import ModelSize
from tshirt_assets.models.number_formats import WANTED, format_identity
from tshirt_assets.models.on_demand import OnDemand, facts_file, keep_facts, known_facts
from tshirt_assets.models.remarks import FROM_IDS, UNWRAPPED, noise_refusal, remarks
from tshirt_assets.models.weight_names import unwrapping, weights_fault, without_report

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedCausalLM:
    """A model ready to score: the token-loss engine over it, its tokenizer, its fingerprint.

    adaptations: in what it is read otherwise than its files and the engine would have it.
    """

    engine: "TokenLossEngine"
    tokenizer: Any
    path: str
    revision: str | None
    fingerprint: str
    max_length: int
    adaptations: tuple[str, ...] = ()

    @property
    def identity(self) -> dict[str, Any]:
        """Everything about this model that changes a score; part of every score identity."""
        identity = {
            "model": self.fingerprint,
            "precision": format_identity(self.engine.precision),
            "max_length": self.max_length,
        }
        # Without them such a model was scored too, wrongly, under the identity above.
        return identity | ({"adaptations": list(self.adaptations)} if self.adaptations else {})

    def require_noise(self, recipes: Mapping[str, Recipe]) -> None:
        """Raises `ModelError` if one of the recipes needs noise that the model cannot take."""
        if FROM_IDS in self.adaptations and (refusal := noise_refusal(self.path, recipes)):
            raise ModelError(refusal)


def load_causal_lm(options: CausalLMOptions) -> LoadedCausalLM:
    """The model that `options` names, loaded at most once per process.

    One whose identity is known from before (see `on_demand`) is loaded when its engine is used.
    Raises `ModelError` with the remedy, then at the latest, if it is missing, has no tokenizer, is
    not in a safe file format, is no causal LM, or if its weights are not those that its config
    wants.
    """
    key = ("causal_lm", options)
    return cache.loaded(key) or _on_demand(options) or cache.shared(key, lambda: _load(options))


def _on_demand(options: CausalLMOptions) -> LoadedCausalLM | None:
    """The model without its weights, where all that an identity takes of it is known."""
    _, location = _folder(options)
    found = fingerprint(location)
    file = facts_file(options, found)
    facts = known_facts(file)
    if facts is None:
        return None

    def engine() -> "TokenLossEngine":
        real = cache.shared(("causal_lm", options), lambda: _load(options))
        if _facts(real) != facts or real.fingerprint != found:
            raise ModelError(f"model {options.path!r} is not what it was; run again")
        return real.engine

    try:
        return LoadedCausalLM(
            engine=cast("TokenLossEngine", OnDemand(engine, precision=facts["precision"])),
            tokenizer=load_tokenizer(options),
            path=options.path,
            revision=options.revision,
            fingerprint=found,
            max_length=facts["max_length"],
            adaptations=tuple(facts["adaptations"]),
        )
    except (KeyError, TypeError):  # facts of another version
        return None


def _facts(model: LoadedCausalLM) -> dict[str, Any]:
    """What of an identity is known only once a model is loaded."""
    return {
        "precision": model.engine.precision,
        "max_length": model.max_length,
        "adaptations": list(model.adaptations),
    }


@lru_cache(maxsize=4)
def load_tokenizer(options: CausalLMOptions) -> Any:
    """The tokenizer alone, without the weights. Raises `ModelError` with the remedy."""
    return read_tokenizer(_folder(options)[0], options)


def read_tokenizer(folder: Path, options: CausalLMOptions) -> Any:
    """The tokenizer in a model's folder. Raises `ModelError` with the remedy."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            folder, trust_remote_code=options.trust_remote_code, local_files_only=True
        )
    except Exception as error:
        raise ModelError(
            f"model {options.path!r}: no usable tokenizer beside the weights; "
            "save one there with `tokenizer.save_pretrained(folder)`"
        ) from error


def causal_lm_size(options: CausalLMOptions) -> ModelSize:
    """What the model computes for a token; no weights are read. Raises `ModelError`."""
    folder, _ = _folder(options)
    files = weight_files(folder, f"model {options.path!r}", allow_pickle=options.allow_pickle)
    return ModelSize.of(read_config(folder, options), shapes(files))


def _folder(options: CausalLMOptions) -> tuple[Path, Path]:
    """Folder of a causal LM by its config, and the file or folder that `path` stands for."""
    location = locate_model(
        options.path,
        options.revision,
        allow_pickle=options.allow_pickle,
        trust_remote_code=options.trust_remote_code,
    )
    folder = safetensors_copy(location) if location.suffix == ".gguf" else location
    read_config(folder, options)
    return folder, location


def read_model(options: CausalLMOptions) -> "PreTrainedModel":
    """A copy of the model for the caller alone, in eval mode with frozen weights.

    Raises `ModelError` as `load_causal_lm` does.
    """
    return _read(options)[0]


def _read(options: CausalLMOptions) -> tuple["PreTrainedModel", tuple[str, ...]]:
    """The model of `read_model`, and what had to be mended to read it."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    from tshirt_assets.scoring.kernel.devices import torch_device

    transformers_logging.disable_progress_bar()
    folder, _ = _folder(options)
    dtype = {"float16": torch.float16, "bfloat16": torch.bfloat16}.get(options.dtype, torch.float32)
    name = f"model {options.path!r}"
    try:
        device = torch_device(options.device)
        files = weight_files(folder, name, allow_pickle=options.allow_pickle)
        renamed = unwrapping(shapes(files))
        with without_report():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=dtype,
                use_safetensors=None if options.allow_pickle else True,
                trust_remote_code=options.trust_remote_code,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # a fault too, of which weights_fault says more
                key_mapping=renamed or None,
            )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        if isinstance(error, ModelError | torch.OutOfMemoryError):
            raise
        raise ModelError(f"{name}: cannot be loaded: {first_line(error)}") from error
    model, info = loaded
    if fault := weights_fault(info, type(model).__name__):
        raise ModelError(f"{name}: {fault}")
    model.eval().requires_grad_(False)
    model = torch.nn.Module.to(model, device)
    logger.info("loaded %s on %s", options.path, device)
    return model, (UNWRAPPED,) if renamed else ()


def _load(options: CausalLMOptions) -> LoadedCausalLM:
    from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine

    tokenizer = load_tokenizer(options)  # first: its absence is cheaper to find
    model, adaptations = _read(options)
    try:
        engine = TokenLossEngine(model, precision=WANTED[options.dtype])
    except ValueError as error:
        raise ModelError(f"model {options.path!r}: {error}") from error
    if not engine.takes_noise:
        adaptations += (FROM_IDS,)
    known = engine.vocabulary, engine.max_positions
    for remark in remarks(options, adaptations, tokenizer, *known):
        logger.warning(remark)
    model_fingerprint = fingerprint(_folder(options)[1])
    loaded = LoadedCausalLM(
        engine=engine,
        tokenizer=tokenizer,
        path=options.path,
        revision=options.revision,
        fingerprint=model_fingerprint,
        max_length=min(options.max_length, engine.max_positions or options.max_length),
        adaptations=adaptations,
    )
    keep_facts(facts_file(options, model_fingerprint), _facts(loaded))
    return loaded
