"""inputs: by corpus-wide asset and by recipe, one version over all that it would be made from now.

Dagster compares the versions of fewer than 100 upstream partitions, and takes a subset for stale
when any table has changed, also one that its recipe does not use. The external asset `inputs` has
one partition for each of them, whose data version is observed whenever it changes.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

import dagster as dg

from tshirt_assets.incremental.catalog import (
    ASSETS,
    SELECTED_SUBSET,
    AssetRecord,
    needed_assets,
    owner,
)
from tshirt_assets.incremental.identity import combined_version
from tshirt_assets.incremental.judgements import JUDGEMENTS
from tshirt_assets.incremental.needs import decisive_tables
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.versions import shard_versions

INPUTS: Final = "inputs"


def inputs_spec(binding: Binding) -> dg.AssetSpec:
    """The `inputs` asset of a corpus."""
    return binding.spec(
        INPUTS,
        deps=[binding.key(JUDGEMENTS)],
        description="What each corpus-wide asset and each recipe would be made from now: one "
        "version over the tables of all shards. It is observed whenever one of them changes.",
        partitions_def=dg.StaticPartitionsDefinition(_places(binding)),
        kinds={"lancedb"},
    )


def inputs_dep(binding: Binding, record: AssetRecord) -> dg.AssetDep:
    """The dependency of a corpus-wide asset, or of the subsets, on their part of `inputs`."""
    mapping: dg.PartitionMapping
    if record.unit == "recipe":
        mapping = dg.StaticPartitionMapping(
            {input_place(record, recipe): recipe for recipe in binding.config.recipes}
        )
    else:
        mapping = dg.SpecificPartitionsPartitionMapping([input_place(record)])
    return dg.AssetDep(binding.key(INPUTS), partition_mapping=mapping)


def input_place(record: AssetRecord, recipe: str | None = None) -> str:
    """The partition of `inputs` for a corpus-wide asset, or for the subset of a recipe."""
    return record.name if recipe is None else f"{record.name}:{recipe}"


def present_inputs(
    instance: dg.DagsterInstance, binding: Binding, shards: Collection[str], verdicts: str = ""
) -> dict[str, str]:
    """By partition of `inputs`: the version of what is recorded of these shards.

    verdicts: the version of people's verdicts, which most recipes honour; empty without one.

    Partitions of which some table is recorded of no shard are left out: nothing can be made yet.
    """
    versions = {
        record.name: {
            shard: version
            for shard, version in shard_versions(instance, binding.key(record.name)).items()
            if shard in shards
        }
        for record in needed_assets(binding.config)
        if record.unit == "shard"
    }
    present = {}
    for record, recipe in _consumers(binding):
        tables = _tables(binding, record, recipe)
        if all(versions.get(table) for table in tables):
            parts = {table: combined_version(versions[table]) for table in tables}
            present[input_place(record, recipe)] = combined_version(
                parts | _options(binding, recipe) | _judged(binding, recipe, verdicts)
            )
    return present


def inputs_tags(
    instance: dg.DagsterInstance, binding: Binding, record: AssetRecord, present: Mapping[str, str]
) -> dict[str, str]:
    """Tags of a materialization of a corpus-wide asset: the version of `inputs` it was made from.

    Dagster's own would name what was observed before the run looked.
    """
    key = binding.key(INPUTS)
    version = present.get(input_place(record))
    observed = instance.fetch_observations(key, limit=1).records
    if version is None or not observed:
        return {}
    name = key.to_user_string()
    return {
        f"dagster/input_data_version/{name}": version,
        f"dagster/input_event_pointer/{name}": str(observed[0].storage_id),
    }


def _places(binding: Binding) -> list[str]:
    return [input_place(record, recipe) for record, recipe in _consumers(binding)]


def _consumers(binding: Binding) -> Iterator[tuple[AssetRecord, str | None]]:
    for record in ASSETS.values():
        if record.unit == "corpus":
            yield record, None
    for recipe in binding.config.recipes:
        yield SELECTED_SUBSET, recipe


def _tables(binding: Binding, record: AssetRecord, recipe: str | None) -> list[str]:
    """The shard-wise assets that an asset or a subset is made from."""
    config = binding.config
    if recipe is not None:
        names = map(owner, decisive_tables(config, config.recipes[recipe]))
        return sorted(set(names))
    read = [name for name in record.reads if ASSETS[name].unit == "shard"]
    if not record.needed(config):
        return read
    return [name for name in read if ASSETS[name].needed(config)]


def _judged(binding: Binding, recipe: str | None, verdicts: str) -> dict[str, str]:
    """The verdicts that a recipe honours, where there are any."""
    honoured = recipe is not None and binding.config.recipes[recipe].judgements == "honour"
    return {JUDGEMENTS: verdicts} if verdicts and honoured else {}


def _options(binding: Binding, recipe: str | None) -> dict[str, str]:
    """The options of a recipe and of those that it fuses: other ones select other rows."""
    if recipe is None:
        return {}
    recipes = binding.config.recipes
    names = (recipe, *recipes[recipe].fuse)
    return {f"recipe {name}": recipes[name].model_dump_json() for name in names}
