"""What is left of MIWV, whose demos are known only when the embeddings are compared."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.identity import loss_identity
from tshirt_assets.incremental.planning.stored_ids import StoredIds
from tshirt_assets.incremental.planning.work import Kind, Work
from tshirt_assets.models.model_size import ModelSize

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM

DEMO_COST = 0.65
"""Share of the demos that is computed: rows side by side share that of a common demo."""


def miwv_work(
    config: CorpusConfig,
    stored: StoredIds,
    target: "LoadedCausalLM",
    size: ModelSize,
    rows: pl.DataFrame,
) -> Work:
    """The one-shot losses that are not stored for the demo that a row will have.

    rows: see `RowTokens`, under the tokenizer of the target. A row keeps its demo unless one of
    the new rows is nearer, which n new rows among N are for n / N of the others; the demo of
    another row is as long as rows are.
    """
    same_model = config.target_model == config.scorer
    rows = rows.filter("selectable")
    identity = loss_identity("miwv_scores", config, target)
    shards = rows["shard"].unique().to_list()
    found = stored.under("miwv_scores", identity, shards, ("sample_id", "neighbour_id"))
    rows = rows.join(found, on="sample_id", how="left", maintain_order="left")
    chance = _chances(rows, found)
    response = rows["response"].to_numpy()
    ok = response > 0
    own = np.where(ok, (rows["prompt"] + rows["response"]).to_numpy(), 0)
    demo = np.where(ok, _demo_lengths(rows, target.max_length - own), 0)
    flops = size.flops(own + DEMO_COST * demo, response)
    if not same_model:  # the zero-shot losses are then no by-product of token_scores
        flops = flops + size.flops(own, response)
    kind: Kind = "clean" if same_model else "target"
    return Work(
        rows=float(chance.sum()),
        reused=float(rows["weight"].to_numpy().sum() - chance.sum()),
        tokens=float(chance @ (own + demo)),
        flops={kind: float(chance @ flops)},
    )


def _chances(rows: pl.DataFrame, found: pl.DataFrame) -> np.ndarray:
    """(N,) how many rows each row stands for, times the probability that it is computed."""
    weight = rows["weight"].to_numpy()
    known = rows["sample_id"].is_in(found["sample_id"].implode())
    demo = rows["neighbour_id"]
    there = demo.is_null() | demo.is_in(rows["sample_id"].unique().implode())
    new = float(weight @ ~known.to_numpy()) / max(1e-9, float(weight.sum()))
    return weight * np.where((known & there).to_numpy(), new, 1.0)


def _demo_lengths(rows: pl.DataFrame, room: np.ndarray) -> np.ndarray:
    """(N,) tokens of the demo of every row: its own where it is known, else of some row."""
    lengths = rows.filter(pl.col("response") > 0).select(
        "sample_id", _demo=pl.col("prompt") + pl.col("response")
    )
    if not lengths.height:
        return np.zeros(rows.height)
    by_id = lengths.unique("sample_id", keep="first")
    known = rows.join(
        by_id, left_on="neighbour_id", right_on="sample_id", how="left", maintain_order="left"
    )["_demo"]
    others = np.random.default_rng(0).choice(lengths["_demo"].to_numpy(), rows.height)
    found = np.where(known.is_null().to_numpy(), others, known.fill_null(0).to_numpy())
    return np.minimum(found, np.maximum(room, 0))
