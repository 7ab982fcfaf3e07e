"""The Dagster resource."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from tshirt_assets.resources.store import LanceStore


def test_assets_get_a_store_with_secrets_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEST_STORE_KEY", "very-secret")
    seen: list[str] = []

    @dg.asset
    def written(context: dg.AssetExecutionContext, store: LanceStore) -> None:
        seen.append(store.storage_options["aws_secret_access_key"])
        context.log.info(f"{store} {store!r} {store.open()!r}")
        store.open().write("corpus", "written", None, pa.table({"x": [1]}), {})

    resource = LanceStore(
        uri=str(tmp_path), storage_options={"aws_secret_access_key": dg.EnvVar("TEST_STORE_KEY")}
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([written], resources={"store": resource}, instance=instance)
        events = "".join(str(entry) for entry in instance.all_logs(result.run_id))
    assert result.success
    assert seen == ["very-secret"]
    assert str(tmp_path) in events
    assert "very-secret" not in events + "".join(capfd.readouterr())
    assert LanceStore(uri=str(tmp_path)).open().read("corpus", "written")["x"].to_pylist() == [1]


def test_a_failing_store_leaks_no_secret_into_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_STORE_KEY", "very-secret")

    @dg.asset
    def failing(store: LanceStore) -> None:
        opened = store.open()
        monkeypatch.setattr(opened.database, "connection", refuse)
        opened.write("corpus", "failing", None, pa.table({"x": [1]}), {})

    def refuse() -> None:
        raise RuntimeError("403 Forbidden: key very-secret is not known")

    options = {"aws_secret_access_key": "${TEST_STORE_KEY}"}
    resource = LanceStore(uri=str(tmp_path), storage_options=options)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [failing], resources={"store": resource}, instance=instance, raise_on_error=False
        )
        events = "".join(str(entry) for entry in instance.all_logs(result.run_id))
    assert not result.success
    assert "refused the credentials; set them in the environment" in events
    assert "very-secret" not in events


def test_loading_the_resource_does_not_load_lancedb() -> None:
    code = "import sys, tshirt_assets.resources.store; sys.exit('lancedb' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
