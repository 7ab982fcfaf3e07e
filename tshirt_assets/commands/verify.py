"""Re-check the stored tables of a corpus, and its exported files, against each other."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tshirt_assets.config import NEIGHBOURS, CorpusConfig
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.export.load import read_subset
from tshirt_assets.export.manifest import Manifest, file_faults
from tshirt_assets.incremental import consistency
from tshirt_assets.incremental.catalog import ASSETS, ROBUST_SCORES, SELECTED_SUBSET
from tshirt_assets.incremental.identity import data_version
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import STAGING_PREFIX, Store
from tshirt_assets.store.table_info import TableInfo, table_name

CARRIED = [record.name for record in ASSETS.values() if record.holds_every_sample]
MEASURED = [*ROBUST_SCORES.measures, ROBUST_SCORES.name]  # hold contenders, or all scored rows
SUBSET = SELECTED_SUBSET.name
KEYS = [*consistency.PLACE, "status"]
PUT_BACK = "put it back, or drop the table with `tshirt-assets maintain --orphans`"
CONTINUE = "run the asset again to go on from them; `maintain` drops them when they are old"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not fit, and what to do about it."""

    place: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}; {self.remedy}"


@dataclass(slots=True)
class Verification:
    """How much was checked, and the faults that were found."""

    tables: int = 0
    rows: int = 0
    files: int = 0
    faults: list[Fault] = field(default_factory=list)


def verify(store: Store, config: CorpusConfig, registered: Collection[str]) -> Verification:
    """Check every stored table of a corpus against the others, and the exports against theirs.

    `registered`: keys of the shards that are partitions. What is not materialized yet is no
    fault. Reads every table once, shard by shard, and changes nothing.
    """
    return _Verifier(store, config).run(set(registered))


class _Verifier:
    def __init__(self, store: Store, config: CorpusConfig):
        self.store, self.config = store, config
        self.found = Verification()
        self.tables: dict[tuple[str, str | None], TableInfo] = {}

    def run(self, registered: set[str]) -> Verification:
        self.list_tables()
        self.check_partitions(registered)
        self.check_identities()
        contenders, neighbours = self.read("contenders"), self.read("neighbours")
        shards = sorted({s for asset, s in self.tables if s is not None and asset != SUBSET})
        known = [self.check_shard(shard, contenders, neighbours) for shard in shards]
        if contenders is not None:
            gone = set(contenders["shard"]) - {s for a, s in self.tables if a == "token_scores"}
            problems = [f"rows of {shard}, which has no token_scores" for shard in sorted(gone)]
            self.add_all("contenders", "contenders", problems)
        if neighbours is not None and known:
            faults = consistency.existing_neighbours(neighbours, pl.concat(known))
            self.add_all("neighbours", "neighbours", faults)
        if ("search", None) in self.tables and known:
            self.check_search(pl.concat(known))
        for asset, recipe in sorted(self.tables, key=str):
            if asset == SUBSET and recipe is not None:
                self.check_subset(recipe)
        return self.found

    def add(self, place: str, problem: str, remedy: str) -> None:
        self.found.faults.append(Fault(place, problem, remedy))

    def add_all(self, place: str, asset: str, problems: Iterable[str]) -> None:
        for problem in problems:
            self.add(place, problem, f"materialize {asset} again")

    def list_tables(self) -> None:
        """Find the tables; those that cannot be opened, and leftovers, are faults."""
        corpus = self.config.name
        for name in self.store.database.names():
            if name.startswith(f"{STAGING_PREFIX}{corpus}."):
                self.add(name, "chunks of a shard that was not finished", CONTINUE)
            if not name.startswith(f"{corpus}."):
                continue
            try:
                info = self.store.inspect(name)
            except StoreError as error:
                self.add(name, "cannot be opened", str(error))
                continue
            if info is None:
                self.add(name, "its first write was cut short", "materialize it again")
                continue
            self.found.tables += 1
            self.found.rows += info.rows
            asset, shard = info.asset, info.shard
            if name == table_name(corpus, asset, shard):
                self.tables[asset, shard] = info
            else:
                problem = f"holds {asset} of shard {shard}"
                self.add(name, problem, "put the folder of this table back from a backup")

    def check_partitions(self, registered: set[str]) -> None:
        """Tables of shards whose file is gone, of shards and recipes that are no partitions."""
        try:
            live = {spec.key for spec in discover_shards(self.config, registered)}
        except CorpusError as error:
            self.add("files", "the shards cannot be listed", str(error))
            live = registered
        for asset, partition in self.tables:
            place = f"{asset} {partition}"
            if partition is None:
                continue
            if asset == SUBSET:
                if partition not in self.config.recipes:
                    self.add(place, "its recipe is gone", PUT_BACK)
            elif partition not in live:
                self.add(place, "orphaned: the shard's file is gone", PUT_BACK)
            elif partition not in registered:
                remedy = "run `tshirt-assets shards --register`"
                self.add(place, "orphaned: the shard is no partition", remedy)

    def check_identities(self) -> None:
        """All shards of an asset were scored under one identity."""
        by_asset: dict[str, dict[str, list[str]]] = {}
        for (asset, shard), info in self.tables.items():
            if shard is not None and asset != SUBSET:
                by_asset.setdefault(asset, {}).setdefault(info.identity, []).append(shard)
        for asset, groups in by_asset.items():
            for fewer in sorted(groups.values(), key=len)[:-1]:
                for shard in fewer:
                    self.add_all(f"{asset} {shard}", asset, ["its identity is not the others'"])

    def read(self, asset: str, shard: str | None = None) -> pl.DataFrame | None:
        """The rows of a table, after a check of what it says of itself; None without table."""
        info = self.tables.get((asset, shard))
        if info is None:
            return None
        place = asset if shard is None else f"{asset} {shard}"
        try:
            table = self.store.read(self.config.name, asset, shard, version=info.version)
        except StoreError as error:
            self.add(place, "cannot be read", str(error))
            return None
        if data_version(table) != info.data_version:
            self.add_all(place, asset, ["its rows have changed since they were written"])
        frame = to_frame(table)
        expected = {"identity": info.identity, "shard": shard}
        for column, value in expected.items():
            if shard is None or asset == SUBSET or column not in frame.columns:
                continue
            others = frame.filter(pl.col(column).ne_missing(pl.lit(value))).height
            if others:
                self.add_all(place, asset, [f"{others} rows have another {column}"])
        return frame

    def check_shard(
        self, shard: str, contenders: pl.DataFrame | None, neighbours: pl.DataFrame | None
    ) -> pl.DataFrame:
        """Check the tables of one shard; returns sample_id and shard of its usable rows."""
        samples = self.read("samples", shard)
        if samples is None:
            self.add(shard, "has scores but no samples", "materialize samples again")
            return pl.DataFrame(schema={"sample_id": pl.String, "shard": pl.String})
        scored = None
        if contenders is not None:
            contenders = contenders.filter(pl.col("shard") == shard)
        for asset in CARRIED:
            scores = self.read(asset, shard)
            if scores is None:
                continue
            place = f"{asset} {shard}"
            self.add_all(place, asset, consistency.carried(samples, scores))
            if asset == "token_scores" and contenders is not None and contenders.height:
                faults = consistency.same_rows(contenders, scores, place)
                self.add_all("contenders", "contenders", faults)
            if asset == "token_scores":
                scored = scores.filter(pl.col("status") == "ok").select(KEYS)
            if asset == "miwv_scores" and neighbours is not None:
                self.add_all(place, asset, consistency.same_demos(scores, neighbours))
        for asset in MEASURED:
            scores = self.read(asset, shard)
            if scores is None or contenders is None or scored is None:
                continue
            place, source = f"{asset} {shard}", ROBUST_SCORES.name
            if asset == "robust_scores":
                self.add_all(place, source, consistency.same_tau(scores, contenders))
            for estimator, every, part in self.measured(asset, scores):
                expected = scored if every else contenders.filter("contender")
                if estimator not in self.config.estimators:
                    continue  # left from an earlier configuration
                self.add_all(place, source, consistency.same_rows(part, expected, "contenders"))
        return samples.filter(pl.col("status") == "ok").select("sample_id", "shard")

    def measured(
        self, asset: str, scores: pl.DataFrame
    ) -> Iterator[tuple[str, bool, pl.DataFrame]]:
        """(estimator, whether it measures every scored row, its rows) of a table."""
        every = self.config.measures_all_rows
        if asset == "robust_scores":
            for (estimator,), part in scores.group_by("estimator"):
                yield str(estimator), every(estimator), part
        elif asset == "neighbour_deltas":
            drawing = next((e for e in self.config.estimators if e in NEIGHBOURS), "")
            yield drawing, self.config.perturbs_all_rows, scores
        else:
            estimator = asset.removesuffix("_scores")
            yield estimator, every(estimator), scores

    def check_search(self, known: pl.DataFrame) -> None:
        """The published rows exist; their texts and vectors are copies, which nothing reads."""
        columns = ["sample_id", "shard"]
        rows = to_frame(self.store.read(self.config.name, "search", columns=columns))
        strange = rows.join(known, on=columns, how="anti").height
        if strange:
            self.add_all("search", "search", [f"{strange} rows that samples does not have"])

    def check_subset(self, recipe: str) -> None:
        """The selected rows exist, and the exported files are those of this selection."""
        place = f"{SUBSET} {recipe}"
        if self.read(SUBSET, recipe) is None:
            return
        try:
            read_subset(self.store, self.config.name, recipe)
        except (ValueError, StoreError) as error:
            self.add_all(place, place, [f"its rows cannot be read ({error})"])
        folder = Path(self.config.export_dir) / self.config.name / recipe
        manifest = Manifest.read(folder)
        if manifest is None:
            self.add_all(place, place, [f"{folder} has no readable manifest.json"])
            return
        version = self.tables[SUBSET, recipe].data_version
        if manifest.provenance.data_version != version:
            self.add_all(place, place, [f"{folder} was exported from another selection"])
        self.found.files += len(manifest.files)
        for name, problem in file_faults(folder, manifest):
            self.add_all(str(folder / name), place, [problem])
