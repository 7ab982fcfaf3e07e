"""docs/gpu.md, from what `make gpu` found."""

from typing import Any

INTRODUCTION = """# What a GPU does

`make gpu` checks the CUDA path on the card of the machine it runs on, and measures it: parity with
the CPU by number format, invariance under order and pass size, the noise to the last bit, the
exact neighbour search, out of memory, a second card, throughput, share of the card's own peak,
memory, and 52,000 rows through all assets. It needs no network: weights are random, in the shapes
of GPT-2 and SmolLM2-135M, and rows are Alpaca-like. It writes this page and `build/gpu.json`.
"""
NOTHING = """
**No figure has been measured yet.** The code was written and its logic tested on a CPU (`python -m
tests.gpu.check --device cpu --small` runs every section there); nothing is claimed for any card.
"""

DECISIONS = """
## Whose scores may meet

The identity of a score names the number format of its losses. `fp32` is one format on every device:
a card and a CPU differ by rounding only, as two CPUs do, and a store may hold scores of both. The
bound is 1e-4 nats per token against the model's own code; every load tests it on short sequences.
TF32, fp16 and bf16 exist on CUDA only, so their scores never meet those of a CPU. What they round
to depends on our kernels too: their identity has the version of those (`CUDA_VERSION` in
`models/number_formats`), raised when the numbers change, and scores of an earlier version are
computed again. The card, and which kernels it takes, are no part of an identity: each kernel is
held to the model's own code at load, within the bounds of [the models' page](models.md), and
`make gpu` measures what is left.

## Libraries for the LM head

Read, not measured: Liger's fused linear cross-entropy (liger-kernel 0.8.5, BSD-2) and
cut-cross-entropy (25.1.1, Apple's sample code licence). Both give losses per token (`reduction:
none`), sums of exponentials in float32 and a gradient by the hidden states, and neither is used.

- Liger rounds the logits to the type of the weights before it sums them, where ours stay float32;
  it takes rows in chunks with the whole vocabulary and reads two numbers back from the device per
  call, for which the host waits. With losses per token its backward pass computes the logits again.
- Cut-cross-entropy never writes logits, which saves memory that a scorer without a backward pass
  through the head is not short of. It adds the blocks of the vocabulary up under a lock, in the
  order in which they come, so that two runs differ in the last digits; it multiplies the target's
  logit in 16 bits; its gradient exists in 16 bits only and leaves small shares out by default. It
  knows no bias and no scale of the logits.

Ours is PyTorch's product with float32 results, a kernel that reads each logit for maximum, sum and
pick and one that turns logits into shares, and sums of blocks in float64.
"""


def page(found: dict[str, Any] | None) -> str:
    """The page for the findings of `check`, or for none."""
    if not found:
        return INTRODUCTION + NOTHING + DECISIONS
    where = found["environment"]
    name = where["device"]
    memory = f", {where['GiB']:.0f} GiB" if "GiB" in where else ", a dry run that measures nothing"
    lines = [INTRODUCTION, f"{name}{memory}; torch {where['torch']}, {where['date']}.", ""]
    for section, values in found["sections"].items():
        lines += [f"## {section.replace('_', ' ').capitalize()}", "", *_section(values), ""]
    return "\n".join(lines).rstrip() + "\n" + DECISIONS


def _section(values: dict[str, Any]) -> list[str]:
    for key, text in (("skipped", "Skipped"), ("error", "**Failed**")):
        if key in values:
            return [f"{text}: {values[key]}"]
    rows = [(name, value) for name, value in _flat(values) if name != "took"]
    return ["| | |", "|---|---|", *(f"| {name} | {_text(value)} |" for name, value in rows)]


def _flat(values: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        name = f"{before}, {key}" if before else key
        found += _flat(value, name) if isinstance(value, dict) else [(name, value)]
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, float):
        if value >= 1e9:
            return f"{value / 1e12:,.3f}e12"
        return f"{value:,.1f}" if value >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
