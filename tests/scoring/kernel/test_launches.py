"""Bars for what the CUDA path launches and touches; nothing here says how fast it is."""

import pytest

from tests.scoring.kernel.launches import counted

MIXED, ALIKE = (30, 900), (170, 200)  # lengths of the sequences of a pack


@pytest.fixture
def count(monkeypatch):
    def run(kind, what, lengths, **options):
        return counted(kind, what, lengths, monkeypatch, **options)

    return run


@pytest.mark.parametrize(
    ("kind", "what", "half", "launches", "gigabytes"),
    [
        ("gpt2", "clean", False, 150, 52),
        ("gpt2", "noisy", False, 155, 52),
        ("gpt2", "gradient", False, 300, 80),
        ("llama", "clean", False, 550, 115),
        ("llama", "gradient", False, 1150, 170),
        ("gpt2", "clean", True, 180, 37),
        ("gpt2", "gradient", True, 400, 58),
        ("llama", "clean", True, 700, 80),
        ("llama", "gradient", True, 1450, 130),
    ],
)
def test_a_pack_takes_few_launches_and_copies(kind, what, half, launches, gigabytes, count):
    found = count(kind, what, MIXED, half=half)
    assert found.launches <= launches, found.kernels.most_common(9)
    assert found.gigabytes <= gigabytes, found.bytes.most_common(9)
    assert found.to_device <= 8
    assert found.to_host == (what != "gradient")  # a gradient's losses stay on the device
    assert not found.syncs


@pytest.mark.parametrize("what", ["clean", "gradient"])
def test_launches_do_not_depend_on_how_many_lengths_there_are(what, count):
    assert count("gpt2", what, ALIKE).kernels == count("gpt2", what, MIXED).kernels


def test_attention_is_one_call_a_layer_and_nothing_is_gathered_for_it(count):
    kernels = count("gpt2", "clean", MIXED).kernels
    assert kernels["_efficient_attention_forward"] == 12
    assert kernels["gelu"] == 12
    assert kernels["mm"] == kernels["sum"] == 1  # the head: one block of the vocabulary, read once
    assert kernels["index"] + kernels["index_select"] <= 1  # of the states that are scored


def test_a_layer_of_a_llama_takes_a_kernel_for_each_thing_it_does(count):
    kernels = count("llama", "clean", MIXED).kernels
    assert kernels["_foreach_neg"] == 30  # queries and keys turned
    assert kernels["mul"] <= 30 + 3  # the gated product
    assert kernels["silu"] == kernels["addcmul_"] == 0


def test_with_16_bit_weights_attention_is_the_flash_kernel_and_the_head_sums_in_float32(count):
    kernels = count("gpt2", "clean", MIXED, half=True).kernels
    assert kernels["_flash_attention_forward"] == 12
    assert kernels["mm"] == kernels["sum"] == 1


def test_one_sequence_may_fill_the_pack(count):
    assert count("llama", "clean", (2048, 2048)).launches <= 550
