import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.records import Record
from tshirt_assets.corpus.rows import samples_of
from tshirt_assets.corpus.sample import Message, Sample, from_table, to_table
from tshirt_assets.corpus.status import Status

OFF: list[dict[str, Any]] = [
    {"weight": 0},
    {"weight": 0.0},
    {"weight": "0"},
    {"train": False},
    {"train": "false"},
    {"training": False},
    {"loss_weight": 0},
    {"loss": False},
    {"weight": 1, "train": False},
]


def read(fields: dict[str, Any], **options: Any) -> list[Sample]:
    samples = samples_of(
        Record(fields), "shard", 7, CorpusConfig(name="c", paths=("x.jsonl",), **options)
    )
    assert from_table(to_table(samples)) == samples
    return samples


def asked(**answer: Any) -> dict[str, Any]:
    """A row of one question and this answer."""
    return {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant"} | answer]}


@pytest.mark.parametrize("mark", OFF)
def test_a_turn_marked_as_not_to_be_trained_on_is_never_scored(mark: dict[str, Any]) -> None:
    good = {"role": "assistant", "content": "good"}
    turns = [*asked(content="good")["messages"], *asked(content="bad", **mark)["messages"]]
    [last] = read({"messages": turns})
    assert (last.status, last.response) == (Status.OK, "good")
    later = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "bad", "weight": 0}]
    assert json.loads(last.extra or "") == {"later_turns": later}
    assert read({"messages": turns}, turns="all") == [last]
    [after] = read({"messages": [*turns, {"role": "user", "content": "?"}, good]})
    assert [m.trained for m in after.messages] == [True, True, True, False, True, True]
    [refused] = read(asked(content="bad", **mark))
    assert refused.status is Status.NO_TRAINED_TURN
    assert refused.status_detail == "1 turn of the assistant, marked as not to be trained on"
    [refused] = read({"messages": turns[2:] * 2}, turns="all")
    assert refused.status_detail == "2 turns of the assistant, marked as not to be trained on"


@pytest.mark.parametrize("mark", [{"weight": 1}, {"train": True}, {"loss_weight": 1.0}])
def test_a_mark_that_says_nothing_new_leaves_no_trace(mark: dict[str, Any]) -> None:
    assert read(asked(content="A", **mark)) == read(asked(content="A"))


@pytest.mark.parametrize("mark", [{"weight": 0.5}, {"loss": 0.0}, {"train": "maybe"}])
def test_a_mark_that_is_no_yes_or_no_travels_as_it_is(mark: dict[str, Any]) -> None:
    [sample] = read(asked(content="A", **mark))
    assert sample.messages[-1].trained
    assert json.loads(sample.messages[-1].extra or "") == mark


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning(name: str) -> None:
    row = asked(content="A", **{name: " because\n"})
    [kept] = read(row)
    assert kept.response == "<think>\nbecause\n</think>\n\nA"
    assert kept.messages[-1] == Message("assistant", kept.response)
    [apart] = read(row, reasoning="separate")
    assert (apart.response, apart.messages[-1].reasoning) == ("A", " because\n")
    [stripped] = read(row, reasoning="strip")
    assert [stripped] == read(asked(content="A"))
    assert len({kept.sample_id, apart.sample_id, stripped.sample_id}) == 3


def test_reasoning_that_the_content_opens_with_is_not_doubled() -> None:
    content = "<think>because</think>A"
    assert read(asked(content=content, thinking="because")) == read(asked(content=content))
    [sample] = read(asked(content="because it is", thinking="because"))
    assert sample.response == "<think>\nbecause\n</think>\n\nbecause it is"


@pytest.mark.parametrize("empty", ["", " \n", None, float("nan")])
def test_empty_reasoning_leaves_no_trace(empty: Any) -> None:
    assert read(asked(content="A", reasoning_content=empty)) == read(asked(content="A"))


def test_reasoning_that_is_no_text_travels_as_it_is() -> None:
    [sample] = read(asked(content="A", reasoning={"effort": "high"}))
    assert sample.messages[-1].extra == '{"reasoning": {"effort": "high"}}'


def test_unknown_fields_of_turns_are_kept_and_ids_stay() -> None:
    plain = {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]}
    marked = [turn | {"time": n} for n, turn in enumerate(plain["conversations"])]
    [sample] = read({"conversations": marked, "id": 1})
    assert [m.extra for m in sample.messages] == ['{"time": 0}', '{"time": 1}']
    assert sample.extra == '{"id": 1}'
    assert sample.sample_id == read(plain)[0].sample_id
    stored = json.loads(to_table([sample])["extra"][0].as_py())
    assert list(stored) == ["turn_fields", "id"]
    own, *_ = read(plain | {"turn_fields": [{}, {"weight": 0}]})
    assert own.messages[-1].trained
    assert json.loads(own.extra or "") == {"turn_fields_of_row": [{}, {"weight": 0}]}


TURNS = st.lists(
    st.dictionaries(
        st.sampled_from(["role", "content", "weight", "train", "thinking", "extra", "name"]),
        st.sampled_from(["user", "assistant", "system", '{"a": 1}', "0", 0, 1, False, None, [], {}])
        | st.text(alphabet=st.characters(categories=["L", "Cs"]), max_size=3),
        max_size=6,
    ),
    max_size=4,
)


@given(
    TURNS,
    st.sampled_from(["messages", "prompt", "completion", "chosen", "history"]),
    st.sampled_from(["keep", "separate", "strip"]),
    st.sampled_from(["last", "all"]),
)
def test_no_turn_raises(turns: Any, field: str, reasoning: str, which: str) -> None:
    row = {"prompt": "Q", "rejected": turns[:1], field: turns}
    for sample in read(row, reasoning=reasoning, turns=which):
        if sample.status is Status.OK:
            assert sample.messages[-1].trained
            assert sample.messages[-1].content == sample.response
