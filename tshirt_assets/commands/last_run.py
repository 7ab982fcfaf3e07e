"""Whether a run has anything to do: what the last complete one left is recognised."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import dagster as dg

from tshirt_assets import __version__
from tshirt_assets.assets.selected_subset import kept_subset
from tshirt_assets.commands.source_definitions import upstream_of
from tshirt_assets.config import CorpusConfig
from tshirt_assets.config.credentials import OPTIONS_WITH_CREDENTIALS
from tshirt_assets.corpus.bytestream import listed_version
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental.catalog import (
    ASSETS,
    EMBEDDINGS,
    MIWV_SCORES,
    SAMPLES,
    SEARCH,
    SELECTED_SUBSET,
    TOKEN_SCORES,
    needed_assets,
)
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.identity import embeddings_identity, loss_identity
from tshirt_assets.incremental.provenance import made_from
from tshirt_assets.incremental.search_copies import changed_copies
from tshirt_assets.incremental.soundness import sound_rows
from tshirt_assets.models.causal_lm import load_causal_lm
from tshirt_assets.models.embedder import load_embedder
from tshirt_assets.models.model_files import ModelError
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store

UNKNOWN = (CorpusError, ModelError, StoreError, UpstreamError)
"""What keeps the present state from being told; the run says so where it matters."""


class LastRun:
    """The state that the last complete run of a corpus left, as its Dagster instance keeps it.

    Files count as they are when this is made: before a run, which may read them at any time.
    """

    def __init__(self, instance: dg.DagsterInstance, config: CorpusConfig, log: Any):
        self._instance, self._config, self._log = instance, config, log
        self._store = Store(config.store, config.storage_options)
        self._key = f"tshirt_assets/last_run/{config.name}"
        self._files = self._files_now()

    def failed_checks(self) -> list[str] | None:
        """The checks that failed in the last run, in a line each; None where there is work to do.

        There is none where the files, the options, this package, the models and all tables are as
        that run left them. Tables and exported files are read and held to their hashes.
        """
        found = self._instance.daemon_cursor_storage.get_cursor_values({self._key}).get(self._key)
        kept = json.loads(found) if found else {}
        if self._files is None or kept.get("files") != self._files:
            return None
        try:
            same = kept["state"] == self._state() and self._is_recorded() and self._is_sound()
        except UNKNOWN:
            return None
        return kept["checks"] if same else None

    def keep(self, failed_checks: Sequence[str]) -> None:
        """Keep the present state as that of a complete run."""
        try:
            kept = {"files": self._files, "state": self._state(), "checks": [*failed_checks]}
        except UNKNOWN:
            return
        self._instance.daemon_cursor_storage.set_cursor_values({self._key: json.dumps(kept)})

    def _files_now(self) -> str | None:
        config = self._config
        registered = self._instance.get_dynamic_partitions(config.name)
        try:
            if (upstream := upstream_of(self._instance, config)) is not None:
                versions = upstream.shards()
                self._shards = set(versions)
                return _hash(versions)
            specs = discover_shards(config, registered, missing_ok=True)
            files = {s.key: [s.path, s.start, s.stop, listed_version(s.path)] for s in specs}
        except CorpusError:
            return None
        self._shards = {spec.key for spec in specs}
        return _hash(files)

    def _state(self) -> str | None:
        """Hash of everything that a run goes by but the files; None where models have own code."""
        config = self._config
        models = (config.scorer, config.target_model, config.embedder)
        if any(model.trust_remote_code for model in models):
            return None
        return _hash(
            {
                "package": __version__,
                "code": {record.name: record.code_version for record in ASSETS.values()},
                "options": config.model_dump(mode="json", exclude=OPTIONS_WITH_CREDENTIALS),
                "models": self._identities(),
                "shards": sorted(self._instance.get_dynamic_partitions(config.name)),
                "tables": {t.name: [t.version, t.meta] for t in self._store.stored(config.name)},
            }
        )

    def _identities(self) -> list[str]:
        """The score identities of the needed assets; a model that is known is not loaded for it."""
        config, needed = self._config, {record.name for record in needed_assets(self._config)}
        found = [loss_identity(TOKEN_SCORES.name, config, load_causal_lm(config.scorer))]
        if MIWV_SCORES.name in needed:
            found += [loss_identity(MIWV_SCORES.name, config, load_causal_lm(config.target_model))]
        if EMBEDDINGS.name in needed:
            found += [embeddings_identity(load_embedder(config.embedder).identity)]
        return found

    def _is_recorded(self) -> bool:
        """Whether Dagster knows of everything that is stored: it may have been wiped there."""
        binding, partitions = Binding(self._config), {"shard": self._shards}
        partitions["recipe"] = set(self._config.recipes)
        for record in needed_assets(self._config):
            key = binding.key(record.name)
            if record.unit == "corpus":
                known = self._instance.get_latest_materialization_event(key) is not None
            else:
                there = self._instance.get_materialized_partitions(key)
                known = partitions[record.unit] <= there
            if not known:
                return False
        return True

    def _is_sound(self) -> bool:
        """Whether all tables, exported files and reports are what was written.

        Raises `DamagedTableError` for a table that is not.
        """
        config, store = self._config, self._store
        scores = CorpusScores(store, config, sorted(self._shards), self._log)
        if any(kept_subset(store, config, r, made_from(scores, r)) is None for r in config.recipes):
            return False
        for info in store.stored(config.name):
            if info.asset == SEARCH.name and SEARCH.needed(config):
                tables = [scores.dataset(name).tables for name in (SAMPLES.name, EMBEDDINGS.name)]
                if changed_copies(store, info, *tables):
                    return False
            elif info.asset not in (SEARCH.name, SELECTED_SUBSET.name):
                sound_rows(store, info)
        return True


def _hash(parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
