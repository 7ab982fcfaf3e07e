"""Script and language of a text, as far as planting needs them: no model, a few rules."""

import re
import unicodedata
from collections import Counter
from typing import Final

from tshirt_assets.evidence.texts import FUNCTION_WORDS, TEXTS

LETTERS: Final = 400  # of a text that are looked at
SCRIPTS: Final = {
    "LATIN": "latin",
    "CYRILLIC": "cyrillic",
    "GREEK": "greek",
    "ARABIC": "arabic",
    "CJK": "han",
    "HIRAGANA": "kana",
    "KATAKANA": "kana",
    "HANGUL": "hangul",
    "DEVANAGARI": "devanagari",
}
"""Our scripts by the first word of the Unicode names of their letters."""


def script_of(text: str) -> str | None:
    """The script of most letters of a text; None without a letter, or of another script."""
    counts: Counter[str] = Counter()
    for letter in [one for one in text if one.isalpha()][:LETTERS]:
        name = unicodedata.name(letter, "").split(" ")[0]
        counts[SCRIPTS.get(name, name)] += 1
    if counts["kana"] > 0.1 * counts["han"]:  # Japanese has both
        counts["kana"] += counts.pop("han", 0)
    found = counts.most_common(1)
    return found[0][0] if found and found[0][0] in TEXTS else None


def language_of(text: str, script: str | None) -> str | None:
    """The language of a text by its function words; None where no language has most of them."""
    words = Counter(re.findall(r"[^\W\d_]+", text.lower()))
    counts = {
        language: sum(words[word] for word in listed.split())
        for language, listed in FUNCTION_WORDS.items()
        if script_of(listed) == script
    }
    ranked = sorted(counts.values(), reverse=True)
    if not ranked or ranked[0] == 0 or ranked[0] == ranked[1]:
        return None
    return max(counts, key=lambda language: counts[language])
