"""One corpus as it is explored: what is stored, read again when it has changed."""

import itertools
import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.explore.behind import Behind
from tshirt_assets.explore.choices import Choice, choices
from tshirt_assets.explore.marks import SHOWN, Marks
from tshirt_assets.explore.projection import EmbeddingMap, embedding_map
from tshirt_assets.explore.query import Query
from tshirt_assets.explore.snapshot import Snapshot, read_snapshot
from tshirt_assets.explore.text_search import TextSearch
from tshirt_assets.explore.view import View
from tshirt_assets.incremental.judgements import FIELDS, JUDGEMENTS, read_judgements
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store

SEARCHES: Final = 4  # by letters, whose hits are remembered
MEANT: Final = 200  # rows that a search by meaning gives
FIRST_HITS: Final = 0.4  # seconds that an answer waits for the hits of a search by letters


class Explored:
    """The views of one corpus. For several threads.

    Recipes and the map are made in the background, the map first: selecting a million rows again
    takes half a minute a recipe.
    """

    def __init__(self, store: Store, config: CorpusConfig) -> None:
        self.store, self.config = store, config
        self._marks = Marks(store, config.name)
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="explore")
        self._choices: Behind[None] = Behind(self._pool)
        self._done: dict[str, Choice | str] = {}
        self._map: Behind[EmbeddingMap | None] = Behind(self._pool)
        self._searches: OrderedDict[tuple[Snapshot, str], TextSearch] = OrderedDict()
        self._versions = itertools.count(1)
        self._snapshot: tuple[Mapping[str, int], Snapshot] | None = None
        self._judged: tuple[object, pl.DataFrame] | None = None
        self._view: tuple[object, View] | None = None

    def begin(self) -> None:
        """Read in the background what the first view needs; what fails then fails again there."""
        threading.Thread(target=self._try_view, daemon=True).start()

    def _try_view(self) -> None:
        with suppress(Exception):
            self.view()
        with suppress(Exception):  # the first row that is opened need not wait for it
            self.tokenizer  # noqa: B018

    def view(self) -> View:
        """The present state. Raises `StoreError` where the samples cannot be read."""
        with self._lock:
            snapshot = self._read_snapshot()
            vectors = self._marks("embeddings", *SHOWN)
            self._map.ask(tuple(vectors.items()), lambda: self._made_map(snapshot))
            judged = self._marks(JUDGEMENTS)
            every = self._marks(*SHOWN, "embeddings", "neighbour_deltas", JUDGEMENTS)
            self._choose(tuple(every.items()), snapshot)
            made = self._map.value()
            key = (snapshot, tuple(self._done.items()), made, tuple(judged.items()))
            if self._view is None or self._view[0] != key:
                self._view = key, self._assembled(snapshot, made, judged)
            view = self._view[1]
        return view

    @property
    def working(self) -> bool:
        """Whether recipes or the map are still to come."""
        return self._choices.pending or self._map.pending

    def places(self, view: View, query: Query) -> tuple[np.ndarray, dict[str, Any]]:
        """The rows of a query in its order, and how far its searches have come."""
        about: dict[str, Any] = {}
        text = meaning = None
        if query.text:
            search = self._search(view.snapshot, query.text)
            search.wait(FIRST_HITS)
            text = search.found.copy()
            about = {"searched": search.done, "complete": search.complete, "fault": search.fault}
        if query.meaning:
            meaning, about["similar"] = self._meant(view, query.meaning)
        return view.places(query, text, meaning), about

    @cached_property
    def tokenizer(self) -> Any:
        """The scorer's tokenizer. Raises `ModelError` where it is not there."""
        from tshirt_assets.models.causal_lm import load_tokenizer

        return load_tokenizer(self.config.scorer)

    @property
    def searchable(self) -> bool:
        """Whether rows can be searched by meaning."""
        return bool(self._marks("search"))

    def _read_snapshot(self) -> Snapshot:
        marks = self._marks(*SHOWN)  # before reading: what changes meanwhile is read again
        if self._snapshot is None or self._snapshot[0] != marks:
            before = self._snapshot[1] if self._snapshot else None
            self._snapshot = marks, read_snapshot(self.store, self.config, before)
            self._done = {}
            for search in self._searches.values():
                search.cancel()
            self._searches.clear()
        return self._snapshot[1]

    def _choose(self, key: object, snapshot: Snapshot) -> None:
        def make(done: dict[str, Choice | str]) -> None:
            choices(self.store, self.config, snapshot, done, lambda: self._done is done)

        if self._choices.is_for(key):
            return
        done = dict(self._done)  # of the same rows, before somebody judged: until they are redone
        self._done = done
        if snapshot.deltas:
            self._choices.ask(key, lambda: make(done))

    def _made_map(self, snapshot: Snapshot) -> EmbeddingMap | None:
        tables = {i.shard: i for i in self.store.stored(self.config.name, "embeddings") if i.shard}
        live = {shard: tables[shard] for shard in snapshot.shards if shard in tables}
        return embedding_map(self.store, snapshot, live) if live else None

    def _assembled(
        self, snapshot: Snapshot, made: EmbeddingMap | None, judged: Mapping[str, int]
    ) -> View:
        done = dict(self._done)
        parts = [choice.columns for choice in done.values() if isinstance(choice, Choice)]
        if made is not None:
            parts.append(made.columns)
        parts.append(self._verdicts(snapshot, tuple(judged.items())))
        frame = pl.concat([snapshot.frame, *parts], how="horizontal")
        return View(next(self._versions), snapshot, frame, done, made)

    def _verdicts(self, snapshot: Snapshot, key: object) -> pl.DataFrame:
        if self._judged is None or self._judged[0] != (snapshot, key):
            said = read_judgements(self.store, self.config.name).select("sample_id", *FIELDS)
            if said.is_empty():
                none = [pl.lit(None, pl.String).alias(name) for name in FIELDS]
                columns = snapshot.frame.select("row").with_columns(none)
            else:
                columns = snapshot.frame.select("sample_id").join(
                    said, on="sample_id", how="left", maintain_order="left"
                )
            self._judged = (snapshot, key), columns.select(*FIELDS)
        return self._judged[1]

    def _search(self, snapshot: Snapshot, text: str) -> TextSearch:
        key = (snapshot, text)
        with self._lock:
            for other, search in self._searches.items():
                if other != key and not search.complete:
                    search.cancel()
            if key not in self._searches or self._searches[key].cancelled:
                self._searches[key] = TextSearch(self.store, snapshot, text)
            self._searches.move_to_end(key)
            while len(self._searches) > SEARCHES:
                self._searches.popitem(last=False)
            return self._searches[key]

    def _meant(self, view: View, text: str) -> tuple[np.ndarray, dict[int, float]]:
        """The places of the rows most similar to a text, best first, and their similarities."""
        found = self._nearest(text, tuple(self._marks("search").items()))
        frame = view.frame.lazy().with_row_index("at")
        keys = ["sample_id", "row"]
        wanted = found.select("sample_id", pl.col("row").cast(pl.Int32), "similarity").lazy()
        order = pl.int_range(pl.len()).alias("order")
        joined = wanted.with_columns(order).join(frame.select("at", *keys), on=keys)
        best = joined.sort("order").unique("at", keep="first", maintain_order=True).collect()
        places = best["at"].to_numpy()
        return places, dict(zip(places.tolist(), best["similarity"].to_list(), strict=True))

    @lru_cache(maxsize=16)  # noqa: B019 - as long as the server
    def _nearest(self, text: str, marks: object) -> pl.DataFrame:
        from tshirt_assets.export.semantic_search import search

        if not marks:
            raise StoreError(
                "the corpus has no search table; set `semantic_search: true` and run it again"
            )
        options = self.config.storage_options
        return search(self.config.store, self.config.name, text, MEANT, storage_options=options)
