import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tshirt_assets.scoring.kernel.noise import (
    CounterNoise,
    counter_noise,
    noise_key,
    noise_scale,
    squares32,
)

CPU = torch.device("cpu")
KEY = noise_key(42, "sample", 0)
U64 = 2**64 - 1


def squares_by_hand(counter, key):
    """Widynski's Squares in Python integers, four rounds of the published recipe."""
    swap = lambda x: (x >> 32) | (x << 32) & U64  # noqa: E731
    x = y = counter * key & U64
    z = y + key & U64
    x = swap(x * x + y & U64)
    x = swap(x * x + z & U64)
    x = swap(x * x + y & U64)
    return (x * x + z & U64) >> 32


def as_int64(value):
    return value - 2**64 if value >= 2**63 else value


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**64 - 1))
def test_generator_is_the_published_one(counter, key):
    bits = squares32(torch.tensor([counter]), torch.tensor([as_int64(key)]))
    assert bits.tolist() == [squares_by_hand(counter, key)]


def test_values_are_odd_multiples_of_the_grid_between_minus_and_plus_eps():
    eps, rows, width = 0.37, np.array([0, 5, 900]), 7
    values = CounterNoise(KEY, eps, rows).values(width, CPU)
    assert values.dtype == torch.float32
    assert values.shape == (3, width)
    for i, row in enumerate(rows):
        for column in range(width):
            top = squares_by_hand(int(row) * width + column, KEY) >> 8
            expected = np.float32(eps / 2**24) * np.float32(2 * top + 1 - 2**24)
            assert values[i, column].item() == expected


def test_values_are_uniform_and_uncorrelated():
    n_rows, width = 600, 576
    u = CounterNoise(KEY, 1.0, np.arange(n_rows)).values(width, CPU).double().numpy()
    n = u.size
    assert -1.0 < u.min() < -1.0 + 1e-3
    assert 1.0 - 1e-3 < u.max() < 1.0
    assert abs(u.mean()) < 4 / math.sqrt(3 * n)
    assert abs(u.var() - 1 / 3) < 4 * math.sqrt(4 / 45 / n)
    grid = (np.sort(u, axis=None) + 1) / 2
    distance = np.abs(grid - (np.arange(n) + 0.5) / n).max()
    assert distance < 1.95 / math.sqrt(n)  # Kolmogorov-Smirnov, 0.1 %
    again = CounterNoise(noise_key(42, "sample", 1), 1.0, np.arange(n_rows)).values(width, CPU)
    others = {
        "column": (u[:, :-1], u[:, 1:]),
        "row": (u[:-1], u[1:]),
        "neighbour": (u, again.double().numpy()),
    }
    for name, (a, b) in others.items():
        correlation = np.corrcoef(a.ravel(), b.ravel())[0, 1]
        assert abs(correlation) < 4 / math.sqrt(a.size), name


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=30, unique=True),
    st.integers(1, 40),
    st.integers(0, 2**32),
)
def test_values_do_not_depend_on_company(rows, width, seed):
    noises = [
        CounterNoise(noise_key(seed, str(i), i), 0.1 + i, np.array(rows[i:])) for i in range(3)
    ][: len(rows)]
    together = counter_noise(noises, width, CPU).split([len(noise.rows) for noise in noises])
    for noise, values in zip(noises, together, strict=True):
        field = CounterNoise(noise.key, noise.eps, np.arange(401)).values(width, CPU)
        assert torch.equal(values, field[noise.rows])


def test_long_requests_are_made_in_parts_without_a_seam():
    rows = np.arange(3000)
    values = CounterNoise(KEY, 1.0, rows).values(128, CPU)
    assert torch.equal(values[1500:], CounterNoise(KEY, 1.0, rows[1500:]).values(128, CPU))


def test_keys_are_odd_and_differ_by_every_part_of_their_name():
    names = [(seed, sample, n) for seed in (1, 11) for sample in ("a", "1a", "") for n in (0, 1)]
    keys = [noise_key(*name) for name in names]
    assert len(set(keys)) == len(keys)
    assert all(key % 2 == 1 and 0 < key < 2**64 for key in keys)
    # Of 64 bits half are set; the sum over 12 keys has mean 384 and std 14.
    assert abs(sum(key.bit_count() for key in keys) - 384) < 70


def test_scale_is_the_neftune_scale():
    assert noise_scale(5.0, 100, 576) == pytest.approx(5.0 / 240.0)
