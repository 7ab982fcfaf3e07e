"""Turns with reasoning, training marks and unknown fields: out in every format, and back."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.rows import SAMPLES, selected
from tests.export.test_round_trip import exported
from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.own_exports import PROVENANCE
from tshirt_assets.corpus.readers import read_shard
from tshirt_assets.corpus.records import Record
from tshirt_assets.corpus.rows import samples_of
from tshirt_assets.corpus.sample import Sample, from_table, to_table
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.corpus.status import Status
from tshirt_assets.corpus.turn_fields import with_reasoning
from tshirt_assets.export.exported import ExportedFile
from tshirt_assets.export.manifest import Manifest

CONVERSATION = [
    {"role": "system", "content": "S", "name": "sys"},
    {"role": "user", "content": "Q1", "weight": 0, "id": 7},
    {"role": "assistant", "content": "A1", "weight": 0, "reasoning_content": "r1"},
    {"role": "user", "content": "Q2"},
    {"role": "assistant", "content": "A2", "thinking": "r2", "score": {"a": [1.5]}},
]


def read(fields: dict[str, Any], **options: Any) -> list[Sample]:
    config = CorpusConfig(name="demo", paths=("x.jsonl",), **options)
    samples = samples_of(Record(fields), "a", 0, config)
    assert from_table(to_table(samples)) == samples
    return samples


def read_back(file: ExportedFile, **options: Any) -> list[Sample]:
    config = CorpusConfig(name="demo", paths=(str(file.path),), **options)
    return [s for spec in discover_shards(config) for s in read_shard(spec, config)]


def rows_of(file: ExportedFile) -> list[dict[str, Any]]:
    text = file.path.read_text(encoding="utf-8")
    if file.path.suffix == ".json":
        return list(json.loads(text))
    return [json.loads(line) for line in text.split("\n") if line]


def test_marks_and_unknown_fields_stand_in_the_turns(tmp_path: Path) -> None:
    [sample] = read({"messages": CONVERSATION, "id": 3}, reasoning="separate")
    files = exported(selected([sample]), tmp_path / "out")
    [row] = rows_of(files["messages"])
    assert json.loads(row["extra"]) == {"id": 3}
    _, user, first, _, last = row["messages"]
    nothing = {"reasoning_content": None, "extra": None}
    assert user == nothing | {"role": "user", "content": "Q1", "extra": '{"weight": 0, "id": 7}'}
    assert first == nothing | {
        "role": "assistant",
        "content": "A1",
        "reasoning_content": "r1",
        "weight": 0,
    }
    assert (last["weight"], last["reasoning_content"]) == (1, "r2")
    [row] = rows_of(files["sharegpt"])
    assert row["conversations"][2] == {"from": "gpt", "value": "A1"} | {
        key: first[key] for key in ("reasoning_content", "weight", "extra")
    }
    turns = pl.read_parquet(files["parquet"].path)["messages"].to_list()[0]
    assert turns[2] == first
    assert turns[1]["weight"] is None


def test_what_a_format_cannot_hold_is_counted_never_trained_on(tmp_path: Path) -> None:
    [sample] = read({"messages": CONVERSATION}, reasoning="separate")
    rows = selected([*SAMPLES, replace(sample, row=9)])
    files = exported(rows, tmp_path / "out")
    assert [record["row"] for record in rows_of(files["alpaca"])] == [2, 1, 0]
    manifest = Manifest.read(tmp_path / "out")
    assert manifest is not None
    left_out = {name: file.left_out for name, file in manifest.files.items()}
    assert {name: count for name, count in left_out.items() if count} == {"alpaca.json": 2}
    card = files["card"].path.read_text()
    assert "**alpaca** leaves out 2 rows" in card
    assert "**Answers not to be trained on.** In 1 row answers" in card
    assert "**Reasoning.** In 1 row turns" in card


def test_rows_without_such_turns_are_written_as_ever(tmp_path: Path) -> None:
    files = exported(selected(), tmp_path / "out")
    for record in rows_of(files["messages"]):
        assert all(turn.keys() == {"role", "content"} for turn in record["messages"])
    card = files["card"].path.read_text()
    assert "**Answers not to be trained on.**" not in card
    assert "**Reasoning.**" not in card
    types = pl.read_parquet_schema(files["parquet"].path)["messages"]
    assert types == pl.List(pl.Struct({"role": pl.String(), "content": pl.String()}))


def test_reasoning_that_is_kept_is_in_every_format(tmp_path: Path) -> None:
    turns = [CONVERSATION[3], CONVERSATION[4]]
    [sample] = read({"messages": turns})
    files = exported(selected([sample]), tmp_path / "out")
    expected = "<think>\nr2\n</think>\n\nA2"
    assert rows_of(files["messages"])[0]["messages"][1]["content"] == expected
    assert rows_of(files["alpaca"])[0]["output"] == expected
    assert rows_of(files["sharegpt"])[0]["conversations"][1]["value"] == expected


TEXT = st.text(min_size=1, max_size=12).filter(lambda text: bool(text.strip()))
VALUES = st.none() | st.booleans() | st.integers(0, 9) | TEXT | st.lists(st.integers(), max_size=2)
MARKS = st.sampled_from([{}, {"weight": 1}, {"weight": 0}, {"train": False}, {"loss_weight": 0.0}])
ODD = st.dictionaries(
    st.sampled_from(["name", "id", "weight", "thinking", "extra", "train", "b c", "\u00e9"]),
    VALUES | st.dictionaries(TEXT, VALUES, max_size=2),
    max_size=2,
)
THOUGHTS = st.one_of(
    st.just({}), st.builds(dict, reasoning_content=TEXT), st.builds(dict, thinking=TEXT)
)
ARGUMENTS = VALUES | st.dictionaries(TEXT, VALUES, max_size=2) | st.just('{"a": [1]}')
NAMED = st.fixed_dictionaries({"name": TEXT, "arguments": ARGUMENTS})
CALL = st.one_of(
    st.builds(lambda id, f: {"id": id, "type": "function", "function": f}, TEXT, NAMED),
    NAMED,
    st.builds(dict, id=TEXT, index=st.integers(), function=st.builds(dict, name=TEXT)),
    st.sampled_from(["f()", None, 7, {}, {"function": "f"}]),
)
CALLS = st.one_of(
    st.just({}),
    st.builds(dict, tool_calls=st.lists(CALL, max_size=2)),
    st.builds(dict, tool_calls=st.lists(NAMED, min_size=1).map(json.dumps), content=st.none()),
    st.builds(dict, function_call=NAMED),
)
SPOKEN_CALLS = st.builds(
    lambda call, separators: {
        "from": "function_call",
        "value": json.dumps(call, separators=separators),
    },
    NAMED | st.lists(NAMED, max_size=2) | TEXT,
    st.sampled_from([None, (",", ":")]),
)
DESCRIBED = st.lists(st.builds(dict, name=TEXT, parameters=VALUES), min_size=1, max_size=2)
TOOLS = st.one_of(
    st.just({}),
    st.builds(dict, tools=DESCRIBED),
    st.builds(dict, tools=DESCRIBED.map(lambda t: [{"type": "function", "function": t[0]}])),
    st.builds(dict, tools=DESCRIBED.map(json.dumps)),
    st.builds(dict, tools=DESCRIBED.map(lambda t: json.dumps(t, separators=(",", ":")))),
    st.builds(dict, tools=TEXT | st.sampled_from(["[]", "[1]"])),
)


@st.composite
def conversations(draw: st.DrawFn) -> dict[str, Any]:
    """A row of turns, alternating or not, or an Alpaca row with a history."""
    row = draw(st.dictionaries(st.sampled_from(["id", "source", "turn_fields"]), VALUES))
    if draw(st.booleans()):
        pairs = draw(st.lists(st.tuples(TEXT, TEXT).map(list), max_size=2))
        given = {"instruction": draw(TEXT), "input": draw(TEXT | st.just("")), "output": draw(TEXT)}
        return row | given | {"history": pairs, "system": draw(TEXT | st.none())}
    turns = [{"role": "system", "content": draw(TEXT)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        turns.append({"role": "user", "content": draw(TEXT)} | draw(ODD))
        answer = {"role": "assistant", "content": draw(TEXT)} | draw(ODD)
        turns.append(answer | draw(MARKS) | draw(THOUGHTS))
        if draw(st.booleans()):
            turns[-1] |= draw(CALLS)
            turns.append({"role": "tool", "content": draw(TEXT), "tool_call_id": draw(TEXT)})
        elif draw(st.booleans()):
            turns.append(draw(SPOKEN_CALLS))
    return row | {"messages": turns} | draw(TOOLS)


def as_alpaca(sample: Sample) -> Sample:
    """The sample as Alpaca can hold it: reasoning as a part of the answer."""
    turns = tuple(replace(m, content=with_reasoning(m), reasoning="") for m in sample.messages)
    return replace(sample, messages=turns, response=turns[-1].content)


def held(sample: Sample) -> tuple[Any, ...]:
    extra = json.loads(sample.extra or "{}")
    known = {key: value for key, value in extra.items() if key not in PROVENANCE}
    return sample.messages, sample.input, sample.response, known


@settings(max_examples=60, deadline=None)
@given(
    st.lists(conversations(), min_size=1, max_size=4),
    st.sampled_from(["keep", "separate", "strip"]),
)
def test_every_format_and_back(rows: list[dict[str, Any]], reasoning: str) -> None:
    found = [sample for row in rows for sample in read(row, reasoning=reasoning)]
    usable = {s.sample_id: s for s in found if s.status is Status.OK}
    samples = [replace(s, row=number) for number, s in enumerate(usable.values())]
    if not samples:
        return
    with tempfile.TemporaryDirectory() as folder:
        files = exported(selected(samples), Path(folder) / "out")
        for name in ("messages", "prompt_completion", "sharegpt", "parquet"):
            back = read_back(files[name], reasoning=reasoning)
            assert [s.status for s in back] == [Status.OK] * len(samples)
            assert [s.sample_id for s in back] == [s.sample_id for s in samples[::-1]]
            assert [s.instruction for s in back] == [s.instruction for s in samples[::-1]]
            for one, other in zip(back, samples[::-1], strict=True):
                assert held(one)[:3] == held(other)[:3]
                assert held(one)[3].items() >= held(other)[3].items()
        kept = {record["row"] for record in rows_of(files["alpaca"])}
        back = read_back(files["alpaca"], reasoning=reasoning)
        expected = [as_alpaca(s) for s in samples[::-1] if s.row in kept]
        assert [held(s) for s in back] == [held(s) for s in expected]
        for sample in samples:
            roles = [m.role for m in sample.messages if m.role != "system"]
            fits = roles == ["user", "assistant"] * (len(roles) // 2)
            assert (sample.row in kept) == (fits and all(m.trained for m in sample.messages))


@pytest.mark.parametrize("reasoning", ["keep", "separate", "strip"])
def test_an_export_of_an_export_is_the_same(reasoning: str, tmp_path: Path) -> None:
    [sample] = read({"messages": CONVERSATION, "id": 3}, reasoning=reasoning)
    for name in ("messages", "prompt_completion", "sharegpt", "parquet"):
        once = exported(selected([sample]), tmp_path / f"{name}-1")
        [first] = read_back(once[name], reasoning=reasoning)
        twice = exported(selected([first]), tmp_path / f"{name}-2")
        [second] = read_back(twice[name], reasoning=reasoning)
        assert held(second)[:3] == held(first)[:3] == held(sample)[:3]
        assert held(second)[3] == held(first)[3]
