"""The kinds of corruption, a small function each: a row's response as it must not be.

Each is given a row, the other rows and a source of random numbers that depends on nothing but the
seed, the kind and the row; it returns the planted response, or None where it cannot be planted.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from tshirt_assets.evidence.language import known_script, language_of
from tshirt_assets.evidence.texts import FOLLOW_UPS, REFUSALS, TEXTS

KEPT: Final = (0.3, 0.6)  # share of a truncated response
SHORTEST_CUT: Final = 24  # characters; of less, little would be left to be broken off
SHORTEST_TEXT: Final = 24  # bytes: in another language even a short response says something
TRIES: Final = 8
CAPITALISED_NOUNS: Final = ("de",)  # languages whose capitals do not tell names


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row of the corpus that may be corrupted. `question` is its instruction and input."""

    sample_id: str
    question: str
    response: str

    @property
    def script(self) -> str | None:
        """The script of the response, or of the question where that has no letters."""
        return known_script(self.response) or known_script(self.question)

    @property
    def language(self) -> str | None:
        """The language of the row, where its words tell it."""
        return language_of(f"{self.question} {self.response}", self.script)


@dataclass(frozen=True)
class Others:
    """The other rows: all of them, the one with the nearest question by sample id, and names."""

    rows: Sequence[SourceRow]
    nearest: Mapping[str, SourceRow]
    names: Sequence[str]

    @classmethod
    def of(cls, rows: Sequence[SourceRow], nearest: Mapping[str, str]) -> "Others":
        """From the rows and, by sample id, the id of the row with the nearest question."""
        ordered = sorted(rows, key=lambda row: row.sample_id)
        by_id = {row.sample_id: row for row in ordered}
        pairs = {one: by_id[other] for one, other in nearest.items() if other in by_id}
        names = {name for row in ordered for name in names_in(row)}
        return cls(ordered, pairs, sorted(names))


def other_answer(row: SourceRow, others: Others, draw: Random) -> str | None:
    """The response of a row drawn by lot."""
    for _ in range(TRIES):
        other = draw.choice(others.rows)
        if other.question != row.question:
            return other.response
    return None


def nearest_answer(row: SourceRow, others: Others, draw: Random) -> str | None:
    """The response of the row with the nearest question."""
    other = others.nearest.get(row.sample_id)
    return other.response if other and other.question != row.question else None


def truncated(row: SourceRow, others: Others, draw: Random) -> str | None:
    """The first 30 to 60 % of the response, broken off in the middle of a sentence."""
    text = row.response.strip()
    if len(text) < SHORTEST_CUT:
        return None
    length = round(len(text) * draw.uniform(*KEPT))
    words = text[:length].rsplit(None, 1)
    cut = words[0] if len(words) == 2 else text[:length]
    return re.sub(r"[\s.!?;:,。!?]+$", "", cut) or None


def other_language(row: SourceRow, others: Others, draw: Random) -> str | None:
    """A text of ours in another language of the same script."""
    own = row.language
    known = TEXTS.get(row.script or "", {})
    languages = [language for language in known if language != own]
    if own is None or not languages:
        return None
    return _as_long(known[draw.choice(languages)], row.response, draw)


def other_script(row: SourceRow, others: Others, draw: Random) -> str | None:
    """A text of ours in another script."""
    scripts = [script for script in TEXTS if script != row.script]
    languages = TEXTS[draw.choice(scripts)]
    return _as_long(languages[draw.choice([*languages])], row.response, draw)


def refusal(row: SourceRow, others: Others, draw: Random) -> str | None:
    """A sentence or two that decline to answer."""
    return f"{draw.choice(REFUSALS)} {draw.choice(FOLLOW_UPS)}".rstrip()


def edited_numbers(row: SourceRow, others: Others, draw: Random) -> str | None:
    """Every number of the response with other digits; those that number a list stay."""
    listed = {match.start(1) for match in re.finditer(r"(?m)^\s*([0-9]+)[.):]", row.response)}

    def edited(match: re.Match[str]) -> str:
        return match[0] if match.start() in listed else _other_number(match[0], draw)

    text = re.sub(r"[0-9]+", edited, row.response)
    return text if text != row.response else None


def edited_names(row: SourceRow, others: Others, draw: Random) -> str | None:
    """The capitalised names of the response in place of which stand names of other rows."""
    own = names_in(row)
    strange = [name for name in others.names if name not in own]
    if not own or len(strange) < len(own):
        return None
    put = dict(zip(own, draw.sample(strange, len(own)), strict=True))
    return re.sub(r"[^\W\d_]+", lambda match: put.get(match[0], match[0]), row.response)


def names_in(row: SourceRow) -> list[str]:
    """Capitalised words that do not begin a sentence, each once, in order."""
    if row.language in CAPITALISED_NOUNS:
        return []
    words = re.findall(r"(?<=[^\W\d_A-Z] )[^\W\d_]{3,}|(?<=, )[^\W\d_]{3,}", row.response)
    return list(dict.fromkeys(word for word in words if word.istitle()))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of corruption: its name, what it does in words, and the function that does it."""

    name: str
    meaning: str
    corrupt: Callable[[SourceRow, Others, Random], str | None]


_ALL: Final = (
    Kind("random_answer", "the response of a random other row", other_answer),
    Kind("nearest_answer", "the response of the row with the nearest instruction", nearest_answer),
    Kind("truncated", "30 to 60 % of the response, broken off in a sentence", truncated),
    Kind("other_language", "a text in another language of the same script", other_language),
    Kind("other_script", "a text in another script", other_script),
    Kind("refusal", "a refusal to answer", refusal),
    Kind("edited_numbers", "the response with other digits in its numbers", edited_numbers),
    Kind("edited_names", "the response with names of other rows", edited_names),
)
KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in _ALL}
"""Every kind of corruption by its name."""


def _as_long(sentences: Sequence[str], response: str, draw: Random) -> str:
    """Sentences in an order drawn by lot, cut to the bytes of a response.

    Bytes, because a tokenizer makes of other scripts many more tokens than of as many letters.
    """
    text = " ".join(draw.sample(sentences, len(sentences)))
    length = max(SHORTEST_TEXT, len(response.encode()))
    cut = text.encode()[:length].decode(errors="ignore")
    whole = cut.rsplit(None, 1)[0] if cut != text and " " in cut else cut
    return whole.strip()


def _other_number(number: str, draw: Random) -> str:
    """A number of as many digits, none of which is the same."""
    digits = []
    for place, digit in enumerate(number):
        leading = place == 0 and len(number) > 1
        digits.append(draw.choice([d for d in "0123456789"[leading:] if d != digit]))
    return "".join(digits)
