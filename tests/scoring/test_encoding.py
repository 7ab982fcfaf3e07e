"""Texts in batches: the ids of one call per text, whatever the batch holds."""

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny import FastTokenizer, alpaca, bpe_tokenizer
from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring import encoding, kept_ids
from tshirt_assets.scoring.encoding import adds_bos, encode_texts
from tshirt_assets.scoring.tokenize import (
    tokenize_one_shot,
    tokenize_one_shots,
    tokenize_sample,
    tokenize_samples,
)

BROKEN = "{% if messages[0].content == '!' %}{{ raise_exception('no') }}{% endif %}"
TEMPLATES = [
    None,
    BROKEN + "{{ messages[0].content }}:",
    "{{ bos_token }}{{ messages[0].content }}",
]
TOKENIZERS = {
    (bos, template): bpe_tokenizer(bos, template)
    for bos in ("none", "defined", "added")
    for template in TEMPLATES
}
TEXT = st.one_of(
    st.text(st.characters(categories=None), max_size=12),  # surrogates and controls too
    st.sampled_from(["", "!", "\n\n", "e\n", "<s>", "<|end|>", "<s>the", "\ud800", "the end"]),
)


def alone(tokenizer: Any, text: str) -> list[int] | str:
    """As a row by row pass found it: the ids, or the name of the error."""
    try:
        return tokenizer.encode(text, add_special_tokens=False)
    except (TypeError, ValueError) as error:
        return type(error).__name__


def found(tokenizer: Any, texts: list[str]) -> list[list[int] | str]:
    ids = encode_texts(tokenizer, texts)
    return [
        type(ids[text]).__name__ if isinstance(ids[text], Exception) else ids[text].tolist()
        for text in texts
    ]


@given(st.lists(TEXT, max_size=9), st.sampled_from(["none", "defined", "added"]))
def test_a_batch_gives_each_text_its_own_ids(texts: list[str], bos: str) -> None:
    tokenizer = TOKENIZERS[bos, None]
    expected = [alone(tokenizer, text) for text in texts]
    assert found(tokenizer, texts) == expected
    assert found(tokenizer, texts) == expected  # those that are kept
    assert found(bpe_tokenizer(bos), texts) == expected  # none is kept


@given(
    st.lists(st.builds(alpaca, TEXT, TEXT, TEXT), min_size=2, max_size=6),
    st.sampled_from(sorted(TOKENIZERS, key=str)),
    st.sampled_from(["plain", "alpaca", "chat_template"]),
    st.integers(4, 60),
)
def test_samples_of_a_batch_are_as_if_each_were_alone(
    samples: list[Any], key: Any, prompt_format: str, max_length: int
) -> None:
    if prompt_format == "chat_template" and key[1] is None:
        key = (key[0], TEMPLATES[1])
    tokenizer = TOKENIZERS[key]
    rest = tokenizer, prompt_format, max_length
    batch = tokenize_samples(samples, *rest)
    assert [facts(row) for row in batch] == [facts(tokenize_sample(s, *rest)) for s in samples]
    pairs = list(zip(samples[1:], samples, strict=False))
    assert [facts(pair.zero_shot) + facts(pair) for pair in tokenize_one_shots(pairs, *rest)] == [
        facts(pair.zero_shot) + facts(pair)
        for pair in (tokenize_one_shot(*each, *rest) for each in pairs)
    ]


def facts(row: Any) -> tuple[Any, ...]:
    """All fields of a tokenized row, arrays as lists."""
    values = {name: getattr(row, name) for name in row.__slots__ if name != "zero_shot"}
    return tuple(v.tolist() if isinstance(v, np.ndarray) else v for v in values.values())


def test_one_bad_row_takes_no_other_with_it() -> None:
    samples = [alpaca(f"say {i}", "one two" if i != 5 else "o\ud800ne") for i in range(11)]
    rows = tokenize_samples(samples, bpe_tokenizer(), "plain", 100)
    assert [row.status is Status.OK for row in rows] == [i != 5 for i in range(11)]
    assert rows[5].status is Status.NOT_TEXT


def test_truncation_and_padding_of_the_tokenizer_file_are_left_aside() -> None:
    tokenizer = bpe_tokenizer("added")
    tokenizer.backend_tokenizer.enable_truncation(2)
    tokenizer.backend_tokenizer.enable_padding(length=50)
    assert [len(ids) for ids in found(tokenizer, ["abcdef", "ab", "a b"])] == [6, 2, 3]


class Counting(FastTokenizer):
    """A model's own code may encode as it likes: it is asked for every text."""

    asked = 0

    def encode(self, *arguments: Any, **options: Any) -> list[int]:
        type(self).asked += 1
        return [*super().encode(*arguments, **options), 7]


def test_a_tokenizer_with_an_encode_of_its_own_is_asked_for_every_text() -> None:
    own = Counting(tokenizer_object=bpe_tokenizer().backend_tokenizer)
    plain = bpe_tokenizer().encode("abc", add_special_tokens=False)
    assert found(own, ["abc", "d"])[0] == [*plain, 7]


def test_the_bos_is_looked_for_once_per_tokenizer() -> None:
    class Once(Counting):
        asked = 0

    tokenizer = Once(tokenizer_object=bpe_tokenizer("added").backend_tokenizer, bos_token="<s>")
    assert all(adds_bos(tokenizer) for _ in range(5))
    assert Once.asked == 1


def test_what_is_known_of_a_tokenizer_goes_with_it() -> None:
    tokenizer = bpe_tokenizer()
    encode_texts(tokenizer, ["abc", "def"])
    before, gone = len(encoding._known), weakref.ref(tokenizer)
    del tokenizer
    gc.collect()
    assert gone() is None
    assert len(encoding._known) < before


def test_kept_ids_are_not_encoded_again_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    encoded = encoding._encoded

    def watched(tokenizer: Any, texts: list[str]) -> list[Any]:
        asked.extend(texts)
        return encoded(tokenizer, texts)

    monkeypatch.setattr(encoding, "_encoded", watched)
    tokenizer = bpe_tokenizer()
    encode_texts(tokenizer, ["abc", "def", "abc"], passing=["ghi"])
    again = encode_texts(tokenizer, ["abc", "def"], passing=["ghi"])
    assert asked == ["abc", "def", "ghi", "ghi"]
    assert again["abc"].tolist() == alone(tokenizer, "abc")

    monkeypatch.setattr(kept_ids, "KEPT_BYTES", 2 * (kept_ids.ENTRY_BYTES + 6))
    small = bpe_tokenizer()
    asked.clear()
    for _ in range(2):
        encode_texts(small, ["abc", "def", "ghi"])
    assert asked == ["abc", "def", "ghi", "ghi"]  # the first stay: a scan would replace all
