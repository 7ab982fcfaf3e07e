"""robust_scores: mean and std of S-IFD under embedding noise, for the rows that can be selected.

The perturbed token deltas are the work; they are stored on their own (`neighbour_deltas`), so that
another threshold or keep fraction needs arithmetic only.
"""

from collections.abc import Callable, Sequence

import dagster as dg
import numpy as np
import polars as pl
import pyarrow as pa

from tshirt_assets.assets.binding import GPU_POOL, Binding
from tshirt_assets.assets.checks import FINITE, USABLE, finite_outcome, usable_outcome
from tshirt_assets.assets.dataset import facts
from tshirt_assets.assets.definition import partitioned_asset
from tshirt_assets.assets.identity import loss_identity
from tshirt_assets.assets.recording import describe_table, describe_work, finite, histogram
from tshirt_assets.assets.rows import row_frame, samples_by_id, to_frame, to_schema
from tshirt_assets.assets.schemas import NEIGHBOUR_DELTAS, ROBUST_SCORES, computed_schema
from tshirt_assets.assets.scored import ScoreTable
from tshirt_assets.assets.shards import ShardReport
from tshirt_assets.assets.writing import upstream_version, write_table
from tshirt_assets.corpus.status import Status
from tshirt_assets.resources.lance import Store
from tshirt_assets.resources.process_cache import load_count

ASSET = "robust_scores"
DELTAS = "neighbour_deltas"


def build_robust_scores(binding: Binding) -> dg.AssetsDefinition:
    """The `robust_scores` asset of a corpus."""
    config = binding.config
    noise = config.robustness

    def prepare(context: dg.AssetExecutionContext) -> Callable[[str], ShardReport]:
        from tshirt_assets.scoring.robustness import neighbour_deltas
        from tshirt_assets.scoring.tokenize import tokenize_sample

        store = binding.store(context)
        scorer = binding.causal_lm(context, "scorer")
        identity = loss_identity(
            ASSET,
            config,
            scorer,
            neighbours=noise.neighbours,
            alpha=noise.alpha,
            seed=config.seed,
        )
        contenders = store.info(binding.name, "contenders")
        if contenders is None:
            raise dg.Failure(f"contenders of {binding.name!r} are missing; materialize them first")
        tau, keep_fraction = facts(contenders, "tau"), facts(contenders, "keep_fraction")
        deltas = ScoreTable(store, binding, DELTAS, identity, NEIGHBOUR_DELTAS, context.log)

        def process(shard: str) -> ShardReport:
            samples = samples_by_id(store.read(binding.name, "samples", shard))
            rows = rows_to_perturb(store, binding, shard)
            # A file may have been read again since its rows became contenders.
            rows = rows.filter(pl.col("sample_id").is_in(list(samples)))

            def compute(ids: Sequence[str]) -> tuple[pa.Table, int]:
                tokenized = [
                    tokenize_sample(
                        samples[sample_id],
                        scorer.tokenizer,
                        config.prompt_format,
                        scorer.max_length,
                    )
                    for sample_id in ids
                ]
                found = neighbour_deltas(
                    scorer.engine,
                    tokenized,
                    neighbours=noise.neighbours,
                    alpha=noise.alpha,
                    seed=config.seed,
                )
                table = pa.Table.from_pylist(
                    [
                        {
                            "sample_id": row.sample_id,
                            "status": str(row.status),
                            "status_detail": row.status_detail,
                            "ifd_mean": row.ifd_mean,
                            "n_neighbours": None if row.deltas is None else len(row.deltas),
                            "deltas": None if row.deltas is None else row.deltas.ravel(),
                        }
                        for row in found
                    ],
                    computed_schema(NEIGHBOUR_DELTAS),
                )
                tokens = sum(len(t.prompt_ids) + 2 * len(t.response_ids) for t in tokenized)
                return table, tokens * noise.neighbours

            scored = deltas.score(shard, rows, compute)
            table = robust_table(scored.table, identity, tau, keep_fraction)
            info = write_table(store, binding, ASSET, shard, table, identity=identity, tau=tau)
            metadata = describe_table(
                info, table, ("row", "status", "s_ifd_mean", "s_ifd_std", "ifd_mean")
            )
            metadata |= describe_work(scored) | {
                "tau": tau,
                "model": scorer.path,
                "model_loads": load_count(),
                "neighbours": noise.neighbours,
                "estimator": noise.estimator,
            }
            for column, title in (("s_ifd_mean", "S-IFD mean"), ("s_ifd_std", "S-IFD std")):
                metadata[f"{column}_plot"] = histogram(finite(table, column), title)
            return ShardReport(
                data_version=info.meta["data_version"],
                metadata=metadata,
                inputs={
                    "samples": upstream_version(store, binding, "samples", shard),
                    "contenders": contenders.meta["data_version"],
                },
                checks={
                    "rows_usable": usable_outcome(table, config.max_bad_share),
                    "scores_finite": finite_outcome(table, ("s_ifd_mean", "s_ifd_std", "ifd_mean")),
                },
            )

        return process

    return partitioned_asset(
        binding,
        ASSET,
        description="Mean and std of S-IFD, and mean IFD, over perturbed copies of each contender "
        "(or of every row, with scope: all). A row is chosen for a high mean and a low std.",
        deps=[binding.dep("samples"), binding.dep("contenders")],
        prepare=prepare,
        checks={"rows_usable": USABLE, "scores_finite": FINITE},
        kinds={"lancedb", "pytorch", "huggingface"},
        resources=("store", "scorer"),
        schema=ROBUST_SCORES,
        pool=GPU_POOL,
    )


def rows_to_perturb(store: Store, binding: Binding, shard: str) -> pl.DataFrame:
    """ROW columns of the shard's contenders, or of all its scored rows with scope `all`."""
    if binding.config.perturbs_all_rows:
        return row_frame(store.read(binding.name, "token_scores", shard, where="status = 'ok'"))
    where = f"shard = '{shard}' AND contender"
    return row_frame(store.read(binding.name, "contenders", where=where)).sort("row")


def robust_table(deltas: pa.Table, identity: str, tau: float, keep_fraction: float) -> pa.Table:
    """Robust scores from stored neighbour deltas, for one threshold."""
    from tshirt_assets.scoring.robustness import NeighbourDeltas, robust_score

    frame = to_frame(deltas)
    scores = [
        robust_score(
            NeighbourDeltas(
                row["sample_id"],
                Status(row["status"]),
                row["status_detail"],
                row["ifd_mean"],
                np.array(row["deltas"], np.float32).reshape(row["n_neighbours"], -1)
                if row["deltas"] is not None
                else None,
            ),
            tau,
        )
        for row in frame.iter_rows(named=True)
    ]
    return to_schema(
        frame.select("sample_id", "shard", "row", "ifd_mean").with_columns(
            status=pl.Series([str(score.status) for score in scores], dtype=pl.String),
            status_detail=pl.Series([s.status_detail for s in scores], dtype=pl.String),
            identity=pl.lit(identity),
            keep_fraction=pl.lit(keep_fraction),
            s_ifd_mean=pl.Series([s.s_ifd_mean for s in scores], dtype=pl.Float64),
            s_ifd_std=pl.Series([s.s_ifd_std for s in scores], dtype=pl.Float64),
            n_neighbours=pl.Series([s.n_neighbours for s in scores], dtype=pl.Int32),
            estimator=pl.lit("sampled"),
            tau=pl.lit(tau),
        ),
        ROBUST_SCORES,
    )
