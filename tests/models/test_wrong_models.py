"""What is no causal LM, or not a whole one, never scores: the same line before and at the load."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.scoring.kernel.architectures import tiny
from tests.tiny import bpe_tokenizer, causal_lm
from tests.wrong_models import (
    Weights,
    bidirectional_lm,
    encoder_decoder,
    masked_lm,
    per_layer_lm,
    prefixed,
    reward_model,
    rewritten,
    save,
)
from tshirt_assets.config import CausalLMOptions, Recipe
from tshirt_assets.models import model_files
from tshirt_assets.models.causal_lm import load_causal_lm, read_model
from tshirt_assets.models.model_files import ModelError
from tshirt_assets.models.suitability import inspect_model, model_faults

UP = "model.layers.1.mlp.up_proj.weight"
RECIPES = {
    "main": Recipe(method="tshirt", budget=4),
    "published": Recipe(method="reference", budget=4),
    "plain": Recipe(method="ifd", budget=4),
}


def options(folder: Path, **changes: object) -> CausalLMOptions:
    return CausalLMOptions.model_validate({"path": str(folder), "device": "cpu", **changes})


def without(weights: Weights, *names: str) -> Weights:
    return {name: weight for name, weight in weights.items() if name not in names}


def adapter(folder: Path) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    return folder


WRONG: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing weight": (
        lambda folder: rewritten(folder, lambda weights: without(weights, UP)),
        f"its weights are not those of LlamaForCausalLM: 1 missing, which would be random ({UP}); "
        "give the folder of a whole model",
    ),
    "missing head": (
        lambda folder: rewritten(folder, lambda weights: without(weights, "lm_head.weight")),
        "1 missing, which would be random (lm_head.weight)",
    ),
    "value head": (
        lambda folder: rewritten(
            folder, lambda weights: weights | {"v_head.summary.weight": torch.ones(1, 32)}
        ),
        "1 unexpected, which would be ignored (v_head.summary.weight)",
    ),
    "other shape": (
        lambda folder: rewritten(
            folder, lambda weights: weights | {"lm_head.weight": torch.ones(5, 32)}
        ),
        "1 of another shape (lm_head.weight)",
    ),
    "unknown prefix": (
        lambda folder: prefixed(folder, "policy."),
        "21 missing, which would be random (lm_head.weight, model.embed_tokens.weight, "
        "model.layers.0.input_layernorm.weight, ...); 21 unexpected, which would be ignored",
    ),
    "reward model": (
        reward_model,
        "config.json describes GPT2ForSequenceClassification, no causal LM, so that losses would "
        "mean nothing; choose a model that predicts the next token",
    ),
    "masked LM": (masked_lm, "config.json describes BertForMaskedLM, no causal LM"),
    "encoder-decoder": (
        encoder_decoder,
        "config.json describes an encoder-decoder (T5ForConditionalGeneration), no causal LM",
    ),
    "adapter": (adapter, "adapter_config.json makes it a PEFT adapter, not a model; merge it into"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_model_is_refused_with_one_line(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build, said = WRONG[kind]
    folder = build(tmp_path / "lm")
    caplog.clear()
    with pytest.raises(ModelError) as caught:
        load_causal_lm(options(folder))
    message = str(caught.value)
    assert message.startswith(f"model {str(folder)!r}: ")
    assert said in message
    assert "\n" not in message
    assert model_faults(options(folder)) == [message]
    assert "LOAD REPORT" not in caplog.text


def test_a_reward_model_that_hides_its_kind_shows_by_its_weights(tmp_path: Path) -> None:
    folder = reward_model(tmp_path / "lm")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": None}))
    [fault] = model_faults(options(folder))
    assert "1 unexpected, which would be ignored (score.weight)" in fault
    with pytest.raises(ModelError, match=r"\(score\.weight\)"):
        load_causal_lm(options(folder))


def test_a_model_that_sees_what_comes_is_refused_when_it_is_tried(tmp_path: Path) -> None:
    folder = bidirectional_lm(tmp_path / "lm")
    with pytest.raises(ModelError, match="it is not causal: another last token changes") as caught:
        load_causal_lm(options(folder))
    assert str(caught.value).startswith(f"model {str(folder)!r}: ")


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod."])
def test_prefixes_of_wrappers_are_stripped_and_said_so(
    prefix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = prefixed(tmp_path / "lm", prefix)
    loaded = load_causal_lm(options(folder, max_length=99))
    read = read_model(options(folder)).state_dict()
    assert all(torch.equal(read[name], w) for name, w in causal_lm().state_dict().items())
    assert "left in the names of its weights (_orig_mod., module.) are stripped" in caplog.text
    # Their scores were random under this fingerprint; those must not be taken for these.
    assert loaded.identity["adaptations"] == ["names unwrapped"]
    inspected = inspect_model(options(folder, max_length=99))
    assert inspected.faults == ()
    assert [line for line in inspected.remarks if "stripped" in line]


def test_layers_that_were_compiled_one_by_one_are_known(tmp_path: Path) -> None:
    folder = rewritten(
        tmp_path / "lm",
        lambda weights: {
            name.replace("layers.1.", "layers.1._orig_mod."): w for name, w in weights.items()
        },
    )
    assert model_faults(options(folder)) == []
    read = read_model(options(folder)).state_dict()
    assert all(torch.equal(read[name], w) for name, w in causal_lm().state_dict().items())


BUFFERS = {
    "llama": {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)},
    "gpt2": {
        "transformer.h.0.attn.bias": torch.ones(1, 1, 8, 8),
        "transformer.h.0.attn.masked_bias": torch.tensor(-1e4),
    },
}


@pytest.mark.parametrize("kind", BUFFERS)
def test_buffers_are_no_fault(kind: str, tmp_path: Path) -> None:
    folder = rewritten(tmp_path / "lm", lambda weights: weights | BUFFERS[kind], kind)
    assert model_faults(options(folder)) == []
    assert "adaptations" not in load_causal_lm(options(folder)).identity


def test_tied_weights_are_no_fault(tmp_path: Path) -> None:
    model = causal_lm()
    model.config.tie_word_embeddings = True
    folder = save(type(model)(model.config), tmp_path / "lm")
    assert "lm_head.weight" not in load_file(folder / "model.safetensors")
    assert model_faults(options(folder)) == []
    load_causal_lm(options(folder))


def test_a_good_model_has_no_faults_and_its_identity_stays(tiny_models: Path) -> None:
    inspected = inspect_model(options(tiny_models / "lm", max_length=99), RECIPES)
    assert (inspected.faults, inspected.remarks) == ((), ())
    loaded = load_causal_lm(options(tiny_models / "lm", max_length=99))
    assert loaded.identity.keys() == {"model", "precision", "max_length"}
    loaded.require_noise(RECIPES)


@pytest.mark.parametrize("allowed", [True, False])
def test_pickled_weights_are_looked_at_where_they_are_allowed(
    allowed: bool, tmp_path: Path
) -> None:
    folder = save(causal_lm(), tmp_path / "lm")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(without(weights, UP), folder / "pytorch_model.bin")
    [fault] = model_faults(options(folder, allow_pickle=allowed))
    assert (f"1 missing, which would be random ({UP})" in fault) is allowed
    assert ("no safetensors weights; convert them" in fault) is not allowed


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    causal_lm().save_pretrained(tmp_path / "lm")
    (tmp_path / "lm" / "model.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00 cut")
    weights, tokenizer = model_faults(options(tmp_path / "lm"))
    assert "cannot be loaded" in weights
    assert "no usable tokenizer beside the weights" in tokenizer
    assert "no such file or folder" in model_faults(options(tmp_path / "none"))[0]


def test_a_gguf_file_is_not_converted_to_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TSHIRT_ASSETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    assert model_faults(options(tmp_path / "m.gguf")) == []
    masked_lm(model_files.copy_folder(tmp_path / "m.gguf"))
    assert "BertForMaskedLM" in model_faults(options(tmp_path / "m.gguf"))[0]


def test_of_a_hub_id_only_small_files_are_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    folder = save(causal_lm(), tmp_path / "snapshot")
    (folder / "model.safetensors").unlink()
    asked: list[str] = []

    def snapshot_download(path: str, revision: str | None, allow_patterns: list[str]) -> str:
        asked.extend(allow_patterns)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    wanted = CausalLMOptions(path="someone/model", allow_pickle=True)
    assert model_faults(wanted) == []
    assert asked
    assert not {"*.safetensors", "*.bin", "*.pt"} & {*asked}


def test_ids_beyond_the_embedding_are_counted_and_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = save(tiny("llama"), tmp_path / "lm")  # 200 embeddings
    n_tokens = len(bpe_tokenizer())
    for _ in range(2):
        load_causal_lm(options(folder, max_length=64))
    [line] = [record.getMessage() for record in caplog.records if "beyond" in record.getMessage()]
    assert f"{n_tokens - 200} of its tokenizer's tokens have ids beyond the 200 that it" in line
    assert ", 200); rows with them get no score" in line
    assert line in inspect_model(options(folder, max_length=64)).remarks


def test_a_length_that_the_model_does_not_reach_is_said(tiny_models: Path) -> None:
    [line] = inspect_model(options(tiny_models / "lm", max_length=4096)).remarks
    assert "it takes 512 tokens, fewer than max_length 4096" in line


@pytest.mark.parametrize("kind", ["gemma3n", "gemma4"])
def test_recipes_that_need_noise_are_refused_for_a_model_that_takes_none(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = per_layer_lm(tmp_path / "lm", kind)
    with caplog.at_level(logging.WARNING):
        scorer = load_causal_lm(options(folder, max_length=99))
    assert "cannot take perturbed embeddings, so it gives clean scores only" in caplog.text
    assert scorer.identity["adaptations"] == ["from ids"]
    scorer.require_noise({"plain": RECIPES["plain"]})
    with pytest.raises(ModelError) as caught:
        scorer.require_noise(RECIPES)
    message = str(caught.value)
    assert message.startswith(f"model {str(folder)!r}: it cannot take perturbed embeddings")
    assert "the recipes 'main', 'published' are measured; choose another scorer" in message
    assert "(methods without noise: miwv, ifd, longest, random, fusion)" in message
    assert model_faults(options(folder), RECIPES) == [message]
    assert model_faults(options(folder)) == []
