"""miwv_scores: how much the nearest neighbour, as a demo, changes the loss of a response."""

from collections.abc import Callable, Sequence

import dagster as dg
import polars as pl
import pyarrow as pa

from tshirt_assets.corpus.sample import Sample
from tshirt_assets.corpus.status import Status
from tshirt_assets.incremental.checks import (
    CARRIED,
    FINITE,
    USABLE,
    carried_outcome,
    finite_outcome,
    usable_outcome,
)
from tshirt_assets.incremental.columns import MIWV_SCORES, computed_schema
from tshirt_assets.incremental.identity import loss_identity
from tshirt_assets.incremental.rows import read_samples_by_id, row_frame, samples_by_id, to_frame
from tshirt_assets.incremental.score_table import ScoreTable
from tshirt_assets.incremental.writing import read_upstream
from tshirt_assets.models.cache import load_count
from tshirt_assets.orchestration.binding import GPU_POOL, Binding
from tshirt_assets.orchestration.declaring import partitioned_asset
from tshirt_assets.orchestration.recording import describe_table, describe_work, finite, histogram
from tshirt_assets.orchestration.shard_loop import ShardReport
from tshirt_assets.store.store import Store, TableInfo

ASSET = "miwv_scores"


def build_miwv_scores(binding: Binding) -> dg.AssetsDefinition:
    """The `miwv_scores` asset of a corpus."""
    config = binding.config

    def prepare(context: dg.AssetExecutionContext) -> Callable[[str], ShardReport]:
        from tshirt_assets.scoring.miwv import miwv_scores
        from tshirt_assets.scoring.tokenize import tokenize_one_shot

        store = binding.store(context)
        target = binding.causal_lm(context, "target")
        identity = loss_identity(ASSET, config, target)
        clean_identity = loss_identity("token_scores", config, target)
        scores = ScoreTable(store, binding, ASSET, identity, MIWV_SCORES, context.log)
        neighbours = store.info(binding.name, "neighbours")
        if neighbours is None:
            raise dg.Failure(f"neighbours of {binding.name!r} are missing; materialize them first")
        nearest = to_frame(store.read(binding.name, "neighbours", version=neighbours.version))

        def process(shard: str) -> ShardReport:
            samples_table, samples_version = read_upstream(store, binding, "samples", shard)
            rows = row_frame(samples_table)
            samples = samples_by_id(samples_table)
            own = nearest.filter(pl.col("sample_id").is_in(list(samples)))
            demo_of = dict(own.select("sample_id", "neighbour_id").iter_rows())
            clean = store.info(binding.name, "token_scores", shard)
            known = clean_losses(store, clean, clean_identity)

            def compute(ids: Sequence[str]) -> tuple[pa.Table, int]:
                demos = read_demos(
                    store, binding.name, own.filter(pl.col("sample_id").is_in(list(ids))), samples
                )
                alone = [i for i in ids if demo_of.get(i) not in demos]
                paired = [i for i in ids if demo_of.get(i) in demos]
                pairs = [
                    tokenize_one_shot(
                        demos[demo_of[sample_id]],
                        samples[sample_id],
                        target.tokenizer,
                        config.prompt_format,
                        target.max_length,
                    )
                    for sample_id in paired
                ]
                found = miwv_scores(target.engine, pairs, [known.get(i) for i in paired])
                records = [
                    {
                        "sample_id": score.sample_id,
                        "status": str(score.status),
                        "status_detail": score.status_detail,
                        "one_shot_nll": score.one_shot_nll,
                        "zero_shot_nll": score.zero_shot_nll,
                        "miwv": score.miwv,
                        "demo_truncated": score.demo_truncated,
                    }
                    for score in found
                ]
                records += [
                    {
                        "sample_id": sample_id,
                        "status": str(Status.NO_NEIGHBOUR),
                        "status_detail": "no other row of the corpus can serve as its demo",
                    }
                    for sample_id in alone
                ]
                table = to_frame(pa.Table.from_pylist(records, computed_schema(MIWV_SCORES)))
                table = table.drop("neighbour_id", "similarity").join(
                    own.select("sample_id", "neighbour_id", "similarity"),
                    on="sample_id",
                    how="left",
                    maintain_order="left",
                )
                tokens = sum(len(p.prompt_ids) + len(p.zero_shot.response_ids) for p in pairs)
                return table.to_arrow(), tokens

            def same_demo(stored: pl.DataFrame) -> pl.DataFrame:
                """Stored rows whose nearest neighbour is still the same one, its cosine updated.

                A neighbour that was not there, as its file was being replaced, may be back.
                """
                lost = (
                    pl.col("status").eq(Status.NO_NEIGHBOUR) & pl.col("neighbour_id").is_not_null()
                )
                kept = stored.filter(~lost).drop("similarity")
                return kept.join(
                    own.select("sample_id", "neighbour_id", "similarity"),
                    on=["sample_id", "neighbour_id"],
                    nulls_equal=True,
                    maintain_order="left",
                )

            # Rows that share a demo share its computation.
            scored = scores.score(
                shard, rows, compute, same_demo, kin=lambda i: demo_of.get(i) or ""
            )
            metadata = describe_table(
                scored.info,
                scored.table,
                ("row", "status", "miwv", "one_shot_nll", "zero_shot_nll", "similarity"),
            )
            metadata |= describe_work(scored) | {
                "model": target.path,
                "model_loads": load_count(),
                "miwv_plot": histogram(finite(scored.table, "miwv"), "MIWV (nats per token)"),
            }
            return ShardReport(
                data_version=scored.info.meta["data_version"],
                metadata=metadata,
                inputs={
                    "samples": samples_version,
                    "token_scores": clean.meta.get("data_version", "") if clean else "",
                    "neighbours": neighbours.meta["data_version"],
                },
                checks={
                    "rows_carried_through": carried_outcome(scored.table, rows.height),
                    "rows_usable": usable_outcome(scored.table, config.max_bad_share),
                    "scores_finite": finite_outcome(scored.table, ("miwv", "one_shot_nll")),
                },
            )

        return process

    return partitioned_asset(
        binding,
        ASSET,
        description="One-shot minus zero-shot response loss under the target model, with the "
        "nearest neighbour as the demo. High: the model is weak there, train on it.",
        deps=[binding.dep("samples"), binding.dep("token_scores"), binding.dep("neighbours")],
        prepare=prepare,
        checks={"rows_carried_through": CARRIED, "rows_usable": USABLE, "scores_finite": FINITE},
        kinds={"lancedb", "pytorch", "huggingface"},
        resources=("store", "target"),
        schema=MIWV_SCORES,
        pool=GPU_POOL,
    )


def clean_losses(store: Store, scored: TableInfo | None, identity: str) -> dict[str, float]:
    """Zero-shot losses that the clean pass of the same model already found, by sample id."""
    if scored is None or scored.meta.get("identity") != identity:
        return {}
    table = store.read(
        scored.meta["corpus"],
        "token_scores",
        scored.meta["shard"],
        columns=["sample_id", "cond_nll"],
        where="status = 'ok'",
        version=scored.version,
    )
    return dict(zip(table["sample_id"].to_pylist(), table["cond_nll"].to_pylist(), strict=True))


def read_demos(
    store: Store, corpus: str, own: pl.DataFrame, samples: dict[str, Sample]
) -> dict[str, Sample]:
    """The nearest neighbours of rows of a shard, from whatever shards hold them."""
    elsewhere = own.filter(
        pl.col("neighbour_id").is_not_null() & ~pl.col("neighbour_id").is_in(list(samples))
    ).unique("neighbour_id")
    demos = {i: samples[i] for i in own["neighbour_id"] if i in samples}
    places = elsewhere.select(sample_id="neighbour_id", shard="neighbour_shard")
    return demos | read_samples_by_id(store, corpus, places)
