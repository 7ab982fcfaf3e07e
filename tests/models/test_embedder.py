"""The embedding model: normalised mean vectors, and an identity that follows the pooling."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.corpora import save_embedder
from tshirt_assets.config import EmbedderOptions
from tshirt_assets.models.embedder import load_embedder
from tshirt_assets.models.model_files import ModelError
from tshirt_assets.resources.embedder import SentenceEmbedder


def test_a_missing_embedder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file or folder"):
        load_embedder(EmbedderOptions(path=str(tmp_path / "none")))


def test_vectors_are_the_normalised_mean_over_tokens(tiny_models: Path) -> None:
    loaded = load_embedder(EmbedderOptions(path=str(tiny_models / "embedder"), device="cpu"))
    texts = ["name the river", "sort ten numbers and list all colours", "cat"]
    found = loaded.encode(texts)
    assert found.shape == (3, loaded.width) == (3, 16)
    assert found.dtype == np.float32
    tokenizer, bert = loaded.model.tokenizer, loaded.model[0].auto_model
    for text, vector in zip(texts, found, strict=True):
        with torch.no_grad():
            hidden = bert(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        mean = hidden.mean(dim=0).numpy()
        assert vector == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


def test_pooling_is_part_of_an_embedder_and_of_its_identity(tiny_models: Path) -> None:
    resource = SentenceEmbedder(path=str(tiny_models / "embedder"), device="cpu")
    mean = resource.load()
    own = load_embedder(
        EmbedderOptions(path=str(tiny_models / "embedder"), device="cpu", pooling="model")
    )
    assert mean is not own
    assert mean.identity != own.identity


def test_an_embedder_with_random_weights_is_refused(tmp_path: Path) -> None:
    save_embedder(tmp_path / "embedder")
    file = tmp_path / "embedder" / "model.safetensors"
    weights = load_file(file)
    kept = {name: w for name, w in weights.items() if "pooler" not in name}
    save_file(kept | {"cls.bias": torch.ones(3)}, file, metadata={"format": "pt"})
    load_embedder(EmbedderOptions(path=str(tmp_path / "embedder"), device="cpu"))

    renamed = {f"_orig_mod.{name}": w for name, w in weights.items()}
    save_file(renamed, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="missing, which would be random") as caught:
        load_embedder(EmbedderOptions(path=str(tmp_path / "embedder"), device="cpu", batch_size=3))
    assert str(caught.value).startswith(f"embedder {str(tmp_path / 'embedder')!r}: its weights")


def test_a_device_that_is_not_there_is_an_error_that_says_so(tiny_models: Path) -> None:
    options = EmbedderOptions(path=str(tiny_models / "embedder"), device="cuda:7")
    with pytest.raises(ModelError, match=r"device 'cuda:7': .* can be seen here"):
        load_embedder(options).encode(["a text"])
