"""How many rows people have judged, and which of them a selection can go by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from tshirt_assets.corpus.status import Status
from tshirt_assets.incremental.catalog import SAMPLES
from tshirt_assets.incremental.judgements import read_judgements
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store

NO_ROWS = pl.DataFrame(schema={"sample_id": pl.String, "status": pl.String})


@dataclass(frozen=True, slots=True)
class JudgementCounts:
    """Rows by what was said of them last; a row may count several times.

    gone: rows that no shard holds any more. unusable: kept rows with a status that keeps them out
    all the same. last: when something was said last, UTC. people: rows by who said it.
    """

    kept: int
    dropped: int
    labelled: int
    noted: int
    gone: int
    unusable: int
    last: datetime | None
    people: dict[str, int]


def judgement_counts(store: Store, corpus: str, shards: Sequence[str]) -> JudgementCounts | None:
    """What people have judged of a corpus with these shards; None where nobody has.

    Reads the sample ids of all shards. Raises `StoreError`.
    """
    judged = read_judgements(store, corpus)
    if judged.is_empty():
        return None
    tables = [info for info in store.infos(corpus, SAMPLES.name, shards) if info is not None]
    parts = store.read_many(tables, columns=["sample_id", "status"])
    rows = pl.concat([NO_ROWS, *map(to_frame, parts)])
    ok = rows.filter(pl.col("status") == Status.OK.value)
    kept = judged.filter(pl.col("verdict") == "keep")
    there = kept.join(rows, on="sample_id", how="semi")
    return JudgementCounts(
        kept=kept.height,
        dropped=judged.filter(pl.col("verdict") == "drop").height,
        labelled=judged["label"].count(),
        noted=judged["note"].count(),
        gone=judged.join(rows, on="sample_id", how="anti").height,
        unusable=there.join(ok, on="sample_id", how="anti").height,
        last=judged["at"].max(),  # type: ignore[arg-type]
        people=dict(judged["who"].value_counts(sort=True, name="rows").rows()),
    )
