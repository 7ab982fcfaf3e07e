"""selected_subset: the rows a recipe chose, exported, with everything needed to reproduce them."""

import platform
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from tshirt_assets import __version__
from tshirt_assets.config import Recipe
from tshirt_assets.incremental.columns import column_schema
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.incremental.dataset import ALL_SHARDS, Dataset, facts
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import partitioned_asset
from tshirt_assets.orchestration.recording import describe_table
from tshirt_assets.orchestration.shard_loop import CheckOutcome, ShardReport
from tshirt_assets.report.gather import report_data, token_deltas
from tshirt_assets.store.store import Store

if TYPE_CHECKING:
    from tshirt_assets.scoring.calibration import Errors

ASSET = "selected_subset"
SUBSET_SIZE = "The subset has as many rows as its budget asks for."


def build_selected_subset(binding: Binding) -> dg.AssetsDefinition:
    """The `selected_subset` asset of a corpus, partitioned by recipe."""
    config = binding.config

    def prepare(context: dg.AssetExecutionContext) -> Callable[[str], ShardReport]:
        from tshirt_assets.export.subset import join_selected
        from tshirt_assets.export.weights import token_weights
        from tshirt_assets.export.write import write_exports
        from tshirt_assets.report.html import write_report
        from tshirt_assets.report.serve import REPORT, report_link
        from tshirt_assets.report.summary import summary_markdown
        from tshirt_assets.selection.stability import stability

        store = binding.store(context)
        scores = CorpusScores(context, binding, store)

        def process(name: str) -> ShardReport:
            recipe = config.recipes[name]
            selection = scores.selection(name)
            for note in selection.notes:
                context.log.warning(f"{name}: {note}")
            provenance = describe_origin(store, binding, scores, name, recipe)
            table = selection.frame.to_arrow()
            info = write_table(
                store,
                binding,
                ASSET,
                name,
                table,
                provenance=provenance,
                inputs=input_versions(scores.inputs(recipe)),
            )
            provenance["data_version"] = info.meta["data_version"]
            analytic = recipe.estimator in ("analytic", "hybrid")
            errors = pilot_errors(store, binding) if analytic else None
            stays = stability(recipe, selection, neighbours=config.neighbours, errors=errors)
            if stays:
                provenance["stability"] = dict([stays])
            weights = None
            if config.export_token_weights:
                weights = {
                    sample_id: token_weights(
                        row["token_delta"], row["first_delta_index"], provenance["tau"]
                    )
                    for sample_id, row in token_deltas(store, scores, selection.frame).items()
                }
            folder = Path(config.export_dir) / binding.name / name
            rows = join_selected(scores.texts(selection.frame), selection.frame)
            exported = write_exports(
                rows,
                folder,
                corpus=binding.name,
                recipe=name,
                formats=config.exports,
                token_weights=weights,
                provenance=provenance,
            )
            data = report_data(
                selection,
                store=store,
                config=config,
                scores=scores,
                tokenizer=binding.tokenizer(context),
                comparison=scores.comparison(),
                exported=exported,
                provenance=provenance,
            )
            report = folder / REPORT
            write_report(data, report)
            metadata: dict[str, Any] = {}
            if link := report_link(config, name):
                metadata["report"] = dg.MetadataValue.url(link)
            metadata["summary"] = dg.MetadataValue.md(summary_markdown(data))
            metadata |= describe_table(
                info, rows.to_arrow(), ("rank", "score", "instruction", "response")
            )
            metadata |= {
                "budget": selection.budget,
                "usable_rows": selection.usable,
                "not_selected": dg.MetadataValue.json(selection.excluded),
                "notes": dg.MetadataValue.json(selection.notes),
                "exports": dg.MetadataValue.path(str(folder)),
                "files": dg.MetadataValue.json([file.path.name for file in exported]),
                "report_path": dg.MetadataValue.path(str(report)),
                "provenance": dg.MetadataValue.json(provenance),
                "dagster/column_schema": column_schema(table.schema),
            }
            if stays:
                metadata["stability"] = f"{stays[1]:.0%} {stays[0]}"
            used = scores.dataset("token_scores").outcome(config.on_missing_shards)
            return ShardReport(
                data_version=info.meta["data_version"],
                metadata=metadata,
                inputs={asset: data.version for asset, data in scores.inputs(recipe).items()},
                checks={
                    "all_shards_used": used,
                    "subset_size": CheckOutcome(
                        table.num_rows == selection.budget,
                        f"{table.num_rows} of {selection.budget} rows",
                        warn=True,
                    ),
                },
            )

        return process

    return partitioned_asset(
        binding,
        ASSET,
        description="The rows that a recipe selected, best first, with the reason for each. The "
        "exported files and the report are linked in the metadata.",
        deps=[
            binding.dep(asset, whole=True)
            for asset in ("samples", "token_scores", "robust_scores", "miwv_scores")
        ],
        prepare=prepare,
        checks={"all_shards_used": ALL_SHARDS, "subset_size": SUBSET_SIZE},
        kinds={"lancedb", "polars"},
        resources=("store", "scorer"),
        partitions=binding.recipes,
    )


def pilot_errors(store: Store, binding: Binding) -> "Errors | None":
    """The errors of the analytic estimate, as the stored calibration has them."""
    from tshirt_assets.scoring.calibration import Calibration

    info = store.info(binding.name, "calibration")
    return Calibration.from_facts(facts(info, "calibration")).errors if info else None


def describe_origin(
    store: Store, binding: Binding, scores: CorpusScores, name: str, recipe: Recipe
) -> dict[str, Any]:
    """Everything needed to reproduce a subset: configuration, identities, tau, package versions."""
    config = binding.config
    origin: dict[str, Any] = {
        "corpus": config.name,
        "recipe": name,
        "options": recipe.model_dump(exclude_defaults=True),
        "scorer": config.scorer.model_dump(exclude_defaults=True) | {"path": config.scorer.path},
        "target": {"path": config.target_model.path, "revision": config.target_model.revision},
        "embedder": config.embedder.path,
        "prompt_format": config.prompt_format,
        "keep_fraction": config.keep_fraction,
        "robustness": config.robustness.model_dump(),
        "seed": config.seed,
        "identities": {
            asset: data.identity for asset, data in scores.inputs(recipe).items() if data.identity
        },
        "versions": {"tshirt-assets": __version__, "python": platform.python_version()}
        | {package: version(package) for package in ("torch", "transformers")},
    }
    contenders = store.info(binding.name, "contenders")
    if contenders is not None:
        origin["tau"] = facts(contenders, "tau")
    if scores.reference_tau is not None and recipe.method == "reference":
        origin["tau"] = scores.reference_tau
    return origin


def input_versions(inputs: Mapping[str, Dataset]) -> dict[str, Any]:
    """Table and data version of every shard that a subset was made from."""
    return {
        asset: {
            shard: {"version": info.version, "data_version": info.meta.get("data_version", "")}
            for shard, info in data.tables.items()
        }
        for asset, data in inputs.items()
    }
