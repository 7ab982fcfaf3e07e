"""The rows of a subset as token ids, ready to be trained on."""

from typing import TYPE_CHECKING

import polars as pl

from tshirt_assets.corpus.sample import Sample
from tshirt_assets.corpus.status import Status
from tshirt_assets.export.turns import scored_messages

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from tshirt_assets.scoring.tokenize import TokenizedSample


def tokenize_rows(
    rows: pl.DataFrame, tokenizer: "PreTrainedTokenizerBase", prompt_format: str, max_length: int
) -> "list[TokenizedSample]":
    """Token ids of the rows that `load_subset` returns; rows that do not fit are left out."""
    from tshirt_assets.scoring.tokenize import tokenize_sample

    samples = (
        Sample(
            sample_id=row["sample_id"],
            shard=row["shard"],
            row=row["row"],
            status=Status.OK,
            status_detail=None,
            messages=tuple(scored_messages(row)),
            instruction=row["instruction"],
            input=row["input"],
            response=row["response"],
        )
        for row in rows.iter_rows(named=True)
    )
    tokenized = (tokenize_sample(s, tokenizer, prompt_format, max_length) for s in samples)
    return [sample for sample in tokenized if sample.status is Status.OK]
