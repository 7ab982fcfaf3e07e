"""Rows that this package exported itself: what the format could not say stands beside it."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from tshirt_assets.corpus.conversation import flatten
from tshirt_assets.corpus.draft import Draft
from tshirt_assets.corpus.sample import TURN_FIELDS_KEY, Message
from tshirt_assets.corpus.tool_calls import TOOLS, TOOLS_TEXT

PROVENANCE: Final = ("sample_id", "shard", "row", "recipe", "rank", "score")
"""Where an exported row comes from; rows with all of these fields are exports."""
WRITTEN: Final = ("instruction", "input", "response", "history", TOOLS, TOOLS_TEXT, "extra")
"""What an export may hold of a row beside its messages and its provenance."""


def is_own_export(fields: Mapping[str, Any]) -> bool:
    """Whether a row is one that this package exported."""
    return all(name in fields for name in PROVENANCE)


def restore(draft: Draft, fields: Mapping[str, Any]) -> None:
    """Give the draft of an exported row the input, the fields and the turn fields it had before."""
    draft.used |= {name for name in WRITTEN if name in fields}
    if draft.instruction is None:
        _split_input(draft, fields.get("input"))
    packed = fields.get("extra")
    if not isinstance(packed, str):
        return
    with suppress(ValueError, RecursionError):
        extra = json.loads(packed)
        if isinstance(extra, dict):
            _restore_turns(draft, extra.pop(TURN_FIELDS_KEY, None))
            draft.leftover |= {k: v for k, v in extra.items() if k not in PROVENANCE}
            return
    draft.leftover["extra"] = packed


def _split_input(draft: Draft, text: Any) -> None:
    """Set the input apart that the last question of a conversation ends with."""
    if not isinstance(text, str) or not text or len(draft.messages) < 2:
        return
    *before, question, _ = draft.messages
    if question.role == "user" and question.content.endswith("\n" + text):
        draft.input = text
        instruction = question.content[: -len(text) - 1]
        draft.instruction = flatten([*before, Message("user", instruction)])


def _restore_turns(draft: Draft, fields: Any) -> None:
    if isinstance(fields, list) and len(fields) == len(draft.messages):
        draft.messages = [
            Message.of({"role": message.role, "content": message.content} | message.fields | more)
            for message, more in zip(draft.messages, fields, strict=True)
        ]
