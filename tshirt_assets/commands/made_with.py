"""Whether stored scores are those that corpus.yaml asks for, and what they were made with."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from tshirt_assets.config import CorpusConfig
from tshirt_assets.export.card import dotted
from tshirt_assets.incremental.catalog import (
    ASSETS,
    CONTENDERS,
    EMBEDDINGS,
    MIWV_SCORES,
    RELEVANCE,
    ROBUST_SCORES,
    SELECTED_SUBSET,
    TOKEN_SCORES,
)
from tshirt_assets.incremental.expected import expected_identities
from tshirt_assets.incremental.facts import Provenance, TableFacts
from tshirt_assets.incremental.provenance import recorded_options
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

# What of a provenance goes into the scores of an asset; the first names its model.
SETTINGS = {
    EMBEDDINGS.name: ("embedder",),
    RELEVANCE.name: ("embedder",),
    TOKEN_SCORES.name: ("scorer", "prompt_format"),
    MIWV_SCORES.name: ("target", "prompt_format"),
    ROBUST_SCORES.name: ("scorer", "prompt_format", "robustness", "seed"),
}
MODEL_KEYS = (".path", "embedder")
REMEDY = "run again to compute them"


def outdated_lines(
    instance: dg.DagsterInstance, store: Store, config: CorpusConfig, registered: Sequence[str]
) -> list[str]:
    """One line per asset whose stored tables belong to another model or configuration."""
    subsets = {
        str(info.shard): made
        for info in store.stored(config.name, SELECTED_SUBSET.name)
        if (made := TableFacts.of(info).provenance) is not None
    }
    lines = []
    for asset in (name for name in SETTINGS if ASSETS[name].needed(config)):
        found = [info for info in store.stored(config.name, asset) if info.shard in registered]
        line = _scores_line(instance, config, found, list(subsets.values()))
        lines += [f"{asset}: {line}"] * bool(line)
    return [*lines, *_tau_line(store, config), *_subset_lines(config, subsets)]


def _scores_line(
    instance: dg.DagsterInstance,
    config: CorpusConfig,
    stored: Sequence[TableInfo],
    subsets: Sequence[Provenance],
) -> str | None:
    if not stored:
        return None
    asset = stored[0].asset
    expected = expected_identities(config, asset)
    changes = {
        info.identity: _changes(asset, info, subsets, config)
        for info in {info.identity: info for info in stored}.values()
    }
    other = [
        info
        for info in stored
        if (info.identity not in expected if expected is not None else changes[info.identity])
    ]
    if not other:
        return None
    where = f" of {len(other)} of {len(stored)} shards" if len(other) < len(stored) else ""
    found = changes[other[0].identity]
    now = _model(_settings(asset, config))
    before = _recorded_model(instance, config, other[0]) or "another model"
    if not found and before != now:
        found = [("model", before, now)]
    if not found:
        before += " with other settings or files"
        return f"stored scores{where} were made with {before} than corpus.yaml says: {REMEDY}"
    then, wanted = (", ".join(f"{change[0]} {change[side]}" for change in found) for side in (1, 2))
    return f"stored scores{where} were made with {then}; corpus.yaml says {wanted}: {REMEDY}"


def _changes(
    asset: str, info: TableInfo, subsets: Sequence[Provenance], config: CorpusConfig
) -> list[tuple[str, str, str]]:
    """(option, value then, value now) of what has changed, as far as a subset recorded it."""
    made = next((m for m in subsets if m.identities.get(asset) == info.identity), None)
    if made is None:
        return []
    now, then = _settings(asset, config), _settings(asset, made)
    keys = sorted({*now, *then}, key=lambda key: (not key.endswith("path"), key))
    return [
        (key, str(then.get(key, "as usual")), str(now.get(key, "as usual")))
        for key in keys
        if then.get(key) != now.get(key)
    ]


def _settings(asset: str, made: CorpusConfig | Provenance) -> dict[str, Any]:
    """The options that go into the scores of an asset, by dotted name."""
    whole = made.shown() if isinstance(made, Provenance) else _as_recorded(made)
    return {
        key: value for name in SETTINGS[asset] for key, value in dotted({name: whole.get(name)})
    }


def _as_recorded(config: CorpusConfig) -> dict[str, Any]:
    """The options in the shape in which a provenance holds them."""
    options = recorded_options(config)
    return json.loads(json.dumps(options))


def _model(settings: dict[str, Any]) -> str:
    """The model among the settings of an asset."""
    return next(str(value) for key, value in settings.items() if key.endswith(MODEL_KEYS))


def _recorded_model(
    instance: dg.DagsterInstance, config: CorpusConfig, info: TableInfo
) -> str | None:
    """The model that the latest materialization of a table names, if it is of its scores."""
    wanted = dg.AssetRecordsFilter(
        asset_key=dg.AssetKey([config.name, info.asset]), asset_partitions=[str(info.shard)]
    )
    for record in instance.fetch_materializations(wanted, limit=1).records:
        event = record.asset_materialization
        values = {key: value.value for key, value in event.metadata.items()} if event else {}
        if values.get("identity") == info.identity:
            return str(values["model"]) if "model" in values else None
    return None


def _tau_line(store: Store, config: CorpusConfig) -> Iterator[str]:
    info = store.info(config.name, CONTENDERS.name)
    share = TableFacts.of(info).keep_fraction if info is not None else None
    if share is not None and share != config.keep_fraction:
        yield (
            f"{CONTENDERS.name}: made with keep_fraction {share:g}; corpus.yaml says "
            f"{config.keep_fraction:g}: {REMEDY}"
        )


def _subset_lines(config: CorpusConfig, subsets: Mapping[str, Provenance]) -> Iterator[str]:
    """One line per recipe whose options are others than those of its stored subset."""
    for name, made in subsets.items():
        if name not in config.recipes:
            continue
        now = config.recipes[name].model_dump(mode="json", exclude_defaults=True)
        keys = [key for key in {**made.options, **now} if made.options.get(key) != now.get(key)]
        if keys:
            then = ", ".join(f"{key} {made.options.get(key, 'as usual')}" for key in keys)
            wanted = ", ".join(f"{key} {now.get(key, 'as usual')}" for key in keys)
            yield (
                f"{SELECTED_SUBSET.name} {name}: made with {then}; corpus.yaml says {wanted}: "
                f"{REMEDY}"
            )
