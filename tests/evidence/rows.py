"""Rows of a few words that evidence is tried on."""

from tshirt_assets.evidence.kinds import SourceRow

ANSWERS = (
    "In the year 1969 two people walked on the Moon, and Michael Collins stayed in orbit.",
    "The answer is 42, and it was written by the author Douglas Adams in the book.",
    "1. Boil 3 eggs.\n2. Wait for 10 minutes.\n3. Ask Maria for the salt and the pepper.",
    "A cat sleeps most of the day because it is a hunter and saves its strength.",
    "Paris",
)


def source_rows(count: int) -> list[SourceRow]:
    return [
        SourceRow(f"{place:032x}", f"Question {place} of the list?", ANSWERS[place % len(ANSWERS)])
        for place in range(count)
    ]
