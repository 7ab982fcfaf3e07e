"""The score columns of a whole corpus, as selection wants them, at pinned versions."""

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tshirt_assets.config import CorpusConfig, Recipe
from tshirt_assets.incremental.boilerplate import corpus_beginning
from tshirt_assets.incremental.catalog import ASSETS, owner
from tshirt_assets.incremental.dataset import Dataset, open_dataset
from tshirt_assets.incremental.draws import DELTAS, sampled_table
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.judgements import (
    JUDGEMENTS,
    read_judgements,
    verdicts,
    verdicts_version,
)
from tshirt_assets.incremental.needs import decisive_tables
from tshirt_assets.incremental.shuffled_pairs import corpus_pairings
from tshirt_assets.incremental.stored_rows import HeldTexts
from tshirt_assets.selection.agreement import RecipeComparison, compare_recipes
from tshirt_assets.selection.methods import METHODS
from tshirt_assets.selection.ranking import plain_scores
from tshirt_assets.selection.recipes import Selection, select
from tshirt_assets.selection.relevance import Pairings
from tshirt_assets.selection.score_tables import ScoreTables
from tshirt_assets.selection.scores import OTHERS, columns_of
from tshirt_assets.selection.stability import stability
from tshirt_assets.store.frames import to_frame, with_ids
from tshirt_assets.store.store import Store

if TYPE_CHECKING:
    from tshirt_assets.scoring.calibration import Errors

SAMPLED_COLUMNS = ["sample_id", "status", *columns_of("robust_scores"), "n_neighbours"]
KEPT_BYTES = 1 << 28  # of rankings that are made ahead, and of what they begin with
ROBUST_COLUMNS = [*SAMPLED_COLUMNS, "estimator"]


class CorpusScores:
    """Reads the scores of all shards at pinned versions, each table at most once per run."""

    def __init__(self, store: Store, config: CorpusConfig, registered: Collection[str], log: Any):
        self.store, self.config, self._log = store, config, log
        self._registered = registered
        self._datasets: dict[str, Dataset] = {}
        self._frames: dict[str, pl.DataFrame] = {}
        self._plain: pl.DataFrame | None = None  # what the rankings of all recipes begin with
        self._rankings: dict[str, pl.DataFrame] = {}
        self._selections: dict[str, Selection] = {}  # made for the comparison
        self._comparison: RecipeComparison | None = None
        self._reference_tau: float | None = None
        self._pairings: Pairings | None = None
        self._texts: HeldTexts | None = None

    def dataset(self, asset: str) -> Dataset:
        """The pinned tables of an asset over all shards."""
        if asset not in self._datasets:
            self._datasets[asset] = open_dataset(
                self.store, self.config, self._registered, asset, self._log
            )
        return self._datasets[asset]

    def inputs(self, recipe: Recipe) -> dict[str, Dataset]:
        """The datasets that decide what a recipe (and the recipes it fuses) selects."""
        return {table: self.dataset(table) for table in decisive_tables(self.config, recipe)}

    def tables(self, recipe: Recipe) -> ScoreTables:
        """The tables that a recipe needs, and for its report those that other recipes need.

        What no recipe needs any more may be there, but is not brought up to date.
        """
        needed = self.inputs(recipe)
        return ScoreTables(
            rows=self.rows(),
            robust=self.robust() if self._has("robust_scores", needed) else None,
            reference=self.reference() if DELTAS in needed else None,
            others={table: self.other(table) for table in OTHERS if self._has(table, needed)},
            judged=verdicts(self.judged()),
            pairings=self.pairings() if "relevance" in needed else None,
        )

    def judged(self) -> pl.DataFrame:
        """What people have judged of rows, as `read_judgements` has it."""
        if JUDGEMENTS not in self._frames:
            self._frames[JUDGEMENTS] = read_judgements(self.store, self.config.name)
        return self._frames[JUDGEMENTS]

    def judgements_version(self, recipe: Recipe) -> str:
        """Version of the verdicts that a recipe honours; empty where there are none."""
        return "" if recipe.judgements == "ignore" else verdicts_version(self.judged())

    def pairings(self) -> Pairings:
        """What the relevance of the rows is held to."""
        if self._pairings is None:
            self._pairings = corpus_pairings(self.dataset("embeddings"), self.dataset("relevance"))
        return self._pairings

    def _has(self, asset: str, needed: Collection[str]) -> bool:
        if not ASSETS[owner(asset)].needed(self.config):
            return False
        if asset in needed:
            self.dataset(asset)  # raises where it is not there
        return self.is_stored(asset)

    def is_stored(self, asset: str) -> bool:
        """Whether the table of an asset is there, whatever asks for it."""
        try:
            self.dataset(asset)
        except UpstreamError:
            return False
        return True

    def selection(self, name: str) -> Selection:
        """What a recipe of the corpus selects."""
        if name in self._selections:
            return self._selections.pop(name)
        config = self.config
        recipe = config.recipes[name]
        tables = self.tables(recipe)
        plain = plain_scores(tables) if self._plain is None else self._plain
        if plain.estimated_size() <= KEPT_BYTES:
            self._plain = plain
        selection = select(
            recipe,
            name,
            tables,
            seed=config.seed,
            recipes=config.recipes,
            vectors=self.vectors,
            plain=plain,
        )
        self._rankings[name] = selection.ranking.select("sample_id", "position", "selected")
        return selection

    def stability(self, selection: Selection) -> tuple[str, float] | None:
        """What is meant by it, and the expected share of a selection that would stay.

        None where nothing is known of the errors of its scores; see `selection.stability`.
        """
        recipe = self.config.recipes[selection.recipe]
        errors = self._pilot_errors() if recipe.estimator not in (None, "sampled") else None
        return stability(recipe, selection, neighbours=self.config.neighbours, errors=errors)

    def _pilot_errors(self) -> "Errors | None":
        """The errors of the analytic estimate, as far as the stored calibration knows them."""
        from tshirt_assets.scoring.calibration import Calibration

        info = self.store.info(self.config.name, "calibration")
        found = TableFacts.of(info).calibration if info else None
        return Calibration.from_facts(found).errors if found else None

    def comparison(self) -> RecipeComparison:
        """Overlap and rank correlation of all recipes whose scores are there."""
        if self._comparison is None:
            self._comparison = compare_recipes(self.rankings())
        return self._comparison

    def rankings(self) -> dict[str, pl.DataFrame]:
        """sample_id, position and selected of every usable row, by recipe in their order.

        Recipes whose scores are not there are left out.
        """
        for name in self.config.recipes:
            if name in self._rankings:
                continue
            try:
                selection = self.selection(name)
            except UpstreamError as missing:
                self._log.info(f"{name} is left out of the comparison: {missing}")
                continue
            size = selection.ranking.estimated_size() * len(self.config.recipes)
            if size <= KEPT_BYTES:  # its turn may come
                self._selections[name] = selection
        return {
            name: self._rankings[name] for name in self.config.recipes if name in self._rankings
        }

    def rows(self) -> pl.DataFrame:
        """sample_id, shard, row, status, domain and the clean scores of every row.

        Rows that were scored but are no longer among the samples are left out: their file was read
        again, and has not been scored since.
        """
        if "rows" not in self._frames:
            columns = ["sample_id", "shard", "row", "status", *columns_of("token_scores")]
            scored = self.dataset("token_scores").frame(columns)
            samples = self.dataset("samples").frame(["sample_id", "shard", "row", "domain"])
            rows = scored.join(samples, on=["sample_id", "shard", "row"], maintain_order="left")
            if rows.height < scored.height:
                self._log.warning(
                    f"{scored.height - rows.height} rows are left out: their samples have changed "
                    "since they were scored. Materialize token_scores of the stale shards"
                )
            self._frames["rows"] = rows
        return self._frames["rows"]

    @property
    def tau(self) -> float | None:
        """The threshold of the contenders; None where they are not materialized."""
        info = self.store.info(self.config.name, "contenders")
        return TableFacts.of(info).tau if info else None

    def tau_of(self, recipe: Recipe) -> float | None:
        """The threshold that a recipe's scores were made with, as far as there is one."""
        if METHODS[recipe.method].decided_by == DELTAS and self._reference_tau is not None:
            return self._reference_tau
        return self.tau

    def texts(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """The samples of the rows in `wanted` (columns shard and row), in no particular order."""
        if self._texts is None:
            tables = self.dataset("samples").tables
            self._texts = HeldTexts(self.store, self.config.name, tables)
        return self._texts.read(wanted)

    @cached_property
    def shared_beginning(self) -> str:
        """What most instructions of the corpus begin with alike; see `corpus_beginning`."""
        return corpus_beginning(self.rows(), self.texts)

    def token_deltas(self, rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
        """token_delta, first_delta_index, n_response_tokens of `rows` (sample_id, shard), by id."""
        dataset = self.dataset("token_scores")
        columns = ["sample_id", "token_delta", "first_delta_index", "n_response_tokens"]
        where = {
            dataset.tables[str(shard)].name: with_ids(group["sample_id"])
            for (shard,), group in rows.group_by("shard")
        }
        wanted = [info for info in dataset.tables.values() if info.name in where]
        parts = self.store.read_many(wanted, columns=columns, where=where)
        return {
            row["sample_id"]: row for part in parts for row in to_frame(part).iter_rows(named=True)
        }

    def robust(self) -> pl.DataFrame:
        """Robust scores of the contenders by every estimator, for the present threshold.

        A new shard moves tau. The sampled scores of shards that were not materialized again since
        then follow from their stored deltas; the others stay as measured, with a warning.
        """
        if "robust" not in self._frames:
            dataset = self.dataset("robust_scores")
            tau = self.tau
            measured = {s: TableFacts.of(info).tau for s, info in dataset.tables.items()}
            behind = [shard for shard, other in measured.items() if other != tau]
            scores = dataset.frame(ROBUST_COLUMNS)
            if tau is not None and behind:
                self._log.warning(
                    f"robust_scores of {', '.join(behind[:5])} are older than the contenders "
                    f"(tau has become {tau:.4f}); materialize them again, so that new contenders "
                    "of theirs take part"
                )
                if "sampled" in self.config.estimators:
                    sampled = self._from_deltas(tau)
                    others = scores.filter(pl.col("estimator") != "sampled")
                    scores = pl.concat(
                        [others, sampled.with_columns(estimator=pl.lit("sampled"))], how="diagonal"
                    )
            self._frames["robust"] = scores
        return self._frames["robust"]

    def other(self, table: str) -> pl.DataFrame:
        """sample_id, status and the score columns of a table with a line for every row."""
        if table not in self._frames:
            columns = ["sample_id", "status", *columns_of(table)]
            self._frames[table] = self.dataset(table).frame(columns)
        return self._frames[table]

    def reference(self) -> pl.DataFrame:
        """Robust scores with the published tau: pooled from the perturbed deltas of all rows."""
        if "reference" not in self._frames:
            from tshirt_assets.selection.threshold import threshold

            deltas = self.dataset(DELTAS)
            keep_fraction = self.config.keep_fraction
            tau = threshold(
                lambda: (
                    batch.column("deltas").flatten().to_numpy()
                    for _, batch in deltas.batches(["deltas"], "status = 'ok'")
                ),
                keep_fraction,
            )
            self._reference_tau = tau
            self._frames["reference"] = self._from_deltas(tau)
        return self._frames["reference"]

    def _from_deltas(self, tau: float) -> pl.DataFrame:
        """Sampled robust scores of all perturbed rows for one threshold."""
        deltas = self.dataset(DELTAS)
        parts = [
            sampled_table(
                self.store.read(self.config.name, DELTAS, shard, version=info.version), tau
            )
            for shard, info in deltas.tables.items()
        ]
        return pl.concat([to_frame(part.select(SAMPLED_COLUMNS)) for part in parts])

    def vectors(self, sample_ids: Sequence[str]) -> np.ndarray:
        """Embeddings (n, C) of these samples, in their order."""
        wanted = pl.DataFrame({"sample_id": list(sample_ids)}).join(
            self.rows().unique("sample_id", keep="first").select("sample_id", "shard"),
            on="sample_id",
            how="left",
        )
        embeddings = self.dataset("embeddings")
        found: dict[str, np.ndarray] = {}
        for (shard,), group in wanted.group_by("shard"):
            table = self.store.read(
                self.config.name,
                "embeddings",
                str(shard),
                columns=["sample_id", "vector"],
                where=with_ids(group["sample_id"]),
                version=embeddings.tables[str(shard)].version,
            )
            flat = table["vector"].combine_chunks().flatten().to_numpy()
            vectors = flat.reshape(table.num_rows, -1)
            found.update(zip(table["sample_id"].to_pylist(), vectors, strict=True))
        return np.stack([found[sample_id] for sample_id in sample_ids])
