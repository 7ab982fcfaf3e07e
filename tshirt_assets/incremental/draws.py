"""Sampled neighbours of a shard's rows: perturbed token deltas, stored on their own.

They do not depend on the threshold, so another one needs arithmetic only.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.corpus.status import Status
from tshirt_assets.incremental.columns import (
    NEIGHBOUR_DELTAS,
    ROBUSTNESS,
    computed_schema,
    computed_table,
)
from tshirt_assets.incremental.identity import loss_identity
from tshirt_assets.incremental.overlap import Computation
from tshirt_assets.incremental.progress import Progress
from tshirt_assets.incremental.score_table import ScoreTable
from tshirt_assets.incremental.stored_rows import tokenize_rows
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM
    from tshirt_assets.scoring.robustness import NeighbourDeltas, RobustScore
    from tshirt_assets.scoring.tokenize import TokenizedSample

DELTAS = "neighbour_deltas"


def draw_table(
    store: Store,
    config: CorpusConfig,
    scorer: "LoadedCausalLM",
    name: str,
    neighbours: int,
    log: Any,
    progress: Progress | None = None,
) -> ScoreTable:
    """The table `name` of perturbed token deltas of `neighbours` noise neighbours per row."""
    identity = loss_identity("robust_scores", config, scorer, **noise_facts(config, neighbours))
    return ScoreTable(store, config.name, name, identity, NEIGHBOUR_DELTAS, log, progress)


def noise_facts(config: CorpusConfig, neighbours: int) -> dict[str, Any]:
    """What of the noise goes into an identity; without neighbours there is no seed in it."""
    facts: dict[str, Any] = {"alpha": config.robustness.alpha}
    return facts | {"neighbours": neighbours, "seed": config.seed} if neighbours else facts


def draw(
    scorer: "LoadedCausalLM",
    config: CorpusConfig,
    samples: Mapping[str, Sample],
    neighbours: int,
) -> Computation[list["TokenizedSample"]]:
    """The computation that fills a `draw_table`."""
    from tshirt_assets.scoring.robustness import neighbour_deltas

    def run(tokenized: Sequence["TokenizedSample"]) -> tuple[pa.Table, int]:
        found = neighbour_deltas(
            scorer.engine,
            tokenized,
            neighbours=neighbours,
            alpha=config.robustness.alpha,
            seed=config.seed,
        )
        records = [
            {
                "sample_id": row.sample_id,
                "status": str(row.status),
                "status_detail": row.status_detail,
                "ifd_mean": row.ifd_mean,
                "n_neighbours": None if row.deltas is None else len(row.deltas),
                "deltas": None if row.deltas is None else row.deltas.ravel(),
            }
            for row in found
        ]
        table = pa.Table.from_pylist(records, computed_schema(NEIGHBOUR_DELTAS))
        return table, n_tokens(tokenized) * neighbours

    tokenize = partial(
        tokenize_rows, samples=samples, model=scorer, prompt_format=config.prompt_format
    )
    return Computation(tokenize, run)


def to_deltas(table: pa.Table) -> list["NeighbourDeltas"]:
    """The rows of a table of perturbed deltas."""
    from tshirt_assets.scoring.robustness import NeighbourDeltas

    return [
        NeighbourDeltas(
            row["sample_id"],
            Status(row["status"]),
            row["status_detail"],
            row["ifd_mean"],
            np.array(row["deltas"], np.float32).reshape(row["n_neighbours"], -1)
            if row["deltas"] is not None
            else None,
        )
        for row in to_frame(table).iter_rows(named=True)
    ]


def sampled_table(drawn: pa.Table, tau: float) -> pa.Table:
    """Mean and std over stored neighbours for one threshold, in the order of `drawn`."""
    from tshirt_assets.scoring.robustness import robust_score

    scores = scores_table([robust_score(row, tau) for row in to_deltas(drawn)])
    place = to_frame(drawn).select("shard", "row")
    return to_frame(scores).hstack(place).to_arrow()


def scores_table(scores: Sequence["RobustScore"]) -> pa.Table:
    """Computed columns of `ROBUSTNESS`."""
    return computed_table(scores, ROBUSTNESS)


def n_tokens(tokenized: Sequence["TokenizedSample"]) -> int:
    """Tokens of a conditional and an unconditional pass over the rows."""
    return sum(len(row.prompt_ids) + 2 * len(row.response_ids) for row in tokenized)
