"""All scores of the usable rows of a corpus in one frame: what baselines and measures work on."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.incremental.identity import relevance_identity
from tshirt_assets.incremental.needs import tau
from tshirt_assets.incremental.writing import needed_table
from tshirt_assets.selection.score_tables import usable
from tshirt_assets.selection.scores import OTHERS
from tshirt_assets.store.frames import to_frame

if TYPE_CHECKING:
    from tshirt_assets.models.embedder import LoadedEmbedder

ROBUST = ("s_ifd_mean", "s_ifd_std", "ifd_mean")
COLUMNS = ("ifd", "s_ifd", *ROBUST, "miwv", "cosine", "n_response_tokens", "cond_nll")
"""The scores of a frame, null where a row has none or the corpus does not measure it."""


def score_frame(scores: CorpusScores, embedder: "LoadedEmbedder | None" = None) -> pl.DataFrame:
    """One line per usable row, sorted by sample_id: sample_id, shard, row, domain and `COLUMNS`.

    Robustness is that of the first tshirt recipe's estimator. `embedder` measures the cosine of
    instruction and response; without it that column is null. Raises `UpstreamError` where the
    clean scores are missing.
    """
    frame = usable(scores.rows())
    clean = scores.dataset("token_scores").frame(["sample_id", "cond_nll"])
    parts = [clean, *_over_the_corpus(scores), *_robust(scores)]
    parts += [scores.other(table).drop("status") for table in OTHERS if scores.is_stored(table)]
    if embedder is not None:
        parts.append(_cosines(scores, frame, embedder))
    for part in parts:
        frame = frame.join(part.unique("sample_id", keep="first"), on="sample_id", how="left")
    absent = [pl.lit(None, pl.Float64).alias(name) for name in COLUMNS if name not in frame.columns]
    place = ("sample_id", "shard", "row", "domain")
    return frame.with_columns(absent).select(
        *place, *(pl.col(name).cast(pl.Float64) for name in COLUMNS)
    )


def _over_the_corpus(scores: CorpusScores) -> list[pl.DataFrame]:
    """The clean S-IFD, where the corpus has it."""
    if not tau(scores.config):
        return []
    corpus = scores.config.name
    table = needed_table(scores.store, corpus, "contenders")
    rows = scores.store.read(
        corpus, "contenders", columns=["sample_id", "s_ifd"], version=table.version
    )
    return [to_frame(rows)]


def _robust(scores: CorpusScores) -> list[pl.DataFrame]:
    """Robust mean and std by the estimator of the first recipe that has one."""
    recipes = scores.config.recipes.values()
    estimator = next((recipe.estimator for recipe in recipes if recipe.estimator), None)
    if estimator is None or not scores.is_stored("robust_scores"):
        return []
    measured = scores.robust().filter(
        (pl.col("estimator") == estimator) & (pl.col("status") == "ok")
    )
    return [measured.select("sample_id", *ROBUST)]


def _cosines(scores: CorpusScores, rows: pl.DataFrame, embedder: "LoadedEmbedder") -> pl.DataFrame:
    """sample_id and the cosine of a row's instruction and its response, by the stored vectors.

    Responses are embedded where the corpus has no relevance of theirs.
    """
    texts = scores.texts(rows).unique("sample_id", keep="first").sort("sample_id")
    known = _relevances(scores, embedder).join(texts, on="sample_id", how="semi")
    new = texts.join(known, on="sample_id", how="anti", maintain_order="left")
    if new.is_empty():
        return known
    ids = new["sample_id"].to_list()
    answers = embedder.encode([text or "" for text in new["response"]])
    cosine = np.einsum("ij,ij->i", scores.vectors(ids), answers).astype(np.float64)
    return pl.concat([known, pl.DataFrame({"sample_id": ids, "cosine": cosine})])


def _relevances(scores: CorpusScores, embedder: "LoadedEmbedder") -> pl.DataFrame:
    """sample_id and stored relevance; not of conversations, where it is that of the last turn."""
    known = pl.DataFrame(schema={"sample_id": pl.String, "cosine": pl.Float64})
    if not scores.is_stored("relevance"):
        return known
    stored = scores.dataset("relevance")
    if stored.identity != relevance_identity(embedder.identity):
        return known
    found = stored.frame(["sample_id", "relevance"], "status = 'ok' AND turn_vector IS NULL")
    cosine = pl.col("relevance").cast(pl.Float64).alias("cosine")
    return found.unique("sample_id", keep="first").select("sample_id", cosine)
