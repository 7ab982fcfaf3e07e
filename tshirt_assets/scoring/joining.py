"""Ids of a text from the ids of its parts, where that is exact, so that no part is encoded twice.

A byte-level BPE tokenizer first splits a text by a pattern and then encodes piece by piece. Where
every such pattern is known to split at a place whatever stands around it, the ids of both sides,
one after the other, are the ids of the whole. Such places, called seams here, are

- behind a line feed that stands between two characters that are no white space;
- in front of a space that stands between such a character and a letter of ASCII.

No match of the patterns reaches across: white space is matched apart from what stands before it
(but for line feeds behind punctuation, which stay on the left), a space goes with the letters
behind it, a line feed with none, and nothing looks back, or further ahead than to the end of white
space. Composition (NFC) does not reach across either, nor does a special token without white space.
"""

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_NUMBERS: Final = (r"\p{N}", r"\p{N}{1,3}")
_PATTERNS: Final = {  # of Qwen 2 and Llama 3; that of GPT-2 is part of ByteLevel
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
    + number
    + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    for number in _NUMBERS
}
# What any definition of white space that a pattern may use counts as such.
_SPACE: Final = frozenset("\x1c\x1d\x1e\x1f \x85\xa0\u1680\u180e\u202f\u205f\u3000").union(
    map(chr, [*range(0x9, 0xE), *range(0x2000, 0x2010), 0x2028, 0x2029])
)


def has_seams(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Whether a fast tokenizer works as described above."""
    from tokenizers.models import BPE
    from tokenizers.normalizers import NFC

    backend = tokenizer.backend_tokenizer  # type: ignore[attr-defined]
    return (
        isinstance(backend.model, BPE)
        and not backend.model.dropout
        and (backend.normalizer is None or isinstance(backend.normalizer, NFC))
        and backend.pre_tokenizer is not None
        and _splits(json.loads(backend.pre_tokenizer.__getstate__()))
        and all(map(_keeps_to_itself, backend.get_added_tokens_decoder().values()))
    )


def ends_in_seam(before: str, behind: str) -> bool:
    """Whether there is a seam between a text that ends in a line feed and the one behind it."""
    return (
        len(before) > 1
        and before[-1] == "\n"
        and before[-2] not in _SPACE
        and bool(behind)
        and behind[0] not in _SPACE
    )


def last_seam(text: str) -> int:
    """Where the last seam in front of a space is; -1 where there is none."""
    at = len(text) - 1
    while (at := text.rfind(" ", 1, at)) > 0:
        letter = text[at + 1]
        if letter.isascii() and letter.isalpha() and text[at - 1] not in _SPACE:
            return at
    return -1


def _splits(pre_tokenizer: Any) -> bool:
    """Whether a pre-tokenizer splits at seams, and byte by byte further on."""
    whole = pre_tokenizer["type"] == "Sequence"
    *first, last = pre_tokenizer["pretokenizers"] if whole else [pre_tokenizer]
    if last["type"] != "ByteLevel" or last["add_prefix_space"]:
        return False
    if last.get("use_regex", True):
        return all(step["type"] == "Digits" for step in first)
    return bool(first) and _is_known(first[-1]) and all(s["type"] == "Digits" for s in first[:-1])


def _is_known(split: Any) -> bool:
    return (
        split["type"] == "Split"
        and split["pattern"].get("Regex") in _PATTERNS
        and (split["behavior"], split["invert"]) == ("Isolated", False)
    )


def _keeps_to_itself(token: Any) -> bool:
    """Whether an added token neither holds white space nor depends on what is around it."""
    return not (
        token.lstrip
        or token.rstrip
        or token.single_word
        or any(character in _SPACE for character in token.content)
    )
