"""The writing system of a text, as an honest stand-in for its language.

Which language Latin text is in takes a model; which script it is in, Unicode says.
"""

import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Final

LETTERS: Final = 400  # of a text that are looked at
NAMES: Final = {"CJK": "Han", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}
NONE: Final = "no letters"
KANA_SHARE: Final = 0.1  # of the letters: Japanese text is mostly Han between its kana


def script_of(text: str) -> str:
    """The script of most letters of the beginning of a text: "Latin", "Han", "Arabic", ..."""
    begun = text[: 4 * LETTERS]
    if begun.isascii():  # most texts: the answer without a look at every letter
        return "Latin" if any(map(str.isalpha, begun)) else NONE
    letters = "".join(filter(str.isalpha, begun))[:LETTERS]
    if not letters:
        return NONE
    counts = Counter[str]()
    for letter, count in Counter(letters).items():
        counts[_script(letter)] += count
    if counts["Japanese"] >= KANA_SHARE * len(letters):
        return "Japanese"
    return min(counts, key=lambda name: (-counts[name], name))


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    first = unicodedata.name(char, "OTHER").split()[0].split("-")[0]
    return NAMES.get(first, first.capitalize())
