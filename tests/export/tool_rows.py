"""Rows with tools and calls that the export tests share, as files have them and as samples."""

import json
from dataclasses import replace
from typing import Any

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.records import Record
from tshirt_assets.corpus.rows import samples_of
from tshirt_assets.corpus.sample import Sample, from_table, to_table

WEATHER = {
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
CLOCK = {"name": "clock", "description": "The time.", "parameters": {"type": "object"}}


def call(id: str, name: str, arguments: Any) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


OPENAI: dict[str, Any] = {
    "tools": [{"type": "function", "function": tool} for tool in (WEATHER, CLOCK)],
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How is Köln?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [call("c1", "weather", '{"city":"Köln"}')],
        },
        {"role": "tool", "tool_call_id": "c1", "name": "weather", "content": "rain"},
        {"role": "assistant", "content": "It rains."},
    ],
}
PARALLEL: dict[str, Any] = {
    "tools": [{"type": "function", "function": CLOCK}],
    "messages": [
        {"role": "user", "content": "What time is it, here and there?"},
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [call("a", "clock", {}), call("b", "clock", {"zone": ["there", 1]})],
        },
        {"role": "tool", "tool_call_id": "a", "content": "noon"},
        {"role": "tool", "tool_call_id": "b", "content": "midnight"},
        {"role": "assistant", "content": "Noon, and midnight."},
    ],
}
SHAREGPT: dict[str, Any] = {
    "tools": json.dumps([CLOCK], separators=(",", ":")),
    "conversations": [
        {"from": "human", "value": "What time is it?"},
        {"from": "function_call", "value": '{"name":"clock","arguments":{"zone":"here"}}'},
        {"from": "observation", "value": "noon"},
        {"from": "gpt", "value": "Noon."},
    ],
}
LAST: dict[str, Any] = {
    "tools": [{"type": "function", "function": CLOCK}],
    "messages": [
        {"role": "user", "content": "The time, please."},
        {"role": "assistant", "tool_calls": [call("z", "clock", {"zone": "here"})]},
    ],
}
PLAIN: dict[str, Any] = {"instruction": "Say hi", "output": "hi"}


def malformed(arguments: Any) -> dict[str, Any]:
    """A row whose one call has these arguments."""
    calling = {"role": "assistant", "tool_calls": [call("m", "clock", arguments)]}
    answer = [{"role": "tool", "tool_call_id": "m", "content": "no"}]
    question = {"role": "user", "content": f"Try {arguments!r}"}
    return {"messages": [question, calling, *answer, {"role": "assistant", "content": "Sorry."}]}


def as_samples(*rows: dict[str, Any], **options: Any) -> list[Sample]:
    """The samples of rows as they come back from a table."""
    config = CorpusConfig(name="demo", paths=("x.jsonl",), **options)
    found = [
        replace(samples_of(Record(row), "a", n, config)[0], row=n) for n, row in enumerate(rows)
    ]
    return from_table(to_table(found))
