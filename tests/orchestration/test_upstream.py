"""A corpus on an asset: its partitions, or ranges of its rows, are the shards."""

from functools import partial
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.job_base import RepoBackedJob
from dagster._core.execution.api import execute_run

from tests.corpora import make_rows
from tests.upstream import DAYS, KEY, Project
from tshirt_assets.config import ConfigError
from tshirt_assets.factory import build_curation_defs
from tshirt_assets.orchestration import source
from tshirt_assets.orchestration.upstream import Upstream


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
    project.register()
    project.materialize("samples")
    before = [project.version("samples", shard) for shard in project.shards]
    project.ingest(make_rows(7, 4), "2026-01-02")
    project.tick()
    stale = {place for place in project.stale() if place[0] == "samples"}
    assert stale == {("samples", "2026-01-02")}
    project.materialize("samples")
    after = [project.version("samples", shard) for shard in project.shards]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True]
    assert not {place for place in project.stale() if place[0] == "samples"}


STATIC = dg.StaticPartitionsDefinition(["en/us, new", "de", "a" * 200])
LANGUAGES = dg.StaticPartitionsDefinition(["en/us new", "de"])
MULTI = dg.MultiPartitionsDefinition({"day": DAYS, "language": LANGUAGES})
DYNAMIC = dg.DynamicPartitionsDefinition(name="sources")


@pytest.mark.parametrize(
    ("partitions", "keys"),
    [
        (STATIC, ["en/us, new", "de", "a" * 200]),
        (MULTI, ["2026-01-01|de", "2026-01-02|en/us new"]),
        (DYNAMIC, ["b b", "a|a"]),
    ],
    ids=["static", "multi", "dynamic"],
)
def test_partitions_of_every_kind_are_shards_under_their_own_key(
    partitions: dg.PartitionsDefinition, keys: list[str], tmp_path: Path, tiny_models: Path
) -> None:
    project = Project(tmp_path / "corpus", tiny_models, partitions=partitions)
    if partitions == DYNAMIC:
        project.instance.add_dynamic_partitions("sources", keys)
    for seed, key in enumerate(keys):
        project.ingest(make_rows(seed, 2), key)
    assert {*project.register()} == {*keys}
    project.materialize("samples")
    for seed, key in enumerate(keys):
        [first, _] = project.frame("samples", key)["instruction"]
        assert first == make_rows(seed, 2)[0]["instruction"]
    project.ingest(make_rows(9, 2), keys[0])
    project.tick()
    assert {place for place in project.stale() if place[0] == "samples"} == {("samples", keys[0])}


def test_dagster_finds_the_definitions_valid(project: Project) -> None:
    project.defs.get_repository_def().validate_loadable()
    graph = project.defs.resolve_asset_graph()
    samples = graph.get(project.key("samples"))
    assert samples.parent_keys == {KEY, project.key("source")}
    assert graph.get(project.key("source")).parent_keys == {KEY}
    assert not graph.has(project.key("files"))


def test_a_deleted_partition_is_left_out_and_comes_back(tmp_path: Path, tiny_models: Path) -> None:
    project = Project(tmp_path / "corpus", tiny_models, partitions=DYNAMIC)
    project.instance.add_dynamic_partitions("sources", ["a", "b"])
    for seed, key in enumerate(("a", "b")):
        project.ingest(make_rows(seed, 2), key)
    project.register()
    project.materialize("samples")
    project.instance.delete_dynamic_partition("sources", "a")
    failed = project.materialize("samples", partitions=["a"], succeeds=False)
    assert "has no materialized partition 'a' any more" in failure(failed)
    project.tick()
    assert project.shards == ["b"]
    assert project.store.info("tiny", "samples", "a") is not None
    project.instance.add_dynamic_partitions("sources", ["a"])
    assert project.register() == ["a"]


def test_nothing_is_deleted_while_all_of_it_is_made_again(project: Project) -> None:
    project.register()
    project.instance.wipe_assets([KEY])
    reason = project.tick()
    assert isinstance(reason, dg.SkipReason)
    assert "raw/conversations is not materialized yet" in (reason.skip_message or "")
    assert len(project.shards) == 3


def test_a_partition_without_rows_is_an_empty_shard(project: Project) -> None:
    project.ingest([], "2026-01-02")
    project.register()
    checks = project.checks(project.materialize("samples"))
    assert project.frame("samples", "2026-01-02").height == 0
    assert not checks["samples.rows_usable"].passed
    assert "2026-01-02: no rows" in (checks["samples.rows_usable"].description or "")


def test_other_columns_are_rows_with_a_status(project: Project) -> None:
    project.ingest([{"question": "why", "answer": "so"}], "2026-01-02")
    project.register()
    project.materialize("samples")
    assert project.frame("samples", "2026-01-02")["status"].to_list() == ["missing_field"]
    assert "question, answer" in project.frame("samples", "2026-01-02")["status_detail"][0]


def test_what_is_no_table_fails_its_own_shard_alone(project: Project) -> None:
    project.ingest({"instruction": "a"}, "2026-01-02")
    project.register()
    said = failure(project.materialize("samples", succeeds=False))
    assert "1 of 3 partitions failed" in said
    assert "partition '2026-01-02' of raw/conversations: a dict is no table; rows are read" in said
    assert {*project.instance.get_materialized_partitions(project.key("samples"))} == {
        "2026-01-01",
        "2026-01-03",
    }


def test_what_cannot_be_loaded_names_the_partition_and_the_error(project: Project) -> None:
    project.register()
    (project.folder / "shelf" / "raw-conversations-2026-01-02").unlink()
    said = failure(project.materialize("samples", succeeds=False))
    assert "2026-01-02: raw/conversations, partition '2026-01-02', cannot be loaded (File" in said
    assert "check its IO manager, or make it again" in said


def test_a_path_is_read_as_an_entry_of_paths_is(project: Project) -> None:
    project.write("day.jsonl", [*make_rows(8, 2), "{broken"])
    project.ingest(project.path("day.jsonl"), "2026-01-02")
    project.register()
    project.materialize("samples", partitions=["2026-01-02"])
    statuses = project.frame("samples", "2026-01-02")["status"].to_list()
    assert statuses == ["ok", "ok", "unreadable_line"]


def test_an_asset_that_is_not_defined_here_says_what_to_do(project: Project) -> None:
    project.register()
    project.defs = build_curation_defs(project.config)
    said = failure(project.materialize("samples", succeeds=False))
    assert "it is not defined where this runs. In Dagster, define it in the code location" in said


def test_an_asset_of_the_corpus_itself_is_refused(project: Project) -> None:
    with pytest.raises(ConfigError, match="tiny/samples is an asset of the corpus itself"):
        project.configure(source_asset="tiny/samples")


class TestWithoutPartitions:
    @pytest.fixture
    def project(self, tmp_path: Path, tiny_models: Path) -> Project:
        """Ten rows, four to a shard."""
        options = {"rows_per_shard": 4}
        project = Project(tmp_path / "corpus", tiny_models, options, partitions=None)
        project.ingest(pl.DataFrame(make_rows(0, 10)))
        return project

    def test_ranges_of_rows_are_shards(self, project: Project) -> None:
        assert project.register() == ["rows-00000000", "rows-00000004", "rows-00000008"]
        project.materialize("samples")
        assert [project.frame("samples", key).height for key in project.shards] == [4, 4, 2]
        instructions = project.frame("samples")["instruction"].to_list()
        assert instructions == [row["instruction"] for row in make_rows(0, 10)]
        assert not {place for place in project.stale() if place[0] == "samples"}

    def test_what_it_grows_and_shrinks_by_is_registered_and_deleted(self, project: Project) -> None:
        project.register()
        project.materialize("samples")
        before = [project.version("samples", key) for key in project.shards]
        project.ingest(pl.DataFrame(make_rows(0, 13)))
        assert project.register() == ["rows-00000012"]
        assert {place for place in project.stale() if place[0] == "samples"} == {
            ("samples", key) for key in project.shards
        }
        project.materialize("samples")
        after = [project.version("samples", key) for key in project.shards]
        assert [old == new for old, new in zip(before, after, strict=False)] == [True, True, False]
        project.ingest(pl.DataFrame(make_rows(0, 3)))
        project.tick()
        assert project.shards == ["rows-00000000"]

    def test_its_rows_are_counted_once_for_a_version(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project.register()
        monkeypatch.setattr(Upstream, "value", lambda *_: pytest.fail("it is known already"))
        assert project.register() == []
        project.told = {"dagster/row_count": 17}
        project.define()
        project.ingest(pl.DataFrame(make_rows(0, 17)))
        assert project.register() == ["rows-00000012", "rows-00000016"]

    def test_it_is_loaded_once_in_a_run(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project.register()
        loads, load = [], Upstream.value
        monkeypatch.setattr(Upstream, "value", lambda *given: loads.append(given) or load(*given))
        project.materialize("samples")
        assert len(loads) == 1

    def test_without_rows_it_is_one_empty_shard(self, project: Project) -> None:
        project.ingest(pl.DataFrame(make_rows(0, 10)).clear())
        assert project.register() == ["rows-00000000"]
        project.materialize("samples")
        assert project.frame("samples").height == 0

    def test_an_iterator_is_loaded_for_every_shard(self, project: Project) -> None:
        project.ingest(partial(iter, make_rows(0, 10)))
        project.register()
        project.materialize("samples")
        assert [project.frame("samples", key).height for key in project.shards] == [4, 4, 2]

    def test_many_rows_in_memory_are_said_to_be(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(source, "MANY", 5)
        project.register()
        run = project.materialize("samples").run_id
        said = [entry.user_message for entry in project.instance.all_logs(run)]
        [warning] = [line for line in said if "held in memory whole" in line]
        assert warning.startswith("raw/conversations: 10 rows came as one DataFrame")


def failure(result: dg.ExecuteInProcessResult) -> str:
    """What the failed step of a run says."""
    [event] = result.get_step_failure_events()
    said = event.step_failure_data.user_failure_data
    assert said is not None
    return f"{said.description}"


def test_the_job_that_curates_registers_and_reads_the_partitions(project: Project) -> None:
    project.configure(recipes={"random": {"method": "random", "budget": 3}})
    job = RepoBackedJob(f"{project.config.name}_curate", project.defs.get_repository_def())
    run = project.instance.create_run_for_job(job.get_definition())
    assert execute_run(job, run, project.instance).success
    assert project.shards == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert project.frame("selected_subset", "random").height == 3
