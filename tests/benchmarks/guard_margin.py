"""Would a likelihood margin be a better guard than the cosine is?

    python -m tests.benchmarks.guard_margin FOLDER [--rows 240]

The margin of a response: its loss per token under another instruction less that under its own, with
SmolLM2: over two instructions drawn by lot, and over the one most similar to its own. Free, where
a corpus is scored, is the margin over no instruction: the logarithm of IFD. Half of the rows (short
ones of English Alpaca) get a planted response. Prints for every kind and measure the AUC, and the
share of planted rows that is left out where 5 % of the clean ones are.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import numpy as np

from tests.benchmarks.estimator_draws import scorer
from tests.benchmarks.guard import share
from tests.benchmarks.guard_rows import embedded, read
from tshirt_assets.evidence.copied_rows import NEAR_DUPLICATE
from tshirt_assets.evidence.intervals import Marked, auc, draws
from tshirt_assets.evidence.kinds import SourceRow
from tshirt_assets.evidence.planting import plant
from tshirt_assets.models.causal_lm import LoadedCausalLM
from tshirt_assets.scoring.encoding import bos_ids
from tshirt_assets.scoring.kernel.token_loss import LossRequest

FILE = "alpaca_en_999.json"
CHARACTERS = 320  # of question and response together, at most
OTHERS = 2  # instructions drawn by lot
CLEAN_OUT = 0.05
RATE = 0.5
PLANTED = ("random_answer", "nearest_answer", "truncated", "other_language", "refusal")
AT_A_TIME = 24
Measures = dict[str, np.ndarray]


def short_rows(folder: Path, rows: int) -> list[SourceRow]:
    """Short rows, each question once."""
    pairs = dict(pair for pair in read([folder / FILE]) if sum(map(len, pair)) <= CHARACTERS)
    return [SourceRow(f"{at:04d}", *pair) for at, pair in enumerate([*pairs.items()][:rows])]


def nearest(rows: Sequence[SourceRow]) -> list[int]:
    """The row with the most similar question that is no near-duplicate, for every row."""
    vectors = embedded([row.question for row in rows])
    asked = np.stack([vectors[row.question] for row in rows])
    alike = asked @ asked.T
    return np.where(alike < NEAR_DUPLICATE, alike, -1).argmax(axis=1).tolist()


def losses(model: LoadedCausalLM, prompts: Sequence[Sequence[str]], answers: Sequence[str]):
    """Mean loss of every answer under each of its prompts, (n, prompts); "" is a bare newline."""
    lead, encode = bos_ids(model.tokenizer), model.tokenizer.encode
    found, began = [], time.monotonic()
    for at in range(0, len(answers), AT_A_TIME):
        requests = []
        for shown, answer in zip(prompts[at:][:AT_A_TIME], answers[at:], strict=False):
            response = encode(answer, add_special_tokens=False)
            for prompt in shown:
                asked = encode(f"{prompt}\n", add_special_tokens=False)
                ids = np.array([*lead, *asked, *response], np.int64)
                requests.append(LossRequest(ids, len(response)))
        found += [float(one.mean()) for one in model.engine.losses(requests)]
        print(f"{at + AT_A_TIME} rows, {time.monotonic() - began:.0f} s", flush=True)
    return np.array(found).reshape(len(answers), -1)


def measured(rows: Sequence[SourceRow], answers: Sequence[str], near: Sequence[int]) -> Measures:
    """Every measure (n,) of how well an answer fits: low is suspicious."""
    lots = [Random(row.sample_id).sample(rows, OTHERS + 1) for row in rows]
    prompts = [
        [
            row.question,
            rows[close].question,
            "",
            *[one.question for one in drawn if one is not row][:OTHERS],
        ]
        for row, close, drawn in zip(rows, near, lots, strict=True)
    ]
    own, close, none, *others = losses(scorer(), prompts, answers).T
    vectors = embedded([row.question for row in rows] + list(answers))
    pairs = zip(rows, answers, strict=True)
    cosine = np.array([vectors[row.question] @ vectors[answer] for row, answer in pairs])
    by_lot = np.mean(others, axis=0) - own
    elsewhere = [
        vectors[rows[at].question] @ vectors[a] for at, a in zip(near, answers, strict=True)
    ]
    return {
        "cosine": cosine,
        "margin, no instruction": none - own,
        "margin, two by lot": by_lot,
        "margin, nearest": close - own,
        "cosine and two by lot": _rank(cosine) + _rank(by_lot),
        "cosine and nearest": _rank(cosine) + _rank(close - own),
        "cosine, less that of nearest": cosine - elsewhere,
    }


def _rank(values: np.ndarray) -> np.ndarray:
    return values.argsort().argsort() / len(values)


def table(kinds: np.ndarray, values: Measures, cell: Callable[..., str]) -> str:
    """A line for every kind, a column for every measure."""
    lines = [f"| kind | n | {' | '.join(values)} |", "|---|---|" + "---|" * len(values)]
    for kind in [*PLANTED, "all"]:
        planted = kinds != "" if kind == "all" else kinds == kind
        cells = [cell(value, planted, kinds == "") for value in values.values()]
        lines.append(f"| {kind} | {planted.sum()} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _auc(values: np.ndarray, planted: np.ndarray, clean: np.ndarray) -> str:
    used = planted | clean
    marked = Marked(-values[used], planted[used], np.arange(used.sum()))
    found = auc([marked], draws(int(used.sum()), 0))
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def _left_out(values: np.ndarray, planted: np.ndarray, clean: np.ndarray) -> str:
    return share(values[planted] <= np.quantile(values[clean], CLEAN_OUT))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=240)
    options = parser.parse_args(arguments)
    rows = short_rows(options.folder, options.rows)
    near = nearest(rows)
    by_id = {row.sample_id: rows[close].sample_id for row, close in zip(rows, near, strict=True)}
    planting = plant(rows, by_id, kinds=PLANTED, rate=RATE, seed=0)
    answers = [planting.responses.get(row.sample_id, row.response) for row in rows]
    kinds = np.array([planting.kinds.get(row.sample_id, "") for row in rows])
    values = measured(rows, answers, near)
    print(f"\n{len(rows)} rows; AUC: the chance that a planted row has the lower value\n")
    print(table(kinds, values, _auc))
    print(f"\nPercent of planted rows left out where {CLEAN_OUT:.0%} of the clean ones are\n")
    print(table(kinds, values, _left_out))


if __name__ == "__main__":
    main()
