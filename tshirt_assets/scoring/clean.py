"""The clean pass: token losses with and without the prompt, shared by IFD, S-IFD and MIWV.

One call scores both passes of all rows, so that the engine packs them together. `cond_nll` is at
the same time MIWV's zero-shot loss where scorer and target are the same model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.kernel.token_loss import LossRequest, Noise, TokenLossEngine
from tshirt_assets.scoring.sifd import ifd, token_deltas
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
    losses = iter(
        engine.losses([request for sample in usable for request in pass_requests(sample)])
    )
    return [
        _score(sample, next(losses), next(losses))
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


def _score(sample: TokenizedSample, cond: np.ndarray, uncond: np.ndarray) -> CleanScore:
    ratio = ifd(cond, uncond)
    if not (np.isfinite(cond).all() and np.isfinite(uncond).all() and np.isfinite(ratio)):
        return _blank(sample, Status.NON_FINITE_LOSS, "token losses or their ratio not finite")
    return CleanScore(
        sample.sample_id,
        Status.OK,
        None,
        n_prompt_tokens=len(sample.prompt_ids),
        n_response_tokens=len(sample.response_ids),
        truncated=sample.truncated,
        first_delta_index=sample.first_delta_index,
        cond_nll=float(cond.mean(dtype=np.float64)),
        uncond_nll=float(uncond.mean(dtype=np.float64)),
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
