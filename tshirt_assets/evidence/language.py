"""Script and language of a text, as far as planting needs them: no model, a few rules."""

import re
from collections import Counter
from typing import Final

from tshirt_assets.corpus.scripts import script_of
from tshirt_assets.evidence.texts import FUNCTION_WORDS, TEXTS

SCRIPTS: Final = {
    "Latin": "latin",
    "Cyrillic": "cyrillic",
    "Greek": "greek",
    "Arabic": "arabic",
    "Han": "han",
    "Japanese": "kana",
    "Korean": "hangul",
    "Devanagari": "devanagari",
}
"""The scripts that there may be texts in, and what they are called there."""


def known_script(text: str) -> str | None:
    """The script of most letters of a text; None without a letter, or where no text of ours is."""
    script = SCRIPTS.get(script_of(text))
    return script if script in TEXTS else None


def language_of(text: str, script: str | None) -> str | None:
    """The language of a text by its function words; None where no language has most of them."""
    words = Counter(re.findall(r"[^\W\d_]+", text.lower()))
    counts = {
        language: sum(words[word] for word in listed.split())
        for language, listed in FUNCTION_WORDS.items()
        if known_script(listed) == script
    }
    ranked = sorted(counts.values(), reverse=True)
    if not ranked or ranked[0] == 0 or ranked[0] == ranked[1]:
        return None
    return max(counts, key=lambda language: counts[language])
