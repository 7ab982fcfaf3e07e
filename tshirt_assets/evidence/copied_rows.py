"""The rows of a corpus that a planted copy is made of, and which of them are near each other."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tshirt_assets.corpus.sample import split_turn_fields
from tshirt_assets.evidence.asked import FEWEST_ROWS, EvidenceOptions
from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.evidence.kinds import SourceRow
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.identity import embeddings_identity
from tshirt_assets.incremental.stored_rows import embedded_text
from tshirt_assets.selection.lots import random_draws
from tshirt_assets.selection.score_tables import usable

if TYPE_CHECKING:
    from tshirt_assets.models.embedder import LoadedEmbedder

NEAR_DUPLICATE = 0.95
"""Cosine of two questions from which on the answer to one may well be right for the other."""


def source_frame(scores: CorpusScores, options: EvidenceOptions) -> pl.DataFrame:
    """The samples that are copied, each content once, in order of sample_id.

    Of more than `options.rows` as many are drawn; the seed decides which, and all copies have the
    same. Raises `EvidenceError` where there are too few rows to compare anything.
    """
    frame = usable(scores.dataset("samples").frame(["sample_id", "shard", "row", "status"]))
    if frame.height < FEWEST_ROWS:
        raise EvidenceError(
            f"{scores.config.name!r} has {frame.height} usable rows; {FEWEST_ROWS} are the fewest "
            "that planted rows tell anything of"
        )
    if frame.height > options.rows:
        lots = random_draws(options.seed, frame["sample_id"])
        frame = frame.with_columns(lot=pl.Series(lots)).sort("lot").head(options.rows)
    texts = scores.texts(frame).join(frame, on=["sample_id", "shard", "row"], how="semi")
    return texts.sort("sample_id")


def source_rows(frame: pl.DataFrame) -> list[SourceRow]:
    """The rows that may be corrupted: those whose scored turn is text and nothing else."""
    return [
        SourceRow(
            row["sample_id"],
            embedded_text(row["instruction"], row["input"]),
            row["response"] or "",
        )
        for row in frame.iter_rows(named=True)
        if not split_turn_fields(row["extra"])[0]
    ]


def nearest_questions(
    scores: CorpusScores, rows: Sequence[SourceRow], embedder: "LoadedEmbedder"
) -> dict[str, str]:
    """The id of the row with the nearest question, by sample id, without near-duplicates.

    Questions are embedded unless the corpus has their vectors.
    """
    from tshirt_assets.selection.nearest import nearest

    config = scores.config
    known = _stored_vectors(scores, {row.sample_id for row in rows}, embedder)
    new = [row for row in rows if row.sample_id not in known]
    if new:
        vectors = embedder.encode([row.question for row in new])
        known |= zip((row.sample_id for row in new), vectors, strict=True)
    found = nearest(
        lambda: [([*known], np.stack([*known.values()]))],
        exact_up_to=config.exact_neighbours_up_to,
        seed=config.seed,
        device=config.embedder.device,
    )
    pairs = found.frame.filter(pl.col("similarity") < NEAR_DUPLICATE)
    return dict(pairs.select("sample_id", "neighbour_id").iter_rows())


def _stored_vectors(
    scores: CorpusScores, wanted: Collection[str], embedder: "LoadedEmbedder"
) -> dict[str, np.ndarray]:
    """The vectors that the corpus has of this embedder, by sample id."""
    try:
        dataset = scores.dataset("embeddings")
    except UpstreamError:  # no recipe needs them
        return {}
    if dataset.identity != embeddings_identity(embedder.identity):
        return {}
    found: dict[str, np.ndarray] = {}
    for _, batch in dataset.batches(["sample_id", "vector"], "status = 'ok'"):
        vectors = batch.column("vector")
        flat = vectors.flatten().to_numpy().reshape(len(vectors), -1)
        ids = batch.column("sample_id").to_pylist()
        found |= {one: flat[at] for at, one in enumerate(ids) if one in wanted}
    return found
