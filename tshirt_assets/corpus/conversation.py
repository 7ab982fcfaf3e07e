"""Conversations in ShareGPT (from/value) and OpenAI (role/content) form as canonical messages."""

import json
from contextlib import suppress
from typing import Any

from tshirt_assets.corpus.draft import Draft, json_text
from tshirt_assets.corpus.sample import Message
from tshirt_assets.corpus.status import Status

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


def read_turns(draft: Draft, turns: Any, name: str) -> None:
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
            _read_turn(draft, turn, where)
        else:
            draft.refuse(Status.MISSING_FIELD, f"{where} is not an object")


def add_system(draft: Draft, system: str | None, tools: str | None) -> None:
    """Put a row's own system prompt and tool descriptions into the system message.

    A system turn of the conversation wins over the row's field. Tools follow the system prompt
    after a blank line and the words "Available tools:".
    """
    has_own = bool(draft.messages) and draft.messages[0].role == "system"
    if has_own:
        system = draft.messages.pop(0).content
    parts = [system or ""] if system and system.strip() else []
    if tools:
        parts.append(f"Available tools:\n{tools}")
    if parts:
        draft.messages.insert(0, Message("system", "\n\n".join(parts)))


def flatten(history: list[Message]) -> str:
    """One readable text of everything before the response.

    A single user turn is its own text, after the system prompt and a blank line if there is one.
    Longer histories are blocks "User: ...", "Assistant: ..." separated by blank lines.
    """
    turns = [message for message in history if message.role != "system"]
    if len(turns) <= 1:
        return "\n\n".join(message.content for message in history)
    return "\n\n".join(f"{message.role.capitalize()}: {message.content}" for message in history)


def _read_turn(draft: Draft, turn: dict[str, Any], where: str) -> None:
    source_role = _first(turn, "from", "role")
    name = source_role.strip().lower() if isinstance(source_role, str) else ""
    role = ROLES.get(name)
    if source_role is None:
        draft.refuse(Status.MISSING_FIELD, f"{where} has no role")
    elif role is None:
        draft.refuse(Status.UNKNOWN_ROLE, f"{where} has the role {json_text(source_role)}")
    content = _first(turn, "value", "content")
    calls = [_call_text(call) for call in _calls(turn)]
    if content is None and calls:
        parts = calls
    elif isinstance(content, dict) and name in OBJECT_ROLES:
        parts = [json_text(content), *calls]
    else:
        parts = [_content(draft, content, where), *calls]
    text = "\n".join(part for part in parts if part)
    draft.messages.append(Message(role or json_text(source_role).strip('"'), text))


def _first(turn: dict[str, Any], *names: str) -> Any:
    return next((turn[name] for name in names if turn.get(name) is not None), None)


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
            part = _first(part, "text", "value")
        texts.append(draft.text(part, f"a text part of {where}"))
    return "".join(texts)


def _calls(turn: dict[str, Any]) -> list[Any]:
    calls = turn.get("tool_calls")
    if isinstance(calls, list):
        return calls
    return [turn["function_call"]] if turn.get("function_call") else []


def _call_text(call: Any) -> str:
    """A tool call as ShareGPT data writes it: {"name": ..., "arguments": {...}}."""
    function = call.get("function", call) if isinstance(call, dict) else call
    if not isinstance(function, dict):
        return json_text(function)
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        with suppress(ValueError, RecursionError):
            arguments = json.loads(arguments)
    return json_text({"name": function.get("name"), "arguments": arguments})
