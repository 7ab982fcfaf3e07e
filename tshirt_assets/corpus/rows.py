"""From a record in any supported shape to canonical samples."""

from typing import Any

from tshirt_assets.config import ColumnOptions, CorpusConfig
from tshirt_assets.corpus.conversation import add_opening, as_list, flatten, read_turns
from tshirt_assets.corpus.draft import Draft, json_text, well_formed, without_missing
from tshirt_assets.corpus.own_exports import is_own_export, restore
from tshirt_assets.corpus.pairs import PREFERRED, is_turns, read_pair
from tshirt_assets.corpus.records import Record, one_line
from tshirt_assets.corpus.sample import TURN_FIELDS_KEY, Sample, content_id, raw_id
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
    fields = without_missing(record.fields)
    if record.fault is not None:
        draft = Draft(leftover={"text": record.text} if record.text else {})
        status = Status.FILE_ENDS_EARLY if record.ends_early else Status.UNREADABLE_LINE
        draft.refuse(status, record.fault)
    else:
        draft = _read(fields, config)
        if is_own_export(fields):
            restore(draft, fields)
    scored = _scored_turns(draft, config.turns)
    _keep_later_turns(draft, scored[-1])
    rest = {key: value for key, value in fields.items() if key not in draft.used}
    domain = _domain(fields, rest, config.columns.domain)
    rest |= draft.leftover
    if TURN_FIELDS_KEY in rest:  # the name is taken: tables keep the fields of the turns under it
        rest[f"{TURN_FIELDS_KEY}_of_row"] = rest.pop(TURN_FIELDS_KEY)
    extra = json_text(rest) if rest else None
    return [_sample(draft, turn, shard, row, domain, extra) for turn in scored]


def _read(fields: dict[str, Any], config: CorpusConfig) -> Draft:
    """Read one row in the format asked for, or the one that its fields suggest."""
    columns = config.columns
    form = _detect(fields, columns) if config.format == "auto" else config.format
    if form in TURNS:
        return _read_conversation(fields, columns.messages or TURNS[form], config)
    if form in INSTRUCTION:
        return read_pair(fields, columns.instruction or INSTRUCTION[form], RESPONSES, config)
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


def _keep_later_turns(draft: Draft, scored: int) -> None:
    """Answers not to be trained on that follow the last scored turn are no part of any sample."""
    later = draft.messages[scored + 1 :]
    if any(message.role == "assistant" for message in later):
        draft.leftover["later_turns"] = [
            {"role": message.role, "content": message.content} | message.fields for message in later
        ]


def _domain(fields: dict[str, Any], rest: dict[str, Any], column: str | None) -> str | None:
    """The domain as text; the column then need not be kept as extra."""
    value = fields.get(column) if column else None
    if value is None and is_own_export(fields):
        column, value = "domain", fields.get("domain")
    if value is None or column is None:
        return None
    rest.pop(column, None)
    return well_formed(value) if isinstance(value, str) else json_text(value)


def _scored_turns(draft: Draft, turns: str) -> list[int]:
    """Positions of the turns to score; of a row with a fault, the last message, if there is any."""
    last = len(draft.messages) - 1
    if draft.status is not Status.OK:
        return [last]
    answers = [i for i, message in enumerate(draft.messages) if message.role == "assistant"]
    scored = [i for i in answers if draft.messages[i].trained]
    if not answers:
        draft.refuse(Status.NO_ASSISTANT_TURN, f"{len(draft.messages)} turns, none to score")
    elif not scored:
        count = "1 turn" if len(answers) == 1 else f"{len(answers)} turns"
        draft.refuse(
            Status.NO_TRAINED_TURN,
            f"{count} of the assistant, marked as not to be trained on",
        )
    if not scored:
        return [last]
    return scored if turns == "all" else scored[-1:]


def _sample(
    draft: Draft, scored: int, shard: str, row: int, domain: str | None, extra: str | None
) -> Sample:
    messages = tuple(draft.messages[: scored + 1])
    whole = scored == len(draft.messages) - 1
    instruction, input_text = (draft.instruction, draft.input) if whole else (None, "")
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
        sample_id=content_id(messages, input_text)
        if status is Status.OK
        else raw_id(json_text([status, detail, content, extra])),
        shard=shard,
        row=row,
        status=status,
        status_detail=detail,
        messages=messages,
        instruction=flatten(history) if instruction is None else instruction,
        input=input_text,
        response=response,
        domain=domain,
        extra=extra,
    )
