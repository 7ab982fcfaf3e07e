"""What a piece of a corpus (a partition of an asset, or the whole) is, and is made from, in hashes.

Where both are what they were, making it again would give the same, in the store and in Dagster.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import dagster as dg

from tshirt_assets import __version__
from tshirt_assets.assets.selected_subset import kept_subset
from tshirt_assets.config import CorpusConfig
from tshirt_assets.config.credentials import OPTIONS_WITH_CREDENTIALS
from tshirt_assets.corpus.shards import ShardSpec
from tshirt_assets.incremental.catalog import (
    ASSETS,
    CALIBRATION,
    CONTENDERS,
    EMBEDDINGS,
    MIWV_SCORES,
    ROBUST_SCORES,
    SAMPLES,
    SEARCH,
    SELECTED_SUBSET,
    TOKEN_SCORES,
    AssetRecord,
)
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.incremental.dataset import incomplete_shards
from tshirt_assets.incremental.identity import embeddings_identity, loss_identity
from tshirt_assets.incremental.judgements import JUDGEMENTS
from tshirt_assets.incremental.provenance import made_from
from tshirt_assets.incremental.search_copies import changed_copies
from tshirt_assets.incremental.soundness import sound_rows
from tshirt_assets.models.causal_lm import load_causal_lm
from tshirt_assets.models.embedder import load_embedder
from tshirt_assets.report.serve import report_file
from tshirt_assets.report.signing import page_fault
from tshirt_assets.store.file_marks import folder_mark
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

BY_RECIPES: Final = (CONTENDERS, CALIBRATION, ROBUST_SCORES)
"""What all recipes of a corpus have a part in; of a subset only its own counts."""

Tables = Mapping[str | None, TableInfo]  # by partition


class PieceStates:
    """The present states of the pieces of a corpus. Tables are listed once, see `forget`.

    sources: its shards, and the versions of what they are read from, as they count.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        config: CorpusConfig,
        store: Store,
        sources: Mapping[str, tuple[ShardSpec, str]],
        log: Any,
    ):
        self._instance, self._config, self._store, self._log = instance, config, store, log
        self._sources = sources
        self._tables: dict[str, Tables] = {}
        self._scores: CorpusScores | None = None
        self._identities: dict[str, str] = {}

    def forget(self, record: AssetRecord) -> None:
        """Look anew at what belongs to an asset: it may have been made again."""
        for table in (record.name, *record.measures):
            self._tables.pop(table, None)
        self._scores = None

    def list_again(self) -> bool:
        """Whether nobody else has written to a table since it was listed.

        What was made from one that was written to may be of other rows than are stored now.
        """
        before = self._tables
        self._tables, self._scores = {table: self._stored(table) for table in before}, None
        return self._tables == before

    def states(self, record: AssetRecord) -> dict[str, str]:
        """By partition (empty for the whole corpus) a hash of what is stored and of its origin.

        What is not stored is left out. So is all where a model has code of its own, which may have
        changed.
        """
        if self._trusted_code:
            return {}
        whole = self._whole(record)
        compared = record.unit == "recipe" and page_fault(report_file(self._config)) is None
        found = {}
        for partition, info in self._listed(record.name).items():
            if info is None or (record.unit == "shard" and partition not in self._sources):
                continue
            parts: dict[str, Any] = {"whole": whole, "own": list(self._own(record, partition))}
            if record.unit == "shard":
                assert partition is not None
                spec, version = self._sources[partition]
                parts["rows"] = [spec.path, spec.start, spec.stop]
                parts["file"] = version if record == SAMPLES else None
                parts["inputs"] = self._inputs(record, partition)
            elif partition is not None:
                if partition not in self._config.recipes:
                    continue
                self._listed(JUDGEMENTS)  # that they are listed again, see `list_again`
                parts["made_from"] = made_from(self._corpus_scores, partition)
                parts["compared"] = compared
            found[partition or ""] = _hash(parts)
        return found

    def mark(self, record: AssetRecord, partition: str) -> str | None:
        """By what it is seen whether files of a piece were written to; None where it cannot be."""
        if not self._store.database.is_local:
            return None
        marks = [
            folder_mark(Path(self._store.database.uri) / f"{info.name}.lance")
            for info in self._of(record, partition or None)
        ]
        if record == SELECTED_SUBSET:
            marks.append(folder_mark(Path(self._config.export_dir) / self._config.name / partition))
        return None if None in marks else _hash(marks)

    def is_sound(self, record: AssetRecord, partition: str) -> bool:
        """Whether all that is stored of a piece, read in whole, is what was written.

        Raises `DamagedTableError` for a table that is not.
        """
        config, store = self._config, self._store
        if record == SELECTED_SUBSET:
            source = made_from(self._corpus_scores, partition)
            return kept_subset(store, config, partition, source) is not None
        for info in self._of(record, partition or None):
            if record == SEARCH:
                tables = [
                    self._corpus_scores.dataset(asset).tables
                    for asset in (SAMPLES.name, EMBEDDINGS.name)
                ]
                if changed_copies(store, info, *tables):
                    return False
            else:
                sound_rows(store, info)
        return True

    def _own(self, record: AssetRecord, partition: str | None) -> Iterator[list[Any]]:
        for info in self._of(record, partition):
            yield [info.name, info.meta]

    def _of(self, record: AssetRecord, partition: str | None) -> Iterator[TableInfo]:
        for table in (record.name, *record.measures):
            if (info := self._listed(table).get(partition)) is not None:
                yield info

    def _listed(self, table: str) -> Tables:
        if table not in self._tables:
            self._tables[table] = self._stored(table)
        return self._tables[table]

    def _stored(self, table: str) -> Tables:
        return {info.shard: info for info in self._store.stored(self._config.name, table)}

    def _whole(self, record: AssetRecord) -> dict[str, Any]:
        """What counts for all partitions of an asset."""
        config = self._config
        other = OPTIONS_WITH_CREDENTIALS | {"recipes"}
        parts: dict[str, Any] = {
            "package": __version__,
            "code": record.code_version,
            "options": config.model_dump(mode="json", exclude=other),
            "models": [self._identity(kind) for kind in record.resources if kind != "store"],
            "reads": [n for n in record.reads if n not in ASSETS or ASSETS[n].needed(config)],
        }
        if record in BY_RECIPES:
            parts["recipes"] = {n: r.model_dump(mode="json") for n, r in config.recipes.items()}
        if record.unit != "shard":
            registered = sorted(self._instance.get_dynamic_partitions(config.name))
            parts["registered"], parts["files"] = registered, sorted(self._sources)
            parts["incomplete"] = incomplete_shards(self._store, config, registered)
        inputs = self._inputs(record, None)  # lists the tables, of shards and recipes too
        if record.unit == "corpus":
            parts["inputs"] = inputs
        return parts

    def _inputs(self, record: AssetRecord, partition: str | None) -> dict[str, Any]:
        """Data versions of what a piece is made from: of a shard's own table, or of all."""
        found: dict[str, Any] = {}
        for name in record.reads:
            if name in ASSETS and ASSETS[name].needed(self._config):
                tables = self._listed(name)
                if record.unit == "shard" and ASSETS[name].unit == "shard":
                    tables = {p: info for p, info in tables.items() if p == partition}
                found[name] = {str(p): [i.data_version, i.identity] for p, i in tables.items()}
        return found

    @property
    def _corpus_scores(self) -> CorpusScores:
        if self._scores is None:
            shards = sorted(self._sources)
            self._scores = CorpusScores(self._store, self._config, shards, self._log)
        return self._scores

    @property
    def _trusted_code(self) -> bool:
        config = self._config
        models = (config.scorer, config.target_model, config.embedder)
        return any(model.trust_remote_code for model in models)

    def _identity(self, kind: str) -> str:
        """Identity of what a model gives; one that is known is not loaded for it."""
        if kind not in self._identities:
            config = self._config
            if kind == "embedder":
                found = embeddings_identity(load_embedder(config.embedder).identity)
            elif kind == "target":
                target = load_causal_lm(config.target_model)
                found = loss_identity(MIWV_SCORES.name, config, target)
            else:
                found = loss_identity(TOKEN_SCORES.name, config, load_causal_lm(config.scorer))
            self._identities[kind] = found
        return self._identities[kind]


def _hash(parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
