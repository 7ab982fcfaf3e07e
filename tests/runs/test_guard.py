"""A recipe with min_relevance, from files to its subset, and what another quantile costs."""

import json

import numpy as np
import polars as pl
import pytest

from tests.corpora import Corpus, make_rows
from tshirt_assets.commands.run import run_corpus
from tshirt_assets.commands.verify import verify
from tshirt_assets.incremental.planning.make_plan import make_plan

TURNS = [
    {"role": "user", "content": "name the river"},
    {"role": "assistant", "content": "explain why"},
    {"role": "user", "content": "sort numbers"},
    {"role": "assistant", "content": "sort all numbers of rain"},
]


def recipes(share: float | None) -> dict:
    guard = {} if share is None else {"min_relevance": share}
    return {
        "tshirt": {"method": "tshirt", "budget": 3} | guard,
        "ifd": {"method": "ifd", "budget": 6},
        "random": {"method": "random", "budget": 6} | guard,
    }


def test_a_guarded_recipe_end_to_end(corpus: Corpus) -> None:
    corpus.write("b.jsonl", [{"messages": TURNS}, *make_rows(7, 5), "{broken"])
    corpus.configure(recipes=recipes(0.5))
    corpus.register()
    planned = {one.asset: one for one in make_plan(corpus.store, corpus.config).assets}
    assert planned["relevance"].rows == planned["embeddings"].rows > 0
    assert planned["relevance"].tokens > 0
    assert run_corpus(corpus.instance, corpus.config)
    corpus.register()

    stored = pl.concat(
        pl.from_arrow(corpus.store.read("tiny", "relevance", shard)) for shard in corpus.shards
    )
    scored = stored.filter(pl.col("status") == "ok")
    assert scored["relevance"].is_between(-1, 1).all()
    assert stored.filter(pl.col("status") != "ok")["vector"].null_count() == (
        stored.height - scored.height
    )
    several = scored.filter(pl.col("turn_vector").is_not_null())
    assert several.height == 1  # the conversation, held to its last turn
    turn, response = (several[name].to_numpy()[0] for name in ("turn_vector", "vector"))
    assert several["relevance"][0] == np.float32(turn @ response).item() or np.isclose(
        several["relevance"][0], turn @ response
    )

    metadata = corpus.metadata("selected_subset", "random")
    guard = metadata["guard"]
    left_out = set(scored.filter(pl.col("relevance") <= guard["floor"])["sample_id"])
    assert metadata["not_selected"]["low_relevance"] == len(left_out) > 0
    for recipe in ("random", "tshirt"):
        chosen = pl.from_arrow(corpus.store.read("tiny", "selected_subset", recipe))
        assert not left_out & set(chosen["sample_id"])
        assert (chosen["relevance"] > guard["floor"]).all()
    contenders = pl.from_arrow(corpus.store.read("tiny", "contenders")).filter("contender")
    assert not left_out & set(contenders["sample_id"])
    assert "guard" not in corpus.metadata("selected_subset", "ifd")
    assert verify(corpus.store, corpus.config, corpus.shards).faults == []
    report = (corpus.folder / "exports" / "tiny" / "random" / "report.html").read_text()
    assert "low_relevance" in report
    manifest = corpus.folder / "exports" / "tiny" / "random" / "manifest.json"
    assert json.loads(manifest.read_text())


@pytest.mark.slow
def test_another_quantile_embeds_nothing_again(corpus: Corpus) -> None:
    corpus.configure(recipes=recipes(0.5))
    assert run_corpus(corpus.instance, corpus.config)
    before = corpus.metadata("selected_subset", "random")["guard"]["floor"]
    versions = {shard: corpus.version("relevance", shard) for shard in corpus.shards}
    corpus.configure(recipes=recipes(0.9))
    planned = {one.asset: one for one in make_plan(corpus.store, corpus.config).assets}
    assert planned["relevance"].rows == planned["embeddings"].rows == 0
    assert run_corpus(corpus.instance, corpus.config)
    after = corpus.metadata("selected_subset", "random")["guard"]["floor"]
    assert after > before
    assert versions == {shard: corpus.version("relevance", shard) for shard in corpus.shards}


def test_an_unguarded_corpus_has_no_relevance(corpus: Corpus) -> None:
    corpus.configure(recipes=recipes(None))
    assert run_corpus(corpus.instance, corpus.config)
    assert not corpus.store.stored("tiny", "relevance")
