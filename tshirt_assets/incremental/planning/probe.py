"""How fast the models are on this device: real rows, timed, for at most 2 % of what a run costs."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.incremental.planning.embedding_work import embedding_flops
from tshirt_assets.incremental.planning.kept_speeds import KeptSpeeds, Speed, present_device
from tshirt_assets.incremental.planning.work import GRADIENT_COST, Kind
from tshirt_assets.incremental.stored_rows import embedded_text
from tshirt_assets.models.model_size import ModelSize

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM
    from tshirt_assets.models.embedder import LoadedEmbedder
    from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine
    from tshirt_assets.scoring.tokenize import TokenizedSample

PROBE_SHARE = 0.02
PROBE_SECONDS = 30.0
"""After which a probe ends, however little of its share it has used."""
MOST_ROWS = 4_096
NEIGHBOURS = 2
Clock = Callable[[], float]
Run = Callable[["TokenLossEngine", Sequence["TokenizedSample"]], Any]


@dataclass(frozen=True, slots=True)
class Probe:
    """Times models on rows of a corpus. clock: seconds; a probe of CPU time may pass another."""

    config: CorpusConfig
    samples: Sequence[Sample]
    clock: Clock = time.perf_counter

    def causal_lm(
        self, model: "LoadedCausalLM", size: ModelSize, kept: KeptSpeeds, flops: dict[Kind, float]
    ) -> dict[Kind, Speed]:
        """The speed of every kind of use that `flops` names, with what all of it will take.

        A kind is timed where 2 % of it are a forward pass or more. Else its speed is the one that
        was kept of it, or that of the kind that takes most; if that one is too small as well, and
        none was kept, a single pass of it is timed. Only to time it the model is loaded.
        """
        from tshirt_assets.scoring.kernel.memory import PACK_TOKENS

        on_cuda = "cuda" in present_device(self.config.scorer.device)
        pack = PACK_TOKENS["cuda" if on_cuda else "cpu"]  # fewer tokens say too little
        least = float(size.flops(np.array([256.0]), np.array([128.0]))[0]) / 256 * pack
        most = max(flops, key=lambda kind: flops[kind])
        found = {kind: kept.get(kind) for kind in flops}
        speeds = {kind: speed for kind, speed in found.items() if speed is not None}
        timed = [kind for kind, total in flops.items() if PROBE_SHARE * total > least]
        if not timed and most not in speeds:
            timed = [most]
        if timed:
            started = self.clock()
            engine: Any = model.engine
            engine.width  # noqa: B018 - loads a model that is loaded on demand
            kept.keep_load(self.clock() - started)
            rows = self._tokenized(model)
        for kind in timed:
            wanted = max(PROBE_SHARE * flops[kind], least)
            speeds[kind] = self._timed(engine, size, rows, kind, wanted)
            kept.keep(kind, speeds[kind])
        return {kind: speeds.get(kind) or speeds[most] for kind in flops}

    def _tokenized(self, model: "LoadedCausalLM") -> list["TokenizedSample"]:
        from tshirt_assets.corpus.status import Status
        from tshirt_assets.scoring.tokenize import tokenize_samples

        step = max(1, len(self.samples) // MOST_ROWS)
        found = tokenize_samples(
            self.samples[::step], model.tokenizer, self.config.prompt_format, model.max_length
        )
        return [row for row in found if row.status is Status.OK]

    def _timed(
        self,
        engine: "TokenLossEngine",
        size: ModelSize,
        rows: Sequence["TokenizedSample"],
        kind: Kind,
        wanted: float,
    ) -> Speed:
        """The speed over rows that take about `wanted` operations; first one row to warm up."""
        run, times = self._use(kind)
        costs = [times * _cost(size, row) for row in rows]
        run(engine, rows[:1])
        done = seconds = 0.0
        count = 0
        for places in _parts(costs, wanted):
            started = self.clock()
            run(engine, [rows[place] for place in places])
            seconds += self.clock() - started
            done += sum(costs[place] for place in places)
            count += len(places)
            if seconds > PROBE_SECONDS:
                break
        return Speed.measured(done, seconds, count)

    def _use(self, kind: Kind) -> tuple[Run, float]:
        """How the model is used, and how many times the operations of a clean pass that takes."""
        from tshirt_assets.scoring.analytic import score_gradients
        from tshirt_assets.scoring.clean import clean_scores
        from tshirt_assets.scoring.robustness import neighbour_deltas

        def gradients(engine: Any, rows: Sequence["TokenizedSample"]) -> Any:
            ones = [np.ones(len(row.response_ids) - row.first_delta_index) for row in rows]
            return list(score_gradients(engine, rows, ones))

        def noisy(engine: Any, rows: Sequence["TokenizedSample"]) -> Any:
            alpha, seed = self.config.robustness.alpha, self.config.seed
            return neighbour_deltas(engine, rows, neighbours=NEIGHBOURS, alpha=alpha, seed=seed)

        if kind == "gradient":
            return gradients, GRADIENT_COST
        return (noisy, NEIGHBOURS) if kind == "noisy" else (clean_scores, 1.0)

    def embedder(self, model: "LoadedEmbedder", kept: KeptSpeeds, rows: float) -> Speed:
        """The speed of an embedding model, which is to embed this many rows."""
        known, count = kept.get("embedding"), int(PROBE_SHARE * rows)
        if known is not None and count < model.options.batch_size:
            return known
        count = max(count, model.options.batch_size)
        chosen = self.samples[:: max(1, len(self.samples) // count)][:count]
        texts = [embedded_text(sample.instruction, sample.input) for sample in chosen]
        started = self.clock()
        model.encode(texts[:1])
        kept.keep_load(self.clock() - started)
        started = self.clock()
        model.encode(texts)
        seconds = self.clock() - started
        speed = Speed.measured(
            float(embedding_flops(chosen, model.options).sum()), seconds, len(chosen)
        )
        kept.keep("embedding", speed)
        return speed


def _cost(size: ModelSize, row: "TokenizedSample") -> float:
    response = len(row.response_ids)
    lengths = np.array([len(row.prompt_ids) + response, response + 1 - row.first_delta_index])
    scored = np.array([response, response - row.first_delta_index])
    return float(size.flops(lengths, scored).sum())


def _parts(costs: Sequence[float], wanted: float) -> Iterator[list[int]]:
    """Places of rows of all lengths that cost about `wanted` together, in four parts.

    The rows are those at even distances in the order of their costs.
    """
    order = sorted(range(len(costs)), key=costs.__getitem__)
    count = max(1, min(len(order), round(len(order) * wanted / max(sum(costs), 1.0))))
    middle = len(order) / count / 2
    chosen = [order[int(place * len(order) / count + middle)] for place in range(count)]
    parts = 4 if count >= 32 else 1
    yield from (chosen[part::parts] for part in range(parts))
