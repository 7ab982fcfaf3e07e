import json
from typing import Any

import pytest

from tshirt_assets.corpus.conversation import add_system, flatten, read_turns
from tshirt_assets.corpus.draft import Draft
from tshirt_assets.corpus.sample import Message
from tshirt_assets.corpus.status import Status


def read(turns: Any) -> Draft:
    draft = Draft()
    read_turns(draft, turns, "messages")
    return draft


@pytest.mark.parametrize(
    ("source", "role"),
    [
        ("human", "user"),
        ("Human ", "user"),
        ("gpt", "assistant"),
        ("function_call", "assistant"),
        ("observation", "tool"),
        ("function", "tool"),
        ("tool", "tool"),
        ("developer", "system"),
        ("system", "system"),
    ],
)
@pytest.mark.parametrize(("role_key", "text_key"), [("from", "value"), ("role", "content")])
def test_roles(source: str, role: str, role_key: str, text_key: str) -> None:
    draft = read([{role_key: source, text_key: " kept \n"}])
    assert draft.messages == [Message(role, " kept \n")]
    assert draft.status is Status.OK


def test_unknown_and_missing_roles_are_faults_and_the_rest_is_still_read() -> None:
    draft = read(
        [
            {"role": "user", "content": "one"},
            {"role": "critic", "content": "two"},
            {"content": "three"},
            {"role": "assistant", "content": "four"},
        ]
    )
    assert draft.status is Status.UNKNOWN_ROLE
    assert draft.detail == 'turn 2 of messages has the role "critic"'
    assert [m.content for m in draft.messages] == ["one", "two", "three", "four"]
    assert [m.role for m in draft.messages] == ["user", "critic", "null", "assistant"]
    only_missing = read([{"content": "three"}])
    assert only_missing.status is Status.MISSING_FIELD
    assert only_missing.detail == "turn 1 of messages has no role"


def test_columns_that_another_row_needs_may_be_null() -> None:
    """Parquet gives every turn all keys of all turns."""
    turn = {"from": None, "value": None, "role": "user", "content": "x", "tool_calls": None}
    assert read([turn]).messages == [Message("user", "x")]
    parts = [{"type": "text", "text": "x", "value": None, "image_url": None}]
    assert read([{"role": "user", "content": parts}]).messages == [Message("user", "x")]


@pytest.mark.parametrize("key", ["text", "value"])
def test_text_parts_follow_each_other(key: str) -> None:
    parts = [{"type": "text", key: "one "}, {"type": "text", key: "two"}, "!"]
    assert read([{"role": "user", "content": parts}]).messages == [Message("user", "one two!")]


def test_other_parts_are_refused() -> None:
    parts = [{"type": "text", "text": "see "}, {"type": "image_url", "image_url": {"url": "u"}}]
    draft = read([{"role": "user", "content": parts}])
    assert (draft.status, draft.detail) == (
        Status.NOT_TEXT,
        'turn 1 of messages has a part of type "image_url"',
    )
    assert draft.messages == [Message("user", "see ")]


@pytest.mark.parametrize("arguments", ['{"city": "Köln"}', {"city": "Köln"}])
@pytest.mark.parametrize("content", [None, "Let me look."])
def test_tool_calls_are_the_text_of_the_turn(arguments: Any, content: str | None) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "find", "arguments": arguments}}
    text = '{"name": "find", "arguments": {"city": "Köln"}}'
    expected = text if content is None else f"{content}\n{text}"
    draft = read([{"role": "assistant", "content": content, "tool_calls": [call]}])
    [message] = draft.messages
    assert (message.content, draft.status) == (expected, Status.OK)
    kept = call | {"function": {"name": "find", "arguments": {"city": "Köln"}}}
    assert json.loads(message.extra or "") == {"tool_calls": [kept]}
    older = {"role": "assistant", "content": content, "function_call": call["function"]}
    [message] = read([older]).messages
    assert message.content == expected
    del kept["id"]
    assert json.loads(message.extra or "") == {"tool_calls": [kept]}


def test_call_arguments_that_are_not_json_stay_text() -> None:
    draft = read([{"role": "assistant", "tool_calls": [{"name": "f", "arguments": "{x"}]}])
    assert json.loads(draft.messages[0].content) == {"name": "f", "arguments": "{x"}


def test_objects_are_text_only_where_tools_speak() -> None:
    assert read([{"from": "observation", "value": {"t": 3}}]).messages[0].content == '{"t": 3}'
    assert read([{"from": "human", "value": {"t": 3}}]).status is Status.NOT_TEXT


def test_null_content_is_a_missing_field() -> None:
    draft = read([{"role": "user", "content": None}, {"role": "assistant", "content": "x"}])
    assert (draft.status, draft.detail) == (
        Status.MISSING_FIELD,
        "the content of turn 1 of messages is null",
    )


@pytest.mark.parametrize(
    ("turns", "status"),
    [
        (None, Status.MISSING_FIELD),
        (5, Status.NOT_TEXT),
        ({"role": "user"}, Status.NOT_TEXT),
        ("no json", Status.NOT_TEXT),
        ("[" * 200_000, Status.NOT_TEXT),
        (["hello"], Status.MISSING_FIELD),
    ],
)
def test_turns_that_are_no_list_of_objects(turns: Any, status: Status) -> None:
    assert read(turns).status is status


def test_turns_may_be_json_text() -> None:
    turns = [{"role": "user", "content": "x"}]
    assert read(json.dumps(turns)).messages == read(turns).messages == [Message("user", "x")]


def test_system_prompt_and_tools_open_the_conversation() -> None:
    def opened(first: list[Message], system: str | None, tools: str | None) -> list[Message]:
        draft = Draft(messages=[*first, Message("user", "q")])
        add_system(draft, system, tools)
        return draft.messages[:-1]

    own = [Message("system", "own")]
    assert opened([], "field", None) == [Message("system", "field")]
    assert opened(own, "field", None) == own
    assert opened([], None, "[t]") == [Message("system", "Available tools:\n[t]")]
    assert opened(own, None, "[t]") == [Message("system", "own\n\nAvailable tools:\n[t]")]
    assert opened([], " \n", None) == []


def test_flattened_histories() -> None:
    system, question = Message("system", "Be kind."), Message("user", "Why?")
    assert flatten([question]) == "Why?"
    assert flatten([system, question]) == "Be kind.\n\nWhy?"
    assert flatten([]) == ""
    longer = [system, question, Message("assistant", "Because."), Message("tool", "42")]
    assert flatten(longer) == "System: Be kind.\n\nUser: Why?\n\nAssistant: Because.\n\nTool: 42"
