import json
from typing import Any

import pytest

from tests.tiny import bpe_tokenizer
from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.errors import CorpusError, TemplateError
from tshirt_assets.corpus.files import Record
from tshirt_assets.corpus.prompts import one_shot_prompt_text, prompt_text, response_text
from tshirt_assets.corpus.rows import samples_of
from tshirt_assets.corpus.sample import Sample

PLAIN_TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
# As reasoning models have it: what an earlier assistant turn says is written differently.
UNSTABLE_TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>"
    "{% if m.role == 'assistant' and loop.last %}(thinking){% endif %}{{ m.content }}</>"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
STRICT_TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'system' %}"
    "{{ raise_exception('System role not\nsupported') }}{% endif %}{{ m.content }}{% endfor %}"
)


def pair(instruction: str, response: str = "R", **more: str) -> Sample:
    return sample({"instruction": instruction, "output": response} | more)


def chat(*turns: str) -> Sample:
    """Turns written as "role: text"."""
    parts = [turn.split(": ", 1) for turn in turns]
    return sample({"messages": [{"role": role, "content": text} for role, text in parts]})


def sample(fields: dict[str, Any]) -> Sample:
    return samples_of(Record(fields), "s", 0, CorpusConfig(name="c", paths=("x.jsonl",)))[0]


def tokenizer(template: str | None = PLAIN_TEMPLATE) -> Any:
    return bpe_tokenizer(chat_template=template)


MULTI_TURN = ("system: S", "user: Q1", "assistant: A1", "user: Q2", "assistant: A2")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (pair("Add."), "Add.\n"),
        (pair("Add.", input="1 {2}"), "Add.\n1 {2}\n"),
        (pair("Add.", system="S"), "S\n\nAdd.\n"),
        (chat(*MULTI_TURN), "System: S\n\nUser: Q1\n\nAssistant: A1\n\nUser: Q2\n"),
    ],
)
def test_plain(row: Sample, expected: str) -> None:
    assert prompt_text(row, "plain", tokenizer(None)) == expected


def test_alpaca() -> None:
    with_input = prompt_text(pair("Add {x}.", input="{1}"), "alpaca", tokenizer(None))
    assert with_input == (
        "Below is an instruction that describes a task, paired with an input that provides "
        "further context. Write a response that appropriately completes the request.\n\n"
        "### Instruction:\nAdd {x}.\n\n### Input:\n{1}\n\n### Response:\n"
    )
    assert prompt_text(pair("Add."), "alpaca", tokenizer(None)) == (
        "Below is an instruction that describes a task. Write a response that appropriately "
        "completes the request.\n\n### Instruction:\nAdd.\n\n### Response:\n"
    )


def test_alpaca_prompt_is_the_one_in_published_data(shared_dir: Any) -> None:
    """The Dolly file holds prompts that are already in the template."""
    line = (shared_dir / "data/dolly_prompt_response_1000.jsonl").open().readline()
    published = json.loads(line)["prompt"]
    instruction = published.split("### Instruction:\n")[1].split("\n\n### Response:")[0]
    assert prompt_text(pair(instruction), "alpaca", tokenizer(None)) == published


def test_chat_template_renders_the_history() -> None:
    text = prompt_text(chat(*MULTI_TURN), "chat_template", tokenizer())
    assert text == "<system>S</><user>Q1</><assistant>A1</><user>Q2</><assistant>"
    with_input = prompt_text(pair("Add.", input="1"), "chat_template", tokenizer())
    assert with_input == "<user>Add.\n1</><assistant>"


def test_chat_template_renders_calls_and_answers_of_tools() -> None:
    call = {"id": "1", "function": {"name": "add", "arguments": '{"a": 1}'}}
    row = sample(
        {
            "tools": [{"name": "add"}],
            "messages": [
                {"role": "user", "content": "Q"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "content": "2"},
                {"role": "assistant", "content": "It is 2."},
            ],
        }
    )
    text = prompt_text(row, "chat_template", tokenizer())
    system, rest = text.split("<user>")
    assert system.startswith("<system>")
    assert '"name": "add"' in system
    assert rest == ('Q</><assistant>{"name": "add", "arguments": {"a": 1}}</><tool>2</><assistant>')


@pytest.mark.model
def test_the_template_of_the_demo_model(smollm2: Any) -> None:
    """ChatML, as the model's card documents it; without a system message it brings its own."""
    text = prompt_text(chat(*MULTI_TURN), "chat_template", smollm2.tokenizer)
    turns = [("system", "S"), ("user", "Q1"), ("assistant", "A1"), ("user", "Q2")]
    history = "".join(f"<|im_start|>{role}\n{said}<|im_end|>\n" for role, said in turns)
    assert text == history + "<|im_start|>assistant\n"


@pytest.mark.parametrize("prompt_format", ["plain", "alpaca"])
def test_one_shot_text(prompt_format: str) -> None:
    demo, row = pair("D", "DR", input="DI"), pair("Q", input="I")
    shown, own = one_shot_prompt_text(demo, row, prompt_format, tokenizer(None))
    assert shown == prompt_text(demo, prompt_format, tokenizer(None)) + "DR\n\n"
    assert own == prompt_text(row, prompt_format, tokenizer(None))


@pytest.mark.parametrize(
    ("demo", "row", "shown", "own"),
    [
        (pair("D"), pair("Q"), "<user>D</><assistant>R</>", "<user>Q</><assistant>"),
        (
            pair("D"),
            pair("Q", system="S"),
            "<system>S</><user>D</><assistant>R</>",
            "<user>Q</><assistant>",
        ),
        (
            pair("D", system="DS"),
            pair("Q", system="S"),
            "<system>S</><user>DS\n\nD</><assistant>R</>",
            "<user>Q</><assistant>",
        ),
        (
            pair("D", system="S"),
            pair("Q", system="S"),
            "<system>S</><user>D</><assistant>R</>",
            "<user>Q</><assistant>",
        ),
        (
            pair("D", system="DS"),
            chat("user: Q1", "assistant: A1", "user: Q2", "assistant: A2"),
            "<user>DS\n\nD</><assistant>R</>",
            "<user>Q1</><assistant>A1</><user>Q2</><assistant>",
        ),
    ],
)
def test_one_shot_chat_has_the_demo_as_an_earlier_exchange(
    demo: Sample, row: Sample, shown: str, own: str
) -> None:
    assert one_shot_prompt_text(demo, row, "chat_template", tokenizer()) == (shown, own)


def test_one_shot_chat_with_a_template_that_rewrites_earlier_turns() -> None:
    demo, row = pair("D", "DR"), pair("Q")
    parts = one_shot_prompt_text(demo, row, "chat_template", tokenizer(UNSTABLE_TEMPLATE))
    assert parts == ("<user>D</><assistant>DR</>", "<user>Q</><assistant>")


def test_a_template_that_refuses_says_why_in_one_line() -> None:
    with pytest.raises(TemplateError, match="System role not supported"):
        prompt_text(chat(*MULTI_TURN), "chat_template", tokenizer(STRICT_TEMPLATE))
    with pytest.raises(TemplateError, match="System role not supported"):
        one_shot_prompt_text(
            pair("D"), pair("Q", system="S"), "chat_template", tokenizer(STRICT_TEMPLATE)
        )


def test_a_model_without_a_template_is_systemic_trouble() -> None:
    with pytest.raises(CorpusError, match="set `prompt_format` to plain or alpaca"):
        prompt_text(pair("Q"), "chat_template", tokenizer(None))


def test_another_format_is_named() -> None:
    with pytest.raises(ValueError, match="'vicuna' is not plain"):
        prompt_text(pair("Q"), "vicuna", tokenizer(None))


# As Qwen and gpt-oss have it: the reasoning is written of the turns behind the last question.
REASONING_TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>"
    "{% if m[name] and loop.last %}(think){{ m[name] }}(/think){% endif %}{{ m.content }}</>"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def thinking(**options: Any) -> Sample:
    answer = {"role": "assistant", "content": "A", "reasoning_content": "why"}
    row = {"messages": [{"role": "user", "content": "Q"}, answer]}
    config = CorpusConfig(name="c", paths=("x.jsonl",), **options)
    return samples_of(Record(row), "s", 0, config)[0]


@pytest.mark.parametrize("name", ["reasoning_content", "thinking"])
def test_reasoning_is_part_of_the_response_where_the_template_writes_it(name: str) -> None:
    knows = tokenizer("{% set name = '" + name + "' %}" + REASONING_TEMPLATE)
    apart = thinking(reasoning="separate")
    assert response_text(apart, "chat_template", knows) == "(think)why(/think)A"
    assert prompt_text(apart, "chat_template", knows) == "<user>Q</><assistant>"
    assert response_text(apart, "chat_template", tokenizer()) == "A"
    assert response_text(apart, "plain", knows) == "A"
    for reasoning in ("keep", "strip"):
        row = thinking(reasoning=reasoning)
        assert response_text(row, "chat_template", knows) == row.response
    demo = one_shot_prompt_text(apart, pair("Q2"), "chat_template", tokenizer())
    assert demo == ("<user>Q</><assistant>A</>", "<user>Q2</><assistant>")


def test_a_template_that_writes_no_such_prompt_leaves_the_response_as_it_is() -> None:
    odd = tokenizer("{% for m in messages %}{{ m.reasoning_content }}{{ m.content }}{% endfor %}!")
    assert response_text(thinking(reasoning="separate"), "chat_template", odd) == "A"
