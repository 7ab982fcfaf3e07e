"""What corrupted rows remain in T-SHIRT's selections behind a guard, by kind, and what would help.

    python -m tests.benchmarks.guard_remains FOLDER

FOLDER: that of `make evidence EVIDENCE_ROWS=FOLDER`, whose planted copy must be scored. Prints, for
guards and rules beside them, the clean rows left out and the share of every kind among the first 5,
10 and 20 % that T-SHIRT selects, each with a 95 % interval. Nothing is scored again.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from tests.benchmarks.evidence_page import guarded
from tests.benchmarks.guard import share
from tests.benchmarks.guard_rows import embedded
from tests.benchmarks.overlap import selected
from tshirt_assets.commands.instance import open_instance
from tshirt_assets.commands.proving import scored_copies
from tshirt_assets.config import CorpusConfig
from tshirt_assets.evidence.asked import SHARES, EvidenceOptions
from tshirt_assets.evidence.copied_rows import NEAR_DUPLICATE
from tshirt_assets.evidence.kinds import KINDS
from tshirt_assets.evidence.scored import pool_gamma
from tshirt_assets.selection.relevance import paired

MARGIN = -0.05
ENDS = tuple(".!?:;*`\"')]}”。！？") + tuple("0123456789")
GROUPS: Mapping[str, tuple[str, ...]] = {
    "all": tuple(KINDS),
    "foreign, truncated": (
        *("random_answer", "other_language", "other_script", "refusal"),
        "truncated",
    ),
    "nearest answers": ("nearest_answer",),
    "edits": ("edited_numbers", "edited_names"),
}


def with_margin(frame: pl.DataFrame, folder: Path) -> tuple[pl.DataFrame, dict[float, float]]:
    """The frame with relevance, its margin over the nearest other instruction and whether the
    response comes to an end; floors by quantile. folder: of the copy's rows."""
    records = [_texts(line) for line in pl.read_ndjson(folder / "rows.jsonl").iter_rows(named=True)]
    asked, answers = zip(*(records[row] for row in frame["row"]), strict=True)
    vectors = embedded([*asked, *answers])
    x, y = np.stack([vectors[t] for t in asked]), np.stack([vectors[t] for t in answers])
    alike = x @ x.T
    near = np.where(alike < NEAR_DUPLICATE, alike, -1).argmax(axis=1)
    pairings = paired(x, y)
    elsewhere = np.einsum("ij,ij->i", x[near], y)
    found = frame.with_columns(
        relevance=pl.Series(pairings.own),
        margin=pl.Series(pairings.own - elsewhere),
        ends=pl.Series([answer.rstrip().endswith(ENDS) for answer in answers]),
    )
    return found, {share: pairings.floor(share) for share in (0.95, 0.99, 0.999)}


def _texts(record: dict) -> tuple[str, str]:
    *before, last = record["messages"]
    return before[-1]["content"], last["content"]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    config = guarded(CorpusConfig.from_yaml(parser.parse_args().folder / "corpus.yaml"))
    with open_instance(config) as instance:
        _, [scored] = scored_copies(instance, config, EvidenceOptions())
    copy = scored.copy.config
    frame, floors = with_margin(scored.frame, Path(copy.paths[0]).parent)
    guard = pl.col("relevance") > floors[0.95]
    rules = {
        "no guard": pl.lit(True),
        **{f"`min_relevance: {one}`": pl.col("relevance") > floors[one] for one in floors},
        "relevance above its median": pl.col("relevance") > pl.col("relevance").median(),
        "0.95, and comes to an end": guard & pl.col("ends"),
        "0.95, and margin": guard & (pl.col("margin") > MARGIN),
    }
    kinds = dict(frame.select("sample_id", pl.col("kind").fill_null("")).iter_rows())
    print(f"| guard | clean left out | of | {' | '.join(GROUPS)} |\n" + "|---" * 7 + "|")
    everything = np.array([*kinds.values()])
    base = [share(np.isin(everything, group)) for group in GROUPS.values()]
    print(f"| (all rows) | | {len(kinds)} | {' | '.join(base)} |")
    for name, rule in rules.items():
        kept = frame.filter(rule)
        stays = frame.filter(pl.col("kind").is_null())["sample_id"].is_in(kept["sample_id"])
        eligible = kept.filter(pl.col("ifd_mean") < 1, pl.col("s_ifd_mean").is_not_null())
        for one in SHARES:
            budget = round(one * frame.height)
            picked = selected(eligible, budget, pool_gamma(copy))
            own = np.array([kinds[sample_id] for sample_id in picked])
            cells = [share(np.isin(own, group)) for group in GROUPS.values()]
            out = share(~stays.to_numpy()) if one == SHARES[0] else ""
            print(f"| {name} | {out} | {one:.0%} | {' | '.join(cells)} |")
            name = ""


if __name__ == "__main__":
    main()
