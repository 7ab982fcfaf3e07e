"""Training weights per response token, from the token deltas."""

from collections.abc import Sequence

import polars as pl

from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.incremental.errors import UpstreamError


def subset_weights(
    scores: CorpusScores, selected: pl.DataFrame, tau: float | None
) -> dict[str, list[float]]:
    """Token weights of the selected rows, by sample id.

    Raises `UpstreamError` without a threshold: nothing then says which tokens are informative.
    """
    if tau is None:
        raise UpstreamError(
            f"export_token_weights needs the threshold tau, and contenders of "
            f"{scores.config.name!r} are missing; materialize contenders first"
        )
    return {
        sample_id: token_weights(row["token_delta"], row["first_delta_index"], tau)
        for sample_id, row in scores.token_deltas(selected).items()
    }


def token_weights(token_delta: Sequence[float], first_delta_index: int, tau: float) -> list[float]:
    """Weight of every response token: 1 where abs(delta) is above tau, else 0 (S-IFD's w_t).

    `token_delta` holds the deltas of the response tokens from `first_delta_index` on; the tokens
    before it have no delta and get weight 1. The result has one weight per response token *of
    the scorer's tokenizer*: use it with that tokenizer only.
    """
    informative = [1.0 if abs(delta) > tau else 0.0 for delta in token_delta]
    return [1.0] * first_delta_index + informative
