"""Vectors in passes: few are read once and held, many are read anew, with the same result."""

from collections.abc import Iterator

import numpy as np
import pytest

from tshirt_assets.selection.nearest.streaming import HELD_SHARE, Stream

IDS = [["0b", "0a"], [], ["0c", "0a"]]
VECTORS = [np.eye(4, dtype=np.float32)[[0, 1]], np.empty((0, 4), np.float32), np.eye(4)[[2, 1]]]
BYTES = sum(vectors.nbytes for vectors in VECTORS)


@pytest.mark.parametrize(("memory", "passes"), [(BYTES / HELD_SHARE, 1), (BYTES, 4)])
def test_vectors_are_read_once_where_they_are_few(memory: float, passes: int):
    begun = 0

    def blocks() -> Iterator[tuple[list[str], np.ndarray]]:
        nonlocal begun
        begun += 1
        yield from zip(IDS, VECTORS, strict=True)

    stream = Stream(blocks, int(memory))
    assert stream.ids.tolist() == [b"0a", b"0b", b"0c"]
    assert stream.copies.tolist() == [2, 1, 1]
    for _ in range(2):
        numbers, vectors = map(np.concatenate, zip(*stream.parts(), strict=True))
        assert numbers.tolist() == [1, 0, 2]
        assert vectors.argmax(axis=1).tolist() == [0, 1, 2]
    rows, gathered = stream.gather(np.array([True, False, True]))
    assert rows.tolist() == [0, 2]
    assert gathered.argmax(axis=1).tolist() == [1, 2]
    assert begun == passes
