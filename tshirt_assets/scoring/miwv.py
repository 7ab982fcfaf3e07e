"""MIWV: how much a demo raises or lowers the loss of a response (METHODS.md section 1).

MIWV = one-shot minus zero-shot mean response NLL under the target model. A demo that does not
help leaves a high value, and **higher is selected first**. No clipping, no normalisation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.clean import pass_requests
from tshirt_assets.scoring.kernel.token_loss import LossRequest, TokenLossEngine
from tshirt_assets.scoring.tokenize import OneShotSample


@dataclass(frozen=True, slots=True)
class MiwvScore:
    """MIWV of one row; the losses (means in nats per token) are None unless the status is ok."""

    sample_id: str
    status: Status
    status_detail: str | None
    demo_truncated: bool
    one_shot_nll: float | None = None
    zero_shot_nll: float | None = None
    miwv: float | None = None


def miwv_scores(
    engine: TokenLossEngine,
    pairs: Sequence[OneShotSample],
    zero_shot: Sequence[float | None] | None = None,
) -> list[MiwvScore]:
    """MIWV of every pair of demo and sample, in order.

    `zero_shot` gives mean response NLLs that are already known, such as `cond_nll` of a clean pass
    with the same model, prompt format and truncation; where it has None, the loss is computed.
    Pairs that are not ok pass their status on; a loss that is not finite gives non_finite_loss.
    """
    known = list(zero_shot) if zero_shot is not None else [None] * len(pairs)
    requests: list[LossRequest] = []
    for pair, given in zip(pairs, known, strict=True):
        if pair.status is Status.OK:
            requests.append(one_shot_request(pair))
            if given is None:
                requests.append(pass_requests(pair.zero_shot)[0])
    losses = iter(engine.losses(requests))

    def score(pair: OneShotSample, given: float | None) -> MiwvScore:
        if pair.status is not Status.OK:
            return _blank(pair, pair.status, pair.status_detail)
        one_shot_nll = _mean(next(losses))
        zero_shot_nll = _mean(next(losses)) if given is None else given
        miwv = one_shot_nll - zero_shot_nll
        if not math.isfinite(miwv):
            return _blank(pair, Status.NON_FINITE_LOSS, "a token loss is NaN or infinite")
        return MiwvScore(
            pair.zero_shot.sample_id,
            Status.OK,
            None,
            pair.demo_truncated,
            one_shot_nll=one_shot_nll,
            zero_shot_nll=zero_shot_nll,
            miwv=miwv,
        )

    return [score(pair, given) for pair, given in zip(pairs, known, strict=True)]


def one_shot_request(pair: OneShotSample) -> LossRequest:
    """The response behind demo and prompt; it scores the tokens that the zero-shot pass scores."""
    response = pair.zero_shot.response_ids
    return LossRequest(np.concatenate([pair.prompt_ids, response]), len(response))


def _blank(pair: OneShotSample, status: Status, detail: str | None) -> MiwvScore:
    return MiwvScore(pair.zero_shot.sample_id, status, detail, pair.demo_truncated)


def _mean(losses: np.ndarray) -> float:
    return float(losses.mean(dtype=np.float64))
