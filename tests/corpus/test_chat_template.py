"""Templates render the same on every day, and prompts end where the answer begins."""

from datetime import datetime
from typing import Any

import pytest
from transformers.utils import chat_template_utils

from tests.tiny import CHAT_TEMPLATE, alpaca, bpe_tokenizer
from tshirt_assets.corpus.chat_template import CLOCK, missing_header, template_facts
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.prompts import conversation_text, one_shot_prompt_text, prompt_text

TURNS = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>\n{% endfor %}"
DATED = "{{ 'Today Date: ' + strftime_now('%d %b %Y') }}\n" + CHAT_TEMPLATE
# As Llama 3.2 has it: a date may be given, and otherwise the clock is asked if there is one.
LLAMA = (
    "{% if not date_string is defined %}{% if strftime_now is defined %}"
    "{% set date_string = strftime_now('%d %b %Y') %}{% else %}"
    "{% set date_string = '26 Jul 2024' %}{% endif %}{% endif %}{{ date_string }}\n" + CHAT_TEMPLATE
)
# As Mistral and Llama 2 have it: an answer stands behind the user's turn without a header.
HEADLESS = (
    "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% else %} {{ m.content }}<|end|>{% endif %}{% endfor %}"
)
ROW = alpaca("say a", "a b c")


def tokenizer(template: str | None) -> Any:
    return bpe_tokenizer(chat_template=template)


def set_clock(monkeypatch: pytest.MonkeyPatch, day: datetime) -> None:
    """Let transformers believe that it is this day."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return day

    monkeypatch.setattr(chat_template_utils, "datetime", Clock)


def theirs(template: str) -> str:
    """The prompt of `ROW` as transformers itself renders it."""
    turns = [{"role": "user", "content": ROW.instruction}]
    return str(
        tokenizer(template).apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    )


@pytest.mark.parametrize("template", [DATED, LLAMA])
@pytest.mark.parametrize("day", [datetime(2001, 2, 3), datetime(2050, 12, 31)])
def test_a_prompt_is_the_same_on_every_day(
    template: str, day: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, day)
    text = prompt_text(ROW, "chat_template", tokenizer(template))
    assert text.splitlines()[0].removeprefix("Today Date: ") == "26 Jul 2024"
    assert day.strftime("%d %b %Y") in theirs(template)  # the process around us keeps its clock


@pytest.mark.parametrize(
    "template",
    [
        DATED,
        LLAMA,
        "\n" + DATED,
        "  {% if true %}\n  a{% endif %}\n\n" + DATED,
        "{%- macro day() %}{{ strftime_now(format='%-d.%-m.%y, %A') }}{% endmacro -%}{{ day() }}",
        "{% if strftime_now('%Y') | int > 2020 %}{{ strftime_now('%Y-%m-%d %H %j') }}{% endif %}",
    ],
)
def test_on_the_pinned_day_prompts_are_those_of_transformers(
    template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, CLOCK)
    assert prompt_text(ROW, "chat_template", tokenizer(template)) == theirs(template)


def test_prompts_that_end_too_early_get_the_header_of_whole_conversations() -> None:
    early = tokenizer(TURNS)
    assert missing_header(early) == "<|assistant|>"
    prompt = prompt_text(ROW, "chat_template", early)
    assert prompt == "<|user|>say a<|end|>\n<|assistant|>"
    assert conversation_text(ROW, early).startswith(prompt + ROW.response)
    demo = alpaca("say b", "b")
    shown, own = one_shot_prompt_text(demo, ROW, "chat_template", early)
    assert shown == conversation_text(demo, early)
    assert own == prompt


@pytest.mark.parametrize(
    "template",
    [
        CHAT_TEMPLATE,
        HEADLESS,
        "{{ messages[0].content }}",
        "{{ messages[7].content.x }}",
        "{% if %}",
        CHAT_TEMPLATE.replace("<|assistant|>{% endif", "<|assistant|><think>\n{% endif"),
    ],
)
def test_other_templates_are_left_as_they_are(template: str) -> None:
    assert missing_header(tokenizer(template)) == ""
    assert template_facts(tokenizer(template)) == {}


def test_a_changed_template_is_looked_at_again() -> None:
    changing = tokenizer(TURNS)
    assert missing_header(changing)
    changing.chat_template = CHAT_TEMPLATE
    assert not missing_header(changing)


def test_facts_hold_what_the_text_of_the_template_does_not_say() -> None:
    assert template_facts(tokenizer(TURNS)) == {"generation_prompt": "<|assistant|>"}
    assert template_facts(tokenizer(DATED)) == {
        "preamble": "Today Date: 26 Jul 2024\n<|user|>Say one.<|end|>\n<|assistant|>"
    }
    refuses = tokenizer("{{ strftime_now('%Y') }}{{ messages[7].content.x }}")
    assert template_facts(refuses) == {"preamble": "2024-07-26T00:00:00"}


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (None, "has no chat template"),
        ({"tool_use": "x", "rag": "y"}, "none of them is the default"),
    ],
)
def test_without_a_template_to_use_there_is_a_remedy(template: Any, words: str) -> None:
    with pytest.raises(CorpusError, match=f"{words}.*set `prompt_format` to plain or alpaca"):
        template_facts(tokenizer(template))
    with pytest.raises(CorpusError, match=words):
        prompt_text(ROW, "chat_template", tokenizer(template))
