"""The project on a daily ingestion: a day that changes is what is read and scored again."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.corpora import Corpus, make_rows
from tshirt_assets.examples.daily_ingestion import CONVERSATIONS, build_daily_defs

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
RECIPES = {"ifd": {"method": "ifd", "budget": 4}, "random": {"method": "random", "budget": 5}}


class Daily(Corpus):
    """The corpus and the ingestion in front of it."""

    def configure(self, **options: Any) -> None:
        """Write corpus.yaml; define both."""
        super().configure(source_asset="raw/conversations", recipes=RECIPES, **options)
        self.defs = build_daily_defs([self.config], self.folder / "inbox")

    def ingest(self, day: str, rows: list[dict[str, Any]]) -> None:
        """A day's file arrives, and its partition is materialized."""
        file = self.folder / "inbox" / f"{day}.jsonl"
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance, asset_selection=[CONVERSATIONS], partition_key=day
        )

    def curate(self) -> None:
        """Register the days; score and select."""
        self.register()
        self.materialize("samples", "token_scores")
        self.materialize("selected_subset")

    def stale_days(self, asset: str) -> set[str | None]:
        """The partitions of an asset that Dagster shows as stale or missing."""
        return {partition for name, partition in self.stale() if name == asset}


def test_a_day_made_again_is_all_that_is_stale_and_scored_again(
    tmp_path: Path, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "corpus" / "home"))
    daily = Daily(tmp_path / "corpus", tiny_models)
    for seed, day in enumerate(DAYS):
        daily.ingest(day, make_rows(seed, 5))
    daily.curate()
    assert daily.shards == [*DAYS]
    assert daily.stale_days("samples") == daily.stale_days("selected_subset") == set()
    before = {day: daily.version("samples", day) for day in DAYS}

    daily.ingest("2026-01-02", make_rows(7, 6))
    daily.ingest("2026-01-03", make_rows(2, 5))  # the same rows: nothing has changed
    daily.register()
    assert daily.stale_days("samples") == {"2026-01-02"}

    daily.curate()
    changed = {day for day in DAYS if daily.version("samples", day) != before[day]}
    assert changed == {"2026-01-02"}
    computed = {day: daily.metadata("token_scores", day)["computed"] for day in DAYS}
    assert computed == {"2026-01-01": 0, "2026-01-02": 6, "2026-01-03": 0}
    assert daily.stale_days("selected_subset") == set()


def test_lineage_runs_from_the_ingestion_to_the_subset(tmp_path: Path, tiny_models: Path) -> None:
    daily = Daily(tmp_path / "corpus", tiny_models)
    graph = daily.defs.resolve_asset_graph()
    upstream = dg.AssetSelection.assets(daily.key("selected_subset")).upstream().resolve(graph)
    assert CONVERSATIONS in upstream
    assert CONVERSATIONS in graph.get(daily.key("samples")).parent_keys
