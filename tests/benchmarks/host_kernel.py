"""What scoring takes of the host per row where the model and the noise cost nothing.

    python -m tests.benchmarks.host_kernel                # a minute; writes build/host_kernel.json
    python -m tests.benchmarks.host_kernel --profile      # and where the time goes

A GPU does the rest, and waits where this takes longer than it does. The engine is real: schedule,
packs as on a GPU, noise tables, unpacking, scores. Forward passes and the noise generator return
what lies ready. Rows have Alpaca-like lengths and are not tokenized. Times are CPU seconds of this
thread in microseconds per row; docs/large-corpora.md has them.
"""

import argparse
import cProfile
import gc
import json
import pstats
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.benchmarks.alpaca_like import line
from tests.benchmarks.rows import ALPHA, ROOT, SEED
from tests.tiny import causal_lm, threads
from tshirt_assets.scoring.analytic import analytic_robust_scores
from tshirt_assets.scoring.clean import CleanLosses, CleanScore, clean_scores
from tshirt_assets.scoring.kernel import noise
from tshirt_assets.scoring.kernel.memory import Limits
from tshirt_assets.scoring.kernel.packing import Pack
from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine
from tshirt_assets.scoring.robustness import neighbour_deltas
from tshirt_assets.scoring.token_noise import USUAL
from tshirt_assets.scoring.tokenize import TokenizedSample

BARS = {"clean": 60.0, "analytic": 120.0, "30 neighbours": 1000.0}  # microseconds per row
ROWS = {"clean": 5000, "analytic": 2000, "30 neighbours": 300}
VOCABULARY, WIDTH, TAU = 320, 8, 0.05
BYTES_PER_TOKEN = 4
PASS, GRADIENT_PASS, LOGITS = 32 * 1024, 26 * 1024, 256 * 2**20  # as on a GPU


class StubForward:
    """In place of the decoder and the LM head: losses and gradients that lie ready."""

    name, by_ids = "one call", False

    def __init__(self) -> None:
        draw = torch.Generator().manual_seed(0)
        self._losses = 1.0 + torch.rand(PASS, generator=draw)
        self._gradients = torch.randn(PASS, WIDTH, generator=draw)

    def losses(self, embeds: torch.Tensor, pack: Pack, elements: int) -> torch.Tensor:
        """(S,) of them."""
        return self._losses[: len(pack.targets)]

    def losses_and_gradient(
        self,
        embeds: torch.Tensor,
        pack: Pack,
        coefficients: torch.Tensor,
        elements: int,
        *,
        recompute: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(S,) losses, (N, C) gradient."""
        return self._losses[: len(pack.targets)], self._gradients[: len(embeds)]


def stub_engine() -> TokenLossEngine:
    """An engine with packs as on a GPU, whose model and noise cost nothing."""
    engine = TokenLossEngine(causal_lm("gpt2", 1024))
    engine._forward = StubForward()  # type: ignore[assignment]
    engine._embedding, engine.width = torch.nn.Embedding(VOCABULARY, WIDTH), WIDTH
    engine._limits = Limits(PASS, LOGITS)
    engine._gradient_limits = Limits(GRADIENT_PASS, LOGITS)
    noise.filler = lambda device: lambda values, *table: values.zero_()
    return engine


def rows(count: int) -> list[TokenizedSample]:
    """Rows of Alpaca-like lengths, their ids drawn by chance."""
    draw = np.random.default_rng(SEED)

    def ids(text: str) -> np.ndarray:
        return draw.integers(0, VOCABULARY, min(500, 2 + len(text) // BYTES_PER_TOKEN))

    found = []
    for number in range(count):
        row = json.loads(line(number))
        prompt = ids(row["instruction"] + row.get("input", ""))
        found.append(TokenizedSample(f"{number:032x}", prompt, ids(row["output"]), False))
    return found


def losses_of(scores: list[CleanScore]) -> list[CleanLosses]:
    """What the analytic estimator is given of clean scores."""
    return [CleanLosses.of(s.token_nll, s.token_delta, s.ifd) for s in scores]  # type: ignore[arg-type]


def measure(
    counts: dict[str, int] = ROWS, profiler: cProfile.Profile | None = None
) -> dict[str, float]:
    """Microseconds of this thread per row, by what is computed."""
    filler = noise.filler
    gc.collect()
    gc.freeze()  # a sweep over all that libraries hold would count for a few rows
    try:
        with threads(1):
            return _measured(counts, profiler)
    finally:
        gc.unfreeze()
        noise.filler = filler


def _measured(counts: dict[str, int], profiler: cProfile.Profile | None) -> dict[str, float]:
    engine, samples = stub_engine(), rows(max(counts.values()))
    clean = losses_of(clean_scores(engine, samples[: counts["analytic"]]))
    work: dict[str, Callable[[list[TokenizedSample]], Any]] = {
        "clean": lambda part: clean_scores(engine, part),
        "analytic": lambda part: analytic_robust_scores(
            engine, part, clean[: len(part)], tau=TAU, alpha=ALPHA, noise=USUAL
        ),
        "30 neighbours": lambda part: neighbour_deltas(
            engine, part, neighbours=30, alpha=ALPHA, seed=SEED
        ),
    }
    found = {}
    for name, run in work.items():
        run(samples[:20])
        part = samples[: counts[name]]
        if profiler is not None:
            profiler.enable()
        started = time.thread_time()
        run(part)
        found[name] = 1e6 * (time.thread_time() - started) / len(part)
        if profiler is not None:
            profiler.disable()
            print(f"--- {name}")
            pstats.Stats(profiler).sort_stats("tottime").print_stats(28)
            profiler.clear()
    return found


def main() -> None:
    """Print the figures beside their bars and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true", help="where the time goes")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "host_kernel.json")
    arguments = parser.parse_args()
    found = measure(profiler=cProfile.Profile(time.thread_time) if arguments.profile else None)
    for name, value in found.items():
        print(f"{name:15} {value:8.0f} us per row, at most {BARS[name]:,.0f}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps({"us_per_row": found, "bars": BARS}, indent=2))


if __name__ == "__main__":
    main()
