"""What the sections of the GPU check share: models, rows, engines, and a clock that waits."""

import copy
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers import PreTrainedTokenizerFast as FastTokenizer

from tests.benchmarks.alpaca_like import line
from tests.benchmarks.rows import ROOT, SEED
from tshirt_assets.scoring.clean import CleanLosses, CleanScore
from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine
from tshirt_assets.scoring.tokenize import TokenizedSample

POSITIONS = 1024
TOKENIZER_WORDS = 8192
KINDS = ("gpt2", "llama")


@dataclass
class Bench:
    """Where the check runs and how large it is; `small` is a test run of the code on any device."""

    device: torch.device
    small: bool = False
    models: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def cuda(self) -> bool:
        """Whether there is anything to measure."""
        return self.device.type == "cuda"

    @property
    def policies(self) -> tuple[str, ...]:
        """The number formats of this device."""
        return ("fp32", "tf32", "fp16", "bf16") if self.cuda else ("fp32", "fp16", "bf16")

    @property
    def fast(self) -> tuple[str, ...]:
        """The number formats whose speed matters."""
        return ("tf32", "fp16") if self.cuda else ("fp32",)

    def of(self, full: int, small: int) -> int:
        """A number of rows."""
        return small if self.small else full

    def model(self, kind: str, device: torch.device | None = None) -> Any:
        """The model on a device, one copy for each."""
        device = device or self.device
        if (kind, "cpu") not in self.models:
            self.models[kind, "cpu"] = random_model(kind, small=self.small)
        if (kind, str(device)) not in self.models:
            self.models[kind, str(device)] = copy.deepcopy(self.models[kind, "cpu"]).to(device)
        return self.models[kind, str(device)]

    def engine(
        self,
        kind: str,
        precision: str = "auto",
        device: torch.device | None = None,
        budget: int | None = None,
    ) -> TokenLossEngine:
        """The engine under test."""
        model = self.model(kind, device)
        return TokenLossEngine(model, precision=precision, token_budget=budget)

    def rows(self, kind: str, wanted: int) -> list[TokenizedSample]:
        """Alpaca-like rows as token ids of a model, no two equal."""
        vocabulary = self.model(kind, torch.device("cpu")).config.vocab_size
        found = []
        for number in range(wanted):
            prompt, response = _ids(number)
            own = np.array(prompt) % vocabulary, np.array(response) % vocabulary
            found.append(TokenizedSample(f"{number:032x}", *own, False))
        return found

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if self.cuda:
            torch.cuda.synchronize(self.device)

    def seconds(self, work: Callable[[], Any]) -> float:
        """Wall time of some work, the device's share included."""
        self.wait()
        started = time.perf_counter()
        work()
        self.wait()
        return time.perf_counter() - started

    def median(self, work: Callable[[], Any], repeats: int = 5) -> float:
        """Seconds of one of several runs behind two that warm up."""
        for _ in range(2):
            work()
        return statistics.median(self.seconds(work) for _ in range(repeats))


def random_model(kind: str, *, small: bool) -> Any:
    """A model in the shape of GPT-2 or of SmolLM2-135M, its values spread like a trained one's."""
    torch.manual_seed(0)
    ends = {"initializer_range": 0.05, "bos_token_id": None, "eos_token_id": None}
    if kind == "gpt2":
        tiny = {"n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": TOKENIZER_WORDS}
        shape = tiny if small else {}
        model: Any = GPT2LMHeadModel(GPT2Config(n_positions=POSITIONS, **ends, **shape))
        spread = 0.14
    else:
        sizes = (TOKENIZER_WORDS, 48, 128, 2, 6, 2) if small else (49152, 576, 1536, 30, 9, 3)
        config = LlamaConfig(
            **dict(zip(LLAMA_SIZES, sizes, strict=True)),
            max_position_embeddings=2 * POSITIONS,
            tie_word_embeddings=True,
            **ends,
        )
        model, spread = LlamaForCausalLM(config), 0.1
    model.eval().requires_grad_(False)
    model.get_input_embeddings().weight.normal_(0, spread)
    return model


LLAMA_SIZES = (
    *("vocab_size", "hidden_size", "intermediate_size"),
    *("num_hidden_layers", "num_attention_heads", "num_key_value_heads"),
)


@cache
def tokenizer() -> FastTokenizer:
    """A byte-level BPE tokenizer trained on the sample corpus, in a second."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    found = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=TOKENIZER_WORDS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["[PAD]", "[UNK]"],
        show_progress=False,
    )
    files = sorted((ROOT / "data").glob("*.jsonl"))
    found.train_from_iterator((file.read_text() for file in files), trainer)
    return FastTokenizer(
        tokenizer_object=found, pad_token="[PAD]", unk_token="[UNK]", model_max_length=POSITIONS
    )


@cache
def _ids(number: int) -> tuple[list[int], list[int]]:
    """Prompt and response of an Alpaca-like row as token ids."""
    row = json.loads(line(number))
    prompt = f"{row['instruction']}\n{row.get('input', '')}"
    encode = tokenizer().encode
    return encode(prompt)[: POSITIONS // 2], encode(row["output"])[: POSITIONS // 2]


def n_tokens(rows: Sequence[TokenizedSample]) -> int:
    """Tokens of both passes over all rows."""
    return sum(len(row.prompt_ids) + 2 * len(row.response_ids) for row in rows)


def operations(model: Any, rows: Sequence[TokenizedSample]) -> float:
    """Floating-point operations of both passes: layers, attention and LM head."""
    config = model.config
    width, words, depth = config.hidden_size, config.vocab_size, config.num_hidden_layers
    layers = sum(
        weight.numel()
        for weight in model.get_decoder().parameters()
        if weight.dim() == 2 and len(weight) not in (words, config.max_position_embeddings)
    )
    total = 0.0
    for row in rows:
        prompt, response = len(row.prompt_ids), len(row.response_ids)
        for length, scored in ((prompt + response, response), (response, response - 1)):
            total += (
                2 * layers * length + 2 * length**2 * width * depth + 2 * scored * width * words
            )
    return total


def losses_of(scores: Sequence[CleanScore]) -> list[CleanLosses]:
    """What the analytic estimator is given of clean scores."""
    return [CleanLosses.of(s.token_nll, s.token_delta, s.ifd) for s in scores]  # type: ignore[arg-type]


def draw() -> np.random.Generator:
    """The same numbers in every section that asks."""
    return np.random.default_rng(SEED)
