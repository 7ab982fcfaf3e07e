"""What must hold between the rows of stored tables; each function says what does not."""

from collections.abc import Iterator

import polars as pl

PLACE = ["sample_id", "row"]


def carried(samples: pl.DataFrame, scores: pl.DataFrame) -> Iterator[str]:
    """`scores` has all rows of `samples` in their order, and refuses those that it refuses."""
    if scores.height != samples.height:
        yield f"{scores.height} rows where samples has {samples.height}"
        return
    wrong = sum(
        (samples[column] != scores[column]).cast(pl.UInt32).sum() for column in ("sample_id", "row")
    )
    if wrong:
        yield f"{wrong} rows are not those of samples"
        return
    refused = samples["status"] != "ok"
    other = (refused & (samples["status"] != scores["status"])).sum()
    if other:
        yield f"{other} rows that samples refuses have another status"


def same_rows(rows: pl.DataFrame, expected: pl.DataFrame, name: str) -> Iterator[str]:
    """`rows` are exactly the `expected` rows, which come from the table `name`."""
    strange = rows.join(expected, on=PLACE, how="anti").height
    if strange:
        yield f"{strange} rows that {name} does not have"
    absent = expected.join(rows, on=PLACE, how="anti").height
    if absent:
        yield f"{absent} rows of {name} are absent"


def same_tau(robust: pl.DataFrame, contenders: pl.DataFrame) -> Iterator[str]:
    """Robust scores were made with the threshold of the contenders."""
    if robust.height and contenders.height and robust["tau"][0] != contenders["tau"][0]:
        yield "its tau is not that of contenders"


def existing_neighbours(neighbours: pl.DataFrame, samples: pl.DataFrame) -> Iterator[str]:
    """Rows and their nearest neighbours exist; `samples`: sample_id and shard of all shards."""
    strange = neighbours.join(samples, on="sample_id", how="anti").height
    if strange:
        yield f"{strange} rows that samples does not have"
    there = ["neighbour_id", "neighbour_shard"]
    lost = neighbours.drop_nulls("neighbour_id").join(
        samples, left_on=there, right_on=["sample_id", "shard"], how="anti"
    )
    if lost.height:
        first = lost.row(0, named=True)
        yield (
            f"{lost.height} nearest neighbours do not exist (first: {first['neighbour_id']} in "
            f"{first['neighbour_shard']})"
        )


def same_demos(miwv: pl.DataFrame, neighbours: pl.DataFrame) -> Iterator[str]:
    """MIWV was measured with the demos that `neighbours` names."""
    named = neighbours.select("sample_id", now="neighbour_id")
    both = miwv.select("sample_id", "neighbour_id").join(named, on="sample_id")
    other = both.filter(pl.col("now").ne_missing(pl.col("neighbour_id"))).height
    if other:
        yield f"{other} rows were scored with another demo than neighbours names"
