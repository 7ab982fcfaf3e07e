"""Folders that look like a causal LM and are none, or hold one in an unusual way."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from safetensors.torch import load_file, save_file

from tests.scoring.kernel.architectures import noticing_ids, tiny
from tests.tiny import VOCABULARY, bpe_tokenizer, causal_lm

Weights = dict[str, torch.Tensor]


def save(model: Any, folder: Path) -> Path:
    """The folder with the model and a tokenizer."""
    model.save_pretrained(folder)
    bpe_tokenizer().save_pretrained(folder)
    return folder


def rewritten(folder: Path, change: Callable[[Weights], Weights], kind: str = "llama") -> Path:
    """A tiny causal LM with its weights changed in the file, and only there."""
    file = save(causal_lm(kind), folder) / "model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})
    return folder


def prefixed(folder: Path, prefix: str) -> Path:
    """The tiny Llama as a wrapper saves it."""
    return rewritten(folder, lambda weights: {prefix + name: w for name, w in weights.items()})


def reward_model(folder: Path) -> Path:
    """GPT-2 with a head for one label, and no LM head that would be missed: it is tied."""
    config = hf.GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=1, n_head=4, num_labels=1)
    return save(hf.GPT2ForSequenceClassification(config), folder)


def masked_lm(folder: Path) -> Path:
    """A BERT as it is trained: every token sees all others."""
    return save(hf.BertForMaskedLM(_bert()), folder)


def bidirectional_lm(folder: Path) -> Path:
    """A BERT that calls itself a causal LM."""
    return save(hf.BertLMHeadModel(_bert()), folder)


def encoder_decoder(folder: Path) -> Path:
    """A T5."""
    config = hf.T5Config(
        vocab_size=VOCABULARY, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=2
    )
    return save(hf.T5ForConditionalGeneration(config), folder)


def per_layer_lm(folder: Path, kind: str = "gemma4") -> Path:
    """A `gemma3n` or `gemma4`, which looks embeddings up by id in every layer."""
    config = copy.deepcopy(tiny(kind).config)
    config.vocab_size = config.vocab_size_per_layer_input = VOCABULARY
    config.max_position_embeddings = 512
    torch.manual_seed(0)
    return save(noticing_ids(type(tiny(kind))(config)), folder)


def _bert() -> hf.BertConfig:
    return hf.BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=0.3,
    )
