"""`checks: block`: nothing is made from what a check has failed on.

Dagster's blocking checks stop what comes later in the same run. What a check has found is kept
with the materialization, too, so that later runs know.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from tshirt_assets.corpus.shards import live_shards
from tshirt_assets.incremental.catalog import AssetRecord, ancestors
from tshirt_assets.incremental.checks import CheckOutcome
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.latest_tags import LatestTags

FAILED_CHECKS: Final = "tshirt-assets/failed_checks"
"""Tag of a materialization: names of the checks that failed on it with an error."""
REMEDY: Final = "mend the rows, or set `checks: warn`"


class BlockedError(Exception):
    """A check has failed, and `checks: block` stops what would be made from what it looked at."""


def failed_checks(binding: Binding, checks: Mapping[str, CheckOutcome]) -> list[str]:
    """The checks that failed with an error and block; none with `checks: warn`."""
    if not binding.blocks:
        return []
    return [name for name, outcome in checks.items() if not (outcome.passed or outcome.warn)]


def blocking_tags(binding: Binding, checks: Mapping[str, CheckOutcome]) -> dict[str, str]:
    """The tag of a materialization on which checks failed that block."""
    failed = failed_checks(binding, checks)
    return {FAILED_CHECKS: ",".join(failed)} if failed else {}


def refuse_if_blocked(run: Run, record: AssetRecord) -> dict[str, str]:
    """Raise `BlockedError` where a check keeps an asset from being made at all.

    Of an asset that is made shard by shard: the shards that cannot be made, and why.
    """
    if not run.binding.blocks:
        return {}
    if record.unit == "shard":
        shards: Collection[str] = run.context.partition_keys
    else:
        shards = live_shards(run.config, run.registered)
    blocked: dict[str, str] = {}
    for shard, found in _failed_upstream(run, record, shards):
        if shard is None or record.unit != "shard":
            raise BlockedError(f"{found}; {REMEDY}")
        blocked.setdefault(shard, f"{found}; {REMEDY}")
    return blocked


def _failed_upstream(
    run: Run, record: AssetRecord, shards: Collection[str]
) -> Iterator[tuple[str | None, str]]:
    """Where checks have failed on what an asset is made from: the shard, if any, and what it is."""
    instance, binding, latest = run.context.instance, run.binding, LatestTags()
    for other in ancestors(record):
        if not other.needed(binding.config):
            continue
        key = binding.key(other.name)
        found: dict[str, Mapping[str, str]] = {}
        if other.unit == "shard":
            found = latest.by_partition(instance, key, shards)
        elif (tags := latest.whole(instance, key)) is not None:
            found = {"": tags}
        for shard, tags in sorted(found.items()):
            if failed := tags.get(FAILED_CHECKS):
                place = f" of {shard}" if shard else ""
                yield shard or None, f"{other.name}{place} failed the check {failed}"
