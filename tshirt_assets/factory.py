"""build_curation_defs: from corpus configurations to Dagster definitions, the one way in."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import dagster as dg

from tshirt_assets.assets import BUILDERS
from tshirt_assets.assets.files import origin_spec
from tshirt_assets.config import ConfigError, CorpusConfig
from tshirt_assets.incremental.catalog import ASSETS
from tshirt_assets.orchestration.automation_conditions import build_automation_sensor
from tshirt_assets.orchestration.binding import Binding, SpecHook
from tshirt_assets.orchestration.curating import build_curate_job, build_curate_schedule
from tshirt_assets.orchestration.freshness import build_subset_check
from tshirt_assets.orchestration.inputs import inputs_spec
from tshirt_assets.orchestration.maintenance import build_maintenance_job
from tshirt_assets.orchestration.observed_judgements import judgements_spec
from tshirt_assets.orchestration.sensors import build_shard_sensor
from tshirt_assets.resources.causal_lm import CausalLM
from tshirt_assets.resources.embedder import SentenceEmbedder
from tshirt_assets.resources.store import LanceStore
from tshirt_assets.resources.subset_io_manager import SubsetIOManager

Corpus = CorpusConfig | str | os.PathLike[str]


def build_curation_defs(
    corpora: Corpus | Sequence[Corpus],
    *,
    map_asset_spec: SpecHook | None = None,
    resources: Mapping[str, Any] | None = None,
    executor: dg.ExecutorDefinition | None = dg.in_process_executor,
) -> dg.Definitions:
    """Dagster definitions that curate one corpus or several, side by side.

    `corpora`: configurations, or paths of `corpus.yaml` files. `map_asset_spec` is called with
    every asset's spec, at least once, and may change key, group, tags, owners, description and
    so on; it must derive a key from the spec's key and group alone. `resources` replaces
    resources by key: `{corpus}_store`, `_scorer`, `_target`, `_embedder`, `_io_manager`.
    `executor`: by default one process per run, so that a run loads its models once; None where the
    code location has an executor of its own, with which this one could not be merged.

    Raises `ConfigError` for an invalid configuration or two corpora with one name.
    """
    configs = [_config(corpus) for corpus in _as_list(corpora)]
    names = [config.name for config in configs]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two corpora are named {name!r}; names are asset key prefixes")
    return dg.Definitions.merge(
        *(_corpus_defs(config, map_asset_spec, resources or {}) for config in configs),
        dg.Definitions(executor=executor),
    )


def _corpus_defs(
    config: CorpusConfig, map_spec: SpecHook | None, overrides: Mapping[str, Any]
) -> dg.Definitions:
    resources = {
        "store": LanceStore(uri=config.store, storage_options=config.storage_options),
        "scorer": CausalLM(**config.scorer.model_dump()),
        "target": CausalLM(**config.target_model.model_dump()),
        "embedder": SentenceEmbedder(**config.embedder.model_dump()),
    }
    replaced = frozenset(kind for kind in resources if f"{config.name}_{kind}" in overrides)
    binding = Binding(config, map_spec, replaced)
    automation = build_automation_sensor(binding)
    curate = build_curate_job(binding, partial(_corpus_defs, config, map_spec, overrides))
    schedule = build_curate_schedule(binding, curate)
    named: dict[str, Any] = {binding.resource(kind): made for kind, made in resources.items()}
    store = overrides.get(binding.resource("store"), resources["store"])
    named[binding.resource("io_manager")] = SubsetIOManager(corpus=config.name, store=store)
    return dg.Definitions(
        assets=[
            origin_spec(binding),
            judgements_spec(binding),
            inputs_spec(binding),
            *(BUILDERS[name](binding) for name in ASSETS),
        ],
        asset_checks=[build_subset_check(binding)],
        jobs=[build_maintenance_job(binding), curate],
        schedules=[schedule] if schedule else [],
        sensors=[build_shard_sensor(binding), *([automation] if automation else [])],
        resources={key: overrides.get(key, resource) for key, resource in named.items()},
    )


def build_input_defs(
    corpora: Corpus | Sequence[Corpus], *, map_asset_spec: SpecHook | None = None
) -> dg.Definitions:
    """Dagster definitions by which another code location takes tables of corpora as arguments.

    Every asset of a corpus as an external one, and the `SubsetIOManager` that loads it. `corpora`
    and `map_asset_spec` as for `build_curation_defs` in the corpus's own code location. Raises
    what that raises.
    """
    parts = []
    for config in map(_config, _as_list(corpora)):
        binding = Binding(config, map_asset_spec)
        units = {"shard": binding.shards, "recipe": binding.recipes, "corpus": None}
        specs = [
            binding.spec(name, partitions_def=units[record.unit], metadata=binding.loading(name))
            for name, record in ASSETS.items()
        ]
        store = LanceStore(uri=config.store, storage_options=config.storage_options)
        loader = SubsetIOManager(corpus=config.name, store=store)
        parts.append(
            dg.Definitions(assets=specs, resources={binding.resource("io_manager"): loader})
        )
    return dg.Definitions.merge(*parts)


def _as_list(corpora: Corpus | Sequence[Corpus]) -> list[Corpus]:
    if isinstance(corpora, CorpusConfig | str | os.PathLike):
        return [corpora]
    return list(corpora)


def _config(corpus: Corpus) -> CorpusConfig:
    return corpus if isinstance(corpus, CorpusConfig) else CorpusConfig.from_yaml(corpus)
