"""How fast is the device, what share of its peak, how much memory, and what if that runs out."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tests.gpu.bench import KINDS, Bench, losses_of, n_tokens, operations
from tests.gpu.exactness import ALPHA, APART, TAU
from tshirt_assets.scoring.analytic import analytic_robust_scores
from tshirt_assets.scoring.clean import clean_scores, pass_requests
from tshirt_assets.scoring.robustness import neighbour_deltas
from tshirt_assets.scoring.token_noise import USUAL

FORMATS = {  # how a product of two matrices is made by each precision
    "fp32": (torch.float32, "highest"),
    "tf32": (torch.float32, "high"),
    "fp16": (torch.float16, "highest"),
    "bf16": (torch.bfloat16, "highest"),
}


def ceilings(bench: Bench) -> dict[str, Any]:
    """What the device does at best: products of large matrices, copies in its memory."""
    found = {name: product_rate(bench, name) for name in bench.policies}
    source = torch.empty(bench.of(2**28, 2**20), device=bench.device)
    target = torch.empty_like(source)
    seconds = bench.median(lambda: target.copy_(source))
    return {"operations per second": found, "bytes per second": 8 * source.numel() / seconds}


def product_rate(bench: Bench, precision: str) -> float:
    """Operations per second of one product of two large matrices."""
    (dtype, setting), n = FORMATS[precision], bench.of(8192, 256)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(setting)
    try:
        a, b = (torch.randn(n, n, device=bench.device).to(dtype) for _ in range(2))
        return 2 * n**3 / bench.median(lambda: a @ b)
    finally:
        torch.set_float32_matmul_precision(before)


def throughput(bench: Bench) -> dict[str, Any]:
    """Clean, noisy and analytic passes by model and precision."""
    return {
        f"{kind} {policy}": _throughput(bench, kind, policy)
        for kind in KINDS
        for policy in bench.fast
    }


def _throughput(bench: Bench, kind: str, policy: str) -> dict[str, Any]:
    rows = bench.rows(kind, bench.of(3000, 20))
    engine, model = bench.engine(kind, policy), bench.model(kind)
    clean = losses_of(clean_scores(engine, rows[: bench.of(600, 6)]))
    noisy, neighbours = rows[: bench.of(60, 3)], bench.of(30, 4)
    scored = rows[: len(clean)]
    options = {"tau": TAU, "alpha": ALPHA, "noise": USUAL}
    work: dict[str, tuple[list[Any], int, Callable[[], Any]]] = {  # rows, passes, what is done
        "clean": (rows, 1, lambda: clean_scores(engine, rows)),
        f"{neighbours} neighbours": (
            noisy,
            neighbours,
            lambda: neighbour_deltas(engine, noisy, neighbours=neighbours, alpha=ALPHA, seed=1),
        ),
        "analytic": (scored, 2, lambda: analytic_robust_scores(engine, scored, clean, **options)),
    }
    analytic_robust_scores(engine, scored[:20], clean[:20], **options)  # warms up
    peak, found = product_rate(bench, policy), {}
    for name, (part, passes, run) in work.items():
        if bench.cuda:
            torch.cuda.reset_peak_memory_stats(bench.device)
        host = time.thread_time()
        seconds = bench.seconds(run)
        done = passes * operations(model, part)
        found[name] = {
            "rows per second": len(part) / seconds,
            "tokens per second": n_tokens(part) * (neighbours if part is noisy else 1) / seconds,
            "operations per second": done / seconds,
            "share of peak": done / seconds / peak,
            "share of the time that the host computes": (time.thread_time() - host) / seconds,
            "peak GiB": _peak(bench),
        }
    return found


def _peak(bench: Bench) -> float | None:
    return torch.cuda.max_memory_allocated(bench.device) / 2**30 if bench.cuda else None


def out_of_memory(bench: Bench) -> dict[str, Any]:
    """A card that is nearly full: passes halve, the run goes on, the losses stay."""
    if not bench.cuda:
        return {"skipped": "no CUDA device"}
    rows = bench.rows("gpt2", 300)
    requests = [request for row in rows for request in pass_requests(row)]
    engine = bench.engine("gpt2", "tf32")
    base, before = engine.losses(requests), engine._limits.tokens
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(bench.device).total_memory
    room = torch.cuda.memory_reserved(bench.device) + 2**30
    torch.cuda.set_per_process_memory_fraction(room / total, bench.device)
    try:
        found = engine.losses(requests)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, bench.device)
    apart = float(np.abs(np.concatenate(found) - np.concatenate(base)).max())
    return {
        "right": apart <= APART["tf32"] and engine._limits.tokens < before,
        "tokens per pass": [before, engine._limits.tokens],
        "losses apart": apart,
    }
