"""The stored tables of a corpus held to each other; `consistency` says what must hold."""

from collections.abc import Iterator

import polars as pl

from tshirt_assets.config import NEIGHBOURS, CorpusConfig
from tshirt_assets.incremental import consistency
from tshirt_assets.incremental.catalog import ASSETS, BY_RECIPE, ROBUST_SCORES
from tshirt_assets.incremental.dataset import incomplete_shards, left_out_if_incomplete
from tshirt_assets.incremental.search_copies import changed_copies
from tshirt_assets.incremental.table_checks import CheckedTables

CARRIED = [record.name for record in ASSETS.values() if record.holds_every_sample]
MEASURED = [*ROBUST_SCORES.measures, ROBUST_SCORES.name]  # hold contenders, or all scored rows
KEYS = [*consistency.PLACE, "status"]


def check_rows(checked: CheckedTables, config: CorpusConfig) -> None:
    """Hold the rows of every table to those that they were made from, shard by shard."""
    contenders, neighbours = checked.frame("contenders"), checked.frame("neighbours")
    places = checked.tables.keys()
    shards = sorted({s for table, s in places if s is not None and table not in BY_RECIPE})
    known = []
    for shard in shards:
        with checked.found.guarded(shard, "materialize samples again"):
            known.append(_check_shard(checked, config, shard, contenders, neighbours))
    found = checked.found
    calibration, pilot = checked.frame("calibration"), checked.frame("pilot_deltas")
    if calibration is not None and pilot is not None:
        faults = consistency.same_rows(calibration, pilot, "pilot_deltas")
        found.add_all("calibration", "calibration", faults)
    if contenders is not None:
        gone = set(contenders["shard"]) - {s for table, s in places if table == "token_scores"}
        gone_shards = sorted(gone, key=str)
        problems = (f"rows of {shard}, which has no token_scores" for shard in gone_shards)
        found.add_all("contenders", "contenders", problems)
    if neighbours is not None and known:
        faults = consistency.existing_neighbours(neighbours, pl.concat(known))
        found.add_all("neighbours", "neighbours", faults)


def check_identities(checked: CheckedTables) -> None:
    """All shards of an asset were scored under one identity."""
    by_table: dict[str, dict[str, list[str]]] = {}
    for (table, shard), info in checked.tables.items():
        if shard is not None and table not in BY_RECIPE:
            by_table.setdefault(table, {}).setdefault(info.identity, []).append(shard)
    for table, groups in by_table.items():
        for fewer in sorted(groups.values(), key=len)[:-1]:
            for shard in fewer:
                problem = "its identity is not the others'"
                checked.found.add_all(f"{table} {shard}", table, [problem])


def check_search(checked: CheckedTables, config: CorpusConfig) -> None:
    """The published texts and vectors are copies of what is stored, but for what is left out."""
    search = checked.tables.get(("search", None))
    if search is None or checked.frame("search") is None:
        return
    samples, embeddings = (
        {s: info for (t, s), info in checked.tables.items() if t == table and s is not None}
        for table in ("samples", "embeddings")
    )
    if left_out_if_incomplete(config):
        left_out = incomplete_shards(checked.store, config, [*samples])
        samples = {shard: info for shard, info in samples.items() if shard not in left_out}
    changed = (
        f"its rows of {shard} are not those of samples and embeddings"
        for shard in changed_copies(checked.store, search, samples, embeddings)
    )
    checked.found.add_all("search", "search", changed)


def _check_shard(
    checked: CheckedTables,
    config: CorpusConfig,
    shard: str,
    contenders: pl.DataFrame | None,
    neighbours: pl.DataFrame | None,
) -> pl.DataFrame:
    """Check the tables of one shard; returns sample_id and shard of its usable rows."""
    found, samples = checked.found, checked.frame("samples", shard)
    if samples is None:
        if ("samples", shard) not in checked.tables:
            found.add(shard, "has scores but no samples", "materialize samples again")
        return pl.DataFrame(schema={"sample_id": pl.String, "shard": pl.String})
    if contenders is not None:
        contenders = contenders.filter(pl.col("shard") == shard)
    usable = samples.filter(pl.col("status") == "ok").select("sample_id", "shard")
    if neighbours is not None and ("embeddings", shard) not in checked.tables:
        compared = neighbours.join(usable, on="sample_id", how="semi").height
        problems = [f"{compared} rows of {shard}, which has no embeddings"] * bool(compared)
        found.add_all("neighbours", "neighbours", problems)
    scored = None
    for table in CARRIED:
        scores = checked.frame(table, shard)
        if scores is None:
            continue
        place = f"{table} {shard}"
        found.add_all(place, table, consistency.carried(samples, scores))
        if table == "token_scores" and contenders is not None and contenders.height:
            faults = consistency.same_rows(contenders, scores, place)
            found.add_all("contenders", "contenders", faults)
        if table == "token_scores":
            scored = scores.filter(pl.col("status") == "ok").select(KEYS)
        if table == "miwv_scores" and neighbours is not None:
            found.add_all(place, table, consistency.same_demos(scores, neighbours))
    if contenders is not None and scored is not None:
        _check_measured(checked, config, shard, contenders, scored)
    return usable


def _check_measured(
    checked: CheckedTables,
    config: CorpusConfig,
    shard: str,
    contenders: pl.DataFrame,
    scored: pl.DataFrame,
) -> None:
    """Robustness was measured for the contenders, or for all scored rows, of a shard."""
    for table in MEASURED:
        scores = checked.frame(table, shard)
        if scores is None:
            continue
        place = f"{table} {shard}"
        if table == ROBUST_SCORES.name:
            checked.found.add_all(place, table, consistency.same_tau(scores, contenders))
        for estimator, every, part in _by_estimator(config, table, scores):
            expected = scored if every else contenders.filter("contender")
            if estimator in config.estimators:  # else left from an earlier configuration
                faults = consistency.same_rows(part, expected, "contenders")
                checked.found.add_all(place, table, faults)


def _by_estimator(
    config: CorpusConfig, table: str, scores: pl.DataFrame
) -> Iterator[tuple[str, bool, pl.DataFrame]]:
    """(estimator, whether it measures every scored row, its rows) of a table."""
    every = config.measures_all_rows
    if table == ROBUST_SCORES.name:
        for (estimator,), part in scores.group_by("estimator"):
            yield str(estimator), every(estimator), part
    elif table == "neighbour_deltas":
        drawing = next((e for e in config.estimators if e in NEIGHBOURS), "")
        yield drawing, config.perturbs_all_rows, scores
    else:
        estimator = table.removesuffix("_scores")
        yield estimator, every(estimator), scores
