"""Whether recorded subsets still match the tables that they were made from."""

from collections.abc import Collection

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.shards import live_shards
from tshirt_assets.incremental.catalog import SELECTED_SUBSET, owner
from tshirt_assets.incremental.dataset import incomplete_shards, left_out_if_incomplete
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.judgements import JUDGEMENTS, read_judgements, verdicts_version
from tshirt_assets.store.store import Store


def changed_inputs(
    store: Store, config: CorpusConfig, registered: Collection[str]
) -> dict[str, list[str]]:
    """By recipe: "ASSET SHARD" of every table that has changed, or is new, since the selection.

    Of the verdicts that it honours: "judgements".

    Recipes whose subset is not stored, or is up to date, are left out.
    """
    facts = {
        recipe: TableFacts.of(info)
        for recipe in config.recipes
        if (info := store.info(config.name, SELECTED_SUBSET.name, recipe)) is not None
    }
    subsets = {recipe: found.inputs for recipe, found in facts.items()}
    verdicts = verdicts_version(read_judgements(store, config.name))
    live = live_shards(config, registered)
    if left_out_if_incomplete(config):
        live -= set(incomplete_shards(store, config, sorted(live)))
    present = {
        asset: {str(info.shard): info.data_version for info in store.stored(config.name, asset)}
        for asset in {asset for inputs in subsets.values() for asset in inputs}
    }
    changed: dict[str, list[str]] = {}
    for recipe, inputs in subsets.items():
        for asset, shards in inputs.items():
            stored = present[asset]
            faults = [
                f"{owner(asset)} {shard}"
                for shard, recorded in shards.items()
                if stored.get(shard) != recorded.data_version
            ]
            new = sorted(live & set(stored) - set(shards))
            faults += [f"{owner(asset)} {shard} (new)" for shard in new]
            if faults:
                changed.setdefault(recipe, []).extend(faults)
    for recipe, found in facts.items():
        now = verdicts if config.recipes[recipe].judgements == "honour" else ""
        if found.provenance is not None and (found.provenance.judgements or "") != now:
            changed.setdefault(recipe, []).append(JUDGEMENTS)
    return changed
