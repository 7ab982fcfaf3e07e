"""What the CUDA path would launch, counted on a CPU, by tensors that have a shape and no values.

PyTorch without CUDA cannot index or differentiate tensors that say they are there. So they say that
they are on the CPU, and the choices that `self_test` makes on CUDA are made for it here.

Every operation of PyTorch's that is neither a view nor an allocation counts as one kernel, which is
what most are. Bytes are those of the operands and results; what a kernel reads twice counts once.
"""

import functools
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import transformers as hf
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tshirt_assets.scoring.kernel import fused, lm_head, noise, packing, token_loss
from tshirt_assets.scoring.kernel.forward import DecoderForward
from tshirt_assets.scoring.kernel.fused import replacements
from tshirt_assets.scoring.kernel.lm_head import LMHead
from tshirt_assets.scoring.kernel.memory import Limits
from tshirt_assets.scoring.kernel.noise import CounterNoise, noise_key, noise_scale
from tshirt_assets.scoring.kernel.precision import Precision
from tshirt_assets.scoring.kernel.token_loss import LossRequest, TokenLossEngine

Kind = Literal["gpt2", "llama"]
What = Literal["clean", "noisy", "gradient"]
PACK_TOKENS, GRADIENT_TOKENS = 32 * 1024, 21_000
LOGITS = 256 * 2**20
_FREE = {"detach", "lift_fresh", "_unsafe_view"} | {
    f"{prefix}empty{suffix}" for prefix in ("", "new_") for suffix in ("", "_like", "_strided")
}
_SYNCING = {"_local_scalar_dense", "nonzero", "equal", "is_nonzero", "masked_select"}
_PICKING = {"gather", "index", "embedding", "index_select"}  # read what they give, not all


@dataclass
class Count:
    """What was launched for one pack."""

    kernels: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    syncs: Counter[str] = field(default_factory=Counter)
    to_device: int = 0
    to_host: int = 0

    @property
    def launches(self) -> int:
        """Kernels."""
        return self.kernels.total()

    @property
    def gigabytes(self) -> float:
        """That the kernels touch."""
        return self.bytes.total() / 1e9


class _Counting(TorchDispatchMode):
    """While entered, every operation is entered into `count`."""

    def __init__(self) -> None:
        super().__init__()
        self.count = Count()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name == "_efficient_attention_backward":  # PyTorch's own shape function fails
            found: Any = (*(torch.empty_like(args[i]) for i in (1, 2, 3)), None)
        else:
            found = func(*args, **(kwargs or {}))
        operands = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        results = [t for t in tree_leaves(found) if isinstance(t, torch.Tensor)]
        if name in _SYNCING:
            self.count.syncs[name] += 1
        if func.is_view or name in _FREE or func.namespace == "prim" or not operands + results:
            return found
        self.count.kernels[name] += 1
        if name in _PICKING:
            self.count.bytes[name] += 2 * sum(map(_size, results))
        else:
            distinct = {id(t): t for t in operands + results}
            self.count.bytes[name] += sum(map(_size, distinct.values()))
        return found


class _Kernels:
    """In place of our own kernels: as many operations, that read and write as much."""

    @staticmethod
    def gated(gate: torch.Tensor, up: torch.Tensor) -> Any:
        return _Gated.apply(gate, up)

    @staticmethod
    def rotate(query: torch.Tensor, key: torch.Tensor, cos: Any, sin: Any) -> Any:
        return _Rotation.apply(query, key)


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> Any:
        ctx.save_for_backward(gate, up)
        return gate * up

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        gate, up = ctx.saved_tensors
        return tuple(torch._foreach_mul([gradients[0]] * 2, [up, gate]))


class _Rotation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *states: torch.Tensor) -> Any:
        return tuple(torch._foreach_neg(states))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        return tuple(torch._foreach_neg(gradients))


class _Reading:
    """In place of the kernels that read the logits."""

    def __init__(self, logits: torch.Tensor, index: torch.Tensor) -> None:
        self._logits = logits
        self.total = logits.sum(-1, dtype=torch.float64)
        self.picked = logits.new_empty(len(logits))

    def shares(self, total: torch.Tensor, factor: float) -> torch.Tensor:
        return self._logits * factor


def counted(
    kind: Kind,
    what: What,
    lengths: tuple[int, int],
    patch: pytest.MonkeyPatch,
    *,
    half: bool = False,
) -> Count:
    """One pack of requests whose lengths lie in the range, in TF32 or with float16 weights."""
    model, counting = _model(kind), _Counting()
    patch.setattr(fused, "_kernels", lambda device: _Kernels)
    patch.setattr(fused, "tanh_gelu", functools.partial(F.gelu, approximate="tanh"))
    patch.setattr(lm_head, "reader", lambda device: _Reading)
    with patch.context() as choosing:  # weights without values cannot tell what computes the same
        alike = fused._alike
        choosing.setattr(fused, "_alike", lambda one, *others: _nested(one) or alike(one, *others))
        choosing.setattr(fused, "_rotates", lambda *_: True)
        replaced = replacements(model, Precision("fp32", "cpu"))
    forward = DecoderForward(model, Precision("tf32", "cuda"), "one call", replaced=replaced)
    if half:
        model.half()
        short = forward._precision = Precision("fp16", "cpu")  # where the tensors say they are
        patch.setattr(token_loss, "resolve_precision", lambda *_: short)
        forward._head = LMHead.of(model, Precision("fp16", "cuda"))
    limits = Limits(PACK_TOKENS, LOGITS), Limits(GRADIENT_TOKENS + 1000, LOGITS)
    patch.setattr(token_loss, "choose_forward", lambda *_, **__: forward)
    patch.setattr(token_loss, "choose_limits", lambda *_: limits)
    _count_copies(counting.count, patch)
    # Kernels that CUDA has; elsewhere they are put together from several.
    patch.setattr(F, "rms_norm", lambda x, shape, weight, eps: F.layer_norm(x, shape, weight))
    patch.setattr(noise, "filler", lambda device: lambda values, keys, rows, scales: values.zero_())
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    _without_values(model, mode)
    engine = TokenLossEngine(model)
    requests = _requests(what, lengths, engine.width)
    with mode, counting:
        if what == "gradient":
            ones = [np.ones(request.n_scored, np.float32) for request in requests]
            list(engine.embedding_gradients(requests, ones))
        else:
            engine.losses(requests)
    return counting.count


def _nested(module: Any) -> bool:
    return any(True for _ in module.children())


def _count_copies(count: Count, patch: pytest.MonkeyPatch) -> None:
    """Between host and device, by the functions that make them."""

    def to_device(values: np.ndarray, device: torch.device) -> torch.Tensor:
        count.to_device += 1
        return torch.from_numpy(values)

    def to_host(tensor: torch.Tensor) -> torch.Tensor:
        count.to_host += 1
        return tensor

    for module in (packing, noise, token_loss):
        patch.setattr(module, "to_device", to_device)
    patch.setattr(torch.Tensor, "cpu", to_host)
    patch.setattr(torch.Tensor, "numpy", lambda tensor: np.zeros(tensor.shape, np.float32))


def _requests(what: What, lengths: tuple[int, int], width: int) -> list[LossRequest]:
    """As many as fit into one pack; a seventh of the tokens is scored."""
    draw, requests, n_tokens = np.random.default_rng(0), [], 0
    budget = GRADIENT_TOKENS if what == "gradient" else PACK_TOKENS
    while n_tokens + (length := int(draw.integers(*lengths, endpoint=True))) <= budget:
        n_tokens += length
        perturbation = None
        if what == "noisy":
            key = noise_key(1, "a", len(requests))
            perturbation = CounterNoise(key, noise_scale(5.0, length, width), np.arange(length))
        ids = draw.integers(0, 40_000, length)
        requests.append(LossRequest(ids, max(1, int(0.15 * length)), perturbation))
    return requests


def _model(kind: Kind) -> hf.PreTrainedModel:
    """GPT-2, or a Llama of 135 million weights, with nothing in its matrices."""
    config: hf.PreTrainedConfig = hf.GPT2Config()
    if kind == "llama":
        config = hf.LlamaConfig(
            vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30,
            num_attention_heads=9, num_key_value_heads=3, max_position_embeddings=2048,
            tie_word_embeddings=True,
        )  # fmt: skip
    with torch.device("meta"):
        model = hf.AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    model.to_empty(device="cpu").tie_weights()
    for weight in model.parameters():
        if weight.dim() == 1:
            torch.nn.init.ones_(weight)
    return model


def _without_values(model: torch.nn.Module, mode: FakeTensorMode) -> None:
    """Let the weights and buffers hold nothing."""
    made: dict[int, torch.Tensor] = {}

    def hollow(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in made:
            with mode:
                made[id(tensor)] = torch.empty(tensor.shape, dtype=tensor.dtype)
        return made[id(tensor)]

    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                module._parameters[name] = torch.nn.Parameter(hollow(weight), requires_grad=False)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = hollow(buffer)


def _size(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
