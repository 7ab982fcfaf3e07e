"""A corpus on an asset: its partitions, or ranges of its rows, are the shards."""

from pathlib import Path

import dagster as dg
import pytest

from tests.corpora import make_rows
from tests.upstream import KEY, Project


@pytest.fixture
def project(tmp_path: Path, tiny_models: Path) -> Project:
    """Three days of five rows each; nothing is registered."""
    project = Project(tmp_path / "corpus", tiny_models)
    for seed, day in enumerate(("2026-01-01", "2026-01-02", "2026-01-03")):
        project.ingest(make_rows(seed, 5), day)
    return project


def test_materialized_partitions_are_shards(project: Project) -> None:
    assert project.register() == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert project.register() == []
    project.materialize("samples")
    rows = project.frame("samples")
    assert rows["instruction"].to_list() == [
        row["instruction"] for seed in range(3) for row in make_rows(seed, 5)
    ]
    assert rows["row"].to_list() == [*range(5)] * 3
    assert not {place for place in project.stale() if place[0] == "samples"}


def test_a_day_made_again_makes_just_its_shard_stale(project: Project) -> None:
    project.materialize_all()
    assert project.stale() == {}
    before = project.versions()
    project.ingest(make_rows(7, 4), "2026-01-02")
    project.tick()
    stale = {place for place in project.stale() if place[0] == "samples"}
    assert stale == {("samples", "2026-01-02")}
    project.materialize("samples")
    changed = {shard for shard in project.shards if project.version("samples", shard) != before["samples", shard]}
    assert changed == {"2026-01-02"}
    assert {place for place in project.stale() if place[0] == "token_scores"} == {("token_scores", "2026-01-02")}
