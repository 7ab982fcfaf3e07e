"""selected_subset: the rows a recipe chose, exported, with everything needed to reproduce them."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from tshirt_assets.config import CorpusConfig
from tshirt_assets.evidence.evidence_files import evidence_link
from tshirt_assets.explore.serving import explore_link
from tshirt_assets.export.card import dotted
from tshirt_assets.export.escaping import markdown
from tshirt_assets.export.export_checks import exported_faults, manifest_faults
from tshirt_assets.export.exported import ExportedFile
from tshirt_assets.export.manifest import Manifest
from tshirt_assets.export.notes import export_notes
from tshirt_assets.export.subset import join_selected
from tshirt_assets.export.weights import subset_weights
from tshirt_assets.export.write import write_exports
from tshirt_assets.incremental.catalog import SELECTED_SUBSET
from tshirt_assets.incremental.checks import CheckOutcome
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.facts import Provenance, TableFacts
from tshirt_assets.incremental.identity import data_version
from tshirt_assets.incremental.provenance import (
    made_from,
    made_from_all,
    provenance,
    recorded_inputs,
)
from tshirt_assets.incremental.soundness import sound_rows
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import partitioned_asset
from tshirt_assets.orchestration.metadata_order import counts_table, facts_table
from tshirt_assets.orchestration.recording import column_schema, describe_table
from tshirt_assets.orchestration.shard_loop import Report
from tshirt_assets.report.across import across_data
from tshirt_assets.report.data import ReportData
from tshirt_assets.report.gather import report_data
from tshirt_assets.report.serve import report_file, report_link
from tshirt_assets.report.signing import page_fault
from tshirt_assets.selection.exclusions import Exclusion
from tshirt_assets.selection.recipes import Selection
from tshirt_assets.store.faults import DamagedTableError
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

PREVIEW = ("rank", "score", "instruction", "response")


def build(binding: Binding) -> dg.AssetsDefinition:
    """The `selected_subset` asset of a corpus, partitioned by recipe."""
    return partitioned_asset(binding, SELECTED_SUBSET, prepare)


def prepare(run: Run) -> Callable[[str], Report]:
    """The function that makes the subset of one recipe."""
    scores = CorpusScores(run.store, run.config, run.registered, run.log)
    return partial(process, run, scores)


def process(run: Run, scores: CorpusScores, name: str) -> Report:
    """The subset of one recipe: as it is, where everything it is made from is; else made anew."""
    source, page = made_from(scores, name), compared(run, scores)
    info = kept_subset(run.store, run.config, name, source)
    known = recorded_metadata(run, name, info) if info is not None else {}
    if info is not None and known:
        run.log.info(f"{name}: unchanged")
        version, rows, metadata = info.data_version, info.rows, known | {"unchanged": True}
    else:
        version, rows, metadata = made(run, scores, name, source, page)
    if page is not None:
        metadata["recipes_compared"] = linked(report_link(run.config), page)
    budget = metadata["budget"]
    inputs = scores.inputs(run.config.recipes[name])
    return Report(
        data_version=version,
        metadata=metadata,
        inputs={asset: dataset.version for asset, dataset in inputs.items()},
        checks={
            "all_shards_used": scores.dataset("token_scores").outcome(run.config.on_missing_shards),
            "subset_size": CheckOutcome(rows == budget, f"{rows} of {budget} rows", warn=True),
        },
    )


def kept_subset(store: Store, config: CorpusConfig, name: str, source: str) -> TableInfo | None:
    """The stored subset of a recipe if it was made from `source`, and nothing of it has changed.

    Its rows, its exported files and its report are read and compared with their hashes.
    """
    try:
        info = store.info(config.name, SELECTED_SUBSET.name, name)
        if info is None or TableFacts.of(info).made_from != source:
            return None
        sound_rows(store, info)
    except (DamagedTableError, UpstreamError):  # it is made again
        return None
    folder = Path(config.export_dir) / config.name / name
    manifest = Manifest.read(folder)
    if manifest is None or page_fault(report_file(config, name)) is not None:
        return None
    faults = [*manifest_faults(folder, manifest, info), *exported_faults(folder, manifest, config)]
    return None if faults else info


def recorded_metadata(run: Run, name: str, info: TableInfo) -> dict[str, Any]:
    """What Dagster recorded when it stored a subset; empty where another instance did."""
    found = run.context.instance.fetch_materializations(
        dg.AssetRecordsFilter(run.binding.key(SELECTED_SUBSET.name), asset_partitions=[name]), 1
    )
    for record in found.records:
        event = record.asset_materialization
        known: dict[str, Any] = dict(event.metadata) if event is not None else {}
        version = known.get("table_version")
        if version is not None and version.value == info.version:
            return known | {"budget": known["budget"].value}
    return {}


def made(
    run: Run, scores: CorpusScores, name: str, source: str, across: Path | None
) -> tuple[str, int, dict[str, Any]]:
    """Select, store, export and write the report: data version, rows and metadata of the subset.

    across: the report across recipes, where there is one.
    """
    config = run.config
    selection = scores.selection(name)
    for note in selection.notes:
        run.log.warning(f"{name}: {note}")
    table = selection.frame.to_arrow()
    origin = provenance(
        config,
        scores,
        name,
        data_version=data_version(table),
        stability=scores.stability(selection),
    )
    weights = None
    if config.export_token_weights:
        weights = subset_weights(scores, selection.frame, origin.tau)
    facts = TableFacts(provenance=origin, inputs=recorded_inputs(scores, name), made_from=source)
    info = write_table(run.store, config.name, SELECTED_SUBSET.name, name, table, facts=facts)
    folder = Path(config.export_dir) / config.name / name
    rows = join_selected(scores.texts(selection.frame), selection.frame)
    exported = write_exports(
        rows,
        folder,
        corpus=config.name,
        recipe=name,
        formats=config.exports,
        token_weights=weights,
        provenance=origin,
        card=config.card,
    )
    for note in export_notes(rows, exported):
        run.log.warning(f"{name}: {note.replace('**', '')}")
    data = report_data(
        selection,
        scores=scores,
        tokenizer=run.tokenizer,
        comparison=scores.comparison(),
        exported=exported,
        provenance=origin,
        links=links(across, evidence_link(config), folder),
    )
    metadata = (
        summarised(config, data)
        | describe_table(info, rows.to_arrow(), PREVIEW)
        | described(selection, table, folder, exported, origin)
    )
    return info.data_version, info.rows, metadata


def compared(run: Run, scores: CorpusScores) -> Path | None:
    """The report across recipes, written where it is not of the present state of all of them.

    None where it cannot be made: a recipe's own report is there without it.
    """
    from tshirt_assets.report.across_page import made_across, write_across

    page = report_file(run.config)
    try:
        source = made_from_all(scores)
        if made_across(page) != source:
            write_across(across_data(scores, source), page)
    except (DamagedTableError, UpstreamError) as error:
        run.log.warning(f"The report across recipes is not up to date: {error}")
        return page if page.is_file() else None
    return page


def links(across: Path | None, evidence: Path | None, folder: Path) -> list[tuple[str, str]]:
    """Pages beside the report in `folder`: name and relative address."""
    pages = {"Recipes compared": across, "Evidence": evidence}
    return [
        (name, Path(os.path.relpath(page, folder)).as_posix())
        for name, page in pages.items()
        if page is not None
    ]


def linked(address: str | None, page: Path) -> dg.MetadataValue:
    """A link to a page: its address, or where no server is known its path, which the UI copies."""
    return dg.MetadataValue.url(address) if address else dg.MetadataValue.path(str(page))


def summarised(config: CorpusConfig, data: ReportData) -> dict[str, Any]:
    """Write the report; metadata that links to it and sums it up."""
    from tshirt_assets.report.html import write_report
    from tshirt_assets.report.summary import medians, picture, summary_markdown

    page, address = report_file(config, data.recipe), report_link(config, data.recipe)
    write_report(data, page)
    more: dict[str, Any] = {}
    if address:
        more["report_file"] = dg.MetadataValue.path(str(page))
    if browser := explore_link(config):
        more["row_browser"] = dg.MetadataValue.url(browser)
    return {
        "report": linked(address, page),
        **more,
        "summary": dg.MetadataValue.md(summary_markdown(data)),
        "medians": medians_table(medians(data)),
        "picture": dg.MetadataValue.md(picture(data)),
    }


def medians_table(found: Mapping[str, tuple[str, str]]) -> dg.TableMetadataValue:
    """Medians of the corpus and of the subset, side by side."""
    records = [
        dg.TableRecord({"median of": name, "corpus": corpus, "subset": subset})
        for name, (corpus, subset) in found.items()
    ]
    columns = [dg.TableColumn(name) for name in ("median of", "corpus", "subset")]
    return dg.MetadataValue.table(records, dg.TableSchema(columns))


def _by_hand(selection: Selection) -> dict[str, int]:
    """How many rows people's judgements put in and out, where they did."""
    counts = {
        "kept_by_hand": selection.kept,
        "dropped_by_hand": selection.excluded.get(Exclusion.JUDGED_DROP.value, 0),
    }
    return {name: count for name, count in counts.items() if count}


def described(
    selection: Selection,
    table: pa.Table,
    folder: Path,
    exported: Sequence[ExportedFile],
    origin: Provenance,
) -> dict[str, Any]:
    """Metadata on what was selected, what was not, where it is and what it was made from."""
    metadata: dict[str, Any] = {
        "budget": selection.budget,
        "usable_rows": selection.usable,
        **_by_hand(selection),
        "not_selected": counts_table(selection.excluded, "because"),
        "notes": dg.MetadataValue.md("\n".join(f"- {markdown(note)}" for note in selection.notes)),
        "exports": dg.MetadataValue.path(str(folder)),
        "files": ", ".join(file.path.name for file in exported),
        "provenance": facts_table(
            {fact: value for fact, value in dotted(origin.shown()) if value}, "fact", "value"
        ),
        "dagster/column_schema": column_schema(table.schema),
    }
    if selection.guard:
        metadata["guard"] = dg.MetadataValue.json(selection.guard)
    for meaning, share in (origin.stability or {}).items():
        metadata["stability"] = f"{share:.0%} {meaning}"
    return metadata
