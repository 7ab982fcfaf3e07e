"""The rows of a subset as token ids."""

import polars as pl

from tests.tiny import bpe_tokenizer
from tshirt_assets.examples.training import tokenize_rows


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def test_rows_of_a_subset_become_token_ids() -> None:
    tokenizer = bpe_tokenizer()
    frame = pl.DataFrame(
        {
            "sample_id": ["a", "b"],
            "shard": ["s", "s"],
            "row": [0, 1],
            "messages": [
                [
                    {"role": "user", "content": "Name it."},
                    {"role": "assistant", "content": "A cat"},
                ],
                [{"role": "user", "content": "x" * 50}, {"role": "assistant", "content": "no"}],
            ],
            "instruction": ["Name it.", "x" * 50],
            "input": ["", ""],
            "response": ["A cat", "no"],
        }
    )
    plain = tokenize_rows(frame, tokenizer, "plain", 40)
    assert [row.sample_id for row in plain] == ["a"]
    assert tokenizer.decode(plain[0].prompt_ids) == "Name it.\n"
    assert tokenizer.decode(plain[0].response_ids) == "A cat"
    [chat] = tokenize_rows(frame.head(1), tokenizer, "chat_template", 40)
    assert tokenizer.decode(chat.prompt_ids) == "<|user|>Name it.<|end|>\n<|assistant|>"
