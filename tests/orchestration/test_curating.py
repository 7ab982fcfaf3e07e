"""The job that makes a whole corpus in one process, and the schedule that launches it."""

from pathlib import Path

import dagster as dg
import pytest

from tests.corpora import NAME, Corpus, make_rows
from tests.orchestration.recorded import Recorded
from tshirt_assets.config import ConfigError
from tshirt_assets.factory import build_curation_defs
from tshirt_assets.models.cache import load_count

IFD = {"ifd": {"method": "ifd", "budget": 1.0}}


def curate(corpus: Corpus, defs: dg.Definitions | None = None) -> dg.ExecuteInProcessResult:
    job = (defs or corpus.defs).resolve_job_def(f"{NAME}_curate")
    return job.execute_in_process(instance=corpus.instance, raise_on_error=False)


def reason(result: dg.ExecuteInProcessResult) -> str:
    [failure] = result.get_step_failure_events()
    return str(failure.step_failure_data.user_failure_data)


def test_it_makes_all_and_a_file_that_cannot_be_read_fails_it_at_the_end(corpus: Corpus) -> None:
    corpus.configure(recipes=IFD)
    corpus.path("bad.parquet").write_bytes(b"PAR1 not parquet at all PAR1")
    loaded = load_count()
    failed = curate(corpus)
    assert load_count() - loaded <= 1  # none if another test of this process has used the model
    assert "not all of tiny could be made" in reason(failed)
    shards = set(corpus.frame("selected_subset", "ifd")["shard"])
    assert {shard[:2] for shard in shards} == {"a-", "b-", "c-"}
    runs = corpus.instance.get_runs(dg.RunsFilter(tags={"tshirt-assets/curated_by": failed.run_id}))
    assert len(runs) == 4  # bad.parquet lies between the others, of which scores take two runs

    corpus.path("bad.parquet").unlink()
    corpus.write("new.jsonl", make_rows(8, 3))
    assert curate(corpus).success
    assert any(s.startswith("new-") for s in corpus.frame("selected_subset", "ifd")["shard"])


@pytest.mark.slow
def test_it_makes_the_assets_as_the_code_location_names_them(corpus: Corpus) -> None:
    corpus.configure(recipes=IFD)
    defs = build_curation_defs(
        corpus.config,
        map_asset_spec=lambda spec: spec.replace_attributes(key=["theirs", *spec.key.path]),
    )
    assert curate(corpus, defs).success
    key = dg.AssetKey(["theirs", NAME, "selected_subset"])
    assert corpus.instance.get_materialized_partitions(key) == {"ifd"}


def test_a_second_run_gives_way_to_the_first(corpus: Corpus) -> None:
    job = corpus.defs.resolve_job_def(f"{NAME}_curate")
    first = corpus.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert f"run {first.run_id} of this job is at work on tiny already" in reason(curate(corpus))


def test_without_a_file_it_says_so(tmp_path: Path) -> None:
    corpus = Recorded(tmp_path)
    job = corpus.defs.resolve_job_def("c_curate")
    result = job.execute_in_process(instance=corpus.instance, raise_on_error=False)
    assert "no file matches" in reason(result)


def test_the_schedule_passes_over_a_time_when_there_is_nothing_to_do(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    instance = dg.DagsterInstance.local_temp(str(tmp_path / "home"))
    corpus = Recorded(tmp_path, {"automation": {"cron": "0 3 * * *"}}, instance)
    schedule = corpus.defs.resolve_schedule_def("c_cron")
    assert schedule.cron_schedule == "0 3 * * *"

    def tick() -> dg.RunRequest | dg.SkipReason:
        found = schedule(dg.build_schedule_context(corpus.instance))
        assert isinstance(found, dg.RunRequest | dg.SkipReason)
        return found

    assert "no shard yet" in str(tick())
    corpus.write("a")
    assert isinstance(tick(), dg.RunRequest)
    job = corpus.defs.resolve_job_def("c_curate")
    corpus.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert "still at work" in str(tick())


def test_times_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"automation.cron: '99 3 \* \* \*' names no time"):
        Recorded(tmp_path, {"automation": {"cron": "99 3 * * *"}})


@pytest.mark.slow
def test_an_interruption_cancels_what_it_is_in(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise dg.DagsterExecutionInterruptedError

    corpus.configure(recipes=IFD)
    job = corpus.defs.resolve_job_def(f"{NAME}_curate")
    with monkeypatch.context() as patched:
        patched.setattr("tshirt_assets.assets.token_scores.score_shard", interrupted)
        with pytest.raises(dg.DagsterExecutionInterruptedError):
            job.execute_in_process(instance=corpus.instance)
    statuses = [run.status for run in corpus.instance.get_runs()]  # the last first
    assert statuses[0] is dg.DagsterRunStatus.CANCELED
    assert statuses[1] is dg.DagsterRunStatus.SUCCESS  # of the samples
    assert len(statuses) == 3
    assert curate(corpus).success
