"""The shapes that a row may have: which one it is, and what its fields say."""

from typing import Any

from tshirt_assets.config import ColumnOptions, CorpusConfig
from tshirt_assets.corpus.conversation import add_opening, as_list, read_turns
from tshirt_assets.corpus.draft import Draft
from tshirt_assets.corpus.pairs import PREFERRED, is_turns, read_pair
from tshirt_assets.corpus.status import Status

# Usual names of the source fields, by format.
TURNS = {"messages": "messages", "sharegpt": "conversations"}
INSTRUCTION = {"alpaca": "instruction", "prompt_response": "prompt"}


def read_fields(fields: dict[str, Any], config: CorpusConfig) -> Draft:
    """Read one row in the format asked for, or the one that its fields suggest."""
    columns = config.columns
    form = _detect(fields, columns) if config.format == "auto" else config.format
    if form in TURNS:
        return _read_conversation(fields, columns.messages or TURNS[form], config)
    if form in INSTRUCTION:
        return read_pair(fields, columns.instruction or INSTRUCTION[form], config)
    draft = Draft()
    found = ", ".join(fields) or "none"
    draft.refuse(
        Status.MISSING_FIELD,
        f"no instruction, prompt, messages or conversations field; found: {found}",
    )
    return draft


def _detect(fields: dict[str, Any], columns: ColumnOptions) -> str:
    if columns.messages:
        return "messages"
    if columns.instruction:
        return "alpaca"
    named = {**TURNS, **INSTRUCTION}
    present = [form for form, name in named.items() if fields.get(name) is not None]
    if is_turns(fields.get(PREFERRED)):
        present.append("prompt_response")
    present += [form for form, name in named.items() if name in fields]
    return present[0] if present else "unknown"


def _read_conversation(fields: dict[str, Any], name: str, config: CorpusConfig) -> Draft:
    draft = Draft(used={name})
    read_turns(draft, as_list(fields.get(name)), name, config.reasoning)
    add_opening(draft, fields, config.columns)
    return draft
