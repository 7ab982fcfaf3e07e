"""A second code location: fine-tune a model on every recipe's subset, and compare them.

Three assets per corpus hang on its `selected_subset`, which lives in another code location:
`held_out` (rows that no recipe selected), `sft_model` (partitioned by recipe, like the subset)
and `sft_comparison`. The numbers of a demonstration (14 rows, 14 steps) say that the pipeline
works, not which recipe is better.
"""

from pathlib import Path

import dagster as dg
import polars as pl
from pydantic import Field

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.sample import raw_id
from tshirt_assets.definitions import corpus_files
from tshirt_assets.evidence.training import fit
from tshirt_assets.examples import results, training
from tshirt_assets.export.load import load_subset
from tshirt_assets.incremental.dataset import open_dataset
from tshirt_assets.incremental.stored_rows import read_texts
from tshirt_assets.models.causal_lm import load_tokenizer, read_model
from tshirt_assets.orchestration.binding import GPU_POOL, Binding
from tshirt_assets.store.store import Store

GROUP = "training"
HELD_OUT = "held_out.parquet"
WEIGHTS = "trained.safetensors"
HOW = (
    "**To fill it:** curate the corpus (`make demo`), open the group `training` and click "
    "Materialize all: a few minutes on two cores, a model for each recipe."
)
"""A demonstration is not made by `make demo`: it trains a model for every recipe."""


class HeldOutOptions(dg.Config):
    """How many rows measure the models."""

    rows: int = Field(default=40, ge=2, description="Held-out rows, the same for all recipes.")


class TrainingOptions(dg.Config):
    """How a model is trained: enough to see it learn on a CPU, not to make a good model."""

    layers: int = Field(default=2, ge=1, description="Last layers that are trained.")
    epochs: int = Field(default=2, ge=1, description="Passes over the subset.")
    rows_per_step: int = Field(default=2, ge=1, description="Rows per optimizer step.")
    learning_rate: float = Field(default=2e-4, gt=0.0, description="At the first step.")
    max_length: int = Field(default=256, ge=8, description="Longest prompt + response in tokens.")
    seed: int = Field(default=42, ge=0, description="Order of the rows.")


@dg.definitions
def defs() -> dg.Definitions:
    """Training assets of the corpora that `tshirt_assets.definitions` curates."""
    parts = [build_sft_defs(CorpusConfig.from_yaml(path)) for path in corpus_files()]
    return dg.Definitions.merge(*parts, dg.Definitions(executor=dg.in_process_executor))


def build_sft_defs(corpus: CorpusConfig) -> dg.Definitions:
    """`held_out`, `sft_model` and `sft_comparison` downstream of a corpus's `selected_subset`."""
    binding = Binding(corpus)
    folder = Path(corpus.export_dir) / corpus.name / "_training"
    parts = (_held_out, _sft_model, _sft_comparison)
    return dg.Definitions(assets=[part(corpus, binding, folder) for part in parts])


def _held_out(corpus: CorpusConfig, binding: Binding, folder: Path) -> dg.AssetsDefinition:
    @dg.asset(
        key=binding.key("held_out"),
        deps=[binding.dep("selected_subset", whole=True), binding.dep("samples", whole=True)],
        group_name=GROUP,
        kinds={"polars"},
        description="Rows that no recipe selected; every trained model is measured on them.\n\n"
        + HOW,
    )
    def held_out(context: dg.AssetExecutionContext, config: HeldOutOptions) -> dg.MaterializeResult:
        store = Store(corpus.store, corpus.storage_options)
        registered = context.instance.get_dynamic_partitions(corpus.name)
        usable = open_dataset(store, corpus, registered, "samples", context.log).frame(
            ["sample_id", "shard", "row"], where="status = 'ok'"
        )
        selected = pl.concat([_subset(corpus, recipe)["sample_id"] for recipe in corpus.recipes])
        free = usable.unique("sample_id").filter(~pl.col("sample_id").is_in(selected.implode()))
        if free.is_empty():
            raise dg.Failure("every row was selected by some recipe; lower the budgets")
        # The ids are hashes of the content, so that the lowest are as good as a random draw.
        chosen = free.sort("sample_id").head(config.rows)
        rows = read_texts(store, corpus.name, chosen).sort("sample_id")
        folder.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(folder / HELD_OUT)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows.height,
                "rows_not_selected": free.height,
                "file": dg.MetadataValue.path(str(folder / HELD_OUT)),
            },
            data_version=dg.DataVersion(raw_id(",".join(rows["sample_id"]))),
        )

    return held_out


def _sft_model(corpus: CorpusConfig, binding: Binding, folder: Path) -> dg.AssetsDefinition:
    @dg.asset(
        key=binding.key("sft_model"),
        partitions_def=binding.recipes,
        deps=[binding.dep("selected_subset"), binding.dep("held_out")],
        group_name=GROUP,
        kinds={"pytorch"},
        pool=GPU_POOL,
        description="The target model after a few steps on a recipe's subset.\n\n" + HOW,
    )
    def sft_model(
        context: dg.AssetExecutionContext, config: TrainingOptions
    ) -> dg.MaterializeResult:
        from safetensors.torch import save_file

        recipe = context.partition_key
        # Weights are updated, which float16 and bfloat16 are too coarse for.
        options = corpus.target_model.model_copy(update={"dtype": "float32"})
        tokenizer, model = load_tokenizer(options), read_model(options)
        longest = min(config.max_length, options.max_length)
        train, test = (
            training.tokenize_rows(rows, tokenizer, corpus.prompt_format, longest)
            for rows in (_subset(corpus, recipe), pl.read_parquet(folder / HELD_OUT))
        )
        before = fit.row_losses(model, test)
        steps = fit.fine_tune(
            model,
            train,
            **config.model_dump(exclude={"max_length"}),
            on_step=lambda step, loss: context.log.info(f"step {step}: loss {loss:.3f}"),
        )
        result = results.TrainingResult(
            recipe=recipe,
            method=corpus.recipes[recipe].method,
            model=options.path,
            rows=len(train),
            tokens=sum(len(row.response_ids) for row in train),
            held_out=[row.sample_id for row in test],
            before=before.tolist(),
            after=fit.row_losses(model, test).tolist(),
            steps=steps,
        )
        target = folder / recipe
        target.mkdir(parents=True, exist_ok=True)
        weights = fit.thaw_last_layers(model, config.layers)
        save_file({name: weight.detach() for name, weight in weights.items()}, target / WEIGHTS)
        result.save(target)
        change, error = results.mean_and_error(result.changes)
        return dg.MaterializeResult(
            metadata={
                "rows": result.rows,
                "response_tokens": result.tokens,
                "steps": len(steps),
                "held_out_rows": len(test),
                "held_out_loss_before_nats": float(before.mean()),
                "held_out_loss_after_nats": sum(result.after) / len(result.after),
                "held_out_loss_change_nats": change,
                "held_out_loss_change_error_nats": error,
                "learning": dg.MetadataValue.md(results.learning_picture(result)),
                "weights": dg.MetadataValue.path(str(target / WEIGHTS)),
            }
        )

    return sft_model


def _sft_comparison(corpus: CorpusConfig, binding: Binding, folder: Path) -> dg.AssetsDefinition:
    @dg.asset(
        key=binding.key("sft_comparison"),
        deps=[binding.dep("sft_model", whole=True)],
        group_name=GROUP,
        kinds={"polars"},
        description="Held-out loss of all trained models, each beside random of the same size.\n\n"
        + HOW,
    )
    def sft_comparison(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        trained = [
            results.TrainingResult.load(folder / recipe)
            for recipe in corpus.recipes
            if (folder / recipe / results.FILE).exists()
        ]
        comparable = results.comparable(trained)
        if not comparable:
            raise dg.Failure("no model is trained yet; materialize sft_model")
        left_out = set(corpus.recipes) - {result.recipe for result in comparable}
        if left_out:
            context.log.warning(f"not trained, or on another model or rows: {sorted(left_out)}")
        return dg.MaterializeResult(
            metadata={
                "recipes": len(comparable),
                **({"left_out": ", ".join(sorted(left_out))} if left_out else {}),
                "table": dg.MetadataValue.md(results.comparison_table(comparable)),
                "plot": dg.MetadataValue.md(results.comparison_picture(comparable)),
            }
        )

    return sft_comparison


def _subset(corpus: CorpusConfig, recipe: str) -> pl.DataFrame:
    return load_subset(corpus.store, corpus.name, recipe, storage_options=corpus.storage_options)
