import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.scoring.packing import Pack, n_fitting

CPU = torch.device("cpu")


def test_scored_tokens_are_predicted_from_the_token_before_in_their_own_sequence():
    pack = Pack.of([np.array([7, 8, 9, 10]), np.array([1, 2])], [2, 1], CPU)
    assert pack.ids.tolist() == [7, 8, 9, 10, 1, 2]
    assert pack.positions.tolist() == [0, 1, 2, 3, 0, 1]
    assert pack.predicting.tolist() == [1, 2, 4]
    assert pack.targets.tolist() == [9, 10, 2]


@pytest.mark.parametrize(
    ("slack", "groups"),
    [(0.0, [(1, 10), (2, 9), (1, 8), (1, 3)]), (0.25, [(4, 10), (1, 3)]), (0.9, [(5, 10)])],
)
def test_slack_says_which_sequences_share_an_attention_call(slack, groups):
    lengths = [10, 9, 9, 8, 3]
    ids = [np.arange(length) for length in lengths]
    pack = Pack.of(ids, [1] * len(ids), CPU, slack=slack)
    assert [(group.count, group.longest) for group in pack.groups] == groups
    assert [group.start for group in pack.groups][1:] == [g.stop for g in pack.groups][:-1]
    assert pack.groups[-1].stop == sum(lengths)


@given(st.lists(st.integers(2, 12), min_size=1, max_size=12), st.sampled_from([0.0, 0.3, 0.9]))
def test_padded_places_hold_every_token_once_and_in_order(lengths, slack):
    lengths = sorted(lengths, reverse=True)
    pack = Pack.of([np.arange(n) for n in lengths], [1] * len(lengths), CPU, slack=slack)
    tokens = torch.arange(sum(lengths))
    for group in pack.groups:
        if group.padded is None:
            assert group.stop - group.start == group.count * group.longest
            continue
        rows = group.padded.view(group.count, group.longest)
        assert torch.equal(rows.flatten()[group.real], tokens[group.start : group.stop])
        # A row is one sequence, its own last token behind it.
        assert torch.equal(pack.positions[rows[:, 0]], torch.zeros(group.count, dtype=torch.long))
        assert (rows.diff() >= 0).all()


@given(st.lists(st.integers(1, 50), min_size=1), st.integers(1, 200))
def test_packs_fill_the_budget_but_never_exceed_it(lengths, budget):
    count = n_fitting(lengths, budget)
    assert count >= 1
    assert count == 1 or sum(lengths[:count]) <= budget
    assert count == len(lengths) or sum(lengths[: count + 1]) > budget
