"""From a record in any supported shape to canonical samples."""

from typing import Any

from tshirt_assets.config import ColumnOptions, CorpusConfig
from tshirt_assets.corpus.conversation import add_system, flatten, read_turns
from tshirt_assets.corpus.draft import Draft, is_missing, json_text, well_formed
from tshirt_assets.corpus.records import Record, one_line
from tshirt_assets.corpus.sample import Message, Sample, content_id, raw_id
from tshirt_assets.corpus.status import Status

# Usual names of the source fields, by format.
TURNS = {"messages": "messages", "sharegpt": "conversations"}
INSTRUCTION = {"alpaca": "instruction", "prompt_response": "prompt"}
RESPONSES = ("output", "response", "completion")


def samples_of(record: Record, shard: str, row: int, config: CorpusConfig) -> list[Sample]:
    """The samples of one record: one, or with `turns: all` one per assistant turn. Never raises.

    A record with a fault is one sample that keeps whatever could be read.
    """
    try:
        return _samples_of(record, shard, row, config)
    except Exception as error:  # whatever a row does to the code that reads it stays its own fault
        fault = f"cannot be read ({type(error).__name__}: {one_line(error)})"
        return _samples_of(Record({}, fault=fault), shard, row, config)


def _samples_of(record: Record, shard: str, row: int, config: CorpusConfig) -> list[Sample]:
    fields = {key: None if is_missing(value) else value for key, value in record.fields.items()}
    if record.fault is not None:
        draft = Draft(leftover={"text": record.text} if record.text else {})
        status = Status.FILE_ENDS_EARLY if record.ends_early else Status.UNREADABLE_LINE
        draft.refuse(status, record.fault)
    else:
        draft = _read(fields, config.format, config.columns)
    rest = {key: value for key, value in fields.items() if key not in draft.used}
    domain = _domain(fields, rest, config.columns.domain)
    extra = json_text(rest | draft.leftover) if rest or draft.leftover else None
    return [
        _sample(draft, scored, shard, row, domain, extra)
        for scored in _scored_turns(draft, config.turns)
    ]


def _read(fields: dict[str, Any], form: str, columns: ColumnOptions) -> Draft:
    """Read one row in the format asked for, or the one that its fields suggest."""
    if form == "auto":
        form = _detect(fields, columns)
    if form in TURNS:
        return _read_conversation(fields, columns.messages or TURNS[form], columns)
    if form in INSTRUCTION:
        return _read_pair(fields, columns.instruction or INSTRUCTION[form], columns)
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
    present += [form for form, name in named.items() if name in fields]
    return present[0] if present else "unknown"


def _read_conversation(fields: dict[str, Any], name: str, columns: ColumnOptions) -> Draft:
    draft = Draft(used={name})
    read_turns(draft, _as_list(fields.get(name)), name)
    system_name = columns.system or "system"
    own_system = bool(draft.messages) and draft.messages[0].role == "system"
    system = None
    if fields.get(system_name) is not None and not own_system:
        system = draft.text(fields[system_name], system_name)
        draft.used.add(system_name)
    tools = fields.get("tools")
    if isinstance(tools, list):
        tools = json_text(tools)
    if isinstance(tools, str):
        draft.used.add("tools")
        tools = well_formed(tools.strip()).removeprefix("[]")
    add_system(draft, system, tools if isinstance(tools, str) else None)
    return draft


def _as_list(turns: Any) -> Any:
    """Turns as a list of objects, also where `datasets` made one object of lists of them."""
    if not isinstance(turns, dict) or not all(isinstance(part, list) for part in turns.values()):
        return turns
    if len({len(part) for part in turns.values()}) != 1:
        return turns
    return [dict(zip(turns, values, strict=True)) for values in zip(*turns.values(), strict=True)]


def _read_pair(fields: dict[str, Any], instruction_name: str, columns: ColumnOptions) -> Draft:
    """Alpaca, prompt/completion and prompt/response rows, and seed tasks with `instances`."""
    draft = Draft()
    instances = fields.get("instances")
    if isinstance(instances, list) and instances and isinstance(instances[0], dict):
        fields = fields | instances[0]
        draft.used.add("instances")
        if len(instances) > 1:
            draft.leftover["instances"] = instances[1:]
    input_name = columns.input or "input"
    system_name = columns.system or "system"
    response_name = columns.response or next((n for n in RESPONSES if n in fields), RESPONSES[0])
    draft.used |= {instruction_name, input_name, system_name, response_name}

    instruction = _required(draft, fields, instruction_name)
    if fields.get(input_name) is not None:
        draft.input = draft.text(fields[input_name], input_name)
    system = (
        draft.text(fields[system_name], system_name) if fields.get(system_name) is not None else ""
    )
    content = f"{instruction}\n{draft.input}" if draft.input else instruction
    draft.messages.append(Message("user", content))
    add_system(draft, system, None)
    draft.instruction = flatten([*draft.messages[:-1], Message("user", instruction)])
    if not instruction.strip():
        draft.refuse(Status.EMPTY_INSTRUCTION, f"{instruction_name} is empty")
    response = _required(draft, fields, response_name)
    draft.messages.append(Message("assistant", response))
    return draft


def _required(draft: Draft, fields: dict[str, Any], name: str) -> str:
    if name not in fields:
        draft.refuse(Status.MISSING_FIELD, f"there is no field {name}")
        return ""
    return draft.text(fields[name], name)


def _domain(fields: dict[str, Any], rest: dict[str, Any], column: str | None) -> str | None:
    """The domain as text; the column then need not be kept as extra."""
    value = fields.get(column) if column else None
    if value is None or column is None:
        return None
    rest.pop(column, None)
    return well_formed(value) if isinstance(value, str) else json_text(value)


def _scored_turns(draft: Draft, turns: str) -> list[int]:
    """Positions of the turns to score; of a row with a fault, the last message, if there is any."""
    if draft.status is not Status.OK:
        return [len(draft.messages) - 1]
    scored = [i for i, message in enumerate(draft.messages) if message.role == "assistant"]
    if not scored:
        draft.refuse(Status.NO_ASSISTANT_TURN, f"{len(draft.messages)} turns, none to score")
        return [len(draft.messages) - 1]
    return scored if turns == "all" else scored[-1:]


def _sample(
    draft: Draft, scored: int, shard: str, row: int, domain: str | None, extra: str | None
) -> Sample:
    messages = tuple(draft.messages[: scored + 1])
    answered = bool(messages) and messages[-1].role == "assistant"
    history = list(messages[:-1] if answered else messages)
    response = messages[-1].content if answered else ""
    status, detail = draft.status, draft.detail
    if status is Status.OK:
        asked = any(m.role in ("user", "tool") and m.content.strip() for m in history)
        if not asked:
            status, detail = Status.EMPTY_INSTRUCTION, "there is no user turn before the response"
        elif not response.strip():
            status, detail = Status.EMPTY_RESPONSE, "the response is empty or only white space"
    # A refused row must never share its id with a usable row that reads the same.
    content = [[message.role, message.content] for message in messages]
    return Sample(
        sample_id=content_id(messages, draft.input)
        if status is Status.OK
        else raw_id(json_text([status, detail, content, extra])),
        shard=shard,
        row=row,
        status=status,
        status_detail=detail,
        messages=messages,
        instruction=flatten(history) if draft.instruction is None else draft.instruction,
        input=draft.input,
        response=response,
        domain=domain,
        extra=extra,
    )
