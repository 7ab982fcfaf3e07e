"""Conversations in ShareGPT (from/value) and OpenAI (role/content) form as canonical messages."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tshirt_assets.config.options import ColumnOptions, Reasoning
from tshirt_assets.corpus.draft import Draft, is_missing, json_text, well_formed
from tshirt_assets.corpus.sample import Message
from tshirt_assets.corpus.status import Status
from tshirt_assets.corpus.tool_calls import (
    CALLS,
    SCORED_TEXT,
    TOOLS,
    TOOLS_TEXT,
    call_text,
    calls_in,
    take_calls,
    tool_list,
    with_tools,
)
from tshirt_assets.corpus.turn_fields import add_fields, packed_fields, with_field

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bard": "assistant",
    "bing": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
}
OBJECT_ROLES = ("function_call", "tool", "function", "observation")  # may hold an object as content


def read_turns(draft: Draft, turns: Any, name: str, reasoning: Reasoning = "keep") -> None:
    """Append every turn to the draft. `turns` is a list of objects, or JSON text of one."""
    if isinstance(turns, str):
        try:
            turns = json.loads(turns)
        except (ValueError, RecursionError):
            draft.refuse(Status.NOT_TEXT, f"{name} is text that is not a JSON list of turns")
            return
    if not isinstance(turns, list):
        status = Status.MISSING_FIELD if turns is None else Status.NOT_TEXT
        draft.refuse(status, f"{name} is {'null' if turns is None else 'not a list of turns'}")
        return
    for number, turn in enumerate(turns, start=1):
        where = f"turn {number} of {name}"
        if isinstance(turn, dict):
            draft.messages.append(_read_turn(draft, turn, where, reasoning))
        else:
            draft.refuse(Status.MISSING_FIELD, f"{where} is not an object")


def as_list(turns: Any) -> Any:
    """Turns as a list of objects, also where `datasets` made one object of lists of them."""
    if not isinstance(turns, dict) or not all(isinstance(part, list) for part in turns.values()):
        return turns
    if len({len(part) for part in turns.values()}) != 1:
        return turns
    return [dict(zip(turns, values, strict=True)) for values in zip(*turns.values(), strict=True)]


def add_opening(draft: Draft, fields: Mapping[str, Any], columns: ColumnOptions) -> None:
    """Put what stands beside a conversation, system prompt and tools, into its system message."""
    system_name = columns.system or "system"
    own_system = bool(draft.messages) and draft.messages[0].role == "system"
    system = None
    if fields.get(system_name) is not None and not own_system:
        system = draft.text(fields[system_name], system_name)
        draft.used.add(system_name)
    tools = fields.get("tools")
    if isinstance(tools, list):
        tools = _tools_text(tools, fields.get(TOOLS_TEXT))
    if isinstance(tools, str):
        draft.used.add("tools")
        tools = well_formed(tools.strip()).removeprefix("[]")
    add_system(draft, system, tools if isinstance(tools, str) else None)


def _tools_text(tools: list[Any], text: Any) -> str:
    """The text of the tools: the one that an export of ours has beside them, if it is of them."""
    if isinstance(text, str) and tool_list(text) == tools:
        return text
    return json_text(tools)


def add_system(draft: Draft, system: str | None, tools: str | None) -> None:
    """Put a row's own system prompt and tool descriptions into the system message.

    A system turn of the conversation wins over the row's field. Tools follow the system prompt
    after a blank line and the words "Available tools:"; a list of them is a
    field of the message, too.
    """
    message = Message("system", system or "")
    if draft.messages and draft.messages[0].role == "system":
        message = draft.messages.pop(0)
    content = message.content if message.content.strip() else ""
    if tools:
        content = with_tools(content, tools)
        message = with_field(message, TOOLS, tools) if tool_list(tools) else message
    if content or message.extra:
        draft.messages.insert(0, replace(message, content=content))


def flatten(history: list[Message]) -> str:
    """One readable text of everything before the response.

    A single user turn is its own text, after the system prompt and a blank line if there is one.
    Longer histories are blocks "User: ...", "Assistant: ..." separated by blank lines.
    """
    turns = [message for message in history if message.role != "system"]
    if len(turns) <= 1:
        return "\n\n".join(message.content for message in history)
    return "\n\n".join(f"{message.role.capitalize()}: {message.content}" for message in history)


def _read_turn(draft: Draft, turn: dict[str, Any], where: str, reasoning: Reasoning) -> Message:
    rest = {key: value for key, value in turn.items() if not is_missing(value)}
    source_role = _take(rest, "from", "role")
    name = source_role.strip().lower() if isinstance(source_role, str) else ""
    role = ROLES.get(name)
    if source_role is None:
        draft.refuse(Status.MISSING_FIELD, f"{where} has no role")
    elif role is None:
        draft.refuse(Status.UNKNOWN_ROLE, f"{where} has the role {json_text(source_role)}")
    content = _take(rest, "value", "content")
    calls = take_calls(rest)
    if content is None and calls:
        parts = []
    elif isinstance(content, dict) and name in OBJECT_ROLES:
        parts = [json_text(content)]
    else:
        parts = [_content(draft, content, where)]
    text = "\n".join(part for part in (*parts, *map(call_text, calls)) if part)
    packed = packed_fields(rest)
    if name == "function_call" and not calls and CALLS not in packed:
        calls = calls_in(text)
    if isinstance(packed.get(SCORED_TEXT), str):
        text = packed[SCORED_TEXT]
    message = Message(role or json_text(source_role).strip('"'), text)
    rest = ({CALLS: calls} if calls else {}) | rest
    return add_fields(draft, message, rest, where, reasoning)


def _take(fields: dict[str, Any], *names: str) -> Any:
    """The first of these fields that is there; it is taken out, and so are others equal to it."""
    value = next((fields[name] for name in names if name in fields), None)
    for name in names:
        if name in fields and fields[name] == value:
            del fields[name]
    return value


def _content(draft: Draft, content: Any, where: str) -> str:
    """Text of a turn: a string, or a list of text parts, which follow each other directly."""
    if not isinstance(content, list):
        return draft.text(content, f"the content of {where}")
    texts = []
    for part in content:
        if isinstance(part, dict):
            if part.get("type", "text") != "text":
                kind = json_text(part["type"])
                draft.refuse(Status.NOT_TEXT, f"{where} has a part of type {kind}")
                continue
            part = next((part[n] for n in ("text", "value") if part.get(n) is not None), None)
        texts.append(draft.text(part, f"a text part of {where}"))
    return "".join(texts)
