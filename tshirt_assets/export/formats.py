"""One selected row in the shapes that training tools document as their input.

- messages: the conversational language-modelling format of TRL (`{"messages": [...]}`), which is
  also axolotl's default for `type: chat_template` and OpenAI's own: native `tool_calls`, `tools`.
- prompt_completion: TRL's conversational `prompt` and `completion`, turns of the same kind.
- alpaca: `instruction`, `input`, `output`, and LLaMA-Factory's `system` and `history`.
- sharegpt: `conversations` of `from`/`value`, with the roles of LLaMA-Factory, and its `tools`.

Every record also carries where it comes from: sample_id, shard, row, recipe, rank, score, and, in
files where any row has them, what its format has no place for: `input`, `domain`, and `extra`, the
other source fields as JSON. Turns carry `reasoning_content`, `weight` (0: not to be trained on, as
in OpenAI's files) and `extra` in the same way. A row is a mapping with the columns of
`join_selected`, and `tools_text` where `with_tools_text` adds it. What a row is scored as can be
read out of every file again.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tshirt_assets.corpus.draft import json_text
from tshirt_assets.corpus.own_exports import PROVENANCE
from tshirt_assets.corpus.sample import with_turn_fields
from tshirt_assets.corpus.tool_calls import (
    CALLS,
    SCORED_TEXT,
    TOOLS,
    TOOLS_TEXT,
    call_text,
    calls_in,
    json_value,
    tool_list,
    with_calls,
    without_calls,
)
from tshirt_assets.corpus.turn_fields import with_reasoning
from tshirt_assets.export.turns import ANSWER_FIELDS, TURN_TYPES, scored_messages

Row = Mapping[str, Any]
Record = dict[str, Any]

OPTIONAL: Final = ("input", "domain", "extra")
"""Columns that a record has only where any row of its file has a value."""
SHAREGPT_ROLES: Final = {"system": "system", "user": "human", "assistant": "gpt"}
FUNCTION_CALL: Final = "function_call"
OBSERVATION: Final = "observation"


def messages_record(row: Row) -> Record:
    """The row as chat messages."""
    return chat_columns(row) | _beside(row) | _weights(row)


def prompt_completion_record(row: Row) -> Record:
    """The row as chat messages, the last of which is the completion."""
    columns = chat_columns(row)
    turns = columns.pop("messages")
    return {"prompt": turns[:-1], "completion": turns[-1:]} | columns | _beside(row) | _weights(row)


def alpaca_record(row: Row) -> Record | None:
    """The row as instruction, input, output, with earlier exchanges in `history`.

    Calls and tools are text, as they are scored. Reasoning that is kept apart opens its answer in
    <think> tags; the other fields of the turns stay in `extra`. None when Alpaca cannot express
    the conversation: turns that do not alternate between user and assistant, tool turns, or an
    answer that is not to be trained on.
    """
    messages = scored_messages(row)
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
    said = [replace(message, reasoning="") for message in messages]
    if any(message.fields for message in said) or "extra" in row["messages"][0]:
        beside["extra"] = with_turn_fields(said, row.get("extra"))
    return record | {name: beside[name] for name in beside if name != "input"}


def sharegpt_record(row: Row) -> Record:
    """The row as `conversations`, with its calls as `function_call` turns.

    So is text that is a call in JSON where a tool answers it. Ids have no place but `extra`.
    """
    messages = row["messages"]
    following = [message["role"] for message in messages[1:]] + [""]
    turns = [
        sharegpt_turn(message, after) for message, after in zip(messages, following, strict=True)
    ]
    tools = {TOOLS: row[TOOLS]} if TOOLS in row else {}
    return {"conversations": turns} | tools | _beside(row)


def sharegpt_turn(turn: Mapping[str, Any], following: str) -> Record:
    """A turn before one of the role `following`, with ids, and calls, packed into its `extra`."""
    fields = _turn_fields(
        turn, [name for name in TURN_TYPES if name not in (CALLS, *ANSWER_FIELDS)]
    )
    more = {name: turn[name] for name in ANSWER_FIELDS if turn.get(name) is not None}
    calls = json_value(turn.get(CALLS)) or []
    role, value = _sharegpt_role(turn, following), turn["content"]
    if calls:
        packed = json_value(turn.get("extra")) or {}
        text = packed.pop(SCORED_TEXT, None) or with_calls(value, calls)
        role, value = _sharegpt_call(text, calls)
        told = {SCORED_TEXT: text} if value != text else {}
        fields["extra"] = json_text({CALLS: calls} | packed | told)
    elif more:
        fields["extra"] = json_text(more | (json_value(turn.get("extra")) or {}))
    return {"from": role, "value": value} | fields


def chat_columns(row: Row) -> Record:
    """The messages of a row with their calls, and its tools, if its frame has any, as objects."""
    columns: Record = {"messages": [_chat_turn(turn) for turn in row["messages"]]}
    if TOOLS in row:
        columns[TOOLS] = tool_list(row[TOOLS]) if row[TOOLS] else None
    if TOOLS_TEXT in row:
        columns[TOOLS_TEXT] = row[TOOLS_TEXT]
    return columns


@dataclass(frozen=True, slots=True)
class Format:
    """All that is known of one export format.

    file_name: `.json` is written as an array, `.jsonl` line by line. record: turns a row into what
    is written, None for a row that the format cannot hold; no function for Parquet, which holds
    all columns. usage: how to load it, for the card ({file}: its name). columns, tags: what
    LLaMA-Factory's dataset_info.json says of it. reads_tools: whether LLaMA-Factory finds tools
    and calls there; where not, files with any have no entry.
    """

    name: str
    file_name: str
    record: Callable[[Row], Record | None] | None
    usage: str
    columns: Mapping[str, str] | None = None
    tags: Mapping[str, str] | None = None
    reads_tools: bool = True

    def dataset_info(self, *, tools: bool, calls: bool) -> Record | None:
        """LLaMA-Factory's description of a file with tools and calls, or without.

        None where it does not read the format.
        """
        if self.columns is None or ((tools or calls) and not self.reads_tools):
            return None
        alpaca = "prompt" in self.columns
        columns = dict(self.columns) | ({TOOLS: TOOLS} if tools and not alpaca else {})
        shape = {} if alpaca else {"formatting": "sharegpt"}
        entry: Record = {"file_name": self.file_name, **shape, "columns": columns}
        return entry | ({"tags": dict(self.tags)} if self.tags else {})


_ALL: Final = (
    Format(
        "messages",
        "messages.jsonl",
        messages_record,
        "TRL: `SFTTrainer(train_dataset=load_dataset('json', data_files='{file}', "
        "split='train'))`. "
        "axolotl: `{{path: {file}, ds_type: json, type: chat_template}}`.",
        columns={"messages": "messages"},
        tags={
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
            "observation_tag": "tool",
        },
        reads_tools=False,
    ),
    Format(
        "prompt_completion",
        "prompt_completion.jsonl",
        prompt_completion_record,
        "TRL: `SFTTrainer(train_dataset=load_dataset('json', data_files='{file}', "
        "split='train'))`; only the last turn is trained on.",
    ),
    Format(
        "alpaca",
        "alpaca.json",
        alpaca_record,
        "axolotl: `{{path: {file}, ds_type: json, type: alpaca}}` (it ignores `system` and "
        "`history`).",
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
        "axolotl: `{{path: {file}, ds_type: json, type: chat_template, "
        "field_messages: conversations, message_property_mappings: {{role: from, content: value}}, "
        "roles: {{system: [system], "
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


def _chat_turn(turn: Mapping[str, Any]) -> Record:
    record = {"role": turn["role"], "content": turn["content"]} | _turn_fields(turn, TURN_TYPES)
    return record | ({CALLS: json_value(record[CALLS])} if record.get(CALLS) else {})


def _sharegpt_call(text: str, calls: list[Any]) -> tuple[str, str]:
    """Role and value of a turn with calls. What LLaMA-Factory would stop at is text."""
    if calls_in(text):
        return FUNCTION_CALL, text
    listed = f"[{', '.join(map(call_text, calls))}]"
    content = without_calls(text, calls)
    if calls_in(f"{content}{listed}"):
        return FUNCTION_CALL, f"{content}{listed}"
    return SHAREGPT_ROLES["assistant"], text


def _sharegpt_role(message: Mapping[str, Any], following: str) -> str:
    if message["role"] == "tool":
        return OBSERVATION
    if message["role"] == "assistant" and following == "tool" and calls_in(message["content"]):
        return FUNCTION_CALL
    return SHAREGPT_ROLES[message["role"]]


def _split_input(content: str, input_text: str) -> tuple[str, str]:
    """Undo `instruction + newline + input`; LLaMA-Factory joins the two with one newline."""
    if input_text and content.endswith("\n" + input_text):
        return content[: -len(input_text) - 1], input_text
    return content, ""


def _turn_fields(turn: Mapping[str, Any], names: Iterable[str]) -> Record:
    """What a turn has beside role and content. Only an assistant turn has a weight."""
    there = [name for name in names if name in turn]
    return {name: turn[name] for name in there if name != "weight" or turn[name] is not None}


def _weights(row: Row) -> Record:
    return {"token_weights": row["token_weights"]} if "token_weights" in row else {}


def _beside(row: Row) -> Record:
    """What a record has beside the conversation, however its format writes that."""
    more = {name: row[name] for name in OPTIONAL if name in row}
    return {name: _finite(row[name]) for name in PROVENANCE} | more


def _finite(value: Any) -> Any:
    """The value, or None for a float that JSON cannot hold."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
