"""The phases of a corpus, one after the other; who makes them, and who is told, is left open."""

from collections.abc import Callable, Iterable, Sequence

import dagster as dg

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.shards import live_shards
from tshirt_assets.incremental.catalog import SAMPLES, AssetRecord, skipped_assets
from tshirt_assets.incremental.dataset import incomplete_shards, left_out_if_incomplete
from tshirt_assets.incremental.unusable import why_unusable
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.chosen import Chosen
from tshirt_assets.orchestration.outcome import Outcome
from tshirt_assets.orchestration.registering import Tell, add_new_shards
from tshirt_assets.orchestration.upstream import Upstream
from tshirt_assets.store.store import Store

Make = Callable[[Sequence[AssetRecord], Sequence[Sequence[str]]], Outcome]
"""Makes the assets of a phase over ranges of partitions, and says why any failed."""


def make_phases(
    instance: dg.DagsterInstance,
    binding: Binding,
    make: Make,
    tell: Tell,
    chosen: Chosen,
    upstream: Upstream | None = None,
) -> bool:
    """Register new shards and make the chosen assets of a corpus; True if nothing failed.

    `upstream`: the asset that holds the rows; None where files do.
    Corpus-wide assets need all shards, so that the graph is made in phases. Each is a run of its
    own: a file that cannot be read does not keep the others from the next.
    """
    config = binding.config
    add_new_shards(instance, binding, upstream, tell)
    if chosen.everything and (skipped := skipped_assets(config)):
        tell("info", f"not needed, skipped: {skipped}")
    registered = instance.get_dynamic_partitions(config.name)
    usable = live_shards(config, registered)
    success, incomplete = True, set[str]()
    for phase in chosen.phases:
        outcome = make(phase, _ranges(phase[0], registered, usable, config, chosen.recipes))
        success &= outcome.success
        if phase == (SAMPLES,):
            usable -= outcome.failed
            shards = sorted(usable)
            incomplete = _told_incomplete(config, shards, tell)
            success &= not incomplete
            if not _told_usable(config, shards, tell):
                return False
        elif not outcome.success:
            return False
        elif phase[0].unit == "corpus":  # what is measured from here on needs their results
            usable -= incomplete
    return success


def make_in_turn(
    phase: Sequence[AssetRecord],
    ranges: Iterable[Sequence[str]],
    run: Callable[[Sequence[str]], Outcome],
) -> Outcome:
    """A run for every range, up to the first that fails; of files that are read, all are tried."""
    total = Outcome()
    for keys in ranges:
        outcome = run(keys)
        total += outcome
        if not outcome.success and tuple(phase) != (SAMPLES,):
            break
    return total


def contiguous(keys: Sequence[str], wanted: Iterable[str]) -> list[Sequence[str]]:
    """Runs of neighbouring keys that are wanted; Dagster materializes ranges, not sets."""
    wanted = set(wanted)
    ranges: list[list[str]] = [[]]
    for key in keys:
        if key in wanted:
            ranges[-1].append(key)
        elif ranges[-1]:
            ranges.append([])
    return [found for found in ranges if found]


def _told_incomplete(config: CorpusConfig, shards: Sequence[str], tell: Tell) -> set[str]:
    """Say which files break off; the keys of the shards that selections leave out for it."""
    found = incomplete_shards(Store(config.store, config.storage_options), config, shards)
    left_out = left_out_if_incomplete(config)
    for shard, reason in found.items():
        level = "error" if left_out else "warning"
        tell(level, f"samples: {shard} is incomplete: {reason}")
    return set(found) if left_out else set()


def _told_usable(config: CorpusConfig, shards: Sequence[str], tell: Tell) -> bool:
    """Whether there is a usable row; says why not, and what to set."""
    store = Store(config.store, config.storage_options)
    reason = why_unusable(store, config.name, SAMPLES.name, shards)
    if reason is not None:
        tell("error", reason)
    return reason is None


def _ranges(
    record: AssetRecord,
    registered: Sequence[str],
    usable: set[str],
    config: CorpusConfig,
    recipes: Sequence[str],
) -> list[Sequence[str]]:
    """The ranges of partitions that a run of an asset covers; one without any for the corpus."""
    if record.unit == "corpus":
        return [()]
    if record.unit == "recipe":
        return contiguous(list(config.recipes), recipes)
    return contiguous(registered, usable)
