"""From a sample to token ids: prompt and response apart, so that their border cannot move.

Tokenised as one string, BPE may merge characters across the end of the prompt and the response
changes length (METHODS.md section 3). Here both parts are tokenised on their own and their ids
joined, and every pass (conditional, unconditional, one-shot) scores the same response ids.
A row never raises: whatever is wrong with it becomes its status. A tokenizer without the chat
template that was asked for does (`CorpusError`), because no row could be scored.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tshirt_assets.corpus.errors import TemplateError
from tshirt_assets.corpus.prompts import one_shot_prompt_text, prompt_text, response_text
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.corpus.status import Status

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MIN_RESPONSE_TOKENS = 2  # without BOS the first one has no unconditional loss

_NO_IDS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class TokenizedSample:
    """Token ids of one sample; both arrays are empty unless the status is ok.

    `prompt_ids` (P,) int64 begins with the BOS where `has_bos`; `response_ids` (T,) int64 is what
    every pass scores, T >= 2. `truncated`: the response was cut on the right.
    """

    sample_id: str
    prompt_ids: np.ndarray
    response_ids: np.ndarray
    has_bos: bool
    truncated: bool = False
    status: Status = Status.OK
    status_detail: str | None = None

    @property
    def first_delta_index(self) -> int:
        """First response token with an unconditional loss: 0 behind a BOS, else 1."""
        return 0 if self.has_bos else 1


@dataclass(frozen=True, slots=True)
class OneShotSample:
    """A sample behind a demo, for MIWV; `prompt_ids` is empty unless the status is ok.

    `prompt_ids` int64 holds BOS (where there is one), demo and the sample's own prompt.
    `demo_truncated`: the demo was cut on the left to fit.
    """

    zero_shot: TokenizedSample
    prompt_ids: np.ndarray
    demo_truncated: bool = False
    status: Status = Status.OK
    status_detail: str | None = None


def adds_bos(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Whether the tokenizer itself puts its BOS in front of a text.

    Found by trying: many tokenizers define a BOS that they never add (SmolLM2, Pythia, GPT-2).
    """
    if tokenizer.bos_token_id is None:
        return False
    return tokenizer.encode("a")[:1] == [tokenizer.bos_token_id]


def tokenize_sample(
    sample: Sample, tokenizer: "PreTrainedTokenizerBase", prompt_format: str, max_length: int
) -> TokenizedSample:
    """Token ids of prompt and response, at most `max_length` together; never raises for a row.

    `max_length` must not exceed the positions of the model. The response is cut on the right to
    what the prompt leaves. Other statuses than ok: upstream, template_error, not_text,
    response_too_short, prompt_too_long.
    """
    has_bos = adds_bos(tokenizer)

    def refused(status: Status, detail: str) -> TokenizedSample:
        return TokenizedSample(
            sample.sample_id, _NO_IDS, _NO_IDS, has_bos, status=status, status_detail=detail
        )

    if sample.status is not Status.OK:
        return refused(Status.UPSTREAM, str(sample.status))
    try:
        text = prompt_text(sample, prompt_format, tokenizer)
        answer = response_text(sample, prompt_format, tokenizer)
    except TemplateError as error:
        return refused(Status.TEMPLATE_ERROR, _one_line(error))
    try:
        prompt = _with_bos(_ids(tokenizer, text), tokenizer, has_bos)
        response = _ids(tokenizer, answer)
    except (TypeError, ValueError) as error:  # such as half of a surrogate pair
        return refused(Status.NOT_TEXT, _one_line(error))

    if not prompt:
        return refused(Status.TEMPLATE_ERROR, "the prompt has no tokens")
    if len(response) < MIN_RESPONSE_TOKENS:
        return refused(
            Status.RESPONSE_TOO_SHORT,
            f"{len(response)} tokens; at least {MIN_RESPONSE_TOKENS} are needed",
        )
    room = max_length - len(prompt)
    if room < MIN_RESPONSE_TOKENS:
        return refused(
            Status.PROMPT_TOO_LONG, f"{len(prompt)} tokens of {max_length}, none left to answer"
        )
    return TokenizedSample(
        sample.sample_id,
        prompt_ids=_array(prompt),
        response_ids=_array(response[:room]),
        has_bos=has_bos,
        truncated=len(response) > room,
    )


def tokenize_one_shot(
    demo: Sample,
    sample: Sample,
    tokenizer: "PreTrainedTokenizerBase",
    prompt_format: str,
    max_length: int,
) -> OneShotSample:
    """The sample as `tokenize_sample` gives it, and its prompt with the demo in front.

    The demo gives way, from its left, so that both losses of MIWV see the same response tokens.
    Where not a single demo token fits (a response that was itself cut, say) the one-shot prompt
    would be the zero-shot one and MIWV 0 by construction, which is no measurement: the status is
    then prompt_too_long. A demo that is itself not ok gives no_neighbour. Never raises for a row.
    """
    zero_shot = tokenize_sample(sample, tokenizer, prompt_format, max_length)

    def refused(status: Status, detail: str | None) -> OneShotSample:
        return OneShotSample(zero_shot, _NO_IDS, status=status, status_detail=detail)

    if zero_shot.status is not Status.OK:
        return refused(zero_shot.status, zero_shot.status_detail)
    if demo.status is not Status.OK:
        return refused(Status.NO_NEIGHBOUR, f"demo {demo.sample_id}: {demo.status}")
    try:
        demo_text, own_text = one_shot_prompt_text(demo, sample, prompt_format, tokenizer)
    except TemplateError as error:
        return refused(Status.TEMPLATE_ERROR, _one_line(error))
    try:
        demo_ids = _ids(tokenizer, demo_text)
        own = _ids(tokenizer, own_text)
    except (TypeError, ValueError) as error:
        return refused(Status.NOT_TEXT, _one_line(error))

    bos = _with_bos([], tokenizer, zero_shot.has_bos)
    demo_ids = demo_ids[len(bos) :] if demo_ids[: len(bos)] == bos else demo_ids
    room = max_length - len(bos) - len(own) - len(zero_shot.response_ids)
    if room < 1:
        return refused(Status.PROMPT_TOO_LONG, "prompt and response leave no room for a demo")
    return OneShotSample(
        zero_shot,
        prompt_ids=_array(bos + demo_ids[-room:] + own),
        demo_truncated=len(demo_ids) > room,
    )


def _ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False)


def _with_bos(ids: list[int], tokenizer: "PreTrainedTokenizerBase", has_bos: bool) -> list[int]:
    """The ids behind exactly one BOS where there is one: a chat template may have written it."""
    bos = tokenizer.bos_token_id
    return [bos, *ids] if has_bos and ids[:1] != [bos] else ids


def _array(ids: list[int]) -> np.ndarray:
    return np.array(ids, dtype=np.int64)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
