"""What min_relevance leaves out of real rows, and of planted wrong answers.

    python -m tests.benchmarks.guard FOLDER [--rows 400] [--corpus NAME FILE...]

FOLDER holds the files that STRATA names (Alpaca JSON, prompt and response JSONL, ShareGPT); a
corpus of Alpaca JSONL files may be added. Prints a Markdown table per quantile: share left out
with a 95 % Wilson interval, each line calibrated on its own rows. Needs the embedder of the sample
corpus (all-MiniLM-L6-v2). Every text is embedded once: its vector is kept in build/guard, so that
a run that was stopped goes on.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import numpy as np

from tests.benchmarks.guard_rows import Row, embedded, read
from tshirt_assets.evidence.kinds import KINDS, Others, SourceRow
from tshirt_assets.selection.relevance import paired

STRATA = {
    "English, Alpaca": "alpaca_en_999.json",
    "role play": "roleplay_3146.json",
    "Dolly": "dolly_prompt_response_1000.jsonl",
    "tool calls, last turn": "toolcall_sharegpt_300.json",
    "Chinese, Alpaca": "alpaca_zh_1000.json",
    "identity": "identity_alpaca_91.json",
}
TOGETHER = {
    "the first three together": ("English, Alpaca", "role play", "Dolly"),
    "all six together": tuple(STRATA),
}
MIXED = "all six together"
QUANTILES = (0.9, 0.95, 0.99)
PLANTED = ("other_language", "other_script", "refusal")
PLANTED_ROWS = 150  # of a stratum: each is a text more to embed
SHORT = 20  # characters
CODE = ("```", "def ", "SELECT ", "<html", "import ", "console.log")


def share(left_out: np.ndarray) -> str:
    """A share in percent with its 95 % Wilson interval; a dash where there are few rows."""
    n = len(left_out)
    if n < 10:
        return "-"
    p, z = float(left_out.mean()), 1.96
    middle = (p + z * z / 2 / n) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    return f"{100 * p:.1f} ({100 * max(0, middle - half):.0f} to {100 * (middle + half):.0f})"


def planted(rows: Sequence[Row], kind: str) -> list[Row]:
    """What is asked of the first rows, each with a response of `kind`, where there can be one."""
    sources = [SourceRow(str(at), *row) for at, row in enumerate(rows[:PLANTED_ROWS])]
    others = Others.of(sources, {})
    texts = [KINDS[kind].corrupt(row, others, Random(row.sample_id)) for row in sources]
    return [(row.question, text) for row, text in zip(sources, texts, strict=True) if text]


def lines(
    sets: Mapping[str, Sequence[Row]],
    wrong: Mapping[str, Mapping[str, Sequence[Row]]],
    vectors: Mapping[str, np.ndarray],
    quantile: float,
) -> list[str]:
    """A line of the table for every set of rows."""
    found = []
    for name, rows in sets.items():
        asked, answers = sides(rows, vectors)
        pairings = paired(asked, answers)
        floor = pairings.floor(quantile)
        low = pairings.own <= floor
        texts = [answer for _, answer in rows]
        shares = [
            low,
            low[[len(text) < SHORT for text in texts]],
            low[[any(mark in text for mark in CODE) for text in texts]],
            pairings.nearest <= floor,
            *(cosines(rows, vectors) <= floor for rows in wrong[name].values()),
        ]
        told = f"{pairings.told_apart or 0:.3f}"
        found.append(f"| {' | '.join([name, f'{len(rows):,}', told, *map(share, shares)])} |")
    return found


def sides(rows: Sequence[Row], vectors: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (n, C) of what is asked and of the responses."""
    asked, answers = zip(*rows, strict=True)
    return np.stack([vectors[text] for text in asked]), np.stack([vectors[t] for t in answers])


def cosines(rows: Sequence[Row], vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Relevance (n,) of each row."""
    return np.array([vectors[asked] @ vectors[answer] for asked, answer in rows])


def mixed(sets: Mapping[str, Sequence[Row]], vectors: Mapping[str, np.ndarray]) -> list[str]:
    """Of the clean rows of every stratum, those left out when all strata are one corpus."""
    asked, answers = sides(sets[MIXED], vectors)
    pairings = paired(asked, answers)
    floors = [pairings.floor(quantile) for quantile in QUANTILES]
    return [
        f"| {name} | {' | '.join(share(cosines(sets[name], vectors) <= one) for one in floors)} |"
        for name in STRATA
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=400, help="at most, of a stratum")
    parser.add_argument("--corpus", nargs="+", metavar=("NAME", "FILE"), help="one more line")
    options = parser.parse_args(arguments)
    sets = {name: read([options.folder / file], options.rows) for name, file in STRATA.items()}
    wrong = {name: {kind: planted(rows, kind) for kind in PLANTED} for name, rows in sets.items()}
    for name, parts in TOGETHER.items():
        sets[name] = [row for part in parts for row in sets[part]]
        wrong[name] = {k: [row for part in parts for row in wrong[part][k]] for k in PLANTED}
    if options.corpus:
        name, *files = options.corpus
        sets[name] = read([Path(file) for file in files])
        wrong[name] = {kind: planted(sets[name], kind) for kind in PLANTED}
    rows = [*sets.values(), *(rows for kinds in wrong.values() for rows in kinds.values())]
    vectors = embedded([text for some in rows for row in some for text in row])
    kinds = " | ".join(kind.replace("_", " ") for kind in PLANTED)
    for quantile in QUANTILES:
        print(f"\n`min_relevance: {quantile}`\n")
        print(f"| rows | n | told apart | clean | short | code | nearest | {kinds} |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        print("\n".join(lines(sets, wrong, vectors, quantile)))
    print(f"\nClean rows in one corpus, {MIXED}\n")
    print(f"| rows | {' | '.join(map(str, QUANTILES))} |\n|---|---|---|---|")
    print("\n".join(mixed(sets, vectors)))


if __name__ == "__main__":
    main()
