"""One selected row in the shapes that training tools document as their input.

- messages: the conversational language-modelling format of TRL (`{"messages": [...]}`), which is
  also axolotl's default for `type: chat_template` and the OpenAI format of LLaMA-Factory.
- alpaca: `instruction`, `input`, `output`, and LLaMA-Factory's `system` and `history`.
- sharegpt: `conversations` of `from`/`value`, with the roles of LLaMA-Factory.

Every record also carries where it comes from: sample_id, shard, row, recipe, rank, score, and, in
files where any row has them, what its format has no place for: `input`, `domain`, and `extra`, the
other source fields as JSON. Turns carry `reasoning_content`, `weight` (0: not to be trained on, as
in OpenAI's files) and `extra` in the same way. A row is a mapping with the columns of
`join_selected`. Tool descriptions are part of the system message,
as the row was scored, so that no record has a `tools` field beside it.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tshirt_assets.corpus.own_exports import PROVENANCE
from tshirt_assets.corpus.sample import Message, with_turn_fields
from tshirt_assets.corpus.turn_fields import with_reasoning
from tshirt_assets.export.turns import TURN_TYPES

Row = Mapping[str, Any]
Record = dict[str, Any]

OPTIONAL: Final = ("input", "domain", "extra")
"""Columns that a record has only where any row of its file has a value."""
SHAREGPT_ROLES: Final = {"system": "system", "user": "human", "assistant": "gpt"}
FUNCTION_CALL: Final = "function_call"
OBSERVATION: Final = "observation"


def messages_record(row: Row) -> Record:
    """The row as chat messages."""
    messages = [
        {"role": turn["role"], "content": turn["content"]} | _turn_fields(turn)
        for turn in row["messages"]
    ]
    weights = {"token_weights": row["token_weights"]} if "token_weights" in row else {}
    return {"messages": messages} | _beside(row) | weights


def alpaca_record(row: Row) -> Record | None:
    """The row as instruction, input, output, with earlier exchanges in `history`.

    Reasoning that is kept apart opens its answer in <think> tags; the other fields of the turns
    stay in `extra`. None when Alpaca cannot express the conversation: turns that do not alternate
    between user and assistant, tool turns, or an answer that is not to be trained on.
    """
    messages = [Message.of(turn) for turn in row["messages"]]
    system = messages[0].content if messages[0].role == "system" else ""
    turns = messages[1:] if messages[0].role == "system" else messages
    expected = ["user", "assistant"] * (len(turns) // 2)
    if not turns or [turn.role for turn in turns] != expected:
        return None
    if not all(turn.trained for turn in turns):
        return None
    contents = [with_reasoning(turn) for turn in turns]
    history = [list(pair) for pair in zip(contents[:-2:2], contents[1:-2:2], strict=True)]
    instruction, input_text = _split_input(contents[-2], row.get("input") or "")
    record: Record = {"instruction": instruction, "input": input_text, "output": contents[-1]}
    record |= {"system": system, "history": history}
    beside = _beside(row)
    if "extra" in row["messages"][0]:
        said = [replace(message, reasoning="") for message in messages]
        beside["extra"] = with_turn_fields(said, row.get("extra"))
    return record | {name: beside[name] for name in beside if name != "input"}


def sharegpt_record(row: Row) -> Record:
    """The row as `conversations`; a JSON call that a tool answers is a `function_call` turn."""
    messages = row["messages"]
    following = [message["role"] for message in messages[1:]] + [""]
    conversations = [
        {"from": _sharegpt_role(message, after), "value": message["content"]}
        | _turn_fields(message)
        for message, after in zip(messages, following, strict=True)
    ]
    return {"conversations": conversations} | _beside(row)


@dataclass(frozen=True, slots=True)
class Format:
    """All that is known of one export format.

    file_name: `.json` is written as an array, `.jsonl` line by line. record: turns a row into what
    is written, None for a row that the format cannot hold; no function for Parquet, which holds
    all columns. usage: how to load it, for the card ({file}: its name, {entry}: its name in
    dataset_info.json). columns, tags: what LLaMA-Factory's dataset_info.json says of it.
    """

    name: str
    file_name: str
    record: Callable[[Row], Record | None] | None
    usage: str
    columns: Mapping[str, str] | None = None
    tags: Mapping[str, str] | None = None

    @property
    def dataset_info(self) -> Record | None:
        """LLaMA-Factory's description of the file; None where it does not read the format."""
        if self.columns is None:
            return None
        shape = {} if "prompt" in self.columns else {"formatting": "sharegpt"}
        entry: Record = {"file_name": self.file_name, **shape, "columns": dict(self.columns)}
        return entry | ({"tags": dict(self.tags)} if self.tags else {})


_ALL: Final = (
    Format(
        "messages",
        "messages.jsonl",
        messages_record,
        "TRL: `SFTTrainer(train_dataset=load_dataset('json', data_files='{file}', "
        "split='train'))`. "
        "axolotl: `{{path: {file}, ds_type: json, type: chat_template}}`. "
        "LLaMA-Factory: `dataset: {entry}`.",
        columns={"messages": "messages"},
        tags={
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
            "observation_tag": "tool",
        },
    ),
    Format(
        "alpaca",
        "alpaca.json",
        alpaca_record,
        "LLaMA-Factory: `dataset: {entry}`. axolotl: `{{path: {file}, ds_type: json, "
        "type: alpaca}}` (it ignores `system` and `history`).",
        columns={
            "prompt": "instruction",
            "query": "input",
            "response": "output",
            "system": "system",
            "history": "history",
        },
    ),
    Format(
        "sharegpt",
        "sharegpt.json",
        sharegpt_record,
        "LLaMA-Factory: `dataset: {entry}`. axolotl: `{{path: {file}, ds_type: json, "
        "type: chat_template, field_messages: conversations, "
        "message_property_mappings: {{role: from, content: value}}, roles: {{system: [system], "
        "user: [human], assistant: [gpt, function_call], tool: [observation]}}}}`.",
        columns={"messages": "conversations"},
    ),
    Format(
        "parquet",
        "subset.parquet",
        None,
        "polars: `pl.read_parquet('{file}')`. All columns, with every score.",
    ),
)
FORMATS: Final[Mapping[str, Format]] = {format.name: format for format in _ALL}
"""Every export format by the name that the option `exports` gives it."""


def _sharegpt_role(message: Mapping[str, Any], following: str) -> str:
    if message["role"] == "tool":
        return OBSERVATION
    if following == "tool" and _is_call(message["content"]):
        return FUNCTION_CALL
    return SHAREGPT_ROLES[message["role"]]


def _is_call(content: str) -> bool:
    """LLaMA-Factory stops at a function_call turn that is not `{"name": ..., "arguments": ...}`."""
    try:
        call = json.loads(content)
    except ValueError:
        return False
    return isinstance(call, dict) and {"name", "arguments"} <= call.keys()


def _split_input(content: str, input_text: str) -> tuple[str, str]:
    """Undo `instruction + newline + input`; LLaMA-Factory joins the two with one newline."""
    if input_text and content.endswith("\n" + input_text):
        return content[: -len(input_text) - 1], input_text
    return content, ""


def _turn_fields(turn: Mapping[str, Any]) -> Record:
    """What a turn has beside role and content. Only an assistant turn has a weight."""
    names = [name for name in TURN_TYPES if name in turn]
    return {name: turn[name] for name in names if name != "weight" or turn[name] is not None}


def _beside(row: Row) -> Record:
    """What a record has beside the conversation, however its format writes that."""
    more = {name: row[name] for name in OPTIONAL if name in row}
    return {name: _finite(row[name]) for name in PROVENANCE} | more


def _finite(value: Any) -> Any:
    """The value, or None for a float that JSON cannot hold."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
