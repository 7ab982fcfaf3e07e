"""`make gpu`: is the CUDA path right on this card, how fast, and how much memory does it take?

    python -m tests.gpu.check                          # about ten minutes; needs no network
    python -m tests.gpu.check --only noise,parity      # some sections
    python -m tests.gpu.check --device cpu --small     # the same code on a CPU, to see that it runs

Weights are random and spread like trained ones, rows are Alpaca-like. Every section stands alone:
one that fails is reported, and the others go on. Writes build/gpu.json and docs/gpu.md; a run
without CUDA build/gpu-dry.json and build/gpu-dry.md, which measure nothing.
"""

import argparse
import json
import platform
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from tests.benchmarks.rows import ROOT
from tests.gpu.bench import Bench
from tests.gpu.end_to_end import corpus
from tests.gpu.exactness import invariance, neighbours, noise, parity, two_devices
from tests.gpu.page import page
from tests.gpu.speed import ceilings, out_of_memory, throughput

SECTIONS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    section.__name__: section
    for section in (
        *(ceilings, noise, parity, invariance, neighbours, two_devices),
        *(throughput, out_of_memory, corpus),
    )
}


def environment(bench: Bench) -> dict[str, Any]:
    """What the figures depend on beside the code."""
    found: dict[str, Any] = {
        "device": "CPU",
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    if bench.cuda:
        card = torch.cuda.get_device_properties(bench.device)
        found |= {"device": card.name, "GiB": card.total_memory / 2**30}
    return found


def check(bench: Bench, names: Sequence[str] = tuple(SECTIONS)) -> dict[str, Any]:
    """The findings of each section, told as they come."""
    found: dict[str, Any] = {"environment": environment(bench), "sections": {}}
    for name in names:
        started = time.perf_counter()
        try:
            section = SECTIONS[name](bench)
        except Exception as error:
            section = {"error": repr(error)[:500], "trace": traceback.format_exc()[-2000:]}
        section["took"] = round(time.perf_counter() - started, 1)
        found["sections"][name] = section
        print(f"{name}: {json.dumps(section, default=str)}", file=sys.stderr, flush=True)
        if bench.cuda:
            torch.cuda.empty_cache()
    return found


def faults(found: Any, name: str = "") -> list[str]:
    """The sections, or their parts, that failed or are not right."""
    if not isinstance(found, dict):
        return []
    own = [name] if "error" in found or found.get("right") is False else []
    return own + [
        fault for key, value in found.items() for fault in faults(value, f"{name} {key}".strip())
    ]


def main() -> int:
    """Run the sections that were asked for; 1 if one of them fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, ...; cpu for a dry run")
    parser.add_argument("--small", action="store_true", help="tiny models and few rows")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, with commas")
    arguments = parser.parse_args()
    if arguments.device != "cpu" and not torch.cuda.is_available():
        print("no CUDA device can be seen here: nothing was measured")
        return 0
    device = torch.device(arguments.device)
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", 0)
    transformers.logging.set_verbosity_error()
    bench = Bench(device, small=arguments.small)
    found = check(bench, arguments.only.split(","))
    measured = bench.cuda and not bench.small
    name = "gpu" if measured else "gpu-dry"
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    (build / f"{name}.json").write_text(json.dumps(found, indent=1))
    target: Path = ROOT / "docs" / "gpu.md" if measured else build / "gpu-dry.md"
    target.write_text(page(found))
    wrong = faults(found["sections"])
    print(f"written: build/{name}.json and {target.relative_to(ROOT)}")
    print(f"wrong or failed: {', '.join(wrong)}" if wrong else "nothing is wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
