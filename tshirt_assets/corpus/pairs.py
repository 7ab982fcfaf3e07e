"""Rows of a prompt and a response, each in a field of its own, as text or as turns."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from tshirt_assets.config import CorpusConfig
from tshirt_assets.config.options import ColumnOptions, Reasoning
from tshirt_assets.corpus.conversation import add_opening, add_system, as_list, flatten, read_turns
from tshirt_assets.corpus.draft import Draft, without_missing
from tshirt_assets.corpus.own_exports import is_own_export
from tshirt_assets.corpus.records import TURN_FIELDS
from tshirt_assets.corpus.sample import Message
from tshirt_assets.corpus.status import Status

PREFERRED: Final = "chosen"
"""The response of a preference row; the rejected one travels in `extra`."""
HISTORY: Final = "history"


def is_turns(value: Any) -> bool:
    """Whether a field holds a conversation: a list of objects with roles."""
    turns = as_list(value)
    return isinstance(turns, list) and any(
        isinstance(turn, dict) and bool(turn.keys() & TURN_FIELDS) for turn in turns
    )


def read_pair(
    fields: dict[str, Any], prompt_name: str, responses: Sequence[str], config: CorpusConfig
) -> Draft:
    """Read Alpaca rows, prompt and response or completion rows, and seed tasks with `instances`.

    `responses` are the usual names of the response, besides `chosen`.
    """
    draft = Draft()
    columns = config.columns
    instance = _first_instance(draft, fields)
    outer, fields = fields, fields | without_missing(instance)
    response_name = columns.response or _response_name(fields, responses)
    if is_turns(fields.get(prompt_name)) or is_turns(fields.get(response_name)):
        _read_prompt_and_completion(draft, fields, prompt_name, response_name, config)
    else:
        _read_texts(draft, fields, prompt_name, response_name, columns, config.reasoning)
    for name, value in instance.items():
        if name not in draft.used:
            draft.leftover[f"instances.{name}" if name in outer else name] = value
    return draft


def _response_name(fields: dict[str, Any], usual: Sequence[str]) -> str:
    names = (*usual, PREFERRED)
    present = [name for name in names if fields.get(name) is not None]
    present += [name for name in names if name in fields]
    return present[0] if present else names[0]


def _first_instance(draft: Draft, fields: dict[str, Any]) -> dict[str, Any]:
    """What a seed task is read as; its other instances are left over."""
    instances = fields.get("instances")
    if not isinstance(instances, list) or not instances or not isinstance(instances[0], dict):
        return {}
    draft.used.add("instances")
    if len(instances) > 1:
        draft.leftover["instances"] = instances[1:]
    return instances[0]


def _read_texts(
    draft: Draft,
    fields: dict[str, Any],
    prompt_name: str,
    response_name: str,
    columns: ColumnOptions,
    reasoning: Reasoning,
) -> None:
    """Instruction, input and response, behind a system prompt and earlier exchanges."""
    input_name = columns.input or "input"
    system_name = columns.system or "system"
    draft.used |= {prompt_name, input_name, system_name, response_name}
    instruction = _instruction_and_input(draft, fields, prompt_name, input_name)
    system = None
    if fields.get(system_name) is not None:
        system = draft.text(fields[system_name], system_name)
    _read_history(draft, fields.get(HISTORY), reasoning)
    add_system(draft, system, None)
    draft.instruction = flatten([*draft.messages, Message("user", instruction)])
    content = f"{instruction}\n{draft.input}" if draft.input else instruction
    draft.messages.append(Message("user", content))
    if not instruction.strip():
        draft.refuse(Status.EMPTY_INSTRUCTION, f"{prompt_name} is empty")
    response = _required(draft, fields, response_name)
    draft.messages.append(Message("assistant", response))


def _instruction_and_input(draft: Draft, fields: dict[str, Any], name: str, input_name: str) -> str:
    """The instruction; where it is empty and the question stands in the input, that is it."""
    question = fields.get(input_name)
    if isinstance(question, str) and question.strip() and name in fields:
        instruction = fields[name]
        if instruction is None or (isinstance(instruction, str) and not instruction.strip()):
            return draft.text(question, input_name)
    instruction = _required(draft, fields, name)
    if question is not None:
        draft.input = draft.text(question, input_name)
    return instruction


def _read_history(draft: Draft, history: Any, reasoning: Reasoning) -> None:
    """Earlier exchanges, oldest first, as pairs of texts; anything else of the name is kept."""
    if isinstance(history, str):  # a cell of a CSV file
        with suppress(ValueError, RecursionError):
            history = json.loads(history)
    if is_turns(history):
        draft.used.add(HISTORY)
        read_turns(draft, as_list(history), HISTORY, reasoning)
    elif _is_exchanges(history):
        draft.used.add(HISTORY)
        for number, (asked, answered) in enumerate(history, start=1):
            where = f"exchange {number} of {HISTORY}"
            draft.messages.append(Message("user", draft.text(asked, f"the question of {where}")))
            answer = draft.text(answered, f"the answer of {where}")
            draft.messages.append(Message("assistant", answer))


def _is_exchanges(history: Any) -> bool:
    return (
        isinstance(history, list)
        and bool(history)
        and all(
            isinstance(pair, list | tuple)
            and len(pair) == 2
            and any(isinstance(text, str) for text in pair)
            for pair in history
        )
    )


def _read_prompt_and_completion(
    draft: Draft, fields: dict[str, Any], prompt_name: str, response_name: str, config: CorpusConfig
) -> None:
    """TRL's conversational rows: only what follows the prompt is to be trained on.

    A preferred conversation may stand without a prompt, which is then what it has in common with
    the rejected one; or it may repeat the prompt.
    """
    draft.used |= {prompt_name, response_name}
    whole = fields.get(prompt_name) is None and response_name == PREFERRED
    if not whole:
        _read_part(draft, fields, prompt_name, "user", config.reasoning)
    prompt, draft.messages = draft.messages, []
    _read_part(draft, fields, response_name, "assistant", config.reasoning)
    if whole:
        length = _common_turns(fields[PREFERRED], fields.get("rejected"))
        prompt, draft.messages = draft.messages[:length], draft.messages[length:]
    elif draft.messages[: len(prompt)] == prompt:
        del draft.messages[: len(prompt)]
    if not is_own_export(fields):  # in those every turn has its own mark
        prompt = [
            replace(message, trained=False) if message.role == "assistant" else message
            for message in prompt
        ]
    draft.messages[:0] = prompt
    add_opening(draft, fields, config.columns)


def _read_part(
    draft: Draft, fields: dict[str, Any], name: str, role: str, reasoning: Reasoning
) -> None:
    if is_turns(fields.get(name)):
        read_turns(draft, as_list(fields[name]), name, reasoning)
    else:
        draft.messages.append(Message(role, _required(draft, fields, name)))


def _common_turns(chosen: Any, rejected: Any) -> int:
    """How many turns two conversations open with in common."""
    pairs = zip(as_list(chosen), as_list(rejected), strict=False) if is_turns(rejected) else ()
    return next((i for i, (one, other) in enumerate(pairs) if one != other), 0)


def _required(draft: Draft, fields: dict[str, Any], name: str) -> str:
    if name not in fields:
        draft.refuse(Status.MISSING_FIELD, f"there is no field {name}")
        return ""
    return draft.text(fields[name], name)
