"""The figures of build/host.json as Markdown, each beside its bar."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Bar(NamedTuple):
    """What a figure means, and the most (or with `least` the least) that it should be."""

    meaning: str
    limit: float | None = None
    least: bool = False

    def holds(self, value: float) -> bool:
        """Whether a figure keeps to the bar."""
        if self.limit is None:
            return True
        return value >= self.limit if self.least else value <= self.limit

    def __str__(self) -> str:
        return "" if self.limit is None else f"{'≥' if self.least else '≤'} {self.limit:g}"


BARS = {
    "ratio_total": Bar("CPU of a whole run / tokenizing every text once, one thread", 6),
    "ratio_scores": Bar("the same of token_scores, miwv_scores and robust_scores", 3),
    "unchanged": Bar("a run where nothing changed, as a share of the full run", 0.05),
    "changed_1pct": Bar("… where every hundredth row of every file changed", 0.06),
    "budget_only": Bar("… where a budget went from 5 % to 6 %", 0.08),
    "one_shard_more": Bar("… where a file more had arrived, as long as the others"),
    "contenders_remeasured_1pct": Bar("contenders measured again after that 1 %", 0.02),
    "demo_growth": Bar("µs/row of reading demos at 40 shards / at 20", 1.1),
    "last_shard": Bar("reading the last tenth of a file / the first, in the worst layout", 1.5),
    "overlap": Bar("wall of shards of one chunk / the longer of model and host", 1.15),
    "rediscover_ms_per_file": Bar("ms per file to find that no shard is new", 1),
    "us_per_row_growth": Bar("µs/row at 1,000,000 rows / at the size above", 1.3),
    "peak_mib_1000000": Bar("peak memory at 1,000,000 rows, MiB", 4096),
    "workers_4_speedup": Bar("four workers against one, a sleeping model", 3.5, least=True),
}


def table(figures: Mapping[str, Any]) -> str:
    """One line per figure with a bar, one per size, one per asset."""
    lines = [
        f"{figures['rows']:,} rows; the yardstick takes {figures['yardstick_seconds']:.1f} CPU s.",
        "",
        "| figure | what | value | bar | holds |",
        "|---|---|---|---|---|",
    ]
    values = {**figures, **of_a_million(figures)}
    for name, bar in BARS.items():
        value = values.get(name)
        found, verdict = "not measured", ""
        if value is not None:
            found = f"{value:.3g}"
            verdict = "" if bar.limit is None else "yes" if bar.holds(value) else "no"
        lines.append(f"| `{name}` | {bar.meaning} | {found} | {bar} | {verdict} |")
    return "\n".join([*lines, "", *_sizes(figures)])


def of_a_million(figures: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a million rows that have a bar, where they were measured."""
    per_row, peaks = figures["us_per_row"], figures["peak_mib"]
    if "1000000" not in per_row:
        return {}
    growth = per_row["1000000"] / per_row[str(figures["rows"])]
    return {"us_per_row_growth": growth, "peak_mib_1000000": peaks["1000000"]}


def _sizes(figures: Mapping[str, Any]) -> list[str]:
    """CPU per row of the whole run and of each asset, and the peak, by size."""
    sizes = list(figures["us_per_row"])
    lines = [
        "| CPU µs/row | " + " | ".join(f"{int(size):,} rows" for size in sizes) + " |",
        "|---" * (len(sizes) + 1) + "|",
    ]
    rows = {"whole run": figures["us_per_row"]}
    for name in figures["assets"][sizes[-1]]:
        rows[f"`{name}`"] = {size: figures["assets"][size].get(name, 0) for size in sizes}
    rows["peak, MiB"] = figures["peak_mib"]
    lines += [
        f"| {name} | " + " | ".join(f"{values[size]:,.0f}" for size in sizes) + " |"
        for name, values in rows.items()
    ]
    return lines
