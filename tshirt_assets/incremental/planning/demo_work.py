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
    kind: Kind = "clean" if same_model else "target"
    identity = loss_identity("miwv_scores", config, target)
    shards = rows["shard"].unique().to_list()
    found = stored.under("miwv_scores", identity, shards, ("sample_id", "neighbour_id"))
    rows = rows.filter("selectable").join(found, on="sample_id", how="left", maintain_order="left")
    present = rows["sample_id"].unique()
    demo = pl.col("neighbour_id")
    known = rows["sample_id"].is_in(found["sample_id"].implode())
    rows = rows.with_columns(_known=known).with_columns(
        _kept=pl.col("_known") & (demo.is_null() | demo.is_in(present.implode()))
    )
    usable = pl.col("response") > 0
    new = rows.filter(~pl.col("_known"))["weight"].sum() / max(1e-9, rows["weight"].sum())
    left = rows.with_columns(
        _chance=pl.when("_kept").then(pl.lit(new)).otherwise(1.0) * pl.col("weight")
    )
    chance = left["_chance"].to_numpy()
    own = (left["prompt"] + left["response"]).to_numpy()
    scored = left.select(pl.col("response")).to_series().to_numpy()
    length = _demo_lengths(rows, target.max_length - own)
    ok = left.select(usable).to_series().to_numpy()
    whole = np.where(ok, own + length, 0.0)
    computed = np.where(ok, own + DEMO_COST * length, 0.0)
    flops = size.flops(computed, scored)
    if not same_model:  # the zero-shot losses are then no by-product of token_scores
        flops = flops + size.flops(np.where(ok, own, 0.0), scored)
    return Work(
        rows=float(chance.sum()),
        reused=float(rows["weight"].sum() - chance.sum()),
        tokens=float(chance @ whole),
        flops={kind: float(chance @ flops)},
    )


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
