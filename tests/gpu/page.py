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


def page(found: dict[str, Any] | None) -> str:
    """The page for the findings of `check`, or for none."""
    if not found:
        return INTRODUCTION + NOTHING
    where = found["environment"]
    name = where["device"]
    memory = f", {where['GiB']:.0f} GiB" if "GiB" in where else ", a dry run that measures nothing"
    lines = [INTRODUCTION, f"{name}{memory}; torch {where['torch']}, {where['date']}.", ""]
    for section, values in found["sections"].items():
        lines += [f"## {section.replace('_', ' ').capitalize()}", "", *_section(values), ""]
    return "\n".join(lines).rstrip() + "\n"


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
