import numpy as np
import pytest
import torch

from tests.scoring.kernel.architectures import tiny
from tshirt_assets.scoring.kernel.attention import packed_attention, packed_attention_in
from tshirt_assets.scoring.kernel.packing import Pack

CPU = torch.device("cpu")


def attend(query, key, value, scale, window):
    """Causal attention of one head over one sequence, token by token."""
    rows = []
    for i in range(len(query)):
        first = 0 if window is None else max(0, i - window + 1)
        scores = key[first : i + 1] @ query[i] * scale
        rows.append(torch.softmax(scores, 0) @ value[first : i + 1])
    return torch.stack(rows)


@pytest.mark.parametrize("slack", [0.0, 0.5])
@pytest.mark.parametrize("window", [None, 1, 3, 7, 50])
@pytest.mark.parametrize("n_shared", [1, 3])
def test_tokens_attend_to_the_past_of_their_own_sequence(slack, window, n_shared):
    lengths, n_heads, width, scale = [9, 7, 7, 4, 1], 6, 5, 0.3
    total = sum(lengths)
    draw = torch.Generator().manual_seed(0)
    query = torch.randn(1, n_heads, total, width, generator=draw)
    key, value = torch.randn(2, 1, n_heads // n_shared, total, width, generator=draw)
    pack = Pack.of([np.arange(n) for n in lengths], [1] * 4 + [0], CPU, slack=slack)
    output, weights = packed_attention(
        torch.nn.Module(), query, key, value, None,
        groups=pack.groups, scaling=scale, sliding_window=window,
    )  # fmt: skip
    assert weights is None
    assert output.shape == (1, total, n_heads, width)
    start = 0
    for length in lengths:
        own = slice(start, start + length)
        for head in range(n_heads):
            shared = head // n_shared
            expected = attend(
                query[0, head, own], key[0, shared, own], value[0, shared, own], scale, window
            )
            assert torch.allclose(output[0, own, head], expected, atol=1e-6)
        start += length


def test_soft_capped_scores_are_refused():
    states = torch.zeros(1, 1, 2, 4)
    groups = Pack.of([np.arange(2)], [1], CPU).groups
    with pytest.raises(NotImplementedError):
        packed_attention(
            torch.nn.Module(), states, states, states, None, groups=groups, softcap=30.0
        )


def test_model_gets_its_own_attention_back():
    model = tiny("llama")
    before = model.config._attn_implementation
    with packed_attention_in(model):
        assert model.config._attn_implementation != before
    assert model.config._attn_implementation == before
    with pytest.raises(ZeroDivisionError), packed_attention_in(model):
        raise ZeroDivisionError
    assert model.config._attn_implementation == before
