"""Columns of every table, with the descriptions shown in the UI. These names are public."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from tshirt_assets.corpus.sample import SAMPLES_SCHEMA

_FLOATS = pa.list_(pa.float32())

ROW = [
    pa.field("sample_id", pa.string()),
    pa.field("shard", pa.string()),
    pa.field("row", pa.int64()),
    pa.field("status", pa.string()),
    pa.field("status_detail", pa.string()),
]
SCORED_ROW = [*ROW, pa.field("identity", pa.string())]

TOKEN_SCORES = pa.schema(
    [
        *SCORED_ROW,
        pa.field("n_prompt_tokens", pa.int32()),
        pa.field("n_response_tokens", pa.int32()),
        pa.field("truncated", pa.bool_()),
        pa.field("cond_nll", pa.float64()),
        pa.field("uncond_nll", pa.float64()),
        pa.field("ifd", pa.float64()),
        pa.field("token_delta", _FLOATS),
        pa.field("token_nll", _FLOATS),
        pa.field("first_delta_index", pa.int32()),
    ]
)
CONTENDERS = pa.schema(
    [
        *ROW,
        pa.field("s_ifd", pa.float64()),
        pa.field("ifd", pa.float64()),
        pa.field("rank", pa.int64()),
        pa.field("contender", pa.bool_()),
        pa.field("tau", pa.float64()),
        pa.field("keep_fraction", pa.float64()),
    ]
)
ROBUSTNESS = pa.schema(
    [
        *SCORED_ROW,
        pa.field("s_ifd_mean", pa.float64()),
        pa.field("s_ifd_std", pa.float64()),
        pa.field("ifd_mean", pa.float64()),
        pa.field("n_neighbours", pa.int32()),
    ]
)
ROBUST_SCORES = pa.schema(
    [
        *SCORED_ROW,
        pa.field("keep_fraction", pa.float64()),
        pa.field("s_ifd_mean", pa.float64()),
        pa.field("s_ifd_std", pa.float64()),
        pa.field("ifd_mean", pa.float64()),
        pa.field("n_neighbours", pa.int32()),
        pa.field("estimator", pa.string()),
        pa.field("tau", pa.float64()),
    ]
)
NEIGHBOUR_DELTAS = pa.schema(
    [
        *SCORED_ROW,
        pa.field("ifd_mean", pa.float64()),
        pa.field("n_neighbours", pa.int32()),
        pa.field("deltas", _FLOATS),
    ]
)
CALIBRATION = pa.schema(
    [
        *ROW,
        pa.field("analytic_mean", pa.float64()),
        pa.field("analytic_std", pa.float64()),
        pa.field("sampled_mean", pa.float64()),
        pa.field("sampled_std", pa.float64()),
        pa.field("n_neighbours", pa.int32()),
    ]
)
NEIGHBOURS = pa.schema(
    [
        pa.field("sample_id", pa.string()),
        pa.field("neighbour_id", pa.string()),
        pa.field("neighbour_shard", pa.string()),
        pa.field("similarity", pa.float32()),
    ]
)
MIWV_SCORES = pa.schema(
    [
        *SCORED_ROW,
        pa.field("one_shot_nll", pa.float64()),
        pa.field("zero_shot_nll", pa.float64()),
        pa.field("miwv", pa.float64()),
        pa.field("neighbour_id", pa.string()),
        pa.field("similarity", pa.float32()),
        pa.field("demo_truncated", pa.bool_()),
    ]
)
EVIDENCE = pa.schema(
    [
        pa.field("rule", pa.string()),
        pa.field("budget", pa.float64()),
        pa.field("corrupted_share", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("base_rate", pa.float64()),
        pa.field("finding", pa.string()),
    ]
)
PLAN = pa.schema(
    [
        pa.field("asset", pa.string()),
        pa.field("rows", pa.int64()),
        pa.field("reused", pa.int64()),
        pa.field("tokens", pa.int64()),
        pa.field("flops", pa.float64()),
        pa.field("seconds", pa.float64()),
        pa.field("bytes", pa.int64()),
    ]
)
JUDGEMENTS = pa.schema(
    [
        pa.field("judgement_id", pa.string()),
        pa.field("sample_id", pa.string()),
        pa.field("verdict", pa.string()),
        pa.field("label", pa.string()),
        pa.field("note", pa.string()),
        pa.field("who", pa.string()),
        pa.field("at", pa.timestamp("us", "UTC")),
    ]
)


def computed_schema(schema: pa.Schema) -> pa.Schema:
    """The columns of a score table that a computation fills; the others place the row."""
    return pa.schema([field for field in schema if field.name not in ("shard", "row", "identity")])


def computed_table(scores: Sequence[Any], schema: pa.Schema) -> pa.Table:
    """The `computed_schema` columns of a score table, from attributes of the same names."""
    computed = computed_schema(schema)
    columns = {name: [getattr(score, name) for score in scores] for name in computed.names}
    return pa.table(columns, schema=computed)


def embeddings_schema(width: int) -> pa.Schema:
    """Columns of `embeddings` for vectors of `width` numbers."""
    return pa.schema(
        [
            *SCORED_ROW,
            pa.field("vector", pa.list_(pa.float32(), width)),
            pa.field("model", pa.string()),
        ]
    )


def relevance_schema(width: int) -> pa.Schema:
    """Columns of `relevance` for vectors of `width` numbers."""
    vector = pa.list_(pa.float32(), width)
    return pa.schema(
        [
            *SCORED_ROW,
            pa.field("relevance", pa.float32()),
            pa.field("vector", vector),
            pa.field("turn_vector", vector),
        ]
    )


def search_schema(width: int) -> pa.Schema:
    """Columns of `search` for vectors of `width` numbers."""
    texts = [SAMPLES_SCHEMA.field(n) for n in ("instruction", "input", "response", "domain")]
    return pa.schema([*ROW[:3], *texts, pa.field("vector", pa.list_(pa.float32(), width))])


DESCRIPTIONS = {
    "sample_id": "Content hash of the canonical messages.",
    "shard": "Partition key of the file, or range of a file, the row came from.",
    "row": "Position of the row in its shard.",
    "status": "`ok`, or why the row takes no part.",
    "status_detail": "What exactly is wrong with a row that is not ok.",
    "identity": "Hash of everything that changes this score: model, format, precision, noise.",
    "messages": "Canonical turns; the last one is the scored response.",
    "instruction": "The instruction; of a conversation, its flattened history.",
    "input": "The Alpaca input, or empty.",
    "response": "The scored assistant turn.",
    "n_turns": "Number of messages, the scored one included.",
    "domain": "Domain from the configured column.",
    "extra": "All other source fields, and under turn_fields those of turns, as JSON.",
    "vector": "L2-normalised embedding of instruction and input; in relevance of the response.",
    "turn_vector": "L2-normalised embedding of the last turn before the response, of a "
    "conversation: what relevance compares in place of the whole prompt.",
    "relevance": "Cosine of the embeddings of the response and of its prompt.",
    "model": "Fingerprint of the embedding model.",
    "n_prompt_tokens": "Tokens before the response.",
    "n_response_tokens": "Scored response tokens.",
    "truncated": "The response was cut on the right to fit the model.",
    "cond_nll": "Mean response loss given the prompt, nats per token.",
    "uncond_nll": "Mean response loss without the prompt, nats per token.",
    "ifd": "Perplexity ratio with / without the prompt; below 1 the instruction helps.",
    "token_delta": "Per response token: loss without minus with prompt; positive: it helps.",
    "token_nll": "Per response token: loss given the prompt, in nats.",
    "first_delta_index": "0 where a BOS gives the first token an unconditional loss, else 1.",
    "s_ifd": "Clean S-IFD over the informative tokens.",
    "rank": "Place by score, 1 is best.",
    "contender": "The row can still be selected, so its robustness is measured.",
    "tau": "A token is informative when abs(delta) is above this threshold.",
    "keep_fraction": "Share k of informative tokens that tau was chosen for.",
    "s_ifd_mean": "Mean S-IFD over noise neighbours, or the estimate of it.",
    "s_ifd_std": "Population standard deviation of S-IFD over noise neighbours, or its estimate.",
    "ifd_mean": "Mean IFD over the noise neighbours (analytic: the clean IFD); rows at 1 or above "
    "are not selected.",
    "n_neighbours": "Sampled neighbours that entered mean and std.",
    "analytic_mean": "Analytic estimate of the mean S-IFD.",
    "analytic_std": "Analytic estimate of the standard deviation of S-IFD.",
    "sampled_mean": "Mean S-IFD over the pilot's noise neighbours.",
    "sampled_std": "Population standard deviation of S-IFD over the pilot's noise neighbours.",
    "estimator": "How mean and std were found: sampled, analytic or hybrid.",
    "neighbour_id": "The nearest other row, whose pair served as the demo.",
    "neighbour_shard": "A shard that holds the nearest neighbour.",
    "similarity": "Cosine of the two embeddings.",
    "one_shot_nll": "Mean response loss behind the demo, nats per token.",
    "zero_shot_nll": "Mean response loss without demo, nats per token.",
    "miwv": "One-shot minus zero-shot loss; higher is selected first.",
    "demo_truncated": "The demo was cut on its left to fit the model.",
    "recipe": "The recipe that chose the row.",
    "score": "The value the recipe ranks by.",
    "reason": "Why the row was chosen.",
    "judgement_id": "Hash of all of an entry.",
    "verdict": "keep or drop; null: left as it was; empty: taken back.",
    "label": "A mark; null: left as it was; empty: taken back.",
    "note": "A remark; null: left as it was; empty: taken back.",
    "who": "Who said it.",
    "at": "When it was said, UTC.",
    "rule": "The recipe, whatever its own budget, or a baseline.",
    "budget": "Share of the usable rows that is selected.",
    "corrupted_share": "Share of the selected rows that were corrupted on purpose.",
    "low": "Lower end of the 95 % interval of the corrupted share.",
    "high": "Upper end of the 95 % interval of the corrupted share.",
    "base_rate": "Corrupted share of all usable rows: what a random selection has.",
    "finding": "Fewer or more corrupted rows than random, or not distinguishable.",
}
