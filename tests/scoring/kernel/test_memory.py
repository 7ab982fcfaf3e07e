import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tests.scoring.kernel.architectures import tiny
from tshirt_assets.scoring.kernel.memory import choose_limits

CPU = torch.device("cpu")


def llama(width, widest, layers):
    """A Llama of that shape without any memory behind its weights."""
    config = LlamaConfig(
        vocab_size=1000,
        hidden_size=width,
        intermediate_size=widest,
        num_hidden_layers=layers,
        num_attention_heads=8,
    )
    with torch.device("meta"):
        return LlamaForCausalLM(config)


def test_wide_models_get_fewer_tokens_per_pass():
    small, _ = choose_limits(llama(512, 2048, 2), CPU)
    large, _ = choose_limits(llama(8192, 28672, 2), CPU)
    assert small.tokens == 1536
    # One token holds at least its residual, attention and MLP values in one layer.
    assert large.tokens * 4 * (5 * 8192 + 3 * 28672) < 128 * 2**20
    assert large.tokens >= 16


def test_gradients_keep_every_layer():
    losses, gradients = choose_limits(llama(512, 2048, 32), CPU)
    assert gradients.tokens * 32 * 4 * (5 * 512 + 3 * 2048) < 768 * 2**20
    assert gradients.tokens < losses.tokens


def test_the_users_budget_holds():
    losses, gradients = choose_limits(tiny("gpt2"), CPU, 77)
    assert losses.tokens == 77
    assert gradients.tokens <= 77


def test_limits_halve_until_nothing_sensible_is_left():
    limits, _ = choose_limits(tiny("llama"), CPU, 64)
    tokens = [limits.tokens]
    while limits.halve():
        tokens.append(limits.tokens)
    assert tokens == [64, 32, 16]


def on_card(model, free, monkeypatch, budget=None):
    """Limits on a card with so many bytes free."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 80 << 30))
    return choose_limits(model, torch.device("cuda", 1), budget)


def test_a_small_card_gets_smaller_passes(monkeypatch):
    model = llama(768, 3072, 12)
    losses, gradients = on_card(model, 4 << 30, monkeypatch)
    token = 4 * (8 * 768 + 4 * 3072)  # bytes of one token in one layer
    assert 8192 < losses.tokens < 32 * 1024
    assert losses.tokens * token + losses.logits * 12 < (4 << 30) / 2
    assert gradients.tokens * token * 12 < (4 << 30) / 2
    large, _ = on_card(model, 80 << 30, monkeypatch)
    assert (large.tokens, large.logits) == (32 * 1024, 256 * 2**20)


def test_a_full_card_still_gets_a_pass(monkeypatch):
    losses, gradients = on_card(llama(768, 3072, 12), 1 << 20, monkeypatch)
    assert losses.tokens == gradients.tokens == 16
    assert losses.logits >= 1
