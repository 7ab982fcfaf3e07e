"""A whole corpus on S3 (moto on 127.0.0.1): the same tables as of a folder, and no secret shown."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal

from tests.corpora import ASSETS, RECIPES, Corpus, fill
from tests.s3_server import BUCKET, KEY, S3, SECRET, s3_server
from tshirt_assets.cli import main
from tshirt_assets.corpus import patience

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

pytestmark = pytest.mark.slow


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    monkeypatch.setenv("SOURCE_KEY", KEY)
    monkeypatch.setenv("SOURCE_SECRET", SECRET)
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: None)
    with s3_server() as running:
        yield running


@pytest.fixture
def far(s3: S3, tmp_path: Path, tiny_models: Path) -> Corpus:
    """The small corpus with its files in a bucket, and none in its folder."""
    corpus = fill(Corpus(tmp_path / "corpus", tiny_models))
    for file in (corpus.folder / "rows").iterdir():
        s3.put(f"rows/{file.name}", file.read_bytes())
        file.unlink()
    access = s3.options | {"key": "${SOURCE_KEY}", "secret": "${SOURCE_SECRET}"}
    corpus.configure(paths=[f"s3://{BUCKET}/rows/*"], source_options=access)
    return corpus


def test_the_tables_are_those_of_a_folder_and_show_no_secret(
    far: Corpus, finished: Corpus, s3: S3
) -> None:
    s3.faults += [None, ("SlowDown", 503), None, None, ("InternalError", 500)]
    far.materialize_all()
    assert far.shards == finished.shards
    tables: list[tuple[str, str | None]] = [(asset, None) for asset in ASSETS[:-1]]
    for place in [*tables, *(("selected_subset", recipe) for recipe in RECIPES)]:
        assert_frame_equal(far.frame(*place), finished.frame(*place), rel_tol=1e-5, abs_tol=1e-6)
    shown = [f"{run!r}".encode() for run in far.instance.get_runs()]
    for run in far.instance.get_runs():
        shown += [repr(entry).encode() for entry in far.instance.all_logs(run.run_id)]
    shown += [file.read_bytes() for file in far.folder.rglob("*") if file.is_file()]
    for secret in (KEY, SECRET):
        assert not any(secret.encode() in text for text in shown)


def test_an_object_that_changes_is_noticed_and_one_that_goes_is_left_out(
    far: Corpus, s3: S3
) -> None:
    far.sensor_tick()
    far.materialize("samples")
    assert far.sensor_tick().asset_events == []
    name = "rows/a.jsonl"
    body = s3.client.get_object(Bucket=BUCKET, Key=name)["Body"].read()
    s3.put(name, body.replace(b"river", b"brook"))
    s3.asked.clear()
    [event] = far.sensor_tick().asset_events
    assert event.partition == far.shard("a")
    listings = [one for one in s3.asked if one.endswith(f"/{BUCKET}")]
    assert len(listings) == 1
    far.materialize("samples", partitions=[far.shard("a")])
    assert "brook" in str(far.frame("samples", far.shard("a"))["response"].to_list())
    s3.client.delete_object(Bucket=BUCKET, Key=name)
    result = far.materialize("samples", partitions=[far.shard("a")], succeeds=False)
    assert "gives the shard" in str(result.get_step_failure_events())


def test_expired_credentials_fail_a_run_and_keep_what_is_stored(far: Corpus, s3: S3) -> None:
    far.register()
    far.materialize("samples")
    s3.faults += [("ExpiredToken", 400)] * 50
    result = far.materialize("samples", succeeds=False)
    assert "access is denied" in str(result.get_step_failure_events())
    s3.faults.clear()
    assert far.frame("samples").height > 0


def test_the_commands_work_and_say_what_is_wrong(
    far: Corpus, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(far.home))
    done = CliRunner().invoke(main, ["validate", str(far.file)])
    assert done.exit_code == 0, done.output
    assert f"s3://{BUCKET}/rows/a.jsonl: json, rows seen: " in done.output
    s3.faults += [("AccessDenied", 403)] * 50
    refused = CliRunner().invoke(main, ["validate", str(far.file)])
    assert refused.exit_code == 1
    assert refused.output.count("access is denied") == 1
    s3.faults.clear()
    monkeypatch.delenv("SOURCE_SECRET")
    unset = CliRunner().invoke(main, ["validate", str(far.file)])
    assert "${SOURCE_SECRET}, which is not set; export SOURCE_SECRET" in unset.output
    assert not any(secret in done.output + refused.output for secret in (KEY, SECRET))
