"""Tool calls and the tools they name: the form they are kept in, and the text they are scored as.

A turn keeps its calls as a field, in OpenAI's form, and the system turn its tools; both are also
part of the text, because that is what is scored. Exports take them out of the text again.
"""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from tshirt_assets.corpus.draft import json_text

CALLS: Final = "tool_calls"
TOOLS: Final = "tools"
TOOL_FIELDS: Final = (TOOLS, CALLS, "tool_call_id", "name")
"""Fields of turns that have to do with tools; where a turn has any, they come first."""
SCORED_TEXT: Final = "scored_text"
"""Name of the text of a turn in an export of ours, where its calls alone do not give it."""
TOOLS_TEXT: Final = "tools_text"
"""Name of the text of the tools in an export of ours, where the tools alone do not give it."""

_HEADING: Final = "Available tools:\n"
_THOUGHT: Final = re.compile(r"\s*<think>.*?</think>\s*", re.DOTALL)


def take_calls(fields: dict[str, Any]) -> list[Any]:
    """The calls of a turn, a list or JSON text of one, in OpenAI's form. They are taken out.

    Arguments that are JSON text of an object become that object; all others, malformed ones too,
    stay as they are.
    """
    calls = (
        json_value(fields.get(CALLS)) if isinstance(fields.get(CALLS), str) else fields.get(CALLS)
    )
    if isinstance(calls, list) and calls:
        del fields[CALLS]
        return [_as_call(call) for call in calls]
    call = fields.pop("function_call", None)
    return [_as_call(call)] if call else []


def calls_in(text: str) -> list[Any]:
    """The calls of a ShareGPT turn, one object or a list of them behind any thoughts; else none."""
    thought = _THOUGHT.match(text)
    found = json_value(text[thought.end() :] if thought else text)
    calls = found if isinstance(found, list) else [found]
    named = all(isinstance(call, dict) and {"name", "arguments"} <= call.keys() for call in calls)
    return [_as_call(call) for call in calls] if named else []


def call_text(call: Any) -> str:
    """A tool call as ShareGPT data writes it: {"name": ..., "arguments": {...}}."""
    function = call.get("function", call) if isinstance(call, dict) else call
    if not isinstance(function, dict):
        return json_text(function)
    return json_text({"name": function.get("name"), "arguments": _arguments(function)})


def is_malformed(call: Any) -> bool:
    """Whether the arguments of a kept call are no object, or there are none."""
    function = call.get("function") if isinstance(call, dict) else None
    return not isinstance(function, dict) or not isinstance(function.get("arguments"), dict)


def with_calls(content: str, calls: Sequence[Any]) -> str:
    """The text of a turn: its content, and a line for every call."""
    return "\n".join(part for part in (content, *map(call_text, calls)) if part)


def without_calls(text: str, calls: Sequence[Any]) -> str:
    """The content of a turn with this text and these calls; of calls written otherwise, none.

    Only thoughts stay in front of those.
    """
    written = with_calls("", calls)
    if text == written or text.endswith(f"\n{written}"):
        return text.removesuffix(written).removesuffix("\n")
    thought = _THOUGHT.match(text)
    return thought[0].strip() if thought else ""


def with_tools(system: str, tools: str) -> str:
    """A system prompt, blank or not, followed by the text of the tools."""
    return "\n\n".join([*([system] if system.strip() else []), f"{_HEADING}{tools}"])


def without_tools(system: str, tools: str) -> str | None:
    """The system prompt in front of the tools; None where they do not end the text."""
    written = f"{_HEADING}{tools}"
    if system == written:
        return ""
    return system.removesuffix(f"\n\n{written}") if system.endswith(f"\n\n{written}") else None


def tool_list(tools: str) -> list[Any] | None:
    """The tools that a text describes, in OpenAI's form; None where it is no list of objects."""
    found = json_value(tools)
    if not isinstance(found, list) or not all(isinstance(tool, dict) for tool in found):
        return None
    return [
        {"type": "function", "function": tool} if "name" in tool and "type" not in tool else tool
        for tool in found
    ]


def json_value(text: Any) -> Any:
    """The value of JSON text; None for anything else."""
    if not isinstance(text, str | bytes | bytearray):  # most turns have none: no exception for each
        return None
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    return None


def _as_call(call: Any) -> Any:
    """A call as OpenAI writes it; what has no name of a function stays as it is."""
    if not isinstance(call, dict):
        return call
    if "function" not in call and "name" in call:
        function = {name: call[name] for name in ("name", "arguments") if name in call}
        call = {key: value for key, value in call.items() if key not in function}
        call = {"type": "function", "function": function} | call
    function = call.get("function")
    if isinstance(function, Mapping) and "arguments" in function:
        call = call | {"function": {**function, "arguments": _object(function["arguments"])}}
    return call


def _object(arguments: Any) -> Any:
    found = json_value(arguments) if isinstance(arguments, str) else None
    return found if isinstance(found, dict) else arguments


def _arguments(function: Mapping[str, Any]) -> Any:
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        with suppress(ValueError, RecursionError):
            return json.loads(arguments)
    return arguments
