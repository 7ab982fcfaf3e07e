"""From a sample to token ids: prompt and response apart, so that their border cannot move.

Tokenised as one string, BPE may merge characters across the end of the prompt and the response
changes length (METHODS.md section 3). Here both parts are tokenised on their own and their ids
joined, and every pass (conditional, unconditional, one-shot) scores the same response ids.
A row never raises: whatever is wrong with it becomes its status. A tokenizer without the chat
template that was asked for does (`CorpusError`), because no row could be scored.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tshirt_assets.corpus.errors import TemplateError
from tshirt_assets.corpus.prompts import (
    demo_parts,
    one_shot_prompt_text,
    prompt_text,
    response_text,
)
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.encoding import Encoded, bos_ids, encode_texts, joins
from tshirt_assets.scoring.joining import ends_in_seam, last_seam

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


def tokenize_sample(
    sample: Sample, tokenizer: "PreTrainedTokenizerBase", prompt_format: str, max_length: int
) -> TokenizedSample:
    """One sample as `tokenize_samples` gives it."""
    return tokenize_samples([sample], tokenizer, prompt_format, max_length)[0]


def tokenize_samples(
    samples: Sequence[Sample],
    tokenizer: "PreTrainedTokenizerBase",
    prompt_format: str,
    max_length: int,
) -> list[TokenizedSample]:
    """Token ids of prompt and response, at most `max_length` together; never raises for a row.

    `max_length` must not exceed the positions of the model. The response is cut on the right to
    what the prompt leaves. Other statuses than ok: upstream, template_error, not_text,
    response_too_short, prompt_too_long. All samples are encoded in one batch.
    """
    rows = [_Row.of(sample, tokenizer, prompt_format) for sample in samples]
    ids = encode_texts(tokenizer, [text for row in rows for text in row.texts])
    bos = bos_ids(tokenizer)
    return [_tokenized(row, ids, bos, max_length) for row in rows]


def tokenize_one_shot(
    demo: Sample,
    sample: Sample,
    tokenizer: "PreTrainedTokenizerBase",
    prompt_format: str,
    max_length: int,
) -> OneShotSample:
    """One pair as `tokenize_one_shots` gives it."""
    return tokenize_one_shots([(demo, sample)], tokenizer, prompt_format, max_length)[0]


def tokenize_one_shots(
    pairs: Sequence[tuple[Sample, Sample]],
    tokenizer: "PreTrainedTokenizerBase",
    prompt_format: str,
    max_length: int,
) -> list[OneShotSample]:
    """For pairs of demo and sample: the sample tokenized, and its prompt with the demo in front.

    The demo gives way, from its left, so that both losses of MIWV see the same response tokens.
    Where not a single demo token fits (a response that was itself cut, say) the one-shot prompt
    would be the zero-shot one and MIWV 0 by construction, which is no measurement: the status is
    then prompt_too_long. A demo that is itself not ok gives no_neighbour. Never raises for a row.
    """
    rows = [_Row.of(sample, tokenizer, prompt_format) for _, sample in pairs]
    joined = prompt_format != "chat_template" and joins(tokenizer)
    behind = [_Shown.of(*pair, tokenizer, prompt_format, joined=joined) for pair in pairs]
    shared = [text for shown in behind for text in shown.texts]
    ids = encode_texts(
        tokenizer,
        [text for row in rows for text in row.texts] + shared,
        passing=[text for row in behind for text in row.passing],
    )
    bos = bos_ids(tokenizer)
    return [
        _one_shot(shown, _tokenized(row, ids, bos, max_length), ids, bos, max_length)
        for row, shown in zip(rows, behind, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    """The two texts of a row that are encoded apart; none unless the status is ok."""

    sample_id: str
    texts: tuple[str, ...] = ()
    status: Status = Status.OK
    detail: str | None = None

    @staticmethod
    def of(sample: Sample, tokenizer: "PreTrainedTokenizerBase", prompt_format: str) -> "_Row":
        """Prompt and response."""
        name = sample.sample_id
        if sample.status is not Status.OK:
            return _Row(name, (), Status.UPSTREAM, str(sample.status))
        try:
            prompt = prompt_text(sample, prompt_format, tokenizer)
            return _Row(name, (prompt, response_text(sample, prompt_format, tokenizer)))
        except TemplateError as error:
            return _Row(name, (), Status.TEMPLATE_ERROR, _one_line(error))


@dataclass(frozen=True, slots=True)
class _Shown:
    """The demo in front of a sample's prompt, as texts to encode; none unless the status is ok.

    demo: its whole text; or, where its ids can be made of what is encoded anyway, prompt and
    response of its own row, the last words of that response, and these with what ends a demo.
    own: the sample's prompt behind it.
    """

    demo: tuple[str, ...] = ()
    own: str = ""
    status: Status = Status.OK
    detail: str | None = None

    @staticmethod
    def of(
        demo: Sample,
        sample: Sample,
        tokenizer: "PreTrainedTokenizerBase",
        prompt_format: str,
        *,
        joined: bool,
    ) -> "_Shown":
        if sample.status is not Status.OK:
            return _Shown(status=Status.UPSTREAM, detail=str(sample.status))
        if demo.status is not Status.OK:
            detail = f"demo {demo.sample_id}: {demo.status}"
            return _Shown(status=Status.NO_NEIGHBOUR, detail=detail)
        try:
            if joined:
                prompt, response, end = demo_parts(demo, prompt_format, tokenizer)
                if ends_in_seam(prompt, response) and (at := last_seam(response)) > 0:
                    own = prompt_text(sample, prompt_format, tokenizer)
                    return _Shown((prompt, response, response[at:], response[at:] + end), own)
            whole, own = one_shot_prompt_text(demo, sample, prompt_format, tokenizer)
            return _Shown((whole,), own)
        except TemplateError as error:
            return _Shown(status=Status.TEMPLATE_ERROR, detail=_one_line(error))

    @property
    def texts(self) -> tuple[str, ...]:
        """Those that other rows need, too."""
        return self.demo[:-2]

    @property
    def passing(self) -> tuple[str, ...]:
        """The others."""
        return (*self.demo[-2:], self.own) if self.demo else ()

    def encoded(self, ids: Mapping[str, Encoded]) -> list[np.ndarray] | TypeError | ValueError:
        """The ids of demo and prompt, or why the first that is none is no text."""
        found = _all_of(ids, (*self.demo, self.own))
        if isinstance(found, Exception) or not self.texts:
            return found
        prompt, response, last, ended, own = found
        return [np.concatenate([prompt, response[: len(response) - len(last)], ended]), own]


def _tokenized(
    row: _Row, ids: Mapping[str, Encoded], bos: np.ndarray, max_length: int
) -> TokenizedSample:
    def refused(status: Status, detail: str | None) -> TokenizedSample:
        return TokenizedSample(
            row.sample_id, _NO_IDS, _NO_IDS, has_bos, status=status, status_detail=detail
        )

    has_bos = len(bos) > 0
    if row.status is not Status.OK:
        return refused(row.status, row.detail)
    encoded = _all_of(ids, row.texts)
    if isinstance(encoded, Exception):
        return refused(Status.NOT_TEXT, _one_line(encoded))
    prompt, response = encoded
    if has_bos:
        prompt = np.concatenate([bos, _without(bos, prompt)])
    if not len(prompt):
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
        row.sample_id,
        prompt_ids=prompt.astype(np.int64),
        response_ids=response[:room].astype(np.int64),
        has_bos=has_bos,
        truncated=len(response) > room,
    )


def _one_shot(
    shown: _Shown,
    zero_shot: TokenizedSample,
    ids: Mapping[str, Encoded],
    bos: np.ndarray,
    max_length: int,
) -> OneShotSample:
    def refused(status: Status, detail: str | None) -> OneShotSample:
        return OneShotSample(zero_shot, _NO_IDS, status=status, status_detail=detail)

    if zero_shot.status is not Status.OK:
        return refused(zero_shot.status, zero_shot.status_detail)
    if shown.status is not Status.OK:
        return refused(shown.status, shown.detail)
    encoded = shown.encoded(ids)
    if isinstance(encoded, Exception):
        return refused(Status.NOT_TEXT, _one_line(encoded))
    demo, own = encoded
    demo = _without(bos, demo)
    room = max_length - len(bos) - len(own) - len(zero_shot.response_ids)
    if room < 1:
        return refused(Status.PROMPT_TOO_LONG, "prompt and response leave no room for a demo")
    return OneShotSample(
        zero_shot,
        prompt_ids=np.concatenate([bos, demo[-room:], own]).astype(np.int64),
        demo_truncated=len(demo) > room,
    )


def _all_of(
    ids: Mapping[str, Encoded], texts: Iterable[str]
) -> list[np.ndarray] | TypeError | ValueError:
    """The ids of all texts, or why the first that is none is no text."""
    found = []
    for text in texts:
        one = ids[text]
        if isinstance(one, Exception):
            return one
        found.append(one)
    return found


def _without(bos: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """The ids behind the BOS, where there is one: a chat template may have written it."""
    return ids[len(bos) :] if len(bos) and (ids[: len(bos)] == bos).all() else ids


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
