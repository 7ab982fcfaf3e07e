"""How time and memory grow with the corpus: the assets up to `contenders`, run by Dagster.

    python -m tests.benchmarks.growth [ROWS ...]     (default 500 2000 4000)

Very short rows, scored by the real model, in one process and in order of size, so that the peak
after each size is its own. Prints JSON.
"""

import json
import logging
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.memory import peak
from tests.benchmarks.rows import MODEL, ROOT
from tests.benchmarks.throughput import EMBEDDER
from tests.corpora import PHASES, Corpus, make_rows

SIZES = (500, 2000, 4000)
WARM_UP = 200


def growth(sizes: tuple[int, ...] = SIZES) -> list[dict[str, Any]]:
    """Rows, seconds and peak memory above a run over `WARM_UP` rows, per size."""
    command = [sys.executable, "-m", __spec__.name, *map(str, sizes)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


def run(folder: Path, rows: int) -> float:
    """Seconds to materialize a corpus of so many rows in one shard."""
    corpus = Corpus(folder, folder)
    corpus.configure(scorer={"path": MODEL}, embedder={"path": EMBEDDER})
    corpus.write("rows.jsonl", [short(row) for row in make_rows(rows, rows)])
    corpus.register()
    started = time.perf_counter()
    for phase in PHASES[:2]:
        corpus.materialize(*phase)
    return time.perf_counter() - started


def short(row: dict[str, Any]) -> dict[str, str]:
    """The row with an answer of a few words."""
    answer = " ".join(row["output"].split()[:5])
    return {"instruction": row["instruction"], "output": answer}


def main() -> None:
    """Run every size."""
    logging.disable(logging.INFO)
    sizes = [int(argument) for argument in sys.argv[1:]] or list(SIZES)
    found = []
    with tempfile.TemporaryDirectory() as name:
        run(Path(name) / "warm", WARM_UP)
        before = peak()
        for size in sorted(sizes):
            seconds = run(Path(name) / str(size), size)
            found.append({"rows": size, "seconds": seconds, "peak_mib": peak() - before})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
