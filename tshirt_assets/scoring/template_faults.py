"""Whether what is scored under a chat template is what the model is trained on under it.

Training renders a conversation whole; scoring renders the prompt and puts the response behind it.
The two agree where prompt and response are the beginning of the whole, as text or as tokens.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tshirt_assets.corpus.chat_template import (
    ANSWER,
    CLOCK,
    QUESTION,
    asks_for_time,
    missing_header,
)
from tshirt_assets.corpus.errors import TemplateError
from tshirt_assets.corpus.prompts import (
    conversation_text,
    prompt_text,
    response_text,
    shared_length,
)
from tshirt_assets.corpus.sample import Message, Sample
from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.encoding import encode_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

EXAMPLE = Sample(
    sample_id="example",
    shard="",
    row=0,
    status=Status.OK,
    status_detail=None,
    messages=tuple(Message(turn["role"], turn["content"]) for turn in (QUESTION, ANSWER)),
    instruction=QUESTION["content"],
    input="",
    response=ANSWER["content"],
)
"""The shortest conversation: what `template_faults` looks at where there are no rows yet."""

REMEDY = "Correct the model's template, or set `prompt_format` to plain or alpaca"
BEFORE, AFTER = 50, 50  # characters that are shown around the first difference

_LAST_TAG = re.compile(r"([<\[][^<>\[\]\s]+[>\]])\s*\Z")
_TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def template_faults(
    tokenizer: "PreTrainedTokenizerBase", samples: Sequence[Sample] = (EXAMPLE,)
) -> dict[str, str]:
    """What is wrong with the tokenizer's chat template for these usable samples: kind and message.

    A message is one line: kind, rows, remedy, and prompt and response beside the whole conversation
    of the first row. A sample that the template refuses is left out, unless it refuses all of them.
    Raises `CorpusError` when there is no template.
    """
    found: dict[str, list[str]] = defaultdict(list)
    refused: list[str] = []
    for sample in samples:
        try:
            prompt = prompt_text(sample, "chat_template", tokenizer)
            response = response_text(sample, "chat_template", tokenizer)
            whole = conversation_text(sample, tokenizer)
        except TemplateError as error:
            refused.append(str(error))
            continue
        scored = prompt + response
        if kind := _fault(prompt, response, whole, tokenizer):
            at = len(prompt) if whole.startswith(scored) else shared_length(scored, whole)
            texts = f"Scored: {shown(scored, at)}. Whole conversation: {shown(whole, at)}"
            found[kind].append(texts)
    if refused and len(refused) == len(samples):
        return {refused[0]: f"{refused[0]}. {REMEDY}"}
    return {
        kind: f"{kind} ({len(places)} of the first {len(samples)} rows). {REMEDY}. {places[0]}"
        for kind, places in found.items()
    }


def template_notes(tokenizer: "PreTrainedTokenizerBase") -> list[str]:
    """What is done for the tokenizer's chat template that it does not do itself; usually nothing.

    Raises `CorpusError` when there is no template.
    """
    notes = []
    if header := missing_header(tokenizer):
        prompt = prompt_text(EXAMPLE, "chat_template", tokenizer)
        whole = conversation_text(EXAMPLE, tokenizer)
        rendered = prompt.removesuffix(header)
        notes.append(
            f"the chat template ignores add_generation_prompt, so that {shown(header, 0)} is put "
            f"behind its prompts, as in whole conversations. Its prompt: "
            f"{shown(rendered, len(rendered))}. Whole conversation: {shown(whole, len(rendered))}"
        )
    if asks_for_time(tokenizer):
        notes.append(f"the chat template asks for the time; in every run it is {CLOCK:%d %B %Y}")
    return notes


def shown(text: str, at: int) -> str:
    """The text around a position in quotes, on one line and without what steers a terminal."""
    start, end = max(0, at - BEFORE), at + AFTER
    part = _TERMINAL.sub("", text[start:end])
    return f"{'…' * (start > 0)}{part!r}{'…' * (end < len(text))}"


def _fault(prompt: str, response: str, whole: str, tokenizer: "PreTrainedTokenizerBase") -> str:
    """What is wrong with one row; empty where nothing is."""
    tag = _LAST_TAG.search(prompt)
    if tag and response.lstrip().startswith(tag[1]):
        return (
            f"the chat template opens {tag[1]} at the end of the prompt and answers open it "
            "again, so that it stands twice"
        )
    if whole.startswith((prompt + response).rstrip()):  # many templates cut blanks at the end
        return ""
    ids = [encode_text(tokenizer, text) for text in (prompt, response, whole)]
    scored = ids[0] + ids[1]
    if ids[2][: len(scored)] == scored:  # a blank in front of an answer is part of its first token
        return ""
    return "prompt and response are not how the chat template renders the whole conversation"
