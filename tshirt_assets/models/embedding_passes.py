"""How many texts the embedder is given at a time: more short ones, fewer on a full device."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tshirt_assets.config import EmbedderOptions

logger = logging.getLogger(__name__)

LONG_TEXT = 2048  # characters: about the 512 tokens at which most embedders cut a text
MOST_TEXTS = 4096  # in one pass

Run = Callable[[Sequence[str], int], np.ndarray]
"""Embeds texts, at most so many in a pass: (N, width) float32."""


@dataclass(slots=True)
class EmbeddingPasses:
    """Splits texts into passes; `halvings` counts how often a pass did not fit the device."""

    halvings: int = 0

    def encode(self, texts: Sequence[str], options: EmbedderOptions, run: Run) -> np.ndarray:
        """Vectors (N, width) float32 of N texts.

        On a CPU a pass has `batch_size` texts. On CUDA, which waits for more to do where texts are
        short, it has the characters of that many long texts.

        Raises:
            torch.OutOfMemoryError: not even one text fits.
        """
        from tshirt_assets.scoring.kernel.devices import torch_device

        if not texts or torch_device(options.device).type != "cuda":
            return self._fitting(texts, options.batch_size, options, run)
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        parts = [
            self._fitting([texts[i] for i in order[part]], part.stop - part.start, options, run)
            for part in _parts([len(texts[i]) for i in order], options.batch_size)
        ]
        vectors = np.empty((len(texts), parts[0].shape[1]), np.float32)
        vectors[order] = np.concatenate(parts)
        return vectors

    def _fitting(
        self, texts: Sequence[str], batch_size: int, options: EmbedderOptions, run: Run
    ) -> np.ndarray:
        """The vectors, in passes of `batch_size` texts or as many as fit."""
        import torch

        from tshirt_assets.scoring.kernel.devices import release, torch_device

        while True:
            size = max(1, batch_size >> self.halvings)
            try:
                return run(texts, size)
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
            # Outside the handler, where the exception no longer holds the pass's tensors.
            self.halvings += 1
            release(torch_device(options.device))
            logger.warning("out of memory: embedding %d texts per pass", max(1, size // 2))


def _parts(lengths: Sequence[int], batch_size: int) -> Iterator[slice]:
    """Passes over texts in order of falling length (characters)."""
    at = 0
    while at < len(lengths):
        padded = min(LONG_TEXT, max(1, lengths[at]))
        stop = at + min(MOST_TEXTS, max(batch_size, batch_size * LONG_TEXT // padded))
        yield slice(at, min(stop, len(lengths)))
        at = stop
