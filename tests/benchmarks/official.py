"""The published code itself, imported from a checkout of its repository, behind our interface.

Its functions are called as they are. The tokenizer's BOS is hidden from them: their test for one
would shift every delta of a tokenizer that defines a BOS without adding it.
"""

import copy
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from tests.benchmarks.reference import Reference
from tests.benchmarks.rows import ALPHA, Row
from tshirt_assets.corpus.prompts import prompt_text


def load_official(folder: Path, model: torch.nn.Module, tokenizer: Any) -> Reference:
    """The functions of token_loss.py in `folder`, over this model."""
    path = folder / "token_loss.py"
    spec = importlib.util.spec_from_file_location("official_token_loss", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise SystemExit(f"--official {folder}: no token_loss.py in it")
    module = importlib.util.module_from_spec(spec)
    absent = importlib.util.find_spec("datasets") is None
    if absent:  # imported at its top, used by its command line only
        sys.modules["datasets"] = ModuleType("datasets")
    try:
        spec.loader.exec_module(module)
    finally:
        if absent:
            del sys.modules["datasets"]
    return OfficialReference(module, model, tokenizer)


class OfficialReference:
    """`compute_token_wise_loss` of the official repository, with its own noise."""

    name = "official code"
    same_noise = False

    def __init__(self, module: ModuleType, model: torch.nn.Module, tokenizer: Any):
        self._module, self._model = module, model
        self._tokenizer = copy.deepcopy(tokenizer)
        self._tokenizer.bos_token = None
        self._embedding = model.get_input_embeddings()
        self._device = self._embedding.weight.device

    def suits(self, row: Row) -> bool:
        """See `Reference`: tokenised as one text, a row may merge across the border, or add BOS."""
        text = prompt_text(row.sample, "plain", self._tokenizer) + row.sample.response
        own = [*row.tokens.prompt_ids.tolist(), *row.tokens.response_ids.tolist()]
        return self._tokenizer(text).input_ids == own

    def clean(self, row: Row) -> np.ndarray:
        """See `Reference`: the official losses of both passes, without noise."""
        prompt, response = (
            torch.from_numpy(ids)[None].to(self._device)
            for ids in (row.tokens.prompt_ids, row.tokens.response_ids)
        )
        losses = self._module.compute_token_losses
        cond = losses(torch.cat([prompt, response], dim=1), self._model, self._embedding)
        uncond = losses(response, self._model, self._embedding)
        return (uncond - cond[:, prompt.shape[1] :])[0].cpu().numpy()

    def perturbed(self, row: Row, copies: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Reference`."""
        _, _, clean, noisy = self._module.compute_token_wise_loss(
            prompt_text(row.sample, "plain", self._tokenizer),
            row.sample.response,
            self._model,
            self._tokenizer,
            self._device,
            max_length=len(row.tokens.prompt_ids) + len(row.tokens.response_ids),
            neft_alpha=ALPHA,
            num_noise_samples=copies,
        )
        return -np.array(clean), -np.array(noisy)
