"""Losses that are not finite cost their rows only: a status, counted, never NaN in a sort."""

from pathlib import Path

import polars as pl
import torch
from transformers import AutoModelForCausalLM

from tests.corpora import Corpus, make_rows
from tests.tiny import bpe_tokenizer


def test_rows_without_finite_losses_are_counted_and_never_selected(
    corpus: Corpus, tiny_models: Path
) -> None:
    broken = AutoModelForCausalLM.from_pretrained(tiny_models / "lm")
    (token,) = bpe_tokenizer().encode("~", add_special_tokens=False)
    with torch.no_grad():
        broken.get_input_embeddings().weight[token] = torch.nan
    broken.save_pretrained(corpus.folder / "broken")
    bpe_tokenizer().save_pretrained(corpus.folder / "broken")
    scorer = {"path": str(corpus.folder / "broken"), "max_length": 400, "device": "cpu"}
    recipes = {
        name: {"method": name, "budget": 1.0} for name in ("tshirt", "reference", "miwv", "ifd")
    }
    corpus.configure(scorer=scorer, recipes=recipes)
    row = make_rows(7, 1)[0]
    corpus.write("c.jsonl", [row, row | {"output": f"{row['output']} ~ 2"}])
    corpus.materialize_all()

    bad = corpus.frame("token_scores").filter(pl.col("status") == "non_finite_loss")
    assert bad.height == 1
    shard = corpus.shard("c")
    assert corpus.metadata("token_scores", shard)["rows_by_status"]["non_finite_loss"] == 1
    (sample_id,) = bad["sample_id"]
    for name in recipes:
        subset = corpus.frame("selected_subset", name)
        assert subset.height > 10
        assert sample_id not in subset["sample_id"].to_list()
        assert subset["score"].is_finite().all()
