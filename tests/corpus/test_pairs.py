import json
from typing import Any

import pytest

from tests.corpus.test_turn_fields import read
from tshirt_assets.corpus.sample import Message, Sample
from tshirt_assets.corpus.status import Status

Q = {"role": "user", "content": "Q"}
A = {"role": "assistant", "content": "A"}
MORE = [{"role": "user", "content": "Q2"}, {"role": "assistant", "content": "A2"}]
PAIR = (Message("user", "Q"), Message("assistant", "A"))


def usable(fields: dict[str, Any], **options: Any) -> Sample:
    [sample] = read(fields, **options)
    assert (sample.status, sample.status_detail) == (Status.OK, None)
    return sample


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": [Q], "completion": [A]},
        {"prompt": "Q", "completion": [A]},
        {"prompt": [Q], "completion": "A"},
        {"prompt": {"role": ["user"], "content": ["Q"]}, "completion": [A]},
        {"prompt": [Q], "chosen": [A]},
        {"prompt": "Q", "chosen": "A"},
        {"prompt": "Q", "chosen": [Q, A]},
        {"chosen": [Q, A]},
        {"prompt": "Q", "output": None, "chosen": "A"},
        {"prompt": None, "chosen": [Q, A]},
    ],
)
def test_prompt_and_completion_of_trl(row: dict[str, Any]) -> None:
    sample = usable(row)
    assert (sample.messages, sample.instruction, sample.response) == (PAIR, "Q", "A")
    rejected = usable(row | {"rejected": "B"})
    assert rejected.messages == PAIR
    assert json.loads(rejected.extra or "")["rejected"] == "B"


def test_only_the_completion_is_to_be_trained_on() -> None:
    sample = usable(
        {"prompt": [Q, A, MORE[0]], "completion": [MORE[1]], "system": "S"}, turns="all"
    )
    assert [m.role for m in sample.messages] == ["system", "user", "assistant", "user", "assistant"]
    assert [m.trained for m in sample.messages] == [True, True, False, True, True]
    bad = {"role": "assistant", "content": "B"}
    sample = usable({"chosen": [Q, A, *MORE], "rejected": [Q, A, MORE[0], bad]}, turns="all")
    assert [m.trained for m in sample.messages] == [True, False, True, True]
    assert [s.response for s in read({"prompt": [Q], "completion": [A, *MORE]}, turns="all")] == [
        "A",
        "A2",
    ]


@pytest.mark.parametrize(
    ("row", "status", "detail"),
    [
        ({"prompt": [Q]}, "missing_field", "there is no field output"),
        ({"prompt": [Q], "completion": []}, "not_text", "completion is a list"),
        ({"prompt": [], "completion": [A]}, "not_text", "prompt is a list"),
        ({"prompt": [Q], "completion": [MORE[0]]}, "no_assistant_turn", "2 turns"),
    ],
)
def test_rows_of_turns_that_go_wrong(row: dict[str, Any], status: str, detail: str) -> None:
    [sample] = read(row)
    assert sample.status == status
    assert detail in (sample.status_detail or "")


@pytest.mark.parametrize("pack", [list, json.dumps])
def test_history_of_alpaca_rows(pack: Any) -> None:
    pairs = [["Q1", "A1"], ["Q2", "A2"]]
    row = {"instruction": "Q3", "input": "i", "output": "A3", "system": "S", "history": pack(pairs)}
    sample = usable(row)
    assert [m.content for m in sample.messages] == ["S", "Q1", "A1", "Q2", "A2", "Q3\ni", "A3"]
    assert (sample.input, sample.extra) == ("i", None)
    assert sample.instruction.endswith("\n\nAssistant: A2\n\nUser: Q3")
    first, second, third = read(row, turns="all")
    assert (first.instruction, first.input, first.response) == ("S\n\nQ1", "", "A1")
    assert second.response == "A2"
    assert third == sample


@pytest.mark.parametrize("history", [[], "", "v1", [1, 2], [["a", "b", "c"]], {"a": 1}, [[1, 2]]])
def test_what_is_no_history_is_a_field_like_any_other(history: Any) -> None:
    sample = usable({"instruction": "Q", "output": "A", "history": history})
    assert sample.messages == PAIR
    assert json.loads(sample.extra or "") == {"history": history}


def test_a_history_with_a_hole_is_no_history_to_train_on() -> None:
    [sample] = read({"instruction": "Q", "output": "A", "history": [["a", None]]})
    assert sample.status_detail == "the answer of exchange 1 of history is null"


@pytest.mark.parametrize("empty", ["", " \n", None, float("nan")])
def test_a_question_in_the_input_is_the_instruction(empty: Any) -> None:
    sample = usable({"instruction": empty, "input": "Q", "output": "A"})
    assert (sample.messages, sample.instruction, sample.input) == (PAIR, "Q", "")


def test_all_of_a_seed_task_is_kept() -> None:
    first = {"input": float("nan"), "output": "A", "id": 2, "note": "n"}
    sample = usable({"instruction": "Q", "id": 1, "instances": [first]})
    assert sample.messages == PAIR
    assert json.loads(sample.extra or "") == {"id": 1, "instances.id": 2, "note": "n"}
