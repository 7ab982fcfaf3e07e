"""Loading a language model: once per process, from safe files, with one clear line on failure."""

import shutil
from pathlib import Path

import pytest
import torch

from tshirt_assets.config import CausalLMOptions
from tshirt_assets.models import cache
from tshirt_assets.models.causal_lm import load_causal_lm, read_model
from tshirt_assets.models.model_files import ModelError
from tshirt_assets.resources.causal_lm import CausalLM


def options(folder: Path, **changes: object) -> CausalLMOptions:
    return CausalLMOptions.model_validate({"path": str(folder), "device": "cpu", **changes})


def test_a_model_is_loaded_once_whoever_asks(
    tiny_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "TSHIRT_ASSETS_CACHE", str(tmp_path / "cache")
    )  # nothing is known of any model
    folder = tmp_path / "lm"  # a folder of its own: what other tests loaded stays in the process
    shutil.copytree(tiny_models / "lm", folder)
    first = load_causal_lm(options(folder))
    loads = cache.load_count()
    again = CausalLM(path=str(folder), device="cpu").load()
    assert again is first
    assert cache.load_count() == loads
    other = load_causal_lm(options(folder, max_length=99))
    assert other is not first
    assert cache.load_count() == loads + 1


def test_the_identity_follows_weights_precision_and_length(tiny_models: Path) -> None:
    one, other = (load_causal_lm(options(tiny_models / name)) for name in ("lm", "other_lm"))
    shorter = load_causal_lm(options(tiny_models / "lm", max_length=99))
    identities = [str(model.identity) for model in (one, other, shorter)]
    assert len(set(identities)) == 3
    assert one.identity == load_causal_lm(options(tiny_models / "lm")).identity
    assert str(tiny_models) not in identities[0]  # the same model elsewhere is the same model


def test_the_length_never_exceeds_the_positions_of_the_model(tiny_models: Path) -> None:
    assert load_causal_lm(options(tiny_models / "lm", max_length=4096)).max_length == 512
    assert load_causal_lm(options(tiny_models / "lm", max_length=300)).max_length == 300


def test_a_missing_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file or folder; check `path`"):
        load_causal_lm(options(tmp_path / "none"))
    with pytest.raises(ModelError, match=r"no config\.json, so not a transformers model"):
        load_causal_lm(options(tmp_path))


def test_a_model_without_tokenizer_says_how_to_add_one(tiny_models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lm"
    shutil.copytree(tiny_models / "lm", folder, ignore=shutil.ignore_patterns("*token*"))
    with pytest.raises(ModelError, match="no usable tokenizer beside the weights") as caught:
        load_causal_lm(options(folder))
    assert "tokenizer.save_pretrained(folder)" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pickled_weights_are_refused_unless_they_are_allowed(
    tiny_models: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "lm"
    shutil.copytree(tiny_models / "lm", folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no safetensors weights"):
        load_causal_lm(options(folder))
    from safetensors.torch import load_file

    torch.save(load_file(tiny_models / "lm" / "model.safetensors"), folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="set `allow_pickle: true` if you trust the file"):
        load_causal_lm(options(folder))
    allowed = read_model(options(folder, allow_pickle=True)).state_dict()
    for name, weight in read_model(options(tiny_models / "lm")).state_dict().items():
        assert torch.equal(allowed[name], weight)


def test_damaged_weights_are_one_line(tiny_models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lm"
    shutil.copytree(tiny_models / "lm", folder)
    (folder / "model.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00 cut off")
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        load_causal_lm(options(folder))
    assert "\n" not in str(caught.value)
