"""Peak memory above the loaded model for noisy copies of one long row.

    python -m tests.benchmarks.memory (ours | reference) [COPIES] [TOKENS] [MODEL]

A process of its own: the peak of a process never falls. Prints MiB.
"""

import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.reference import OwnReference
from tests.benchmarks.rows import ALPHA, MODEL, ROOT, SEED, Row, scorer
from tests.tiny import alpaca
from tshirt_assets.scoring.robustness import neighbour_deltas
from tshirt_assets.scoring.tokenize import TokenizedSample

COPIES, LENGTH = 32, 1024
REFERENCE_COPIES = 2  # 32 would need about 19 GB


def memory_growth(model: str) -> dict[str, Any]:
    """MiB above the loaded model for 32 copies of 1,024 tokens; the reference's is scaled up."""
    ours = _measured("ours", COPIES, model)
    reference = _measured("reference", REFERENCE_COPIES, model)
    return {
        "ours": ours,
        "reference": round(reference * COPIES / REFERENCE_COPIES),
        "copies": COPIES,
        "reference_copies_measured": REFERENCE_COPIES,
    }


def _measured(side: str, copies: int, model: str) -> float:
    command = [sys.executable, "-m", __spec__.name, side, str(copies), str(LENGTH), model]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    return float(done.stdout.split()[-1])


def peak() -> float:
    """Largest resident memory of this process so far (or since `forget_peak`), MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget_peak() -> None:
    """Let the peak of this process begin anew, where the system can (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    """Measure one side."""
    side, *rest = sys.argv[1:]
    copies, length, model = (*rest, *(str(COPIES), str(LENGTH), MODEL)[len(rest) :])
    lm = scorer(model)
    ids = np.random.default_rng(0).integers(100, 20_000, int(length))

    def copied(ids: np.ndarray, n_prompt: int, copies: int) -> None:
        row = TokenizedSample("row", ids[:n_prompt], ids[n_prompt:], has_bos=False)
        if side == "ours":
            neighbour_deltas(lm.engine, [row], neighbours=copies, alpha=ALPHA, seed=SEED)
        else:
            # The clean row is one of the batch.
            reference = OwnReference(lm.engine._forward._model)
            reference.perturbed(Row(alpaca("", ""), row), copies - 1)

    copied(ids[:24], 8, 2)  # what a first pass loads is no growth
    before = peak()
    copied(ids, 64, int(copies))
    print(round(peak() - before, 1))


if __name__ == "__main__":
    main()
