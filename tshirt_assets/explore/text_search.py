"""Search for letters in all texts: shard after shard in the background, hits as they are found."""

import threading
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from tshirt_assets.explore.snapshot import Snapshot
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store

TEXTS: Final = ("instruction", "input", "response")


class TextSearch:
    """The rows of a snapshot with `text` in instruction, input or response; case is ignored.

    cancelled: it was given up. found: a mask (n,) over the rows, filled from the first row on.
    done: how many were searched. One batch of texts is in memory at a time.
    """

    def __init__(self, store: Store, snapshot: Snapshot, text: str) -> None:
        self._store, self._snapshot = store, snapshot
        self._pattern = f"(?i){pl.escape_regex(text)}"
        self._ended = threading.Event()
        self.cancelled = False
        self.found = np.zeros(snapshot.frame.height, bool)
        self.done = 0
        self.fault: str | None = None
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def complete(self) -> bool:
        """Whether no more hits will come."""
        return self._ended.is_set()

    def wait(self, seconds: float) -> None:
        """Wait for the end of the search, but no longer than this."""
        self._ended.wait(seconds)

    def cancel(self) -> None:
        """Search no further."""
        self.cancelled = True

    def _run(self) -> None:
        try:
            for shard, info in self._snapshot.shards.items():
                at = self._snapshot.starts[shard]
                for batch in self._store.batches(
                    info.corpus, info.asset, shard, columns=list(TEXTS), version=info.version
                ):
                    if self.cancelled:
                        return
                    hits = self._hits(batch)
                    self.found[at : at + len(hits)] = hits
                    at += len(hits)
                    self.done = at
        except StoreError as error:  # the shard was replaced and pruned: the page asks again
            self.fault = str(error)
        finally:
            self._ended.set()

    def _hits(self, batch: pa.RecordBatch) -> np.ndarray:
        texts = to_frame(pa.Table.from_batches([batch]))
        contains = (pl.col(name).str.contains(self._pattern).fill_null(False) for name in TEXTS)
        return texts.select(hit=pl.any_horizontal(contains))["hit"].to_numpy()
