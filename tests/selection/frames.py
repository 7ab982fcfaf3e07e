"""Small score tables for the tests of selection."""

import numpy as np
import polars as pl

from tshirt_assets.selection.score_tables import ScoreTables


def score_tables(n: int, seed: int = 0, *, ties: bool = False) -> ScoreTables:
    """n rows with every score, some not ok, two duplicated in another shard.

    ties: scores rounded to one digit, so that sample_id has to decide.
    """
    rng = np.random.default_rng(seed)
    digits = 1 if ties else 9
    ids = [f"{i:08x}" for i in rng.permutation(n)]
    status = np.where(rng.random(n) < 0.1, "response_too_short", "ok").tolist()

    def score(low: float, high: float) -> list[float]:
        return rng.uniform(low, high, n).round(digits).tolist()

    rows = pl.DataFrame(
        {
            "sample_id": ids,
            "shard": ["a"] * n,
            "row": range(n),
            "status": status,
            "ifd": score(0.2, 1.2),
            "n_response_tokens": rng.integers(2, 40, n).tolist(),
            "domain": rng.choice(["code", "prose", "none"], n, p=[0.1, 0.6, 0.3]).tolist(),
        }
    ).with_columns(pl.col("domain").replace("none", None))
    robust = pl.DataFrame(
        {
            "sample_id": ids,
            "status": ["no_informative_token" if s == "ok" and i % 11 == 0 else s
                       for i, s in enumerate(status)],
            "s_ifd_mean": score(0.4, 1.0),
            "s_ifd_std": (np.array(score(0.0, 0.3))).tolist(),
            "ifd_mean": score(0.5, 1.1),
        }
    )  # fmt: skip
    miwv = pl.DataFrame({"sample_id": ids, "status": status, "miwv": score(-1, 1)})
    duplicates = rows.head(2).with_columns(shard=pl.lit("b"))
    return ScoreTables(pl.concat([duplicates, rows]), robust, None, {"miwv_scores": miwv})


def unit_vectors(n: int, width: int = 8, seed: int = 0) -> np.ndarray:
    """Random vectors of length 1, (n, width) float32."""
    vectors = np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
