"""token_scores: one clean pass gives every token's delta, and IFD, of every sample."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

import dagster as dg
import numpy as np
import pyarrow as pa

from tshirt_assets.incremental.checks import (
    CARRIED,
    FINITE,
    INSTRUCTION_HELPS,
    USABLE,
    carried_outcome,
    finite_outcome,
    instruction_helps_outcome,
    usable_outcome,
)
from tshirt_assets.incremental.columns import TOKEN_SCORES, computed_schema
from tshirt_assets.incremental.identity import loss_identity
from tshirt_assets.incremental.rows import row_frame, samples_by_id, tokenize_rows
from tshirt_assets.incremental.score_table import ScoreTable
from tshirt_assets.incremental.writing import read_upstream
from tshirt_assets.models.cache import load_count
from tshirt_assets.orchestration.binding import GPU_POOL, Binding
from tshirt_assets.orchestration.declaring import partitioned_asset
from tshirt_assets.orchestration.recording import describe_table, describe_work, finite, histogram
from tshirt_assets.orchestration.shard_loop import ShardReport

ASSET = "token_scores"


def build_token_scores(binding: Binding) -> dg.AssetsDefinition:
    """The `token_scores` asset of a corpus."""
    config = binding.config

    def prepare(context: dg.AssetExecutionContext) -> Callable[[str], ShardReport]:
        from tshirt_assets.scoring.clean import clean_scores

        store = binding.store(context)
        scorer = binding.causal_lm(context, "scorer")
        identity = loss_identity(ASSET, config, scorer)
        scores = ScoreTable(store, binding, ASSET, identity, TOKEN_SCORES, context.log)

        def process(shard: str) -> ShardReport:
            samples_table, samples_version = read_upstream(store, binding, "samples", shard)
            rows = row_frame(samples_table)
            samples = samples_by_id(samples_table)

            def compute(ids: Sequence[str]) -> tuple[pa.Table, int]:
                tokenized = tokenize_rows(ids, samples, scorer, config.prompt_format)
                scored = clean_scores(scorer.engine, tokenized)
                tokens = sum(s.n_prompt_tokens + 2 * s.n_response_tokens for s in scored)
                records = [asdict(score) for score in scored]
                return pa.Table.from_pylist(records, computed_schema(TOKEN_SCORES)), tokens

            scored = scores.score(shard, rows, compute)
            metadata = describe_table(
                scored.info,
                scored.table,
                ("row", "status", "ifd", "cond_nll", "uncond_nll", "n_response_tokens"),
            )
            metadata |= describe_work(scored) | {"model": scorer.path, "model_loads": load_count()}
            ifd = finite(scored.table, "ifd")
            deltas = scored.table["token_delta"].combine_chunks().flatten().to_numpy()
            if len(ifd):
                metadata["ifd_median"] = round(float(np.median(ifd)), 6)
                metadata["ifd_plot"] = histogram(ifd, "IFD (perplexity ratio)")
                metadata["delta_plot"] = histogram(deltas, "token delta (nats)")
            return ShardReport(
                data_version=scored.info.meta["data_version"],
                metadata=metadata,
                inputs={"samples": samples_version},
                checks={
                    "rows_carried_through": carried_outcome(scored.table, rows.height),
                    "rows_usable": usable_outcome(scored.table, config.max_bad_share),
                    "scores_finite": finite_outcome(
                        scored.table, ("ifd", "cond_nll", "uncond_nll")
                    ),
                    "instruction_helps": instruction_helps_outcome(scored.table),
                },
            )

        return process

    return partitioned_asset(
        binding,
        ASSET,
        description="Loss of every response token with and without its prompt under the scorer. "
        "token_delta is positive where the instruction helps; IFD is the perplexity ratio.",
        deps=[binding.dep("samples")],
        prepare=prepare,
        checks={
            "rows_carried_through": CARRIED,
            "rows_usable": USABLE,
            "scores_finite": FINITE,
            "instruction_helps": INSTRUCTION_HELPS,
        },
        kinds={"lancedb", "pytorch", "huggingface"},
        resources=("store", "scorer"),
        schema=TOKEN_SCORES,
        pool=GPU_POOL,
    )
