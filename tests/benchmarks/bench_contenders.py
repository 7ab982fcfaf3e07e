"""How often the default selects what scope `all` selects, by margin and budget, on real rows.

    python -m tests.benchmarks.bench_contenders --rows 1000 --neighbours 10

Both use the same noise. Perturbs every row, in chunks kept in build/contenders.npz, so that an
interrupted run goes on (remove the file when model or kernel change). The rows are the shortest
usable ones of ../shared/data. Prints a table and writes build/contenders.json.
"""

import argparse
import json
from collections.abc import Sequence

import numpy as np

from tests.benchmarks.overlap import Clean, overlaps
from tests.benchmarks.rows import ALPHA, ROOT, SEED, n_tokens, scorer, shortest_rows
from tshirt_assets.corpus.status import Status
from tshirt_assets.models.causal_lm import LoadedCausalLM
from tshirt_assets.scoring.clean import clean_scores
from tshirt_assets.scoring.robustness import NeighbourDeltas, neighbour_deltas
from tshirt_assets.scoring.tokenize import TokenizedSample

KEPT = ROOT / "build" / "contenders.npz"
CHUNK = 50
MARGINS = (1.0, 1.25, 1.35, 1.5, 2.0)


def main() -> None:
    """Perturb what is not perturbed yet, then compare selections."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--neighbours", type=int, default=10)
    arguments = parser.parse_args()
    lm = scorer()
    rows = [row.tokens for row in shortest_rows(lm, arguments.rows)]
    print(f"{len(rows)} rows, {n_tokens(rows):,} tokens a pass", flush=True)
    clean, noisy = perturb(lm, rows, arguments.neighbours)
    found = overlaps(clean, noisy, MARGINS)
    result = {"rows": len(rows), "neighbours": arguments.neighbours, "overlap": found}
    (ROOT / "build" / "contenders.json").write_text(json.dumps(result, indent=2))
    for line in found:
        print(
            f"margin {line['margin']:<4g} k {line['k']:.0%}: overlap {line['overlap']:.3f} of "
            f"{line['selected']:.0f} selected, {line['perturbed']:.0f} rows perturbed"
        )


def perturb(
    lm: LoadedCausalLM, rows: Sequence[TokenizedSample], neighbours: int
) -> tuple[Clean, list[NeighbourDeltas]]:
    """Clean and perturbed deltas of every row; what an earlier run did is read back."""
    KEPT.parent.mkdir(exist_ok=True)
    kept = dict(np.load(KEPT)) if KEPT.exists() else {}
    todo = [row for row in rows if len(kept.get(f"{row.sample_id}/noisy", ())) != neighbours]
    for start in range(0, len(todo), CHUNK):
        part = todo[start : start + CHUNK]
        noisy = neighbour_deltas(lm.engine, part, neighbours=neighbours, alpha=ALPHA, seed=SEED)
        for score, row in zip(clean_scores(lm.engine, part), noisy, strict=True):
            assert score.token_delta is not None
            assert row.deltas is not None
            kept[f"{row.sample_id}/clean"] = score.token_delta
            kept[f"{row.sample_id}/noisy"] = row.deltas
            kept[f"{row.sample_id}/ifd"] = np.array([score.ifd, row.ifd_mean])
        np.savez(KEPT, **kept)
        print(f"{start + len(part)} of {len(todo)} rows", flush=True)
    ids = [row.sample_id for row in rows]
    return (
        {i: (kept[f"{i}/clean"], float(kept[f"{i}/ifd"][0])) for i in ids},
        [
            NeighbourDeltas(i, Status.OK, None, float(kept[f"{i}/ifd"][1]), kept[f"{i}/noisy"])
            for i in ids
        ],
    )


if __name__ == "__main__":
    main()
