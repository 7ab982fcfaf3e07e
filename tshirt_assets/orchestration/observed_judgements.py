"""judgements: what people have said of rows, an external asset that is observed as it changes."""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from tshirt_assets.incremental.judgement_counts import JudgementCounts, judgement_counts
from tshirt_assets.incremental.judgements import (
    JUDGEMENTS,
    judgements_version,
    read_judgements,
    verdicts_version,
)
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.next_steps import NEXT
from tshirt_assets.orchestration.versions import DATA_VERSION
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store

VERDICTS: Final = "tshirt-assets/verdicts"
"""Tag of an observation: version of the verdicts alone, which selections go by."""
NOTHING: Final = "nothing"
"""The version of `judgements` where nothing is said of any row."""

DESCRIPTION: Final = (
    "What people have said of rows: keep, drop, a label, a note. Recipes honour it unless they say "
    "`judgements: ignore`. Judge rows in the row browser (`tshirt-assets explore`) or with "
    "`tshirt-assets judge --import`."
    f"\n\n**Next:** {NEXT[JUDGEMENTS]}"
)


def judgements_spec(binding: Binding) -> dg.AssetSpec:
    """The `judgements` asset of a corpus, in front of `inputs`."""
    return binding.spec(JUDGEMENTS, description=DESCRIPTION, kinds={"lancedb"})


def judged_now(
    instance: dg.DagsterInstance, binding: Binding, store: Store | None
) -> tuple[str, list[dg.AssetObservation]]:
    """Version of the verdicts that recipes honour, and what is to be recorded of `judgements`.

    Where the store is not known, or cannot be read (which the next run will say), the version is
    that of the last look. Empty without a verdict; nothing is recorded where nobody has judged.
    """
    known = _last_tags(instance, binding)
    if store is None:
        return known.get(VERDICTS, ""), []
    try:
        judged = read_judgements(store, binding.name)
        verdicts, version = verdicts_version(judged), judgements_version(judged) or NOTHING
        if version == known.get(DATA_VERSION, NOTHING):
            return verdicts, []
        shards = instance.get_dynamic_partitions(binding.name)
        counts = judgement_counts(store, binding.name, shards)
    except StoreError:
        return known.get(VERDICTS, ""), []
    tags = {DATA_VERSION: version, f"{DATA_VERSION}_is_user_provided": "true", VERDICTS: verdicts}
    key = binding.key(JUDGEMENTS)
    return verdicts, [dg.AssetObservation(key, tags=tags, metadata=described(counts))]


def described(counts: JudgementCounts | None) -> dict[str, Any]:
    """Metadata of `judgements`: how many rows, and which of them do not count."""
    if counts is None:
        return {"kept": 0, "dropped": 0}
    found: dict[str, Any] = {
        "kept": counts.kept,
        "dropped": counts.dropped,
        "labelled": counts.labelled,
        "with_a_note": counts.noted,
        "kept_but_unusable": counts.unusable,
        "no_longer_in_the_corpus": counts.gone,
    }
    metadata = {name: n for name, n in found.items() if n or name in ("kept", "dropped")}
    if counts.last is not None:
        metadata["last_change"] = dg.MetadataValue.timestamp(counts.last)
    people = [dg.TableRecord({"who": who, "rows": rows}) for who, rows in counts.people.items()]
    columns = [dg.TableColumn("who"), dg.TableColumn("rows", "int")]
    return metadata | {"people": dg.MetadataValue.table(people, dg.TableSchema(columns))}


def _last_tags(instance: dg.DagsterInstance, binding: Binding) -> Mapping[str, str]:
    found = instance.fetch_observations(binding.key(JUDGEMENTS), limit=1).records
    event = found[0].asset_observation if found else None
    return event.tags if event is not None else {}
