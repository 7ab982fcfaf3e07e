"""What exported files cannot hold of the rows, or training tools would overlook, in sentences."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl

from tshirt_assets.corpus.tool_calls import CALLS, TOOLS, is_malformed, json_value
from tshirt_assets.export.exported import ExportedFile
from tshirt_assets.export.formats import FORMATS, FUNCTION_CALL, sharegpt_turn
from tshirt_assets.export.turns import turn_fields

Turns = list[dict[str, Any]]

MARKED: Final = (
    "**Answers not to be trained on.** In {rows} answers in front of the last one are marked with "
    "`weight: 0`. axolotl follows the mark with `message_field_training: weight`. TRL and "
    "LLaMA-Factory do not know it and would train on them: with TRL use `prompt_completion`, with "
    "LLaMA-Factory set `mask_history: true`."
)
REASONING: Final = (
    "**Reasoning.** In {rows} turns have their reasoning in a field, `reasoning_content`. TRL and "
    "axolotl give it to the chat template, which must know the name; LLaMA-Factory does not read "
    "it. The Alpaca file has it in `<think>` tags. With `reasoning: keep` every file has."
)
MALFORMED: Final = (
    "**Malformed arguments.** In {rows} the arguments of a tool call are not a JSON object. They "
    "are kept as they are; a chat template may refuse them, and axolotl stops at text there."
)
EARLIER: Final = (
    "**prompt_completion** trains on the last answer only; {rows} have earlier ones to be trained "
    "on, too."
)
LEFT_OUT: Final = (
    "**{format}** leaves out {rows}: their turns do not fit this format (other roles, another "
    "order, or answers that are not to be trained on)."
)
ALPACA_TOOLS: Final = (
    "**alpaca** has tools in the system prompt, and calls in the answers, as text, in {rows}."
)
SHAREGPT_CALLS: Final = (
    "**sharegpt** has no place for the ids of tool calls, which in {rows} are in `extra` only, and "
    "axolotl would take its calls for text: give it messages."
)
SHAREGPT_TEXT: Final = (
    "**sharegpt** has calls as text where the turn also says something, or where a call is not "
    "well formed: {rows}."
)
SHAREGPT_ORDER: Final = (
    "**LLaMA-Factory** skips {rows} of sharegpt: it wants turns of the user or a tool and turns of "
    "the assistant to alternate, so one result for each turn of calls."
)
NO_ENTRY: Final = (
    "**LLaMA-Factory** does not find tools and calls in messages, of which {rows} have some, so "
    "`dataset_info.json` does not name the file: use sharegpt."
)


def export_notes(rows: pl.DataFrame, files: Sequence[ExportedFile]) -> list[str]:
    """A sentence or two in Markdown for everything that any row meets, with their number.

    `rows` as `join_selected` returns them; of the files only those with rows are looked at.
    """
    written = {file.format: file.rows for file in files if file.format in FORMATS}
    return [note.format(rows=_rows(count)) for note, count in _counts(rows, written) if count]


def _counts(rows: pl.DataFrame, written: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    conversations: list[Turns] = rows["messages"].to_list()
    fields = turn_fields(rows)

    def any_turn(test: Callable[[dict[str, Any]], Any], *named: str) -> int:
        """How many rows have a turn that meets a test, which is of the fields that are named."""
        if fields.isdisjoint(named):
            return 0
        return sum(any(test(turn) for turn in turns) for turns in conversations)

    with_tools = any_turn(lambda turn: turn.get(CALLS), CALLS)
    if TOOLS in rows.columns:
        with_tools = sum(
            described is not None or any(turn.get(CALLS) for turn in turns)
            for turns, described in zip(conversations, rows[TOOLS], strict=True)
        )
    for name, count in written.items():
        if FORMATS[name].record is not None:
            yield LEFT_OUT.replace("{format}", name), rows.height - count
    yield MARKED, any_turn(lambda turn: turn.get("weight") == 0, "weight")
    yield REASONING, any_turn(lambda turn: turn.get("reasoning_content"), "reasoning_content")
    yield MALFORMED, any_turn(lambda turn: any(map(is_malformed, _calls(turn))), CALLS)
    if "messages" in written:
        yield NO_ENTRY, with_tools
    if "prompt_completion" in written:
        yield EARLIER, sum(map(_has_earlier_answer, conversations))
    if "alpaca" in written:
        yield ALPACA_TOOLS, with_tools
    if "sharegpt" in written:
        answering = CALLS, "tool_call_id"
        yield SHAREGPT_CALLS, any_turn(lambda turn: any(map(turn.get, answering)), *answering)
        yield SHAREGPT_TEXT, any_turn(_is_text_in_sharegpt, CALLS)
        yield SHAREGPT_ORDER, sum(not _alternates(turns) for turns in conversations)


def _calls(turn: Mapping[str, Any]) -> list[Any]:
    return json_value(turn.get(CALLS)) or []


def _is_text_in_sharegpt(turn: Mapping[str, Any]) -> bool:
    return bool(turn.get(CALLS)) and sharegpt_turn(turn, "")["from"] != FUNCTION_CALL


def _has_earlier_answer(turns: Turns) -> bool:
    return any(turn["role"] == "assistant" and turn.get("weight") != 0 for turn in turns[:-1])


def _alternates(turns: Turns) -> bool:
    """Whether answers follow questions, or results of tools, one each."""
    spoken = [turn["role"] == "assistant" for turn in turns if turn["role"] != "system"]
    return spoken == [False, True] * (len(spoken) // 2)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
