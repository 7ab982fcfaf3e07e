"""A model whose identity is known is not loaded before something is computed with it."""

import json
from pathlib import Path

import pytest

from tests.corpora import SCORED, Corpus
from tshirt_assets.config import CausalLMOptions, EmbedderOptions
from tshirt_assets.models import cache
from tshirt_assets.models.causal_lm import load_causal_lm
from tshirt_assets.models.embedder import load_embedder
from tshirt_assets.models.model_files import ModelError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSHIRT_ASSETS_CACHE", str(tmp_path / "cache"))
    another_process(monkeypatch)


def another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on no model is loaded."""
    monkeypatch.setattr(cache, "_models", {})


def test_known_models_are_loaded_by_their_first_use(tiny_models: Path, monkeypatch) -> None:
    lm = CausalLMOptions(path=str(tiny_models / "lm"), device="cpu", max_length=4096)
    embedder = EmbedderOptions(path=str(tiny_models / "embedder"), device="cpu")
    identities = load_causal_lm(lm).identity, load_embedder(embedder).identity
    assert cache.load_count() == 2
    another_process(monkeypatch)
    one, two = load_causal_lm(lm), load_embedder(embedder)
    assert (one.identity, two.identity, two.width) == (*identities, 16)
    assert cache.load_count() == 0
    assert one.engine.max_positions == 512
    assert two.encode(["the rain"]).shape == (1, 16)
    assert cache.load_count() == 2
    assert load_causal_lm(lm).identity == identities[0]


def test_a_model_that_is_another_than_was_known_is_refused(
    tiny_models: Path, tmp_path: Path, monkeypatch
) -> None:
    options = CausalLMOptions(path=str(tiny_models / "lm"), device="cpu")
    load_causal_lm(options)
    [file] = (tmp_path / "cache" / "models").iterdir()
    file.write_text(json.dumps(json.loads(file.read_text()) | {"precision": "bf16"}))
    another_process(monkeypatch)
    model = load_causal_lm(options)
    with pytest.raises(ModelError, match="is not what it was; run again"):
        _ = model.engine.max_positions
    assert load_causal_lm(options).identity["precision"] == "fp32"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"precision": 3}'])
def test_facts_that_cannot_be_read_are_found_again(
    content: str, tiny_models: Path, tmp_path: Path, monkeypatch
) -> None:
    options = CausalLMOptions(path=str(tiny_models / "lm"), device="cpu")
    known = load_causal_lm(options).identity
    [file] = (tmp_path / "cache" / "models").iterdir()
    file.write_text(content)
    another_process(monkeypatch)
    assert load_causal_lm(options).identity == known
    assert cache.load_count() == 1
    assert json.loads(file.read_text())["precision"] == "fp32"


@pytest.mark.slow
def test_a_run_with_nothing_to_compute_loads_no_model(corpus: Corpus, monkeypatch) -> None:
    corpus.materialize_all()
    assert cache.load_count() == 2
    another_process(monkeypatch)
    corpus.materialize_all()
    assert all(corpus.computed(asset) == 0 for asset in SCORED)
    assert cache.load_count() == 0
