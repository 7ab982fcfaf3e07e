"""The Dagster resource of a causal language model, scorer or target."""

from typing import Any

import dagster as dg
from pydantic import Field

from tshirt_assets.config import CausalLMOptions
from tshirt_assets.models.causal_lm import (
    LoadedCausalLM,
    load_causal_lm,
    load_tokenizer,
    read_model,
)

# What loads the models has moved to tshirt_assets.models; its names can still be imported here.
__all__ = ["CausalLM", "LoadedCausalLM", "load_causal_lm", "load_tokenizer", "read_model"]


class CausalLM(dg.ConfigurableResource):
    """Dagster resource for a causal language model; loading waits for the first use."""

    path: str = Field(description="Hub id, local folder, .gguf file, or package:NAME/path.")
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    max_length: int = 1024
    trust_remote_code: bool = False
    allow_pickle: bool = False

    def load(self) -> LoadedCausalLM:
        """The loaded model, shared with everything else in this process."""
        return load_causal_lm(self._options())

    def tokenizer(self) -> Any:
        """The model's tokenizer, without loading the model."""
        return load_tokenizer(self._options())

    def _options(self) -> CausalLMOptions:
        return CausalLMOptions.model_validate(self.model_dump())
