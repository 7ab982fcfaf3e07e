"""A run loads every model once, whatever the number of assets and shards."""

import os
import subprocess
import sys

import pytest

from tests.corpora import Corpus, make_rows

MODEL_ASSETS = ("embeddings", "token_scores", "robust_scores", "miwv_scores")


@pytest.mark.slow
@pytest.mark.parametrize("target", ["the scorer", "another model"])
def test_a_range_run_from_the_command_line(materialized: Corpus, target: str) -> None:
    """4 model assets x 4 shards in one process: the scorer, and the target.

    Vectors do not follow the prompt format, are all stored, and load no embedder.
    """
    corpus = materialized
    corpus.write("d.jsonl", make_rows(3, 8))
    corpus.register()
    corpus.materialize("samples", "embeddings", "token_scores", partitions=corpus.shards[-1:])
    corpus.materialize("contenders", "neighbours")
    options = {"prompt_format": "alpaca"}  # so that every loss is computed again
    if target == "another model":
        options["target"] = {"path": str(corpus.models / "other_lm"), "device": "cpu"}
    corpus.configure(**options)

    command = [sys.executable, "-m", "dagster", "asset", "materialize"]
    command += ["-m", "tshirt_assets.definitions"]
    command += ["--select", ",".join(f"key:{corpus.config.name}/{asset}" for asset in MODEL_ASSETS)]
    command += ["--partition-range", f"{corpus.shards[0]}...{corpus.shards[-1]}"]
    environment = {"DAGSTER_HOME": str(corpus.home), "TSHIRT_ASSETS_CORPUS": str(corpus.file)}
    subprocess.run(command, env=os.environ | environment, check=True, capture_output=True)

    runs, loads = set(), []
    assert len(corpus.shards) == 4
    for asset in MODEL_ASSETS:
        for shard in corpus.shards:
            [record] = corpus.records(asset, shard, limit=1)
            runs.add(record.run_id)
            metadata = corpus.metadata(asset, shard)
            if asset in ("token_scores", "miwv_scores"):
                assert metadata["computed"] >= 8
            loads.append(metadata["model_loads"])
    assert len(runs) == 1
    assert max(loads) == (1 if target == "the scorer" else 2)
