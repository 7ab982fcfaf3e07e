import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.scoring.kernel import packing
from tshirt_assets.scoring.kernel.packing import Pack, n_fitting

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


def test_a_common_beginning_is_in_the_pack_once():
    ids = [np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5, 6]), np.array([1, 2]), np.array([8, 9])]
    pack = Pack.of(ids, [1, 3, 1, 1], CPU, shared=[0, 3, 2, 0])
    assert pack.ids.tolist() == [5, 6, 1, 2, 3, 4, 8, 9]
    assert pack.positions.tolist() == [3, 4, 0, 1, 2, 3, 0, 1]
    assert (pack.starts[0], pack.starts[1], pack.starts[3]) == (2, 0, 6)
    # Tokens 3, 5 and 6 of the second sequence follow 2, 3 and 5; 2 of the third follows 1.
    assert pack.predicting.tolist() == [4, 3, 4, 0, 2, 6]
    assert pack.targets.tolist() == [4, 3, 5, 6, 2, 9]
    borrowing, *own = pack.groups
    assert borrowing.padded.tolist() == [2, 3, 4, 0, 1]
    assert borrowing.real.tolist() == [3, 4]
    assert [(group.start, group.stop, group.padded) for group in own] == [
        (2, 6, None),
        (6, 8, None),
    ]


def test_many_short_ends_of_a_long_beginning_do_not_share_one_attention_call():
    lead = np.zeros(100, dtype=np.int64)
    ids = [np.append(lead, n) for n in range(50)]
    pack = Pack.of(ids, [1] * 50, CPU, shared=[0] + [100] * 49)
    assert len(pack.ids) == 150
    assert max(group.count * group.longest for group in pack.groups) <= 300


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(1, 6)), min_size=1, max_size=8),
    st.sampled_from([0.0, 0.5]),
)
def test_attention_sees_every_sequence_whole_and_gives_own_tokens_back_in_order(parts, slack):
    ids, shared = [np.arange(2)], [0]
    for common, own in parts:
        common = min(common, len(ids[-1]))
        ids.append(np.concatenate([ids[-1][:common], 100 * len(ids) + np.arange(own)]))
        shared.append(common)
    pack = Pack.of(ids, [1] * len(ids), CPU, slack=slack, shared=shared)
    assert len(pack.ids) == sum(map(len, ids)) - sum(shared)
    seen, at = [], 0
    for group in pack.groups:
        assert group.start == at
        places = torch.arange(group.start, group.stop) if group.padded is None else group.padded
        rows = pack.ids[places].view(group.count, group.longest)
        seen += [tuple(dict.fromkeys(row.tolist())) for row in rows]
        at = group.stop
        if group.real is not None:
            assert torch.equal(places[group.real], torch.arange(group.start, group.stop))
    assert at == len(pack.ids)
    assert sorted(seen) == sorted(tuple(sequence.tolist()) for sequence in ids)


@given(st.lists(st.integers(1, 50), min_size=1), st.integers(1, 200))
def test_packs_fill_the_budget_but_never_exceed_it(lengths, budget):
    count = n_fitting(lengths, budget)
    assert count >= 1
    assert count == 1 or sum(lengths[:count]) <= budget
    assert count == len(lengths) or sum(lengths[: count + 1]) > budget


def test_one_sequence_may_be_the_whole_pack():
    ids = np.arange(30_000) % 50
    pack = Pack.of([ids], [1], CPU, slack=0.25)
    assert (pack.lengths, pack.starts, pack.n_scored) == ((30_000,), (0,), (1,))
    assert pack.predicting.tolist() == [29_998]
    assert pack.targets.tolist() == [29_999 % 50]
    [group] = pack.groups
    assert (group.start, group.stop, group.count, group.longest) == (0, 30_000, 1, 30_000)
    assert group.padded is None


def test_short_sequences_are_not_padded_to_the_length_of_a_long_one():
    ids = [np.zeros(30_000, int), *(np.zeros(4, int) for _ in range(100))]
    pack = Pack.of(ids, [1] * 101, CPU, slack=0.25)
    assert [(group.count, group.longest) for group in pack.groups] == [(1, 30_000), (100, 4)]


def test_all_tables_reach_the_device_by_one_copy(monkeypatch):
    copies = []

    def to_device(values, device):
        copies.append(values)
        return torch.from_numpy(values)

    monkeypatch.setattr(packing, "to_device", to_device)
    pack = Pack.of([np.arange(n) for n in (9, 8, 8, 3)], [1] * 4, CPU, slack=0.5)
    assert len(copies) == 1
    groups = [table for group in pack.groups for table in (group.padded, group.real)]
    tables = [pack.ids, pack.positions, pack.predicting, pack.targets, *groups]
    assert sum(len(table) for table in tables if table is not None) == len(copies[0])
