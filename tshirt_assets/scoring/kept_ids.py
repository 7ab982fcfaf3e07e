"""Token ids of many texts in little memory, to be found again by the text."""

from hashlib import blake2b

import numpy as np

KEPT_BYTES = 640 << 20  # per tokenizer: about a million rows of Alpaca's length
ENTRY_BYTES = 160  # of an entry: two objects of Python and their place in a dictionary
HASH_BYTES = 12  # of a text: among a billion of them, two are alike with a chance of 10**-11
SMALL = 1 << 16  # ids below take two bytes, those of most vocabularies of small models


class KeptIds:
    """Ids of texts, up to KEPT_BYTES. Once they are full, nothing is replaced.

    Every asset of a run reads the rows in the same order, and of a memory that is too small the
    latest entries would always come too late. Texts themselves are not kept.
    """

    def __init__(self) -> None:
        self._ids: dict[bytes, bytes | np.ndarray] = {}
        self._bytes = 0

    def get(self, text: str) -> np.ndarray | None:
        """The ids of a text (N,) int32, or None."""
        found = self._ids.get(_hash(text))
        if isinstance(found, bytes):
            return np.frombuffer(found, np.uint16).astype(np.int32)
        return found

    def keep(self, text: str, ids: np.ndarray) -> None:
        """Keep the ids (N,) int32 of a text, if there is room."""
        small = not len(ids) or (ids.min() >= 0 and ids.max() < SMALL)
        kept = ids.astype(np.uint16).tobytes() if small else ids
        size = ENTRY_BYTES + (len(kept) if isinstance(kept, bytes) else kept.nbytes)
        if self._bytes + size <= KEPT_BYTES:
            self._ids[_hash(text)] = kept
            self._bytes += size


def _hash(text: str) -> bytes:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=HASH_BYTES).digest()
