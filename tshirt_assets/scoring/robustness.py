"""Robustness by sampling: S-IFD over noise neighbours (T-SHIRT section 3.3).

A neighbour is the sample with uniform noise on every token embedding of prompt and response; the
same response noise enters the conditional and the unconditional pass. The noise depends on
(seed, sample id, neighbour number) only, so scores do not change with batch, order or shard.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.clean import pass_fields, pass_requests
from tshirt_assets.scoring.kernel.noise import CounterNoise, noise_key, noise_scale
from tshirt_assets.scoring.kernel.token_loss import LossRequest, TokenLossEngine
from tshirt_assets.scoring.sifd import mean_losses_of_copies, s_ifd_rows, token_deltas
from tshirt_assets.scoring.tokenize import TokenizedSample

GROUP_TOKENS = 1 << 20  # tokens per engine call: enough to pack well, a few MiB of requests
MIN_NEIGHBOURS = 2  # a single one has std 0 and would look like the most robust row of all


@dataclass(frozen=True, slots=True)
class NeighbourDeltas:
    """Perturbed token deltas of one row, from which any threshold's robust score follows.

    `deltas` (M, T - first_delta_index) float32, one row per neighbour; `ifd_mean` over all M. Both
    are None unless the status is ok.
    """

    sample_id: str
    status: Status
    status_detail: str | None
    ifd_mean: float | None = None
    deltas: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class RobustScore:
    """Mean and population std of S-IFD over neighbours; None unless the status is ok.

    `n_neighbours` counts those that entered mean and std, the ones with an informative token.
    `ifd_mean` runs over all neighbours and does not depend on tau, so it is there under
    no_informative_token too.
    """

    sample_id: str
    status: Status
    status_detail: str | None
    s_ifd_mean: float | None = None
    s_ifd_std: float | None = None
    ifd_mean: float | None = None
    n_neighbours: int = 0


def neighbour_deltas(
    engine: TokenLossEngine,
    samples: Sequence[TokenizedSample],
    *,
    neighbours: int,
    alpha: float,
    seed: int,
) -> list[NeighbourDeltas]:
    """Token deltas of `neighbours` (M) noise neighbours of every sample, in order.

    `alpha` sets the noise U(-eps, eps), eps = alpha / sqrt(L*C) with L = prompt + response tokens
    and C the embedding width. Rows that are not ok pass their status on; any loss that is not
    finite gives non_finite_loss.
    """
    usable = [sample for sample in samples if sample.status is Status.OK]
    found: list[NeighbourDeltas] = []
    for group in _groups(usable, neighbours):
        numbers = range(neighbours)
        requests: list[LossRequest] = []
        for sample in group:
            requests += neighbour_requests(sample, numbers, alpha, seed, engine.width)
        losses = engine.losses(requests)
        passes = list(zip(losses[::2], losses[1::2], strict=True))
        for at, sample in enumerate(group):
            found.append(_deltas(sample, passes[at * neighbours : (at + 1) * neighbours]))
    scored = iter(found)
    return [
        next(scored)
        if sample.status is Status.OK
        else NeighbourDeltas(sample.sample_id, sample.status, sample.status_detail)
        for sample in samples
    ]


def robust_score(row: NeighbourDeltas, tau: float) -> RobustScore:
    """Mean and population std (ddof 0) of S-IFD over a row's neighbours, for one threshold.

    A neighbour without an informative token is left out; with fewer than two left the status is
    no_informative_token.
    """
    if row.deltas is None:
        return RobustScore(row.sample_id, row.status, row.status_detail)
    lengths = np.full(len(row.deltas), row.deltas.shape[1])
    values = s_ifd_rows(row.deltas.ravel(), lengths, tau)  # (M,)
    values = values[~np.isnan(values)]
    score = RobustScore(
        row.sample_id, Status.OK, None, ifd_mean=row.ifd_mean, n_neighbours=len(values)
    )
    if len(values) < MIN_NEIGHBOURS:
        detail = f"{len(values)} of {len(row.deltas)} neighbours have abs(delta) > {tau:g}"
        return replace(score, status=Status.NO_INFORMATIVE_TOKEN, status_detail=detail)
    if not np.isfinite(values).all():
        return RobustScore(row.sample_id, Status.NON_FINITE_LOSS, "S-IFD of a neighbour overflows")
    return replace(score, s_ifd_mean=float(values.mean()), s_ifd_std=float(values.std()))


def neighbour_requests(
    sample: TokenizedSample, neighbours: Iterable[int], alpha: float, seed: int, width: int
) -> list[LossRequest]:
    """Both passes of each of these noise neighbours, one after the other.

    The sample's noise field has one row per token, the BOS included. The unconditional pass uses
    the rows of its own tokens, so it sees the response noise of the conditional one.
    """
    clean, fields = pass_requests(sample), pass_fields(sample)
    eps = noise_scale(alpha, len(fields[0]), width)
    keys = [noise_key(seed, sample.sample_id, neighbour) for neighbour in neighbours]
    return [
        LossRequest(request.ids, request.n_scored, CounterNoise(key, eps, field))
        for key in keys
        for request, field in zip(clean, fields, strict=True)
    ]


def _groups(samples: Sequence[TokenizedSample], neighbours: int) -> Iterator[list[TokenizedSample]]:
    """Consecutive samples whose requests hold about GROUP_TOKENS together, at least one each."""
    group: list[TokenizedSample] = []
    held = 0
    for sample in samples:
        tokens = neighbours * (len(sample.prompt_ids) + 2 * len(sample.response_ids))
        if group and held + tokens > GROUP_TOKENS:
            yield group
            group, held = [], 0
        group.append(sample)
        held += tokens
    if group:
        yield group


def _deltas(
    sample: TokenizedSample, passes: Sequence[tuple[np.ndarray, np.ndarray]]
) -> NeighbourDeltas:
    cond, uncond = (  # (M, T), (M, T')
        np.concatenate(losses).reshape(len(losses), -1) for losses in zip(*passes, strict=True)
    )
    means, ratios = mean_losses_of_copies(cond, uncond)  # (M, 2), (M,)
    bad = int((~np.isfinite(means)).sum())
    if bad or not np.isfinite(ratios).all():
        detail = f"NaN or infinite losses or ratios ({bad} of {2 * len(passes)} passes)"
        return NeighbourDeltas(sample.sample_id, Status.NON_FINITE_LOSS, detail)
    return NeighbourDeltas(
        sample.sample_id,
        Status.OK,
        None,
        ifd_mean=float(ratios.mean()),
        deltas=token_deltas(cond, uncond),
    )
