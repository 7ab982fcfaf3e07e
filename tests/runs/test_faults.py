"""Systemic trouble fails a run with one line that names the remedy; what is stored stays."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import NAME, Corpus
from tests.incremental.test_dataset import failure


def message(corpus: Corpus, asset: str, partitions: list[str] | None = None) -> str:
    """What a failed run says, without the name of its exception."""
    text = failure(corpus.materialize(asset, partitions=partitions, succeeds=False)).strip()
    _, _, said = text.partition(": ")
    assert "\n" not in said
    return said


FAULTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "no scorer": (
        "token_scores",
        {"scorer": {"path": "/none/model"}},
        "model '/none/model': no such file or folder; check `path`",
    ),
    "no target": (
        "miwv_scores",
        {"target": {"path": "./none"}},
        "model './none': no such file or folder; check `path`",
    ),
    "no embedder": (
        "embeddings",
        {"embedder": {"path": "/none/model"}},
        "model '/none/model': no such file or folder; check `path`",
    ),
    "no package": (
        "token_scores",
        {"scorer": {"path": "package:no_such_package/model"}},
        "the package 'no_such_package' is not installed; run `pip install",
    ),
    "no chat template": (
        "token_scores",
        {"prompt_format": "chat_template", "scorer": {"path": "bare"}},
        "the model's tokenizer has no chat template; set `prompt_format` to plain or alpaca",
    ),
    "no tokenizer": (
        "token_scores",
        {"scorer": {"path": "untokenized"}},
        "no usable tokenizer beside the weights; save one there with",
    ),
    "store below a file": (
        "samples",
        {"store": "corpus.yaml/store"},
        "the store path cannot be used; set `store` to a folder that can be created",
    ),
    "no store there": (
        "contenders",
        {"store": "corpus.yaml"},
        "the store path cannot be used; set `store` to a folder that can be created",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_line_with_the_remedy(materialized: Corpus, tmp_path: Path, fault: str) -> None:
    asset, options, words = FAULTS[fault]
    bare = shutil.copytree(materialized.models / "lm", tmp_path / "bare")
    for file in bare.glob("*template*"):
        file.unlink()
    shutil.copytree(
        materialized.models / "lm", tmp_path / "untokenized", ignore=lambda *_: ["tokenizer.json"]
    )
    scorer = options.get("scorer", {}).get("path")
    if scorer in ("bare", "untokenized"):
        options = options | {"scorer": {"path": str(tmp_path / scorer)}}
    before = materialized.store.stored(NAME, "token_scores")
    store = materialized.store
    materialized.configure(**options)
    assert words in message(
        materialized, asset, None if asset == "contenders" else materialized.shards[:1]
    )
    assert store.stored(NAME, "token_scores") == before


def test_a_missing_step_is_named(corpus: Corpus) -> None:
    corpus.register()
    one = corpus.shards[:1]
    assert "there is no table tiny.samples" in message(corpus, "token_scores", one)
    corpus.materialize("samples", partitions=one)
    for asset, missing in (("robust_scores", "contenders"), ("miwv_scores", "neighbours")):
        said = f"there is no table of {missing} for 'tiny'; materialize {missing} first"
        assert said in message(corpus, asset, one)
