"""The clean pass: token losses with and without the prompt, shared by IFD, S-IFD and MIWV.

One call scores both passes of all rows, so that the engine packs them together. `cond_nll` is at
the same time MIWV's zero-shot loss where scorer and target are the same model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.kernel.token_loss import LossRequest, Noise, TokenLossEngine
from tshirt_assets.scoring.sifd import mean_losses, token_deltas
from tshirt_assets.scoring.tokenize import TokenizedSample


@dataclass(frozen=True, slots=True)
class CleanScore:
    """The token_scores columns of one row; the scores are None unless the status is ok.

    `n_prompt_tokens` counts the BOS. `cond_nll` and `uncond_nll` are means in nats per token, over
    T tokens and over the tokens from `first_delta_index` on. `ifd` is the published perplexity
    ratio. `token_delta` (T - first_delta_index,) float32 in nats, positive where the instruction
    helps. `token_nll` (T,) float32, the conditional losses.
    """

    sample_id: str
    status: Status
    status_detail: str | None
    n_prompt_tokens: int
    n_response_tokens: int
    truncated: bool
    first_delta_index: int
    cond_nll: float | None = None
    uncond_nll: float | None = None
    ifd: float | None = None
    token_delta: np.ndarray | None = None
    token_nll: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class CleanLosses:
    """Clean losses of one row's tokens that have both, and its IFD.

    `cond`: (T - first_delta_index,) float32, nats, with the prompt. `deltas`: the token deltas.
    """

    cond: np.ndarray
    deltas: np.ndarray
    ifd: float

    @staticmethod
    def of(token_nll: np.ndarray, token_delta: np.ndarray, ifd: float) -> "CleanLosses":
        """From the columns of token_scores: losses (T,) and deltas (T - first_delta_index,)."""
        return CleanLosses(token_nll[len(token_nll) - len(token_delta) :], token_delta, ifd)

    @property
    def uncond(self) -> np.ndarray:
        """Losses without the prompt, (T - first_delta_index,) float32."""
        return self.cond + self.deltas


def clean_scores(engine: TokenLossEngine, samples: Sequence[TokenizedSample]) -> list[CleanScore]:
    """Clean scores of every sample, in order; rows that are not ok pass their status on.

    A loss or ratio that is not finite gives the status non_finite_loss.
    """
    usable = [sample for sample in samples if sample.status is Status.OK]
    losses = engine.losses([request for sample in usable for request in pass_requests(sample)])
    passes = list(zip(losses[::2], losses[1::2], strict=True))
    scored = iter(_scores(usable, passes))
    return [
        next(scored)
        if sample.status is Status.OK
        else _blank(sample, sample.status, sample.status_detail)
        for sample in samples
    ]


def pass_requests(
    sample: TokenizedSample, cond_noise: Noise | None = None, uncond_noise: Noise | None = None
) -> tuple[LossRequest, LossRequest]:
    """The conditional pass (prompt, response) and the unconditional one ([BOS], response)."""
    lead = sample.prompt_ids[: 1 - sample.first_delta_index]  # the BOS, if any
    n_tokens = len(sample.response_ids)
    return (
        LossRequest(np.concatenate([sample.prompt_ids, sample.response_ids]), n_tokens, cond_noise),
        LossRequest(
            np.concatenate([lead, sample.response_ids]),
            n_tokens - sample.first_delta_index,
            uncond_noise,
        ),
    )


def pass_fields(sample: TokenizedSample, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The tokens that each pass sees, where prompt and response are numbered from `start` on.

    (P + T,) and (T,), behind a BOS (1 + T,), int64.
    """
    n_prompt = len(sample.prompt_ids)
    field = np.arange(start, start + n_prompt + len(sample.response_ids))
    lead = field[: 1 - sample.first_delta_index]
    return field, np.concatenate([lead, field[n_prompt:]])


def _scores(
    samples: Sequence[TokenizedSample], passes: Sequence[tuple[np.ndarray, np.ndarray]]
) -> list[CleanScore]:
    """The scores of samples with status ok, whose token losses are those."""
    means, ratios = mean_losses(passes)
    found = []
    rows = zip(samples, passes, means.tolist(), ratios.tolist(), strict=True)
    for sample, (cond, uncond), (cond_nll, uncond_nll), ratio in rows:
        if all(map(isfinite, (cond_nll, uncond_nll, ratio))):
            found.append(_score(sample, cond, uncond, cond_nll, uncond_nll, ratio))
        else:
            detail = "token losses or their ratio not finite"
            found.append(_blank(sample, Status.NON_FINITE_LOSS, detail))
    return found


def _score(
    sample: TokenizedSample,
    cond: np.ndarray,
    uncond: np.ndarray,
    cond_nll: float,
    uncond_nll: float,
    ratio: float,
) -> CleanScore:
    return CleanScore(
        sample.sample_id,
        Status.OK,
        None,
        n_prompt_tokens=len(sample.prompt_ids),
        n_response_tokens=len(sample.response_ids),
        truncated=sample.truncated,
        first_delta_index=sample.first_delta_index,
        cond_nll=cond_nll,
        uncond_nll=uncond_nll,
        ifd=ratio,
        token_delta=token_deltas(cond, uncond),
        token_nll=cond,
    )


def _blank(sample: TokenizedSample, status: Status, detail: str | None) -> CleanScore:
    return CleanScore(
        sample.sample_id,
        status,
        detail,
        n_prompt_tokens=len(sample.prompt_ids),
        n_response_tokens=len(sample.response_ids),
        truncated=sample.truncated,
        first_delta_index=sample.first_delta_index,
    )
