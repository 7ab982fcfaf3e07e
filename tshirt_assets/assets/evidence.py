"""evidence: what `tshirt-assets evidence` measured of a recipe, beside its baselines."""

from collections.abc import Callable
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa

from tshirt_assets.evidence.evidence_files import PAGE, evidence_folder, read_evidence
from tshirt_assets.evidence.evidence_tables import auc_table, shares_table
from tshirt_assets.evidence.evidence_text import sentences
from tshirt_assets.evidence.figures import Evidence
from tshirt_assets.incremental.catalog import EVIDENCE
from tshirt_assets.incremental.columns import EVIDENCE as COLUMNS
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import partitioned_asset
from tshirt_assets.orchestration.recording import describe_table
from tshirt_assets.orchestration.shard_loop import Report


def build(binding: Binding) -> dg.AssetsDefinition:
    """The `evidence` asset of a corpus, partitioned by recipe."""
    return partitioned_asset(binding, EVIDENCE, prepare)


def prepare(run: Run) -> Callable[[str], Report]:
    """The function that records the evidence for one recipe.

    Raises `EvidenceError` where `tshirt-assets evidence` has not been run: planted copies are
    corpora of their own, and a run of this corpus cannot score them.
    """
    return partial(process, run, read_evidence(run.config))


def process(run: Run, found: Evidence, recipe: str) -> Report:
    """Store the figures of one recipe and its baselines, and report on them."""
    table = recipe_table(found, recipe)
    info = write_table(run.store, run.config.name, EVIDENCE.name, recipe, table)
    return Report(
        data_version=info.data_version,
        metadata=describe_table(info, table, COLUMNS.names) | described(run, found, recipe),
    )


def recipe_table(found: Evidence, recipe: str) -> pa.Table:
    """The corrupted shares of what a recipe and every baseline select, at each budget."""
    own = found.recipes.get(recipe)
    of_recipes = {*found.recipes.values()}
    rules = [rule for rule in found.rules if rule == own or rule not in of_recipes]
    rows = [
        {
            "rule": rule,
            "budget": budget,
            "corrupted_share": one.value,
            "low": one.low,
            "high": one.high,
            "base_rate": found.base,
            "verdict": found.verdict(rule, budget),
        }
        for rule in rules
        for budget, one in found.shares[rule].items()
    ]
    return pa.Table.from_pylist(rows, schema=COLUMNS)


def described(run: Run, found: Evidence, recipe: str) -> dict[str, Any]:
    """Metadata: the verdict on the recipe, the tables, and where the page is."""
    own = found.recipes.get(recipe)
    verdicts = [one for one in sentences(found) if one.startswith(f"{own}:")]
    missing = f"{recipe} was not measured: run `tshirt-assets evidence` again"
    return {
        "verdict": verdicts[0] if verdicts else missing,
        "corrupted": dg.MetadataValue.md(shares_table(found).markdown()),
        "auc": dg.MetadataValue.md(auc_table(found).markdown()),
        "cannot_tell": dg.MetadataValue.json(list(found.limits)),
        "options": dg.MetadataValue.json(dict(found.options)),
        "page": dg.MetadataValue.path(str(evidence_folder(run.config) / PAGE)),
    }
