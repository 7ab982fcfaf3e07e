"""`make bench`: the reference method and ours in one run, on the same model and rows.

    python -m tests.benchmarks.bench                                  # up to an hour on 2 cores
    python -m tests.benchmarks.bench --rows 40 --reference-rows 4 --overlap-rows 60   # a quick look
    python -m tests.benchmarks.bench --model shape:gpt2   # random weights in GPT-2's shape

Expect: clean >= 1.3x, scope all >= 1.1x, the default several times, deltas within 5e-5, memory
growth below 300 MiB. Rows come from ../shared/data where it is there, else from data/. Writes
build/bench.json and prints a table.
"""

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

from tests.benchmarks.compare import MARGIN, Comparison
from tests.benchmarks.growth import growth
from tests.benchmarks.memory import memory_growth
from tests.benchmarks.official import load_official
from tests.benchmarks.overlap import overlaps
from tests.benchmarks.reference import OwnReference
from tests.benchmarks.rows import (
    ALPHA,
    GPT2_SHAPE,
    MODEL,
    ROOT,
    SEED,
    alpaca_rows,
    scorer,
    shortest_rows,
)
from tests.benchmarks.table import table
from tests.benchmarks.throughput import embedding, neighbour_search
from tshirt_assets.models.causal_lm import LoadedCausalLM
from tshirt_assets.scoring.clean import clean_scores
from tshirt_assets.scoring.robustness import neighbour_deltas


def main() -> None:
    """Run all measurements and write build/bench.json."""
    arguments = _arguments()
    lm = scorer(arguments.model)
    model = lm.engine._forward._model
    reference = (
        load_official(arguments.official, model, lm.tokenizer)
        if arguments.official
        else OwnReference(model)
    )
    rows = alpaca_rows(lm, arguments.rows)
    result: dict[str, Any] = {"machine": machine(), "model": arguments.model}
    if not arguments.skip_memory:  # first: other processes, so nothing of this one is in the way
        result["memory_growth_mib"] = memory_growth(arguments.model)
        result["growth"] = growth()
    comparison = Comparison(
        lm,
        reference,
        rows,
        reference_rows=arguments.reference_rows,
        neighbours=arguments.neighbours,
    )
    comparison.run()
    result |= comparison.result()
    result["overlap"] = overlap(lm, arguments.overlap_rows, arguments.overlap_neighbours)
    result["embedding_texts_per_second"] = embedding(rows)
    result["neighbour_search_rows_per_second"] = neighbour_search()
    result["machine"]["load_average_at_end"] = os.getloadavg()[0]
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(result, indent=2))
    print(table(result))
    print(f"written: {target}")


def machine() -> dict[str, Any]:
    """What the figures depend on beside the code."""
    return {
        "cpu": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "load_average": os.getloadavg()[0],
    }


def overlap(lm: LoadedCausalLM, n_rows: int, neighbours: int) -> dict[str, Any]:
    """How far the default selects what scope `all` selects, per share k of the rows."""
    rows = [row.tokens for row in shortest_rows(lm, n_rows)]
    clean = {
        score.sample_id: (score.token_delta, score.ifd) for score in clean_scores(lm.engine, rows)
    }
    noisy = neighbour_deltas(lm.engine, rows, neighbours=neighbours, alpha=ALPHA, seed=SEED)
    found = overlaps(clean, noisy, [MARGIN])
    return {
        "default_vs_scope_all": {f"{line['k']:g}": line["overlap"] for line in found},
        "perturbed": {f"{line['k']:g}": line["perturbed"] for line in found},
        "rows": len(rows),
        "neighbours": neighbours,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=160)
    parser.add_argument(
        "--reference-rows",
        type=int,
        default=12,
        help="rows whose noisy copies the reference scores",
    )
    parser.add_argument("--neighbours", type=int, default=30)
    parser.add_argument("--overlap-rows", type=int, default=300)
    parser.add_argument("--overlap-neighbours", type=int, default=10)
    parser.add_argument("--model", default=MODEL, help=f"a path, or {GPT2_SHAPE}")
    parser.add_argument("--official", type=Path, help="checkout of the official T-SHIRT code")
    parser.add_argument("--skip-memory", action="store_true", help="no memory, no growth")
    return parser.parse_args()


if __name__ == "__main__":
    main()
