"""Draws by seed and content: uniform, the same whatever else is drawn, and as they always were."""

from hashlib import blake2b

import pytest

from tshirt_assets.selection.lots import in_drawn_order, random_draws

IDS = [f"{i:032x}" for i in range(4000)]


def test_draws_are_uniform():
    draws = random_draws(7, IDS)
    # Standard error of the mean of 4000 uniforms: 0.0046.
    assert draws.mean() == pytest.approx(0.5, abs=0.02)
    assert (draws >= 0).all()
    assert (draws < 1).all()
    assert (draws < 0.1).mean() == pytest.approx(0.1, abs=0.02)


def test_a_draw_depends_on_nothing_but_seed_and_id():
    draws = random_draws(7, IDS)
    assert random_draws(7, reversed(IDS)).tolist() == draws.tolist()[::-1]
    assert (random_draws(8, IDS) != draws).all()
    assert random_draws(7, []).tolist() == []


def test_draws_are_those_that_random_subsets_were_made_with():
    for seed, sample_id in ((0, "a"), (7, IDS[3])):
        digest = blake2b(f"{seed}:{sample_id}".encode(), digest_size=8).digest()
        expected = (int.from_bytes(digest, "big") >> 11) / (1 << 53)
        assert random_draws(seed, [sample_id]).tolist() == [expected]


def test_the_order_is_that_of_the_draws():
    draws = dict(zip(IDS, random_draws(3, IDS), strict=True))
    assert in_drawn_order(3, set(IDS)) == sorted(IDS, key=draws.__getitem__)
