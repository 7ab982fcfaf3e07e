"""Are the results of the device right: noise, losses by precision, invariance, neighbours."""

from typing import Any

import numpy as np
import torch

from tests.gpu.bench import KINDS, Bench, draw, losses_of
from tshirt_assets.scoring.analytic import analytic_robust_scores
from tshirt_assets.scoring.clean import clean_scores, pass_requests
from tshirt_assets.scoring.kernel.noise import (
    CounterNoise,
    counter_noise,
    fill_in_steps,
    filler,
    noise_key,
)
from tshirt_assets.scoring.robustness import neighbour_deltas, robust_score
from tshirt_assets.scoring.token_noise import USUAL
from tshirt_assets.selection.nearest import nearest

TAU, ALPHA = 0.05, 5.0
# Nats between a token's loss on the device and on the CPU in fp32, at most.
APART = {"fp32": 1e-3, "tf32": 5e-2, "fp16": 5e-2, "bf16": 5e-1}
# Nats between a token's loss in one company and in another, at most.
COMPANY = {"fp32": 1e-4, "tf32": 5e-3, "fp16": 5e-3, "bf16": 5e-2}
LEAST_RANK = 0.99  # of Spearman's correlation of the robust stds, but in bf16


def noise(bench: Bench) -> dict[str, Any]:
    """The device's noise is the CPU's to the last bit."""
    cases = [
        CounterNoise(noise_key(42, f"row{i}", i % 7), 0.01 * (i + 1), np.arange(3 + 5 * i))
        for i in range(40)
    ]
    own = counter_noise(cases, 768, bench.device).cpu()
    long = [CounterNoise(noise_key(1, "row", i), 0.01, np.arange(180)) for i in range(180)]
    long = long[: bench.of(180, 4)]
    seconds = bench.median(lambda: counter_noise(long, 768, bench.device))
    return {
        "right": torch.equal(own, counter_noise(cases, 768, torch.device("cpu"))),
        "one kernel": filler(bench.device) is not fill_in_steps,
        "values per second": 180 * len(long) * 768 / seconds,
    }


def parity(bench: Bench) -> dict[str, Any]:
    """Losses and robust stds by precision, beside those of the CPU in fp32."""
    return {kind: _parity(bench, kind) for kind in KINDS}


def _parity(bench: Bench, kind: str) -> dict[str, Any]:
    rows = bench.rows(kind, bench.of(40, 6))
    noisy = rows[: bench.of(16, 4)]
    host = bench.engine(kind, "fp32", torch.device("cpu"))
    clean = losses_of(clean_scores(host, rows))
    stds = _stds(bench, host, noisy)
    analytic = {"tau": TAU, "alpha": ALPHA, "noise": USUAL}
    expected = analytic_robust_scores(host, rows, clean, **analytic)
    found = {}
    for policy in bench.policies:
        engine = bench.engine(kind, policy)
        scores = clean_scores(engine, rows)
        apart = [
            np.abs(score.token_nll[-len(own.cond) :] - own.cond)
            for score, own in zip(scores, clean, strict=True)
        ]
        deltas = [
            np.abs(score.token_delta - own.deltas) for score, own in zip(scores, clean, strict=True)
        ]
        same = analytic_robust_scores(engine, rows, clean, **analytic)
        rank = _rank_correlation(_stds(bench, engine, noisy), stds)
        entry = {
            "forward": engine._forward.name,
            "losses apart": float(np.concatenate(apart).max()),
            "deltas apart": float(np.concatenate(deltas).max()),
            "std rank correlation": rank,
            "analytic std, relative": max(
                abs(a.s_ifd_std / b.s_ifd_std - 1)
                for a, b in zip(same, expected, strict=True)
                if a.s_ifd_std and b.s_ifd_std
            ),
        }
        ranked = policy == "bf16" or bench.small or rank >= LEAST_RANK
        found[policy] = entry | {"right": entry["losses apart"] <= APART[policy] and ranked}
    return found


def _stds(bench: Bench, engine: Any, rows: list[Any]) -> list[float]:
    deltas = neighbour_deltas(engine, rows, neighbours=bench.of(8, 4), alpha=ALPHA, seed=42)
    return [robust_score(row, TAU).s_ifd_std or 0.0 for row in deltas]


def _rank_correlation(one: list[float], other: list[float]) -> float:
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


def invariance(bench: Bench) -> dict[str, Any]:
    """The same requests again, in another order, in smaller passes, and alone."""
    return {kind: _invariance(bench, kind) for kind in KINDS}


def _invariance(bench: Bench, kind: str) -> dict[str, Any]:
    rows = bench.rows(kind, bench.of(300, 8))
    requests = [request for row in rows for request in pass_requests(row)]
    order, found = draw().permutation(len(requests)), {}
    some = range(0, min(60, len(requests)), 3)
    for policy in bench.fast if bench.small else ("fp32", *bench.fast):
        engine = bench.engine(kind, policy)
        base = engine.losses(requests)
        shuffled = engine.losses([requests[i] for i in order])
        small = bench.engine(kind, policy, budget=2048).losses(requests)
        apart = {
            "again": _apart(engine.losses(requests), base),
            "shuffled": _apart([shuffled[i] for i in np.argsort(order)], base),
            "2,048 tokens per pass": _apart(small, base),
            "alone": _apart(
                [engine.losses([requests[i]])[0] for i in some], [base[i] for i in some]
            ),
        }
        found[policy] = apart | {"right": max(apart.values()) <= COMPANY[policy]}
    return found


def _apart(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    return float(np.abs(np.concatenate(one) - np.concatenate(other)).max())


def neighbours(bench: Bench) -> dict[str, Any]:
    """The nearest of every row, to the last bit as on the CPU; of 52,000 rows, how fast."""
    compared, searched = bench.of(8000, 400), bench.of(52_000, 400)
    vectors = draw().standard_normal((searched, 384), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [f"{i:032x}" for i in range(searched)]

    def search(count: int, device: str) -> Any:
        return nearest(lambda: [(ids[:count], vectors[:count])], device=device).frame

    found = bench.seconds(lambda: search(searched, str(bench.device)))
    own, cpu = (search(compared, device) for device in (str(bench.device), "cpu"))
    return {"right": own.equals(cpu), "rows": searched, "seconds": found}


def two_devices(bench: Bench) -> dict[str, Any]:
    """The second card gives the first one's losses, and leaves the first alone."""
    if not bench.cuda or torch.cuda.device_count() < 2:
        return {"skipped": f"{torch.cuda.device_count()} CUDA devices here"}
    rows = bench.rows("gpt2", 40)
    requests = [request for row in rows for request in pass_requests(row)]
    base = bench.engine("gpt2", "tf32").losses(requests)
    other = bench.engine("gpt2", "tf32", torch.device("cuda", 1))
    free = torch.cuda.mem_get_info(0)[0]
    apart = _apart(other.losses(requests), base)
    taken = free - torch.cuda.mem_get_info(0)[0]
    return {
        "right": apart <= APART["tf32"] and taken <= 0,
        "losses apart": apart,
        "bytes taken of the first card": taken,
    }
