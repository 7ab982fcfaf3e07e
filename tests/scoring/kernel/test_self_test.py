"""What a model must pass before it scores: its own losses from ids are the measure."""

import copy
import logging

import pytest
import torch
import transformers as hf

from tests.scoring.kernel.architectures import tiny
from tshirt_assets.scoring.kernel.forward import LogitsForward
from tshirt_assets.scoring.kernel.precision import Precision
from tshirt_assets.scoring.kernel.self_test import _length_dependence, choose_forward

CPU = torch.device("cpu")
FP32 = Precision("fp32", "cpu")
LOG = "tshirt_assets.scoring.kernel.self_test"


def chosen(model):
    return choose_forward(model, FP32, CPU, slack=0.0).name


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("gpt2", "packed"),
        ("llama", "packed"),
        ("qwen2", "packed"),
        ("mistral", "packed"),
        ("gemma", "packed"),
        ("gemma2", "separate"),  # soft-capped attention
        ("gemma3", "packed"),
        ("cohere", "packed"),
        ("granite", "packed"),
        ("bloom", "separate"),  # attention of its own
        ("odd_head", "logits"),
    ],
)
def test_fastest_exact_way_is_chosen_and_named_in_the_log(kind, name, caplog):
    with caplog.at_level(logging.INFO, logger="tshirt_assets.scoring.kernel.self_test"):
        assert chosen(tiny(kind)) == name
    last = caplog.records[-1].getMessage()
    assert ("own logits" if name == "logits" else f"{name} forward in fp32") in last


@pytest.mark.parametrize("rope", ["dynamic", "longrope"])
def test_rotary_frequencies_that_follow_the_longest_sequence_are_not_packed(rope, monkeypatch):
    model = tiny("llama")
    monkeypatch.setattr(model.config, "rope_parameters", {"rope_type": rope})
    assert chosen(model) == "separate"


def test_layers_with_a_span_that_short_sequences_do_not_show_are_not_packed(monkeypatch):
    model = tiny("gemma3")
    layers = ["chunked_attention", "full_attention"]
    monkeypatch.setattr(model.config, "layer_types", layers, raising=False)
    assert _length_dependence(model.config) == "layers of type chunked_attention"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("gemma3n", "losses from embeddings are off by"), ("gemma4", "fails on perturbed embeddings")],
)
def test_a_model_that_needs_its_ids_is_fed_with_them(kind, reason, caplog):
    with caplog.at_level(logging.INFO, logger=LOG):
        forward = choose_forward(tiny(kind), FP32, CPU, slack=0.0)
    assert forward.by_ids
    assert reason in caplog.text


@pytest.mark.parametrize("kind", ["llama", "gemma", "granite", "bloom", "odd_head"])
def test_a_model_that_takes_embeddings_is_fed_with_them(kind):
    assert not choose_forward(tiny(kind), FP32, CPU, slack=0.0).by_ids


@pytest.mark.parametrize(("dtype", "name"), [(torch.float16, "fp16"), (torch.bfloat16, "bf16")])
@pytest.mark.parametrize(
    ("kind", "by_ids"), [("llama", False), ("gemma", False), ("gemma3n", True), ("gemma4", True)]
)
def test_rounding_decides_nothing(kind, by_ids, dtype, name):
    model = copy.deepcopy(tiny(kind)).to(dtype)
    assert choose_forward(model, Precision(name, "cpu"), CPU, slack=0.0).by_ids is by_ids


def test_rounding_of_a_residual_stream_is_that_of_given_embeddings(monkeypatch):
    """Ids and embeddings of a model in half precision give the same bits."""
    model = copy.deepcopy(tiny("llama")).to(torch.bfloat16)
    found = []
    own = LogitsForward.losses

    def losses(self, *args):
        found.append(own(self, *args))
        return found[-1]

    monkeypatch.setattr(LogitsForward, "losses", losses)
    choose_forward(model, Precision("bf16", "cpu"), CPU, slack=0.0)
    by_ids, other_ends, by_embeddings, noisy = found
    assert torch.equal(by_ids, other_ends)
    assert torch.equal(by_ids, by_embeddings)
    assert not torch.equal(by_ids, noisy)
    assert not model.get_input_embeddings()._forward_hooks


def test_a_model_that_sees_what_comes_is_refused():
    with pytest.raises(ValueError, match="not causal: another last token changes earlier losses"):
        choose_forward(tiny("bert"), FP32, CPU, slack=0.0)


def test_a_model_that_ignores_a_change_of_its_embeddings_takes_no_noise():
    class Rounded(hf.LlamaForCausalLM):
        """Goes back to the nearest known embedding."""

        def forward(self, input_ids=None, inputs_embeds=None, **kwargs):
            if input_ids is None:
                table = self.get_input_embeddings().weight
                input_ids = torch.cdist(inputs_embeds, table[None]).argmin(-1)
            return super().forward(input_ids=input_ids, **kwargs)

    forward = choose_forward(of_llama(Rounded), FP32, CPU, slack=0.0)
    assert forward.by_ids


def test_weights_that_give_no_numbers_are_refused():
    model = of_llama(hf.LlamaForCausalLM)
    model.lm_head.weight.data[7] = float("nan")
    with pytest.raises(ValueError, match="its losses in fp32 are not numbers"):
        choose_forward(model, FP32, CPU, slack=0.0)


def test_a_model_that_fails_on_ids_is_refused():
    class Broken(hf.LlamaForCausalLM):
        def forward(self, *args, **kwargs):
            raise TypeError("decoder_input_ids are missing")

    with pytest.raises(ValueError, match=r"fails on token ids: TypeError\('decoder_input_ids"):
        choose_forward(of_llama(Broken), FP32, CPU, slack=0.0)


def of_llama(kind):
    """A model of that class with the weights of the tiny Llama."""
    model = kind(tiny("llama").config).eval()
    model.load_state_dict(tiny("llama").state_dict())
    return model
