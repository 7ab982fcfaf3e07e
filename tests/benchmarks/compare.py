"""The reference method and ours on the same rows, alternating block by block.

Thirty noisy copies, the reference's of every row and ours of every row or contender, are measured
on random subsets: seconds per token of a subset stand for all its rows. The clean pass and the
analytic estimate are measured in full.
"""

import copy
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch

from tests.benchmarks.overlap import clean_frame
from tests.benchmarks.reference import OwnReference, Reference
from tests.benchmarks.rows import ALPHA, SEED, Row, n_tokens
from tshirt_assets.config import Recipe, RobustnessOptions
from tshirt_assets.models.causal_lm import LoadedCausalLM
from tshirt_assets.scoring.analytic import analytic_robust_scores
from tshirt_assets.scoring.calibration import PILOT_NEIGHBOURS, calibrate, pilot_ids
from tshirt_assets.scoring.clean import CleanLosses, clean_scores
from tshirt_assets.scoring.robustness import NeighbourDeltas, neighbour_deltas
from tshirt_assets.scoring.tokenize import TokenizedSample
from tshirt_assets.selection.contenders import contenders

T = TypeVar("T")
BLOCKS = 12  # many, because other users of the machine come and go
RECIPE = Recipe(method="tshirt", budget=0.05)
MARGIN = RobustnessOptions().margin


class Clock:
    """Seconds, and tokens of one clean pass over the rows that took them, by name of the work."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.tokens: dict[str, int] = defaultdict(int)

    def run(self, name: str, rows: Sequence[Row], work: Callable[[], T]) -> T:
        """The result of `work` over `rows`."""
        started = time.perf_counter()
        result = work()
        self.seconds[name] += time.perf_counter() - started
        self.tokens[name] += n_tokens(ids_of(rows))
        return result

    def per_token(self, name: str) -> float:
        """Seconds per token of a clean pass."""
        return self.seconds[name] / self.tokens[name]


class Comparison:
    """Measures every method on `rows`; `result` has the figures."""

    def __init__(
        self,
        lm: LoadedCausalLM,
        reference: Reference,
        rows: Sequence[Row],
        *,
        reference_rows: int,
        neighbours: int,
    ):
        self._lm, self._reference = lm, reference
        self._rows, self._neighbours = rows, neighbours
        suited = [row for row in rows if reference.suits(row)]
        self._subset = random.Random(SEED).sample(suited, min(reference_rows, len(suited)))
        self._clock = Clock()
        self._deviation = {"clean": 0.0, "noisy": 0.0}
        self._worst: tuple[float, Row, np.ndarray] | None = None
        self._clean: dict[str, CleanLosses] = {}
        self.contending: list[Row] = []
        self._ceiling = 0.0

    def run(self) -> None:
        """All measurements, in about the order in which a run of the assets would do the work."""
        clean_scores(self._lm.engine, ids_of(self._rows[:2]))  # warm up
        for block in split(self._rows):
            self._measure_clean(block)
        frame, tau = clean_frame({i: (row.deltas, row.ifd) for i, row in self._clean.items()})
        near = set(contenders(frame, [RECIPE], margin=MARGIN)["sample_id"])
        self.contending = [row for row in self._rows if row.sample.sample_id in near]
        pilot = self._pilot()
        pilot_deltas: list[NeighbourDeltas] = []
        few = min(len(self._subset), len(self.contending))
        sampled = random.Random(SEED).sample(self.contending, few)
        parts = zip(split(self._subset), split(sampled), split(pilot), strict=True)
        for subset, contending, piloted in parts:
            self._measure_noisy(subset)
            self._timed_neighbours("contenders", contending, self._neighbours)
            pilot_deltas += self._timed_neighbours("pilot", piloted, PILOT_NEIGHBOURS)
        self._measure_analytic(pilot, pilot_deltas, tau)

    def _measure_clean(self, block: Sequence[Row]) -> None:
        self._ceiling = max(self._ceiling, gemm_flops())
        theirs = self._clock.run(
            "reference clean", block, lambda: [self._reference.clean(row) for row in block]
        )
        ours = self._clock.run("clean", block, lambda: clean_scores(self._lm.engine, ids_of(block)))
        for row, reference, score in zip(block, theirs, ours, strict=True):
            assert score.token_nll is not None
            assert score.token_delta is not None
            assert score.ifd is not None
            worst = self._deviates("clean", reference, score.token_delta)
            if self._worst is None or worst > self._worst[0]:
                self._worst = worst, row, reference
            self._clean[score.sample_id] = CleanLosses.of(
                score.token_nll, score.token_delta, score.ifd
            )

    def _measure_noisy(self, subset: Sequence[Row]) -> None:
        theirs = self._clock.run(
            "reference noisy",
            subset,
            lambda: [self._reference.perturbed(row, self._neighbours + 1) for row in subset],
        )
        ours = self._timed_neighbours("noisy", subset, self._neighbours)
        for (clean, noisy), row, found in zip(theirs, subset, ours, strict=True):
            self._deviates("clean", clean, self._clean[row.sample.sample_id].deltas)
            if self._reference.same_noise:
                assert found.deltas is not None
                self._deviates("noisy", noisy, found.deltas)

    def _timed_neighbours(self, name: str, rows: Sequence[Row], m: int) -> list[NeighbourDeltas]:
        return self._clock.run(
            name,
            rows,
            lambda: neighbour_deltas(
                self._lm.engine, ids_of(rows), neighbours=m, alpha=ALPHA, seed=SEED
            ),
        )

    def _pilot(self) -> list[Row]:
        chosen = pilot_ids([row.sample.sample_id for row in self._rows])
        return [row for row in self._rows if row.sample.sample_id in chosen]

    def _measure_analytic(
        self, pilot: Sequence[Row], deltas: Sequence[NeighbourDeltas], tau: float
    ) -> None:
        engine, near = self._lm.engine, self.contending

        def clean(rows: Sequence[Row]) -> list[CleanLosses]:
            return [self._clean[row.sample.sample_id] for row in rows]

        calibration, _, _ = self._clock.run(
            "calibration",
            pilot,
            lambda: calibrate(engine, ids_of(pilot), clean(pilot), deltas, tau=tau, alpha=ALPHA),
        )
        self._clock.run(
            "analytic",
            near,
            lambda: analytic_robust_scores(
                engine, ids_of(near), clean(near), tau=tau, alpha=ALPHA, noise=calibration.noise
            ),
        )

    def _deviates(self, kind: str, reference: np.ndarray, own: np.ndarray) -> float:
        worst = float(np.abs(reference - own).max())
        self._deviation[kind] = max(self._deviation[kind], worst)
        return worst

    def _off_float64(self) -> dict[str, float]:
        """How far both are from float64 on the row where they differ most."""
        assert self._worst is not None
        _, row, reference = self._worst
        model = copy.deepcopy(self._lm.engine._forward._model).double()
        exact = OwnReference(model).clean(row)
        own = self._clean[row.sample.sample_id].deltas
        return {
            "reference": float(np.abs(reference - exact).max()),
            "ours": float(np.abs(own - exact).max()),
        }

    def result(self) -> dict[str, Any]:
        """Rates, ratios and deviations; seconds are for all rows unless they say otherwise."""
        seconds, per_token = self._clock.seconds, self._clock.per_token
        tokens = n_tokens(ids_of(self._rows))
        m = self._neighbours
        end_to_end = {
            "reference": per_token("reference noisy") * tokens,
            "scope_all": seconds["clean"] + per_token("noisy") * tokens,
            "default": seconds["clean"]
            + per_token("contenders") * n_tokens(ids_of(self.contending)),
            "analytic": seconds["clean"]
            + sum(seconds[name] for name in ("pilot", "calibration", "analytic")),
        }
        # Copies of a row that each kind of work sends through the model.
        copies = {"reference clean": 1, "clean": 1, "reference noisy": m + 2, "noisy": m}
        flops = self._flops_per_token()
        return {
            "rows": len(self._rows),
            "tokens": tokens,
            "neighbours": m,
            "margin": MARGIN,
            "reference": self._reference.name,
            "reference_rows": len(self._subset),
            "contenders": len(self.contending),
            "seconds_measured": {name: round(value, 2) for name, value in seconds.items()},
            "tokens_measured": dict(self._clock.tokens),
            "seconds": end_to_end,
            "rows_per_second": {name: len(self._rows) / s for name, s in end_to_end.items()},
            "tokens_per_second": {name: n / per_token(name) for name, n in copies.items()},
            "ratio": {"clean": per_token("reference clean") / per_token("clean")}
            | {
                name if name == "scope_all" else f"{name}_end_to_end": end_to_end["reference"] / s
                for name, s in end_to_end.items()
                if name != "reference"
            },
            "ceiling_share": {
                name.replace(" ", "_"): flops * n / per_token(name) / self._ceiling
                for name, n in copies.items()
            },
            "gemm_gflops": round(self._ceiling / 1e9, 1),
            "max_delta_deviation": max(self._deviation.values()),
            "delta_deviation": self._deviation,
            "worst_row_off_float64": self._off_float64(),
        }

    def _flops_per_token(self) -> float:
        """Of a clean pass: the layers' products on all tokens, the head's on the scored ones."""
        model = self._lm.engine._forward._model
        head = model.get_output_embeddings().weight
        embedding = model.get_input_embeddings().weight
        outside = {id(head): head.numel(), id(embedding): embedding.numel()}
        layers = sum(p.numel() for p in model.parameters()) - sum(outside.values())
        rows = ids_of(self._rows)
        scored = sum(2 * len(row.response_ids) - row.first_delta_index for row in rows)
        return 2.0 * (layers + head.numel() * scored / n_tokens(rows))


def ids_of(rows: Sequence[Row]) -> list[TokenizedSample]:
    """The token ids of the rows."""
    return [row.tokens for row in rows]


def split(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows in `BLOCKS` parts."""
    for part in np.array_split(np.arange(len(rows)), BLOCKS):
        yield [rows[i] for i in part]


def gemm_flops(size: int = 2048) -> float:
    """FLOP/s of a large float32 matrix product, the best of three."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best
