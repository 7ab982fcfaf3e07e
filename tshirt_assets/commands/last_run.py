"""What of a corpus is as the last complete run left it, and need not be run again."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Final

import dagster as dg

from tshirt_assets.commands.piece_state import PieceStates
from tshirt_assets.commands.source_definitions import upstream_of
from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.bytestream import listed_version
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.shards import ShardSpec, discover_shards
from tshirt_assets.incremental.catalog import SAMPLES, AssetRecord, needed_assets
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.models.model_files import ModelError
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store

UNKNOWN: Final = (CorpusError, ModelError, StoreError, UpstreamError)
"""What keeps the present state from being told; the run says so where it matters."""
WHOLE: Final = ""
"""In place of a partition, of what covers the whole corpus."""


class LastRun:
    """The state that the last complete run of a corpus left, as its Dagster instance keeps it.

    Files count as they are when they are first asked for: before a run, which may read them at any
    time. What
    is stored counts as sound where nothing was written to its files since; else it is read in whole
    and held to its hash.
    """

    def __init__(self, instance: dg.DagsterInstance, config: CorpusConfig, log: Any):
        self._instance, self._config = instance, config
        self._key = f"tshirt_assets/last_run/{config.name}"
        self._kept = self._kept_value()
        self._log = log
        self._sound: dict[tuple[str, str, str | None, str | None], bool] = {}  # see `_is_sound`

    @cached_property
    def _sources(self) -> dict[str, tuple[ShardSpec, str]] | None:
        try:
            return self._sources_now()
        except CorpusError:
            return None

    @cached_property
    def _states(self) -> PieceStates | None:
        if self._sources is None:
            return None
        store = Store(self._config.store, self._config.storage_options)
        return PieceStates(self._instance, self._config, store, self._sources, self._log)

    @property
    def has_read_the_files(self) -> bool:
        """Whether all files are stored as they are. Where nothing is kept none is looked at."""
        return bool(self._kept["pieces"]) and not self.changed(SAMPLES)

    def has(self, records: Iterable[AssetRecord]) -> bool:
        """Whether all of these assets are as they were left.

        What had to be read in whole for that is not read again until something is written there.
        """
        same = not any(self.changed(record) for record in records)
        found = [place for place, sound in self._sound.items() if sound and place[-1] is not None]
        if same and found:
            for name, part, state, mark in found:
                self._kept["pieces"][name][part] = [state, mark]
            self._save()
        return same

    def changed(self, record: AssetRecord) -> set[str]:
        """The partitions of an asset that are not as they were left; `WHOLE` for the corpus.

        A check speaks of all partitions of a run: where one has failed, all are run again.
        """
        every = self._partitions(record)
        changed = every - self._unchanged(record)
        return every if changed and self.failed_checks(record) else changed

    def failed_checks(self, record: AssetRecord) -> list[str]:
        """The checks of an asset that failed when it was last run, in a line each."""
        return list(self._kept["checks"].get(record.name, []))

    def forget(self, record: AssetRecord) -> None:
        """An asset has been run: look anew at what is stored of it."""
        if self._states is not None:
            self._states.forget(record)

    def keep(self, failed_checks: Mapping[str, Sequence[str]]) -> None:
        """Keep the present state as that of a complete run. failed_checks: lines by asset.

        Nothing is kept where another process has written meanwhile: what was made from it, and is
        no longer of it, would seem to be.
        """
        pieces: dict[str, dict[str, list[str | None]]] = {}
        try:
            if self._states is None or not self._states.list_again():
                return
            for record in needed_assets(self._config):
                marks = [(part, self._mark(record, part)) for part in self._partitions(record)]
                found = self._found(record)
                pieces[record.name] = {p: [found[p], mark] for p, mark in marks if p in found}
        except UNKNOWN:
            return
        self._kept = {"pieces": pieces, "checks": {k: [*v] for k, v in failed_checks.items()}}
        self._save()

    def _save(self) -> None:
        self._instance.daemon_cursor_storage.set_cursor_values({self._key: json.dumps(self._kept)})

    def _kept_value(self) -> dict[str, Any]:
        found = self._instance.daemon_cursor_storage.get_cursor_values({self._key}).get(self._key)
        kept = json.loads(found) if found else {}
        return kept if "pieces" in kept else {"pieces": {}, "checks": {}}

    def _sources_now(self) -> dict[str, tuple[ShardSpec, str]]:
        """What each shard would be read from, and its version."""
        config = self._config
        if (upstream := upstream_of(self._instance, config)) is not None:
            return {key: (upstream.spec(key), found) for key, found in upstream.shards().items()}
        registered = self._instance.get_dynamic_partitions(config.name)
        specs = discover_shards(config, registered, missing_ok=True)
        return {spec.key: (spec, listed_version(spec.path)) for spec in specs}

    def _partitions(self, record: AssetRecord) -> set[str]:
        if record.unit == "corpus":
            return {WHOLE}
        return {*(self._sources or ())} if record.unit == "shard" else {*self._config.recipes}

    def _unchanged(self, record: AssetRecord) -> set[str]:
        kept = self._kept["pieces"].get(record.name, {})
        found: dict[str, str] = {}
        with suppress(*UNKNOWN):  # without anything kept, too: `keep` goes by what it lists
            found = self._found(record)
        same = {part for part, state in found.items() if [state] == kept.get(part, [None])[:1]}
        there = same & self._recorded(record) if same else same
        return {part for part in there if self._is_sound(record, part, kept[part])}

    def _found(self, record: AssetRecord) -> dict[str, str]:
        return {} if self._states is None else self._states.states(record)

    def _mark(self, record: AssetRecord, part: str) -> str | None:
        return None if self._states is None else self._states.mark(record, part)

    def _recorded(self, record: AssetRecord) -> set[str]:
        """What Dagster knows of: it may have been wiped there."""
        key = Binding(self._config).key(record.name)
        if record.unit != "corpus":
            return self._instance.get_materialized_partitions(key)
        known = self._instance.get_latest_materialization_event(key) is not None
        return {WHOLE} if known else set()

    def _is_sound(self, record: AssetRecord, part: str, kept: Sequence[str | None]) -> bool:
        """Whether all that is stored of a piece is what was written; read once where need be.

        What came of that is kept by its state, and by its mark from before it was read.
        """
        assert self._states is not None
        mark = self._mark(record, part)
        if mark is not None and mark == kept[1]:
            return True
        place = (record.name, part, kept[0], mark)
        if place not in self._sound:
            sound = False
            with suppress(*UNKNOWN):
                sound = self._states.is_sound(record, part)
            self._sound[place] = sound
        return self._sound[place]
