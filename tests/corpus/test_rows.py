import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.readers import incomplete_reason
from tshirt_assets.corpus.records import Record, Undecodable
from tshirt_assets.corpus.rows import samples_of
from tshirt_assets.corpus.sample import Message, Sample, from_table, to_table
from tshirt_assets.corpus.status import Status


def read(fields: dict[str, Any], **options: Any) -> list[Sample]:
    config = CorpusConfig(name="c", paths=("x.jsonl",), **options)
    samples = samples_of(Record(fields), "shard", 7, config)
    assert all((sample.shard, sample.row) == ("shard", 7) for sample in samples)
    assert from_table(to_table(samples)) == samples
    return samples


def one(fields: dict[str, Any], **options: Any) -> Sample:
    (sample,) = read(fields, **options)
    return sample


def usable(sample: Sample) -> Sample:
    assert (sample.status, sample.status_detail) == (Status.OK, None)
    return sample


def test_alpaca_with_input() -> None:
    sample = usable(one({"instruction": "Add.", "input": "1 2", "output": " 3\n"}))
    assert sample.messages == (Message("user", "Add.\n1 2"), Message("assistant", " 3\n"))
    assert (sample.instruction, sample.input, sample.response) == ("Add.", "1 2", " 3\n")
    assert (sample.domain, sample.extra, sample.n_turns) == (None, None, 2)


@pytest.mark.parametrize("absent", [{}, {"input": None}, {"input": ""}])
def test_alpaca_without_input(absent: dict[str, Any]) -> None:
    sample = usable(one({"instruction": "Add.", "output": "3"} | absent))
    assert sample.messages[0] == Message("user", "Add.")
    assert sample.input == ""


def test_alpaca_with_system_prompt() -> None:
    row = {"instruction": "Add.", "input": "1 2", "output": "3", "system": "Be exact."}
    sample = usable(one(row))
    assert [m.content for m in sample.messages] == ["Be exact.", "Add.\n1 2", "3"]
    assert (sample.instruction, sample.input) == ("Be exact.\n\nAdd.", "1 2")


@pytest.mark.parametrize("response", ["response", "completion", "output"])
def test_prompt_and_response(response: str) -> None:
    sample = usable(one({"prompt": "Q", response: "A", "source": "web"}))
    assert sample.messages == (Message("user", "Q"), Message("assistant", "A"))
    assert json.loads(sample.extra or "") == {"source": "web"}


def test_seed_task_takes_its_first_instance() -> None:
    instances = [{"input": "i", "output": "o"}, {"input": "i2", "output": "o2"}]
    sample = usable(one({"id": "s1", "instruction": "Do.", "instances": instances}))
    assert (sample.instruction, sample.input, sample.response) == ("Do.", "i", "o")
    assert json.loads(sample.extra or "") == {"id": "s1", "instances": instances[1:]}
    assert one({"instruction": "Do.", "instances": []}).status is Status.MISSING_FIELD


TOOL_TURNS = [
    {"from": "human", "value": "Weather?"},
    {"from": "function_call", "value": '{"name": "w", "arguments": {}}'},
    {"from": "observation", "value": "rain"},
    {"from": "gpt", "value": "It rains."},
    {"from": "human", "value": "Thanks"},
]


def test_sharegpt_scores_the_last_assistant_turn() -> None:
    row = {"conversations": TOOL_TURNS, "system": "S", "tools": '[{"name": "w"}]', "id": 3}
    sample = usable(one(row))
    assert [m.role for m in sample.messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert sample.messages[0].content == 'S\n\nAvailable tools:\n[{"name": "w"}]'
    assert sample.response == "It rains."
    assert sample.instruction.endswith("\n\nTool: rain")
    assert json.loads(sample.extra or "") == {"id": 3}


def test_empty_tools_leave_no_trace() -> None:
    empty: list[Any] = ["[]", "", [], None]
    for tools in empty:
        row = {"conversations": TOOL_TURNS[:2], "tools": tools}
        assert usable(one(row)).messages[0].role == "user"


def test_every_assistant_turn() -> None:
    call, answer = read({"conversations": TOOL_TURNS}, turns="all")
    assert usable(call).response == '{"name": "w", "arguments": {}}'
    assert usable(call).instruction == "Weather?"
    assert usable(answer).response == "It rains."
    assert answer.messages[:2] == call.messages
    assert call.sample_id != answer.sample_id


def test_every_turn_has_its_own_status() -> None:
    turns = [("assistant", "Hello"), ("user", "Hi"), ("assistant", " \n"), ("assistant", "?")]
    row = {"messages": [{"role": role, "content": text} for role, text in turns]}
    statuses = [str(sample.status) for sample in read(row, turns="all")]
    assert statuses == ["empty_instruction", "empty_response", "ok"]


@pytest.mark.parametrize(
    ("fields", "status", "detail"),
    [
        ({}, "missing_field", "found: none"),
        ({"text": "x"}, "missing_field", "found: text"),
        ({"instruction": "x"}, "missing_field", "there is no field output"),
        ({"instruction": None, "output": "x"}, "missing_field", "instruction is null"),
        ({"instruction": "x", "output": None}, "missing_field", "output is null"),
        ({"instruction": "x", "output": 5}, "not_text", "output is a number"),
        ({"instruction": True, "output": "x"}, "not_text", "instruction is true or false"),
        ({"instruction": "x", "input": 3, "output": "x"}, "not_text", "input is a number"),
        ({"instruction": "x", "output": "a\ud800"}, "not_text", "surrogates"),
        ({"instruction": " \t", "output": "x"}, "empty_instruction", "instruction is empty"),
        ({"prompt": "", "response": "x"}, "empty_instruction", "prompt is empty"),
        ({"prompt": "x", "response": " \n\u3000"}, "empty_response", "white space"),
        ({"messages": []}, "no_assistant_turn", "0 turns"),
        ({"messages": None}, "missing_field", "messages is null"),
        ({"messages": [{"role": "user", "content": "x"}]}, "no_assistant_turn", "1 turns"),
        ({"conversations": [{"from": "gpt", "value": "x"}]}, "empty_instruction", "no user turn"),
        ({"conversations": [{"from": "alien", "value": "x"}]}, "unknown_role", '"alien"'),
    ],
)
def test_what_goes_wrong_is_a_status(fields: dict[str, Any], status: str, detail: str) -> None:
    sample = one(fields)
    assert sample.status == status
    assert detail in (sample.status_detail or "")


def test_refused_rows_keep_what_could_be_read() -> None:
    sample = one({"instruction": "Q", "output": 5, "id": 1})
    assert sample.messages == (Message("user", "Q"), Message("assistant", "5"))
    assert (sample.instruction, sample.response, sample.extra) == ("Q", "5", '{"id": 1}')
    unread = samples_of(
        Record({}, fault="line 3: oops", text='{"a'),
        "shard",
        2,
        CorpusConfig(name="c", paths=("x.jsonl",)),
    )[0]
    assert (unread.status, unread.status_detail) == (Status.UNREADABLE_LINE, "line 3: oops")
    assert unread.extra == '{"text": "{\\"a"}'
    assert unread.messages == ()


def test_a_refused_row_never_shares_its_id_with_a_usable_one() -> None:
    assert (
        one({"instruction": "Q", "output": 5}).sample_id
        != usable(one({"instruction": "Q", "output": "5"})).sample_id
    )


def test_ids_follow_the_content_only() -> None:
    plain = one({"instruction": "Q", "output": "A"})
    turns = [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]
    assert one({"conversations": turns, "id": 9}).sample_id == plain.sample_id
    assert one({"instruction": "Q", "output": "B"}).sample_id != plain.sample_id
    assert (
        one({"instruction": "Q", "input": "i", "output": "A"}).sample_id
        != one({"instruction": "Q\ni", "output": "A"}).sample_id
    )


BOTH = {
    "instruction": "Q1",
    "output": "A1",
    "prompt": "Q2",
    "messages": [{"role": "user", "content": "Q3"}, {"role": "assistant", "content": "A3"}],
    "conversations": [{"from": "human", "value": "Q4"}, {"from": "gpt", "value": "A4"}],
}


@pytest.mark.parametrize(
    ("form", "question"),
    [
        ("auto", "Q3"),
        ("alpaca", "Q1"),
        ("prompt_response", "Q2"),
        ("messages", "Q3"),
        ("sharegpt", "Q4"),
    ],
)
def test_the_format_can_be_forced(form: str, question: str) -> None:
    assert usable(one(BOTH, format=form)).messages[0].content == question


def test_a_null_column_does_not_decide_the_format() -> None:
    assert usable(one({"messages": None, "prompt": "Q", "completion": "A"})).instruction == "Q"


def test_columns_can_be_renamed() -> None:
    pair = {"question": "Q", "context": "C", "answer": "A", "persona": "P", "kind": "maths"}
    names = {"instruction": "question", "input": "context", "response": "answer"}
    sample = usable(one(pair, columns=names | {"system": "persona", "domain": "kind"}))
    assert (sample.instruction, sample.input, sample.response) == ("P\n\nQ", "C", "A")
    assert (sample.domain, sample.extra) == ("maths", None)
    turns = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    dialog = usable(one({"dialog": turns}, columns={"messages": "dialog"}))
    assert dialog.instruction == "Q"
    wrong = one({"q": "Q"}, columns={"instruction": "question"})
    assert wrong.status_detail == "there is no field question"


@pytest.mark.parametrize(
    ("value", "domain"), [("code", "code"), (3, "3"), (None, None), (["a", "b"], '["a", "b"]')]
)
def test_domain(value: Any, domain: str | None) -> None:
    row = {"prompt": "Q", "response": "A", "d": value}
    assert one(row, columns={"domain": "d"}).domain == domain


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters() | st.characters(categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["from", "role", "value", "content", "type", "text", "tool_calls"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
PAIR_FIELDS = ["instruction", "input", "output", "prompt", "response", "instances"]
HOSTILE = st.sampled_from([500, 900]).map(lambda n: json.loads("[" * n + "NaN" + "]" * n))
ANYTHING = JSON_VALUES | HOSTILE | st.just(Undecodable("x")) | st.binary(max_size=4) | st.dates()
FIELDS = st.sampled_from([*PAIR_FIELDS, "messages", "conversations", "system", "tools", "x"])


@given(st.dictionaries(FIELDS, ANYTHING, max_size=5), st.sampled_from(["last", "all"]))
def test_no_row_raises_and_every_row_fits_arrow(fields: dict[str, Any], turns: str) -> None:
    for sample in read(fields, turns=turns):
        if sample.status is Status.OK:
            assert sample.response.strip()
            assert sample.messages[-1] == Message("assistant", sample.response)
            assert {m.role for m in sample.messages} <= {"system", "user", "assistant", "tool"}
        else:
            assert sample.status_detail


@pytest.mark.parametrize("depth", [500, 900, 100_000])
@pytest.mark.parametrize("core", [float("nan"), "x"])
def test_an_unneeded_value_never_costs_a_row(depth: int, core: Any) -> None:
    value = core
    for _ in range(depth):
        value = [value]
    sample = usable(one({"instruction": "Q", "output": "A", "more": value, "id": 3}))
    assert json.loads(sample.extra or "")["id"] == 3
    one({"instruction": "Q", "output": value})
    one({"messages": value})
    sample = usable(one({"instruction": "Q", "output": "A", "more": Undecodable("bad page")}))
    assert json.loads(sample.extra or "") == {"more": "cannot be decoded (bad page)"}


def test_nan_stands_for_a_missing_value() -> None:
    nan = float("nan")
    assert usable(one({"instruction": "Q", "input": nan, "output": "A", "system": nan})).input == ""
    assert one({"instruction": nan, "output": "A"}).status is Status.MISSING_FIELD
    assert usable(one({"messages": nan, "prompt": "Q", "response": "A"})).instruction == "Q"
    turns = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": nan}]
    assert one({"messages": turns}).status is Status.MISSING_FIELD


def test_turns_may_be_an_object_of_lists() -> None:
    turns = {"from": ["human", "gpt"], "value": ["Q", "A"]}
    assert usable(one({"conversations": turns})).messages == (
        Message("user", "Q"),
        Message("assistant", "A"),
    )
    uneven = {"from": ["human"], "value": ["Q", "A"]}
    assert one({"conversations": uneven}).status is Status.NOT_TEXT


def test_where_a_file_ends_early_the_row_says_so() -> None:
    config = CorpusConfig(name="c", paths=("x.jsonl",))
    record = Record({}, fault="after line 3: cut off", ends_early=True)
    [sample] = samples_of(record, "shard", 2, config)
    assert sample.status is Status.FILE_ENDS_EARLY
    assert incomplete_reason(to_table([sample])) == "after line 3: cut off"
    assert incomplete_reason(to_table([])) is None
