"""The text in front of a response, in each prompt format."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

from tshirt_assets.corpus.chat_template import render
from tshirt_assets.corpus.sample import Message, Sample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ALPACA_PREAMBLE = "Below is an instruction that describes a task"
ALPACA_WITH_INPUT = (
    ALPACA_PREAMBLE + ", paired with an input that provides further context. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n"
)
ALPACA_WITHOUT_INPUT = (
    ALPACA_PREAMBLE + ". Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Response:\n"
)


def prompt_text(sample: Sample, prompt_format: str, tokenizer: "PreTrainedTokenizerBase") -> str:
    """Everything before the response.

    plain: instruction, newline, and input, newline if there is an input (T-SHIRT, METHODS.md
    section 2). alpaca: the Alpaca template. chat_template: the tokenizer's own template over the
    history, up to where the assistant begins; it may write special tokens, BOS included, as text.
    Its clock stands still, and the assistant's header is written even where it leaves it out.

    Raises `TemplateError` when the template refuses the row, `CorpusError` when there is none.
    """
    if prompt_format == "chat_template":
        return _render(sample.messages[:-1], tokenizer, prompt=True)
    if prompt_format == "alpaca":
        template = ALPACA_WITH_INPUT if sample.input else ALPACA_WITHOUT_INPUT
        return template.format(instruction=sample.instruction, input=sample.input)
    if prompt_format == "plain":
        return sample.instruction + "\n" + (sample.input + "\n" if sample.input else "")
    raise ValueError(f"prompt_format: {prompt_format!r} is not plain, alpaca or chat_template")


def conversation_text(sample: Sample, tokenizer: "PreTrainedTokenizerBase") -> str:
    """The whole conversation, answer included, as the tokenizer's chat template renders it.

    Raises `TemplateError` and `CorpusError` like `prompt_text`.
    """
    return _render(sample.messages, tokenizer, prompt=False)


def response_text(sample: Sample, prompt_format: str, tokenizer: "PreTrainedTokenizerBase") -> str:
    """What is scored behind the prompt: the response, behind its reasoning if the template says so.

    Only reasoning that is kept apart (`reasoning: separate`) and a chat template that writes it
    between the prompt and the content make a difference. Raises `TemplateError` and `CorpusError`
    like `prompt_text`.
    """
    reasoning = sample.messages[-1].reasoning.strip() if sample.messages else ""
    if prompt_format != "chat_template" or not reasoning:
        return sample.response
    prompt = _render(sample.messages[:-1], tokenizer, prompt=True)
    whole = _render(sample.messages, tokenizer, prompt=False)
    written = whole.removeprefix(prompt) if whole.startswith(prompt) else ""
    end = written.rfind(sample.response.strip())
    if end < 0 or reasoning not in written[:end]:
        return sample.response
    return written[:end] + sample.response.strip()


def one_shot_prompt_text(
    demo: Sample, sample: Sample, prompt_format: str, tokenizer: "PreTrainedTokenizerBase"
) -> tuple[str, str]:
    """The demo's part and the sample's part of a one-shot prompt (METHODS.md section 4).

    plain, alpaca: the demo's prompt, its response and a blank line; then the sample's prompt.
    chat_template: one conversation in which the demo is an earlier exchange. The sample's system
    message stays in front of everything; another one of the demo opens the demo's first turn.

    Raises `TemplateError` and `CorpusError` like `prompt_text`.
    """
    own = prompt_text(sample, prompt_format, tokenizer)
    if prompt_format != "chat_template":
        return "".join(demo_parts(demo, prompt_format, tokenizer)), own
    system, history = _split_system(sample.messages[:-1])
    opening = [*system, *_as_exchange(demo.messages, system)]
    full = _render([*opening, *history], tokenizer, prompt=True)
    shown = _render(opening, tokenizer, prompt=False)
    if not full.startswith(shown):
        # The template writes an earlier turn differently from a last one (it drops its reasoning,
        # for example): the sample's part is then what the prompt without a demo ends with, too.
        shown = full[: len(full) - shared_length(reversed(full), reversed(own))]
    return shown, full[len(shown) :]


def demo_parts(
    demo: Sample, prompt_format: str, tokenizer: "PreTrainedTokenizerBase"
) -> tuple[str, str, str]:
    """Prompt, response and end of a demo in plain and alpaca; the first two are those of its row.

    In a chat a demo is no such row of texts. Raises `CorpusError` like `prompt_text`.
    """
    return prompt_text(demo, prompt_format, tokenizer), demo.response, "\n\n"


def shared_length(one: Iterable[str], other: Iterable[str]) -> int:
    """With how many characters two texts begin alike; of reversed texts, end alike."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _render(
    messages: Iterable[Message], tokenizer: "PreTrainedTokenizerBase", *, prompt: bool
) -> str:
    return render([_turn(message) for message in messages], tokenizer, prompt=prompt)


def _turn(message: Message) -> dict[str, str]:
    """A turn as chat templates know it; they differ in the name of the reasoning."""
    turn = {"role": message.role, "content": message.content}
    names = ("reasoning_content", "thinking") if message.reasoning else ()
    return turn | dict.fromkeys(names, message.reasoning)


def _split_system(
    messages: tuple[Message, ...],
) -> tuple[list[Message], list[Message]]:
    system = [message for message in messages[:1] if message.role == "system"]
    return system, list(messages[len(system) :])


def _as_exchange(messages: tuple[Message, ...], shared: list[Message]) -> list[Message]:
    """A demo's messages without a system message of their own."""
    system, turns = _split_system(messages)
    if system and system != shared:
        turns[0] = replace(turns[0], content=f"{system[0].content}\n\n{turns[0].content}")
    return turns
