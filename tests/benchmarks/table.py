"""The figures of build/bench.json as Markdown."""

from typing import Any

METHODS = {
    "reference": "reference: {}",
    "scope_all": "ours, every row perturbed (`scope: all`)",
    "default": "ours, contenders only (`estimator: sampled`)",
    "analytic": "ours, contenders only, analytic (the default)",
}


def table(result: dict[str, Any]) -> str:
    """One line per method, then one per figure that is not a method's."""
    lines = [
        "| method | rows/s | seconds for all rows | times the reference |",
        "|---|---|---|---|",
    ]
    for name, words in METHODS.items():
        seconds = result["seconds"][name]
        ratio = result["seconds"]["reference"] / seconds
        lines.append(
            f"| {words.format(result['reference'])} | {result['rows_per_second'][name]:.3f} "
            f"| {seconds:.0f} | {ratio:.2f} |"
        )
    lines += ["", "| passes | tokens/s | share of the GEMM ceiling |", "|---|---|---|"]
    for name, rate in result["tokens_per_second"].items():
        share = result["ceiling_share"][name.replace(" ", "_")]
        lines.append(f"| {name} | {rate:.0f} | {share:.0%} |")
    lines += ["", *(f"- {line}" for line in _facts(result))]
    return "\n".join(lines)


def _facts(result: dict[str, Any]) -> list[str]:
    deviation = result["delta_deviation"]
    overlap = result["overlap"]["default_vs_scope_all"]
    off = result["worst_row_off_float64"]
    facts = [
        f"{result['rows']} rows, {result['tokens'] / result['rows']:.0f} tokens a row for both "
        f"clean passes, {result['neighbours']} neighbours",
        f"the noisy copies were measured on {result['reference_rows']} rows each, chosen at "
        "random, and count per token; everything else was measured in full",
        f"clean pass {result['ratio']['clean']:.2f} times the reference",
        f"ceiling: {result['gemm_gflops']:.0f} GFLOP/s in float32",
        f"largest deviation of a delta {result['max_delta_deviation']:.1e} nats "
        f"(clean {deviation['clean']:.1e}, noisy {deviation['noisy']:.1e}); there the reference is "
        f"{off['reference']:.1e} off float64, ours {off['ours']:.1e}",
        f"selection of the default against scope all on {result['overlap']['rows']} short rows: "
        + ", ".join(f"{share:.1%} at k = {k}" for k, share in overlap.items()),
        f"embedding {result['embedding_texts_per_second']:.0f} texts/s, neighbour search "
        f"{result['neighbour_search_rows_per_second']:.0f} rows/s among 10,000",
    ]
    if memory := result.get("memory_growth_mib"):
        facts.append(
            f"{memory['copies']} copies of 1,024 tokens take {memory['ours']:.0f} MiB above the "
            f"loaded model, the reference {memory['reference']:.0f} MiB (scaled up from "
            f"{memory['reference_copies_measured']} copies)"
        )
    for size in result.get("growth", ()):
        facts.append(
            f"{size['rows']:,} very short rows up to `contenders`: {size['seconds']:.0f} s, peak "
            f"+{size['peak_mib']:.0f} MiB"
        )
    return facts
