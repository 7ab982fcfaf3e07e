"""Prompt and response begin the conversation as training renders it, or the user hears of it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.corpus.test_chat_template import DATED, HEADLESS, TURNS
from tests.tiny import CHAT_TEMPLATE, alpaca, bpe_tokenizer
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.scoring.template_faults import shown, template_faults, template_notes

OPENS = CHAT_TEMPLATE.replace("<|assistant|>{% endif", "<|assistant|><think>\n{% endif")
# As Qwen 3 has it: the last answer gets an empty reasoning that prompts do not have.
EMPTY_REASONING = (
    "{% for m in messages %}<|{{ m.role }}|>"
    "{% if m.role == 'assistant' %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
ALTERNATING = (
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}<|{{ m.role }}|>{{ m.content }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def tokenizer(template: str | None) -> Any:
    return bpe_tokenizer(chat_template=template)


def rows(*responses: str) -> list[Sample]:
    return [alpaca("say a", response) for response in responses]


@pytest.mark.parametrize("template", [CHAT_TEMPLATE, TURNS, DATED, ALTERNATING])
def test_nothing_is_wrong_with_most_templates(template: str) -> None:
    assert template_faults(tokenizer(template)) == {}
    assert template_faults(tokenizer(template), rows("a b", "<think>b</think>c", "c\n")) == {}


def test_blanks_that_a_template_cuts_behind_an_answer_do_not_matter() -> None:
    cuts = CHAT_TEMPLATE.replace("m.content", "m.content | trim")
    assert template_faults(tokenizer(cuts), rows("a b \n")) == {}
    [fault] = template_faults(tokenizer(cuts), rows("\n a b")).values()
    assert (
        "not how the chat template renders the whole conversation (1 of the first 1 rows)" in fault
    )


def test_tokens_that_are_the_same_are_no_fault() -> None:
    """SentencePiece writes the blank in front of a text into its first token."""

    class Metaspace:
        chat_template = HEADLESS

        def __getattr__(self, name: str) -> Any:
            return getattr(bpe_tokenizer(chat_template=HEADLESS), name)

        def encode(self, text: str, **_: Any) -> list[str]:
            return text.replace("]", "] ").replace("<", " <").split()

    assert template_faults(Metaspace()) == {}  # type: ignore[arg-type]
    assert template_faults(tokenizer(HEADLESS)) != {}


def test_reasoning_that_is_opened_twice_is_named_with_both_texts() -> None:
    [fault] = template_faults(
        tokenizer(OPENS), rows("<think>\nwhy</think>a", "\n<think>b")
    ).values()
    assert "opens <think> at the end of the prompt and answers open it again" in fault
    assert "(2 of the first 2 rows)" in fault
    assert r"<|assistant|><think>\n<think>\nwhy</think>a'" in fault
    assert r"Whole conversation: '<|user|>say a<|end|>\n<|assistant|><think>\nwhy</think>a" in fault
    assert "set `prompt_format` to plain or alpaca" in fault
    assert "\n" not in fault


def test_reasoning_is_opened_twice_even_where_the_whole_conversation_has_it_twice_too() -> None:
    opening = "{% if m.role == 'assistant' %}<think>\n{% endif %}{{ m.content }}"
    both = TURNS.replace("{{ m.content }}", opening)
    assert template_faults(tokenizer(both), rows("a")) == {}
    [fault] = template_faults(tokenizer(both), rows("<think>\na")).values()
    assert "stands twice" in fault


def test_each_kind_of_fault_is_named_once() -> None:
    faults = template_faults(tokenizer(OPENS), rows("<think>a", "b", "<think>c", "d")).values()
    assert len(faults) == 2
    assert all("(2 of the first 4 rows)" in fault for fault in faults)


def test_without_rows_the_shortest_conversation_is_looked_at() -> None:
    [fault] = template_faults(tokenizer(EMPTY_REASONING)).values()
    assert r"Scored: '<|user|>Say one.<|end|><|assistant|>One.'" in fault
    assert r"<|assistant|><think>\n\n</think>\n\nOne.<|end|>'" in fault


def test_rows_that_the_template_refuses_have_a_status_of_their_own() -> None:
    [good] = rows("a")
    refused = replace(good, messages=good.messages[1:] * 2)
    assert template_faults(tokenizer(ALTERNATING), [refused, good]) == {}
    [fault] = template_faults(tokenizer(ALTERNATING), [refused]).values()
    assert "the chat template refused the messages: roles must alternate. Correct" in fault


def test_what_is_done_for_a_template_is_said() -> None:
    assert template_notes(tokenizer(CHAT_TEMPLATE)) == []
    [header] = template_notes(tokenizer(TURNS))
    assert "ignores add_generation_prompt, so that '<|assistant|>' is put behind" in header
    assert r"Its prompt: '<|user|>Say one.<|end|>\n'" in header
    assert r"Whole conversation: '<|user|>Say one.<|end|>\n<|assistant|>One.<|end|>\n'" in header
    [time] = template_notes(tokenizer(DATED))
    assert time.endswith("in every run it is 26 July 2024")


def test_shown_texts_are_short_and_steer_no_terminal() -> None:
    text = "a" * 200 + "\x1b[31mred\x07\n" + "b" * 200
    assert shown(text, 200) == f"…'{'a' * 50}red\\n{'b' * 40}'…"
