"""Ids of a text made of those of its parts: the same, whatever the text, wherever it is allowed."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast as FastTokenizer

from tests.conftest import REPOSITORY
from tests.tiny import alpaca, bpe_tokenizer
from tshirt_assets.corpus.prompts import one_shot_prompt_text
from tshirt_assets.scoring import encoding
from tshirt_assets.scoring.encoding import encode_text, joins
from tshirt_assets.scoring.joining import _PATTERNS, ends_in_seam, has_seams, last_seam
from tshirt_assets.scoring.tokenize import tokenize_one_shots

DIGITS = pre_tokenizers.Digits(individual_digits=True)
GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
SPLITS = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in sorted(_PATTERNS)]
STEPS: dict[str, list[Any]] = {
    "gpt2": [GPT2],
    "smollm": [DIGITS, GPT2],
    **{f"split {i}": [split, BYTES] for i, split in enumerate(SPLITS)},
}


def strings(value: Any) -> Iterator[str]:
    """All texts in what was read from JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings(part)


def texts_of(path: Path) -> list[str]:
    text = path.read_text()
    try:
        return list(strings(json.loads(text)))
    except ValueError:
        found = []
        for line in text.split("\n"):
            try:
                found += strings(json.loads(line))
            except ValueError:
                found.append(line)
        return found


FILES = sorted((REPOSITORY / "data").glob("*.jsonl"))
OWN = [text for path in FILES for text in texts_of(path)]


def trained(steps: list[Any], normalizer: Any = None) -> FastTokenizer:
    """A byte-level BPE tokenizer with merges of the sample corpus."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps) if len(steps) > 1 else steps[0]
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=3000, initial_alphabet=alphabet, special_tokens=["<|end|>"], show_progress=False
    )
    tokenizer.train_from_iterator([f"{text}\n\n" for text in OWN], trainer)
    return FastTokenizer(tokenizer_object=tokenizer)


TOKENIZERS = {name: trained(steps) for name, steps in STEPS.items()}
TOKENIZERS |= {"nfc": trained(STEPS["split 0"], normalizers.NFC())}

WORDS = ["a", "B c", " the", "'s", "12", "x1", ".", "...", "é", "e\u0301", "\u0301", "中文", "🙂"]
SPACES = [" ", "  ", "\n", "\n\n", "\t", "\r\n", "\xa0", "\x1c", "\u2028", "\u200b"]
PIECES = st.sampled_from([*WORDS, *SPACES, "<|end|>", "<|en", "d|>"])
TEXT = st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=8).map("".join)


def ids(name: str, text: str) -> list[int]:
    return encode_text(TOKENIZERS[name], text)


@given(st.sampled_from(sorted(TOKENIZERS)), TEXT, TEXT)
@settings(max_examples=500)
def test_ids_on_both_sides_of_a_seam_are_those_of_the_whole(name, one, other):
    assert joins(TOKENIZERS[name])
    if ends_in_seam(one, other):
        assert ids(name, one) + ids(name, other) == ids(name, one + other)
    at = last_seam(one + other)
    if at > 0:
        whole, left, right = one + other, (one + other)[:at], (one + other)[at:]
        assert ids(name, left) + ids(name, right) == ids(name, whole)


def check_all(tokenizer: Any, texts: list[str], prompt_format: str) -> float:
    """All texts, two by two, as demos of each other; the share whose ids were joined."""
    samples = [alpaca(a, b) for a, b in zip(texts[::2], texts[1::2], strict=False) if a and b]
    pairs = list(pairwise(samples))
    asked: list[str] = []
    encoded = encoding._encoded

    def watched(tokenizer: Any, texts: list[str]) -> list[Any]:
        asked.extend(texts)
        return encoded(tokenizer, texts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "_encoded", watched)
        found = tokenize_one_shots(pairs, tokenizer, prompt_format, 1 << 30)
    written = [one_shot_prompt_text(*pair, prompt_format, tokenizer) for pair in pairs]
    expected = encoded(tokenizer, [text for both in written for text in both])
    for at, row in enumerate(found):
        if len(row.prompt_ids):
            demo, own = expected[2 * at : 2 * at + 2]
            assert row.prompt_ids.tolist() == [*demo, *own], written[at]
    whole = set(asked)
    return sum(demo not in whole for demo, _ in written) / len(pairs)


@pytest.mark.parametrize("prompt_format", ["plain", "alpaca"])
@pytest.mark.parametrize("name", sorted(TOKENIZERS))
def test_demos_of_the_sample_corpus_have_the_ids_of_their_text(name, prompt_format):
    assert check_all(TOKENIZERS[name], OWN, prompt_format) > 0.5


@pytest.mark.slow
def test_demos_of_real_rows_have_the_ids_of_their_text(shared_dir):
    texts = {p.name: texts_of(p) for p in sorted((shared_dir / "data").glob("*.json*"))}
    shares = {
        name: check_all(tokenizer, texts[file], "plain")
        for file in texts
        for name, tokenizer in TOKENIZERS.items()
    }
    assert min(shares.values()) > 0.1


@pytest.mark.model
def test_demos_have_the_ids_of_their_text_with_the_demos_own_model(smollm2):
    assert joins(smollm2.tokenizer)
    assert check_all(smollm2.tokenizer, OWN, "plain") > 0.5


def changed(change: Any) -> FastTokenizer:
    tokenizer = Tokenizer.from_str(TOKENIZERS["gpt2"].backend_tokenizer.to_str())
    change(tokenizer)
    return FastTokenizer(tokenizer_object=tokenizer)


def test_any_other_tokenizer_encodes_the_whole():
    def unknown(tokenizer):
        split = pre_tokenizers.Split(Regex(r"\s+"), "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, BYTES])

    others = {
        "as it was": lambda t: None,
        "a prefix": lambda t: setattr(t, "pre_tokenizer", pre_tokenizers.ByteLevel()),
        "another pattern": unknown,
        "sentencepiece": lambda t: setattr(t, "pre_tokenizer", pre_tokenizers.Metaspace()),
        "another normalizer": lambda t: setattr(t, "normalizer", normalizers.NFKC()),
        "a token with a space": lambda t: t.add_tokens(["of the"]),
        "a token that takes spaces": lambda t: t.add_tokens([AddedToken("<x>", lstrip=True)]),
        "dropout": lambda t: setattr(t.model, "dropout", 0.1),
    }
    found = {name: has_seams(changed(change)) for name, change in others.items()}
    assert found == dict.fromkeys(others, False) | {"as it was": True}
    assert not joins(bpe_tokenizer())  # no pattern at all

    class Own(FastTokenizer):
        def encode(self, *arguments: Any, **options: Any) -> list[int]:
            return super().encode(*arguments, **options)

    assert not joins(Own(tokenizer_object=TOKENIZERS["gpt2"].backend_tokenizer))
