"""Bars for what the CUDA path launches and touches; nothing here says how fast it is."""

import pytest

from tests.scoring.kernel.launches import counted

MIXED, ALIKE = (30, 900), (170, 200)  # lengths of the sequences of a pack


@pytest.fixture
def count(monkeypatch):
    def run(kind, what, lengths):
        return counted(kind, what, lengths, monkeypatch)

    return run


@pytest.mark.parametrize(
    ("kind", "what", "lengths", "launches", "gigabytes"),
    [
        ("gpt2", "clean", MIXED, 250, 75),
        ("gpt2", "clean", ALIKE, 250, 75),
        ("gpt2", "noisy", MIXED, 260, 76),
        ("llama", "clean", MIXED, 1100, 140),
        ("gpt2", "gradient", MIXED, 700, 110),
        ("llama", "gradient", MIXED, 1600, 210),
    ],
)
def test_a_pack_takes_few_launches_and_copies(kind, what, lengths, launches, gigabytes, count):
    found = count(kind, what, lengths)
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
    assert kernels["mm"] == kernels["_log_softmax"] == 1  # the head: one block of the vocabulary
    assert kernels["index"] + kernels["index_select"] <= 1  # of the states that are scored


def test_one_sequence_may_fill_the_pack(count):
    assert count("llama", "clean", (2048, 2048)).launches <= 1100
