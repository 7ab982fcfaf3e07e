"""What the asset checks look for; each returns an outcome for one table."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MOST_REASONS = 4

DESCRIPTIONS = {
    "rows_usable": "The share of rows that are not ok stays below `max_bad_share`.",
    "shard_complete": "The file could be read to its end.",
    "prompts_bare": "Most prompts do not stand in an Alpaca or chat template, or begin alike.",
    "rows_carried_through": "Every row of `samples` is there.",
    "scores_finite": "No score of an ok row is missing, NaN or infinite.",
    "vectors_normalised": "Every vector has length 1.",
    "neighbour_is_not_self": "No row is its own nearest neighbour.",
    "instruction_helps": "For most rows the instruction lowers the loss (IFD below 1).",
    "template_fits": "Prompt and response are scored as the chat template renders them whole.",
    "all_shards_used": "Every registered shard took part.",
    "subset_size": "The subset has as many rows as its budget asks for.",
}
"""What each check of the catalogue promises, by name."""


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What one asset check found on one shard; `warn` marks trouble that is no error."""

    passed: bool
    detail: str
    warn: bool = False


def usable_outcome(table: pa.Table, max_bad_share: float) -> CheckOutcome:
    """Warn when too many rows are not ok, with the most frequent reasons."""
    reasons = Counter(table["status"].to_pylist())
    total = table.num_rows
    if total == 0:
        return CheckOutcome(False, "no rows", warn=True)
    bad = total - reasons.pop("ok", 0)
    listed = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common(MOST_REASONS))
    detail = f"{bad} of {total} rows not ok" + (f" ({listed})" if listed else "")
    if bad == total:
        [(first, _)] = Counter(table["status_detail"].to_pylist()).most_common(1)
        detail += f": {first}" if first else ""
    return CheckOutcome(bad / total <= max_bad_share, detail, warn=True)


def complete_outcome(incomplete: str | None, on_incomplete: str) -> CheckOutcome:
    """Fail when the file breaks off, whatever share of its rows that is; `keep` only warns."""
    if incomplete is None:
        return CheckOutcome(True, "read to the end of the file")
    detail = f"incomplete: {incomplete}"
    return CheckOutcome(False, detail, warn=on_incomplete == "keep")


def carried_outcome(table: pa.Table, expected: int) -> CheckOutcome:
    """Fail when rows were lost or added on the way."""
    return CheckOutcome(table.num_rows == expected, f"{table.num_rows} of {expected} rows")


def finite_outcome(table: pa.Table, columns: tuple[str, ...]) -> CheckOutcome:
    """Fail when an ok row has a score that is null, NaN or infinite."""
    ok = table.filter(pc.equal(table["status"], "ok"))
    bad = {}
    for column in columns:
        values = ok[column].to_numpy().astype(float)
        count = int(np.count_nonzero(~np.isfinite(values)))
        if count:
            bad[column] = count
    return CheckOutcome(not bad, f"not finite: {bad}" if bad else f"{ok.num_rows} rows finite")


def normalised_outcome(table: pa.Table) -> CheckOutcome:
    """Fail when a vector of an ok row is not of unit length."""
    vectors = table["vector"].drop_null().combine_chunks()
    if len(vectors) == 0:
        return CheckOutcome(True, "no vectors")
    array = vectors.flatten().to_numpy().reshape(len(vectors), -1)
    worst = float(np.abs(np.linalg.norm(array, axis=1) - 1.0).max())
    return CheckOutcome(worst < 1e-3, f"largest deviation from 1: {worst:.1e}")


def instruction_helps_outcome(table: pa.Table) -> CheckOutcome:
    """Warn when most IFD values are 1 or above: the prompt format does not suit the model."""
    ifd = table["ifd"].drop_null().to_numpy()
    share = float((ifd >= 1.0).mean()) if len(ifd) else 0.0
    detail = f"IFD is 1 or above for {share:.0%} of rows"
    if share > 0.5:
        detail += (
            "; the prompt makes answers less likely, typical of a base model that never saw this "
            "template. Try another prompt_format, or a scorer that was tuned with this one"
        )
    return CheckOutcome(share <= 0.5, detail, warn=True)
