"""What has changed is recorded at once, by the run that changed it: the UI need not be asked."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import dagster as dg

from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.shards import live_shards
from tshirt_assets.incremental.catalog import SELECTED_SUBSET, AssetRecord
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.freshness import is_red, subset_evaluation
from tshirt_assets.orchestration.inputs import (
    INPUTS,
    input_place,
    present_inputs,
)
from tshirt_assets.orchestration.latest_tags import LatestTags
from tshirt_assets.orchestration.observed_judgements import judged_now
from tshirt_assets.orchestration.versions import changed_observations
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store

UNREADABLE = (CorpusError, StoreError, UpstreamError)
Change = dg.AssetObservation | dg.AssetCheckEvaluation


@contextmanager
def noticing(run: Run, record: AssetRecord) -> Iterator[Mapping[str, str]]:
    """The present versions of `inputs`, recorded when they have changed.

    That is after a run of a shard-wise asset, also one that failed on some shards, but not one that
    was interrupted. What is made from all shards records before it begins what it will read.
    """
    if record.unit != "shard":
        yield _noticed(run)
        return
    try:
        yield {}
    except Exception:
        _noticed(run)
        raise
    _noticed(run)


def changes(
    instance: dg.DagsterInstance,
    binding: Binding,
    store: Store | None,
    present: Mapping[str, str],
) -> list[Change]:
    """What is to be recorded of `inputs` as they are now.

    Where those of a subset are other ones, `matches_current_scores` is evaluated in the store, too,
    which takes a look at every table: not again while it is red and a subset is out of date, and
    not where a table cannot be read, which the next run will say.
    """
    observed = changed_observations(instance, binding.key(INPUTS), present)
    subsets = input_place(SELECTED_SUBSET, "")
    found: list[Change] = [*observed]
    if store is not None and any(str(event.partition).startswith(subsets) for event in observed):
        made_from = _made_from(instance, binding)
        if made_from and not (made_from.items() - present.items() and is_red(instance, binding)):
            registered = instance.get_dynamic_partitions(binding.name)
            with suppress(*UNREADABLE):
                found.append(subset_evaluation(binding, store, registered))
    return found


def configured_store(binding: Binding) -> Store | None:
    """The store that the configuration names; None where a resource has taken its place."""
    if "store" in binding.replaced:
        return None
    return Store(binding.config.store, binding.config.storage_options)


def _made_from(instance: dg.DagsterInstance, binding: Binding) -> dict[str, str]:
    """By partition of `inputs`: the version that the recorded subset was made from."""
    name = f"dagster/input_data_version/{binding.key(INPUTS).to_user_string()}"
    recorded = LatestTags().by_partition(instance, binding.key(SELECTED_SUBSET.name))
    return {
        input_place(SELECTED_SUBSET, recipe): tags.get(name, "")
        for recipe, tags in recorded.items()
        if recipe in binding.config.recipes
    }


def notice(instance: dg.DagsterInstance, binding: Binding, store: Store) -> Mapping[str, str]:
    """The present versions of `inputs`, recorded, and of `judgements` with them.

    Raises one of `UNREADABLE` where something cannot be looked at now.
    """
    registered = instance.get_dynamic_partitions(binding.name)
    verdicts, judged = judged_now(instance, binding, store)
    live = live_shards(binding.config, registered)
    present = present_inputs(instance, binding, live, verdicts)
    for event in (*judged, *changes(instance, binding, store, present)):
        instance.report_runless_asset_event(event)
    return present


def _noticed(run: Run) -> Mapping[str, str]:
    """The present versions of `inputs`, recorded. What cannot be looked at now fails no run."""
    try:
        return notice(run.context.instance, run.binding, run.store)
    except UNREADABLE as error:
        run.log.warning(f"whether subsets are up to date could not be told: {error}")
        return {}
