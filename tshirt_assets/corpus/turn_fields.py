"""What a turn has beside its role and content: reasoning, marks, tool calls, unknown fields."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from tshirt_assets.config.options import Reasoning
from tshirt_assets.corpus.draft import Draft, json_text
from tshirt_assets.corpus.sample import Message
from tshirt_assets.corpus.tool_calls import SCORED_TEXT, TOOL_FIELDS, json_value

REASONING: Final = ("reasoning_content", "reasoning", "thinking")
"""Names of the reasoning: DeepSeek and Qwen, vLLM and OpenRouter, gpt-oss."""
MARKS: Final = ("weight", "train", "training", "loss_weight", "loss")
"""Names of a mark, truth or number, of what to train on: OpenAI, axolotl, LLaMA-Factory, swift."""
_WORDS: Final = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}


def add_fields(
    draft: Draft, message: Message, fields: dict[str, Any], where: str, reasoning: Reasoning
) -> Message:
    """The message with all that `fields`, the rest of its turn, say. It takes them out of there.

    Only an assistant turn has reasoning and marks; in others they are fields like any other.
    """
    if message.role == "assistant":
        message = replace(message, trained=_take_marks(fields))
        thought = _take_reasoning(fields)
        if thought is not None and reasoning != "strip":
            thought = draft.text(thought, f"the reasoning of {where}")
            message = replace(message, reasoning=thought)
        if reasoning == "keep":
            message = replace(message, content=with_reasoning(message), reasoning="")
    packed = packed_fields(fields)
    if packed:
        fields = packed | {key: value for key, value in fields.items() if key != "extra"}
        fields.pop(SCORED_TEXT, None)
    fields = {name: fields[name] for name in TOOL_FIELDS if name in fields} | fields
    return replace(message, extra=json_text(fields)) if fields else message


def packed_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that an export of ours packed into `extra`, as JSON text of an object."""
    found = json_value(fields.get("extra")) if isinstance(fields.get("extra"), str) else None
    return found if isinstance(found, dict) else {}


def with_field(message: Message, name: str, value: str) -> Message:
    """The message with one more text among its fields, in front; they are not json_value."""
    rest = f", {message.extra[1:]}" if message.extra else "}"
    return replace(message, extra=f"{{{json.dumps(name)}: {json_text(value)}{rest}")


def with_reasoning(message: Message) -> str:
    """The content behind its reasoning in <think> tags, the way that reasoning models write it.

    Content that opens with the same reasoning in such tags has it already.
    """
    thought = message.reasoning.strip()
    opening = message.content.lstrip()
    there = opening.startswith("<think>") and opening[7:].lstrip().startswith(thought)
    if not thought or there:
        return message.content
    return f"<think>\n{thought}\n</think>\n\n{message.content}"


def _take_reasoning(fields: dict[str, Any]) -> str | None:
    found = None
    for name in REASONING:
        value = fields.get(name)
        if isinstance(value, str) and (found is None or value == found or not value.strip()):
            found = found or (value if value.strip() else None)
            del fields[name]
    return found


def _take_marks(fields: dict[str, Any]) -> bool:
    """Whether a turn is to be trained on: no mark says that it is not.

    A mark that is more than a yes or no (a weight of 0.5, a loss that was measured) stays.
    """
    marks = {name: _as_mark(fields[name]) for name in MARKS if name in fields}
    if not isinstance(fields.get("loss"), bool):
        marks.pop("loss", None)
    for name, mark in marks.items():
        if mark is not None:
            del fields[name]
    return False not in marks.values()


def _as_mark(value: Any) -> bool | None:
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    return bool(value) if isinstance(value, bool | int | float) and value in (0, 1) else None
