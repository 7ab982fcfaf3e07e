"""Tools and their calls, in every format: native where it has a place for them, and back."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.export.rows import selected
from tests.export.test_round_trip import exported
from tests.export.test_turn_fields import held, read_back, rows_of
from tests.export.tool_rows import (
    CLOCK,
    LAST,
    OPENAI,
    PARALLEL,
    PLAIN,
    SHAREGPT,
    as_samples,
    call,
    malformed,
)
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.corpus.status import Status
from tshirt_assets.export.exported import ExportedFile

ROWS = (OPENAI, PARALLEL, SHAREGPT, LAST, PLAIN)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, ExportedFile]:
    return exported(selected(as_samples(*ROWS)), tmp_path / "out")


def by_row(file: ExportedFile) -> dict[int, dict[str, Any]]:
    return {record["row"]: record for record in rows_of(file)}


def assert_held(back: Sample, sample: Sample) -> None:
    """All of it came back; Parquet gives its other columns as `extra`."""
    assert held(back)[:3] == held(sample)[:3]
    assert held(back)[3].items() >= held(sample)[3].items()
    assert back.sample_id == sample.sample_id


def given(turn: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in turn.items() if value not in (None, 1)}


def test_messages_have_native_calls_ids_and_tools(files: dict[str, ExportedFile]) -> None:
    records = by_row(files["messages"])
    system, _, calling, answer, last = records[0]["messages"]
    assert given(system) == {"role": "system", "content": "Be brief."}
    expected = call("c1", "weather", {"city": "Köln"})
    assert given(calling) == {"role": "assistant", "content": "", "tool_calls": [expected]}
    assert given(answer) == OPENAI["messages"][3]
    assert given(last) == OPENAI["messages"][4]
    assert records[0]["tools"] == OPENAI["tools"]
    assert records[1]["messages"][1]["content"] == "Let me see."
    assert records[1]["messages"][1]["tool_calls"] == PARALLEL["messages"][1]["tool_calls"]
    [wrapped] = records[2]["tools"]
    assert wrapped == {"type": "function", "function": CLOCK}
    [spoken] = records[2]["messages"][1]["tool_calls"]
    assert spoken["function"] == {"name": "clock", "arguments": {"zone": "here"}}
    assert records[4]["tools"] is None


def test_prompt_and_completion(files: dict[str, ExportedFile]) -> None:
    records, whole = by_row(files["prompt_completion"]), by_row(files["messages"])
    for row, record in records.items():
        assert record["prompt"] + record["completion"] == whole[row]["messages"]
        assert len(record["completion"]) == 1
        assert record["tools"] == whole[row]["tools"]
    assert records[3]["completion"][0]["tool_calls"] == LAST["messages"][1]["tool_calls"]


def test_sharegpt_has_calls_as_llama_factory_reads_them(files: dict[str, ExportedFile]) -> None:
    records = by_row(files["sharegpt"])
    assert [turn["from"] for turn in records[0]["conversations"]] == [
        *("system", "human", "function_call", "observation", "gpt"),
    ]
    assert json.loads(records[0]["tools"]) == OPENAI["tools"]
    value = records[2]["conversations"][1]["value"]
    assert value == SHAREGPT["conversations"][1]["value"]
    assert records[2]["tools"] == SHAREGPT["tools"]
    assert records[1]["conversations"][1]["from"] == "gpt"
    assert records[3]["conversations"][1]["from"] == "function_call"
    assert records[4]["tools"] is None
    info = json.loads(files["dataset_info"].path.read_text())
    assert info["demo_r_sharegpt"]["columns"] == {"messages": "conversations", "tools": "tools"}
    assert "demo_r_messages" not in info


def test_several_calls_of_a_turn_are_a_list_in_sharegpt(tmp_path: Path) -> None:
    calls = [call("a", "clock", {}), call("b", "clock", {"zone": "there"})]
    turns = [LAST["messages"][0], {"role": "assistant", "tool_calls": calls}]
    [sample] = as_samples({"messages": turns})
    files = exported(selected([sample]), tmp_path / "out")
    [record] = rows_of(files["sharegpt"])
    assert json.loads(record["conversations"][1]["value"]) == [c["function"] for c in calls]
    assert_held(read_back(files["sharegpt"])[0], sample)


@pytest.mark.parametrize("name", ["messages", "prompt_completion", "sharegpt", "parquet"])
def test_what_is_scored_comes_back(files: dict[str, ExportedFile], name: str) -> None:
    samples = {sample.row: sample for sample in as_samples(*ROWS)}
    places = {record["sample_id"]: record["row"] for record in rows_of(files["messages"])}
    back = read_back(files[name])
    assert len(back) == len(samples)
    for sample in back:
        expected = samples[places[sample.sample_id]]
        assert_held(sample, expected)
        assert sample.instruction == expected.instruction


def test_alpaca_has_calls_and_tools_as_they_are_scored(files: dict[str, ExportedFile]) -> None:
    records = by_row(files["alpaca"])
    assert records.keys() == {3, 4}
    assert json.loads(records[3]["output"]) == {"name": "clock", "arguments": {"zone": "here"}}
    assert records[3]["system"].startswith("Available tools:\n[")
    [back, _] = read_back(files["alpaca"])[::-1]
    samples = {sample.sample_id: sample for sample in as_samples(*ROWS)}
    assert_held(back, samples[back.sample_id])


def test_the_frame_has_calls_and_tools_as_json() -> None:
    rows = selected(as_samples(*ROWS)).sort("row")
    assert json.loads(rows["tools"][0]) == OPENAI["tools"]
    turn = rows["messages"][0].to_list()[2]
    assert json.loads(turn["tool_calls"]) == [call("c1", "weather", {"city": "Köln"})]
    assert rows["tools"][4] is None
    assert selected(as_samples(PLAIN)).columns == [c for c in rows.columns if c != "tools"]


def test_the_card_lists_what_is_lost(files: dict[str, ExportedFile]) -> None:
    card = files["card"].path.read_text()
    assert "**LLaMA-Factory** does not find tools and calls in messages, of which 4 rows" in card
    assert "**prompt_completion** trains on the last answer only; 3 rows" in card
    assert "**alpaca** leaves out 3 rows" in card
    assert "ids of tool calls, which in 4 rows are in `extra` only" in card
    assert "**sharegpt** has calls as text where the turn also says something" in card
    assert "**LLaMA-Factory** skips 1 row of sharegpt" in card
    assert "Malformed" not in card


@pytest.mark.parametrize("arguments", ["{zone", 7, None, [1], '"here"', True, "", "NaN"])
def test_malformed_arguments_are_kept_and_said(arguments: Any, tmp_path: Path) -> None:
    [sample] = as_samples(malformed(arguments))
    assert sample.status is Status.OK
    files = exported(selected([sample]), tmp_path / "out")
    [record] = rows_of(files["messages"])
    [kept] = record["messages"][1]["tool_calls"]
    assert kept["function"].get("arguments") == arguments
    for name in ("messages", "prompt_completion", "sharegpt", "parquet"):
        assert_held(read_back(files[name])[0], sample)
    assert "**Malformed arguments.** In 1 row" in files["card"].path.read_text()


@pytest.mark.parametrize("calls", ["f()", [None], [[]], [{"function": "f"}], {"a": 1}, "[{", 3])
def test_what_is_no_call_costs_no_row(calls: Any, tmp_path: Path) -> None:
    turn = {"role": "assistant", "content": "Hm.", "tool_calls": calls}
    [sample] = as_samples({"messages": [LAST["messages"][0], turn], "tools": {"not": "a list"}})
    assert sample.status is Status.OK
    files = exported(selected([sample]), tmp_path / "out")
    for name in ("messages", "prompt_completion", "sharegpt", "parquet"):
        assert_held(read_back(files[name])[0], sample)


def test_calls_of_answers_with_reasoning(tmp_path: Path) -> None:
    turn = LAST["messages"][1] | {"reasoning_content": "Which zone?"}
    for reasoning in ("keep", "separate", "strip"):
        [sample] = as_samples({"messages": [LAST["messages"][0], turn]}, reasoning=reasoning)
        files = exported(selected([sample]), tmp_path / reasoning)
        [record] = rows_of(files["messages"])
        assert record["messages"][1]["tool_calls"] == turn["tool_calls"]
        kept = f"{record['messages'][1]['content']}{record['messages'][1].get('reasoning_content')}"
        assert ("Which zone?" in kept) == (reasoning != "strip")
        for name in ("messages", "prompt_completion", "sharegpt", "parquet"):
            assert_held(read_back(files[name], reasoning=reasoning)[0], sample)


def test_parquet_holds_everything_as_text(files: dict[str, ExportedFile]) -> None:
    shape = pl.read_parquet_schema(files["parquet"].path)
    assert shape["tools"] == pl.String()
    assert {field.name for field in shape["messages"].inner.fields} == {
        *("role", "content", "tool_calls", "tool_call_id", "name", "extra"),
    }
