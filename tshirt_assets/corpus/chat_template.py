"""A tokenizer's chat template, rendered the same on every day and up to where the answer begins."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from tshirt_assets.corpus.errors import CorpusError, TemplateError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CLOCK = datetime(2024, 7, 26)
"""What is now for every template: the day that those of Llama write where they have no clock."""

Turns = Sequence[Mapping[str, Any]]

QUESTION = {"role": "user", "content": "Say one."}
ANSWER = {"role": "assistant", "content": "One."}


def render(turns: Turns, tokenizer: "PreTrainedTokenizerBase", *, prompt: bool) -> str:
    """The turns (role and content each) as text; `prompt`: up to where the next answer begins.

    Raises `TemplateError` when the template refuses the turns, `CorpusError` when there is none.
    """
    header = missing_header(tokenizer) if prompt else ""
    try:
        return _rendered(turns, tokenizer, prompt=prompt) + header
    except Exception as error:  # whatever the model's own template raises
        reason = " ".join(str(error).split()) or type(error).__name__
        raise TemplateError(f"the chat template refused the messages: {reason}") from error


def missing_header(tokenizer: "PreTrainedTokenizerBase") -> str:
    """What stands in front of answers, where the template leaves it out of prompts; else empty.

    A template that ignores add_generation_prompt ends a prompt before the assistant's header. In a
    whole conversation that header stands between the prompt and the answer. Blanks alone are none:
    tokenizers write them into the first token of the answer. Raises `CorpusError` without template.
    """
    return _missing_header(tokenizer, _source(tokenizer))


def asks_for_time(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Whether the template can write the time into a prompt. Raises `CorpusError` without one."""
    return "strftime_now" in _source(tokenizer)


def template_facts(tokenizer: "PreTrainedTokenizerBase") -> dict[str, str]:
    """What prompts depend on beside the template's own text; most templates have nothing there.

    preamble: a rendered prompt, where the template asks for the time. generation_prompt: the
    `missing_header`. Part of score identities; the text is one of the model's files, which are
    part of them anyway. Raises `CorpusError` when there is no template.
    """
    facts = {}
    if asks_for_time(tokenizer):
        facts["preamble"] = _example(tokenizer, [QUESTION], prompt=True) or CLOCK.isoformat()
    if header := missing_header(tokenizer):
        facts["generation_prompt"] = header
    return facts


def _source(tokenizer: "PreTrainedTokenizerBase") -> str:
    if not getattr(tokenizer, "chat_template", None):
        raise CorpusError(
            "the model's tokenizer has no chat template; set `prompt_format` to plain or alpaca"
        )
    try:
        return tokenizer.get_chat_template()
    except ValueError as error:
        raise CorpusError(
            "the model's tokenizer has several chat templates and none of them is the default; "
            "set `prompt_format` to plain or alpaca"
        ) from error


def _rendered(turns: Turns, tokenizer: "PreTrainedTokenizerBase", *, prompt: bool) -> str:
    pinned = _pinned_clock() + _source(tokenizer) if asks_for_time(tokenizer) else None
    return str(
        tokenizer.apply_chat_template(
            [dict(turn) for turn in turns],
            chat_template=pinned,
            add_generation_prompt=prompt,
            tokenize=False,
        )
    )


@cache
def _pinned_clock() -> str:
    """The beginning of a template in which `strftime_now` reads `CLOCK`.

    A macro, which hides transformers' own function there: templates are given data but no
    functions. The line break is the one that follows a block and is not rendered.
    """
    parts = {f"%{letter}": CLOCK.strftime(f"%{letter}") for letter in "aAwdbBmyYHIMSfpjUWcxX"}
    unpadded = {f"%-{letter}": str(int(parts[f"%{letter}"])) for letter in "dmHIMSj"}
    steps = "".join(f".replace({a!r}, {b!r})" for a, b in (parts | unpadded).items())
    return f"{{% macro strftime_now(format) %}}{{{{ format{steps} }}}}{{% endmacro %}}\n"


@lru_cache(maxsize=8)
def _missing_header(tokenizer: "PreTrainedTokenizerBase", _template: str) -> str:
    """`missing_header` as long as the tokenizer has this template."""
    prompt = _example(tokenizer, [QUESTION], prompt=True)
    whole = _example(tokenizer, [QUESTION, ANSWER], prompt=False)
    if prompt is None or whole is None or not whole.startswith(prompt):
        return ""
    if prompt != _example(tokenizer, [QUESTION], prompt=False):
        return ""
    header, answer, _ = whole[len(prompt) :].partition(ANSWER["content"])
    return header if answer and header.strip() else ""


def _example(tokenizer: "PreTrainedTokenizerBase", turns: Turns, *, prompt: bool) -> str | None:
    """The turns as text, None where the template refuses them."""
    try:
        return _rendered(turns, tokenizer, prompt=prompt)
    except Exception:  # whatever the model's own template raises
        return None
