"""Models and tokenizers small enough to build inside a test; nothing is downloaded."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers import PreTrainedTokenizerFast as FastTokenizer

from tshirt_assets.corpus.sample import Message, Sample, content_id
from tshirt_assets.corpus.status import Status

VOCABULARY = 320
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Inside, PyTorch works in so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def bpe_tokenizer(bos: str = "none", chat_template: str | None = CHAT_TEMPLATE) -> FastTokenizer:
    """A byte-level BPE tokenizer with a few merges, `\\n\\n` and `e\\n` among them.

    `bos`: `none` (no BOS token), `defined` (there is one that is never added, as in SmolLM2) or
    `added` (in front of every text, as in Llama).
    """
    merges = [("Ċ", "Ċ"), ("e", "Ċ"), ("t", "h"), ("th", "e"), ("Ġ", "a"), ("i", "n"), ("o", "n")]
    symbols = sorted(pre_tokenizers.ByteLevel.alphabet()) + [a + b for a, b in merges]
    tokenizer = Tokenizer(models.BPE(vocab={s: i for i, s in enumerate(symbols)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>", "<|user|>", "<|assistant|>", "<|end|>"])
    if bos == "added":
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
        )
    fast = FastTokenizer(tokenizer_object=tokenizer, bos_token=None if bos == "none" else "<s>")
    fast.chat_template = chat_template
    return fast


def causal_lm(kind: str = "llama", max_positions: int = 128, seed: int = 0) -> torch.nn.Module:
    """A random `llama` (grouped-query, rotary) or `gpt2` (absolute positions), width 32.

    The embeddings are spread wider than at a usual initialisation, so that losses differ between
    contexts and noise matters.
    """
    torch.manual_seed(seed)
    if kind == "llama":
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=VOCABULARY,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=max_positions,
                initializer_range=0.3,
                tie_word_embeddings=False,
            )
        )
    else:
        model = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=VOCABULARY,
                n_embd=32,
                n_layer=2,
                n_head=4,
                n_positions=max_positions,
                initializer_range=0.3,
                tie_word_embeddings=False,
            )
        )
    return model.eval()


def alpaca(instruction: str, response: str, input_text: str = "") -> Sample:
    """A usable sample with an Alpaca-like shape."""
    asked = f"{instruction}\n{input_text}" if input_text else instruction
    messages = (Message("user", asked), Message("assistant", response))
    return Sample(
        sample_id=content_id(messages, input_text),
        shard="tiny",
        row=0,
        status=Status.OK,
        status_detail=None,
        messages=messages,
        instruction=instruction,
        input=input_text,
        response=response,
    )
