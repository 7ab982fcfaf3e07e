"""Texts to token ids, many at once; what was found out about a tokenizer is found out once.

The ids are those of `tokenizer.encode(text, add_special_tokens=False)`. A fast tokenizer encodes a
batch in one call, which spares the Python code that transformers runs for each text, and by as
many threads as TOKENIZERS_PARALLELISM says. Any other tokenizer is asked text by text. Threads that
encode at the same time wait for each other: not every tokenizer is made for them.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from tshirt_assets.scoring.joining import has_seams
from tshirt_assets.scoring.kept_ids import KeptIds

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Encoded = np.ndarray | TypeError | ValueError
"""The ids of a text (N,) int32, or why it is no text, such as half of a surrogate pair."""


@dataclass
class _Known:
    """What is known of a tokenizer: whether it adds a BOS, see `joins`, and ids of some texts."""

    has_bos: bool
    has_seams: bool
    ids: KeptIds = field(default_factory=KeptIds)


_known: "WeakKeyDictionary[PreTrainedTokenizerBase, _Known]" = WeakKeyDictionary()
_lock = threading.Lock()  # of `_known`
_encoding = threading.Lock()


def adds_bos(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Whether the tokenizer itself puts its BOS in front of a text.

    Found by trying: many tokenizers define a BOS that they never add (SmolLM2, Pythia, GPT-2).
    """
    return _about(tokenizer).has_bos


def bos_ids(tokenizer: "PreTrainedTokenizerBase") -> np.ndarray:
    """(1,) int32, the BOS that the tokenizer puts in front of a text; (0,) where it does not."""
    return np.array([tokenizer.bos_token_id] if adds_bos(tokenizer) else [], np.int32)


def joins(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Whether ids of texts that meet in a seam are those of the text that they make together."""
    return _about(tokenizer).has_seams


def encode_texts(
    tokenizer: "PreTrainedTokenizerBase", texts: Iterable[str], *, passing: Iterable[str] = ()
) -> dict[str, Encoded]:
    """The token ids of all texts, without special tokens that the tokenizer would add.

    Equal texts are encoded once, and the ids of `texts` kept for the next call; those of the texts
    in `passing`, which nobody will ask for again, are not.
    """
    with _encoding:
        return _encode_texts(tokenizer, texts, passing)


def encode_text(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """The token ids of one text, as above; raises whatever the tokenizer does."""
    with _encoding:
        return list(tokenizer.encode(text, add_special_tokens=False))


def _encode_texts(
    tokenizer: "PreTrainedTokenizerBase", texts: Iterable[str], passing: Iterable[str]
) -> dict[str, Encoded]:
    about = _about(tokenizer)
    lasting = dict.fromkeys(texts)
    found: dict[str, Encoded] = {t: kept for t in lasting if (kept := about.ids.get(t)) is not None}
    new = [text for text in dict.fromkeys(chain(lasting, passing)) if text not in found]
    for text, ids in zip(new, _encoded(tokenizer, new), strict=True):
        found[text] = ids
        if text in lasting and isinstance(ids, np.ndarray):
            about.ids.keep(text, ids)
    return found


def _about(tokenizer: "PreTrainedTokenizerBase") -> _Known:
    with _lock:
        about = _known.get(tokenizer)
        if about is None:
            bos = tokenizer.bos_token_id
            has_bos = bos is not None and tokenizer.encode("a")[:1] == [bos]
            seams = _is_fast(tokenizer) and has_seams(tokenizer)
            about = _known[tokenizer] = _Known(has_bos, seams)
        return about


def _encoded(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str]) -> list[Encoded]:
    """The ids of every text; a batch with a text that cannot be encoded is halved until it can."""
    if len(texts) > 1 and _is_fast(tokenizer):
        # It takes truncation, padding and special tokens back to what it does in the batch, too.
        tokenizer.encode("a", add_special_tokens=False)
        backend = tokenizer.backend_tokenizer  # type: ignore[attr-defined]
        try:
            encodings = backend.encode_batch_fast(list(texts), add_special_tokens=False)
        except Exception:  # of one of the texts; alone, it says which
            half = len(texts) // 2
            return [*_encoded(tokenizer, texts[:half]), *_encoded(tokenizer, texts[half:])]
        return [np.array(encoding.ids, np.int32) for encoding in encodings]
    return [_alone(tokenizer, text) for text in texts]


def _alone(tokenizer: "PreTrainedTokenizerBase", text: str) -> Encoded:
    try:
        return np.array(tokenizer.encode(text, add_special_tokens=False), np.int32)
    except (TypeError, ValueError) as error:
        return error


def _is_fast(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Whether encoding is left to the `tokenizers` library; a model's own code may do it itself."""
    from transformers import PreTrainedTokenizerFast

    kind = type(tokenizer)
    return isinstance(tokenizer, PreTrainedTokenizerFast) and all(
        getattr(kind, name) is getattr(PreTrainedTokenizerFast, name)
        for name in ("encode", "_encode_plus", "set_truncation_and_padding")
    )
