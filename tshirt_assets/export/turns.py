"""Turns as training tools read them: calls, tools and all other fields outside of the text."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from tshirt_assets.config.options import ColumnOptions
from tshirt_assets.corpus.conversation import add_opening, read_turns
from tshirt_assets.corpus.draft import Draft, json_text
from tshirt_assets.corpus.sample import Message, split_turn_fields, stored_messages
from tshirt_assets.corpus.tool_calls import (
    CALLS,
    SCORED_TEXT,
    TOOLS,
    TOOLS_TEXT,
    json_value,
    tool_list,
    with_calls,
    without_calls,
    without_tools,
)

TURN_TYPES: Final = {
    "reasoning_content": pl.String(),
    "tool_calls": pl.String(),
    "tool_call_id": pl.String(),
    "name": pl.String(),
    "weight": pl.Int64(),
    "extra": pl.String(),
}
"""Fields that a turn may have beside role and content, in this order."""
ANSWER_FIELDS: Final = ("tool_call_id", "name")
"""What says of a tool's turn which call it answers; in turns of others a name is any field."""

Turn = dict[str, Any]


def with_turn_fields_in_messages(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the fields of turns in `messages`, and `extra` without them.

    Every turn of every row gets those fields that any turn has: readers of large files want one
    shape. Other rows have null there, answers to be trained on weight 1. `tool_calls` is JSON text
    of a list, and `extra` holds the unknown fields of a turn as JSON, because types differ from
    row to row. What the calls say is no longer in `content`, nor are tools in the system turn:
    they are the column `tools`, JSON text of a list, where any row has some. Rows without any
    field in their turns come back as they are.
    """
    split = [split_turn_fields(extra) for extra in rows["extra"]]
    if not any(fields for fields, _ in split):
        return rows
    opened = [
        _open_turns(stored_messages(turns, fields)) if fields else (_plain(turns), None)
        for turns, (fields, _) in zip(rows["messages"].to_list(), split, strict=True)
    ]
    there = {name for turns, _ in opened for turn in turns for name in turn}
    names = [name for name in TURN_TYPES if name in there]
    shape = {"role": pl.String(), "content": pl.String()} | {n: TURN_TYPES[n] for n in names}
    messages = [[_shaped(turn, names) for turn in turns] for turns, _ in opened]
    tools = [tools for _, tools in opened]
    return rows.with_columns(
        pl.Series("messages", messages, pl.List(pl.Struct(shape))),
        pl.Series("extra", [extra for _, extra in split], pl.String()),
        *([pl.Series(TOOLS, tools, pl.String())] if any(tools) else []),
    )


def turn_fields(rows: pl.DataFrame) -> set[str]:
    """Names of the fields that the turns of such a frame have, role and content included."""
    return {field.name for field in rows["messages"].dtype.inner.fields}  # type: ignore[attr-defined]


def with_tools_text(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the column `tools_text` where the tools of any are not read back as they are.

    It is the text that they are scored as: of other white space, or without OpenAI's wrapping.
    """
    if TOOLS not in rows.columns:
        return rows
    texts = [
        tools if tools and json_text(tool_list(tools)) != tools else None for tools in rows[TOOLS]
    ]
    if not any(texts):
        return rows
    return rows.with_columns(pl.Series(TOOLS_TEXT, texts, pl.String()))


def scored_messages(row: Mapping[str, Any]) -> list[Message]:
    """The messages of a row of such a frame as they are scored, calls and tools as text."""
    draft = Draft()
    read_turns(draft, row["messages"], "messages", "separate")
    add_opening(draft, {TOOLS: row.get(TOOLS)}, ColumnOptions())
    return draft.messages


def _plain(turns: Sequence[Mapping[str, Any]]) -> list[Turn]:
    return [dict(turn) for turn in turns]


def _open_turns(messages: Sequence[Message]) -> tuple[list[Turn], str | None]:
    """The turns with their fields beside the text, and the tools of the conversation."""
    turns = [_open_turn(message) for message in messages]
    if not messages or messages[0].role != "system":
        return turns, None
    fields = _fields(messages[0])
    tools = fields.pop(TOOLS, None)
    listed = isinstance(tools, str) and tool_list(tools) is not None
    system = without_tools(messages[0].content, tools) if listed else None
    if system is None:
        return turns, None
    opening = {"role": "system", "content": system} | _packed(fields)
    return ([opening] if system or fields else []) + turns[1:], tools


def _open_turn(message: Message) -> Turn:
    turn = {"role": message.role, "content": message.content} | message.fields
    fields = _fields(message)
    lifted: Turn = {}
    if message.role == "assistant" and isinstance(calls := fields.get(CALLS), list) and calls:
        turn["content"] = without_calls(message.content, calls)
        lifted[CALLS] = json_text(fields.pop(CALLS))
        if with_calls(turn["content"], calls) != message.content:
            fields[SCORED_TEXT] = message.content
    if message.role == "tool":
        names = [name for name in ANSWER_FIELDS if isinstance(fields.get(name), str)]
        lifted |= {name: fields.pop(name) for name in names}
    if not lifted:
        return turn
    turn.pop("extra")
    return turn | lifted | _packed(fields)


def _fields(message: Message) -> Turn:
    """The unknown fields of a turn; none where they cannot be json_value, and stay text."""
    found = json_value(message.extra) if message.extra else None
    return found if isinstance(found, dict) else {}


def _packed(fields: Mapping[str, Any]) -> Turn:
    return {"extra": json_text(fields)} if fields else {}


def _shaped(turn: Mapping[str, Any], names: Sequence[str]) -> Turn:
    values = {**({"weight": 1} if turn["role"] == "assistant" else {}), **turn}
    shaped = {"role": turn["role"], "content": turn["content"]}
    return shaped | {name: values.get(name) for name in names}
