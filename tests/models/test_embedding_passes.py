"""Texts reach the embedder in passes that fit the device."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from tshirt_assets.config import EmbedderOptions
from tshirt_assets.models.embedding_passes import LONG_TEXT, EmbeddingPasses

TEXTS = ["a" * n for n in (3, 900, 40, 5000, 7, 2048, 41, 1)]


class Embedder:
    """Gives the length of each text, and runs out of memory above `room` padded characters."""

    def __init__(self, room: int = 1 << 40) -> None:
        self.room, self.passes = room, list[list[int]]()

    def run(self, texts: Sequence[str], batch_size: int) -> np.ndarray:
        lengths = sorted((len(text) for text in texts), reverse=True)
        for start in range(0, len(lengths), batch_size):
            part = lengths[start : start + batch_size]
            if len(part) * min(LONG_TEXT, part[0]) > self.room:
                raise torch.OutOfMemoryError("CUDA out of memory (not really)")
            self.passes.append(part)
        return np.array([[len(text), 1] for text in texts], dtype=np.float32).reshape(-1, 2)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> list[torch.device]:
    """One CUDA card; the devices whose memory is given back."""
    released: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr("tshirt_assets.scoring.kernel.devices.release", released.append)
    return released


def test_a_cpu_gets_texts_as_they_come() -> None:
    embedder, seen = Embedder(), []

    def run(texts: Sequence[str], batch_size: int) -> np.ndarray:
        seen.append((list(texts), batch_size))
        return embedder.run(texts, batch_size)

    options = EmbedderOptions(device="cpu", batch_size=3)
    found = EmbeddingPasses().encode(TEXTS, options, run)
    assert found[:, 0].tolist() == [len(text) for text in TEXTS]
    assert seen == [(TEXTS, 3)]
    assert EmbeddingPasses().encode([], options, run).shape == (0, 2)


def test_cuda_gets_long_texts_first_and_more_short_ones_in_a_pass(
    card: list[torch.device],
) -> None:
    embedder = Embedder()
    found = EmbeddingPasses().encode(TEXTS, EmbedderOptions(batch_size=1), embedder.run)
    assert found[:, 0].tolist() == [len(text) for text in TEXTS]
    assert embedder.passes == [[5000], [2048], [900, 41], [40, 7, 3, 1]]
    assert EmbeddingPasses().encode([], EmbedderOptions(), embedder.run).shape == (0, 2)


def test_running_out_of_memory_halves_the_passes_and_goes_on(
    card: list[torch.device], caplog: pytest.LogCaptureFixture
) -> None:
    embedder, passes = Embedder(room=2 * LONG_TEXT), EmbeddingPasses()
    options = EmbedderOptions(batch_size=8, device="cuda:1")
    found = passes.encode(TEXTS, options, embedder.run)
    assert found[:, 0].tolist() == [len(text) for text in TEXTS]
    assert max(map(len, embedder.passes)) > 1
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"out of memory: embedding {n} texts per pass" for n in (4, 2)]
    assert card == [torch.device("cuda", 1)] * 2
    passes.encode(TEXTS, options, embedder.run)
    assert len(caplog.records) == 2  # the lesson is kept


def test_a_text_that_never_fits_is_an_error(card: list[torch.device]) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        EmbeddingPasses().encode(TEXTS, EmbedderOptions(batch_size=4), Embedder(room=900).run)
