"""The fields of turns, which tables keep in `extra`, back in the turns they belong to."""

from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from tshirt_assets.corpus.sample import Message, split_turn_fields, stored_messages

TURN_TYPES: Final = {"reasoning_content": pl.String(), "weight": pl.Int64(), "extra": pl.String()}
"""Fields that a turn may have beside role and content, in this order."""


def with_turn_fields_in_messages(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the fields of turns in `messages`, and `extra` without them.

    Every turn of every row gets those fields that any turn has: readers of large files want one
    shape. Other rows have null there, answers to be trained on weight 1. `extra` of a turn holds
    its unknown fields as JSON, because their types may differ from row to row. Rows without any
    such field come back as they are.
    """
    split = [split_turn_fields(extra) for extra in rows["extra"]]
    if not any(fields for fields, _ in split):
        return rows
    conversations = [
        stored_messages(turns, fields)
        for turns, (fields, _) in zip(rows["messages"].to_list(), split, strict=True)
    ]
    there = {name for turns in conversations for turn in turns for name in turn.fields}
    names = [name for name in TURN_TYPES if name in there]
    shape = {"role": pl.String(), "content": pl.String()} | {n: TURN_TYPES[n] for n in names}
    messages = [[_turn(message, names) for message in turns] for turns in conversations]
    return rows.with_columns(
        pl.Series("messages", messages, pl.List(pl.Struct(shape))),
        pl.Series("extra", [extra for _, extra in split], pl.String()),
    )


def _turn(message: Message, names: Sequence[str]) -> dict[str, Any]:
    values = {"weight": 1} if message.role == "assistant" else {}
    values |= message.fields
    turn = {"role": message.role, "content": message.content}
    return turn | {name: values.get(name) for name in names}
