import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.scoring.kernel import schedule as scheduling
from tshirt_assets.scoring.kernel.schedule import n_common

LEAD = list(range(20))
sequences = st.lists(
    st.tuples(st.integers(0, 40), st.lists(st.integers(0, 2), max_size=3), st.booleans()),
    max_size=12,
).map(lambda parts: [(np.array([7] * n + tail + [1]), allowed) for n, tail, allowed in parts])


def schedule(ids, may_share):
    """(sequence, tokens shared with the one before), in order."""
    found = scheduling.schedule(ids, may_share)
    return list(zip(found.sequences.tolist(), found.shared.tolist(), strict=True))


def test_sequences_that_begin_alike_stand_together_and_the_others_go_by_length():
    ids = [np.array(x) for x in ([5, 6], [*LEAD, 9], [8] * 30, [*LEAD, 3, 4], [5, 6, 7], LEAD)]
    assert schedule(ids, [True] * 6) == [(5, 0), (3, 20), (1, 20), (2, 0), (4, 0), (0, 0)]


def test_a_short_common_beginning_is_not_worth_sharing():
    assert schedule([np.array([*LEAD[:15], n]) for n in (30, 31)], [True] * 2) == [(0, 0), (1, 0)]


def test_a_sequence_that_may_not_share_neither_lends_nor_borrows():
    ids = [np.array([*LEAD, n]) for n in (30, 31, 32)]
    assert schedule(ids, [True, False, True]) == [(0, 0), (2, 20), (1, 0)]
    assert schedule(ids, [False, True, False]) == [(0, 0), (1, 0), (2, 0)]


def test_tokens_go_by_their_number_not_by_their_bytes():
    ids = [np.array([*LEAD, n]) for n in (256, 1, 65536)]
    assert [index for index, _ in schedule(ids, [True] * 3)] == [1, 0, 2]


@given(sequences)
def test_every_sequence_once_and_what_is_shared_is_equal(drawn):
    ids, allowed = [d[0] for d in drawn], [d[1] for d in drawn]
    order = schedule(ids, allowed)
    assert sorted(index for index, _ in order) == list(range(len(ids)))
    for (before, _), (index, shared) in itertools.pairwise(order):
        assert shared <= len(ids[index])
        assert np.array_equal(ids[before][:shared], ids[index][:shared])
        assert shared == 0 or (allowed[before] and allowed[index])
    assert not order or order[0][1] == 0


@given(sequences)
def test_no_order_shares_more(drawn):
    """All nodes of a trie deeper than the least worth sharing, counted by hand."""
    ids = [sequence for sequence, _ in drawn]
    order = schedule(ids, [True] * len(ids))
    run = sum(len(ids[index]) - shared for index, shared in order)
    everyone = [tuple(sequence.tolist()) for sequence in ids]
    nodes = {sequence[:depth] for sequence in everyone for depth in range(1, len(sequence) + 1)}
    assert len(nodes) <= run <= len(nodes) + 15 * len(ids)


def test_common_beginnings():
    assert n_common(np.array([1, 2, 3]), np.array([1, 2, 4, 5])) == 2
    assert n_common(np.array([1, 2]), np.array([1, 2, 4])) == 2
    assert n_common(np.array([9]), np.array([1])) == 0
