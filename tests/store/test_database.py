"""Damage, full disks, unusable paths, secrets, and commits that conflict."""

import gc
import os
import subprocess
import traceback
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tshirt_assets.store import faults
from tshirt_assets.store.database import Database
from tshirt_assets.store.faults import DamagedTableError, StoreError
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import table_name


def rows(value: int, count: int = 3) -> pa.Table:
    return pa.table(
        {"value": np.full(count, value), "noise": np.random.default_rng(0).random(count)}
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def folder(store: Store) -> Path:
    (folder,) = Path(store.database.uri).glob("corpus.scores.s-*.lance")
    return folder


def manifests(store: Store) -> list[Path]:
    """Newest first: Lance counts file names down."""
    return sorted((folder(store) / "_versions").glob("*.manifest"))


def test_a_create_that_never_committed_is_no_table_and_can_be_written(store: Store) -> None:
    store.write("corpus", "scores", "s", rows(1), {})
    for file in [*manifests(store), *(folder(store) / "_versions").glob("*.json")]:
        file.unlink()
    assert store.database.names() != []
    assert store.info("corpus", "scores", "s") is None
    assert store.stored("corpus", "scores") == []
    store.write("corpus", "scores", "s", rows(2), {})
    assert store.read("corpus", "scores", "s").equals(rows(2))


@pytest.mark.parametrize("ask", ["info", "drop", "write"])
def test_looking_for_a_table_that_is_not_there_keeps_nothing_of_the_callers(
    store: Store, ask: str
) -> None:
    class Rows:
        """What a caller has in memory."""

    def caller() -> "weakref.ref[Rows]":
        held = Rows()
        if ask == "write":
            store.write("corpus", "scores", "s", rows(1), {})
        else:
            getattr(store, ask)("corpus", "scores", "s")
        return weakref.ref(held)

    gc.disable()
    try:
        assert caller()() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("tear", ["empty", "zeros", "cut", "cut at the end"])
def test_a_torn_newest_manifest_brings_the_version_before_back(store: Store, tear: str) -> None:
    def break_newest(count: int = 1) -> None:
        for manifest in manifests(store)[:count]:
            whole = manifest.read_bytes()
            torn = {"empty": b"", "zeros": bytes(len(whole)), "cut": whole[:40]}
            manifest.write_bytes(torn.get(tear, whole[:-3]))

    store.write("corpus", "scores", "s", rows(1), {"identity": "one"})
    store.write("corpus", "scores", "s", rows(2), {"identity": "two"})
    break_newest()
    [info] = store.infos("corpus", "scores", ["s"])
    assert info is not None
    assert (info.version, info.meta["identity"]) == (1, "one")
    assert store.read("corpus", "scores", "s").equals(rows(1))
    assert store.write("corpus", "scores", "s", rows(3), {}).version == 2
    assert store.read("corpus", "scores", "s").equals(rows(3))
    break_newest()
    store.write("corpus", "scores", "s", rows(4), {})  # without an `info` before
    assert store.read("corpus", "scores", "s").equals(rows(4))
    break_newest(2)
    assert store.infos("corpus", "scores", ["s"]) == [None]  # there is no version before
    store.write("corpus", "scores", "s", rows(5), {})
    assert store.read("corpus", "scores", "s").equals(rows(5))


def test_a_table_that_cannot_be_opened_is_reported_and_can_be_written_over(store: Store) -> None:
    store.write("corpus", "scores", "s", rows(1), {})
    manifests(store)[0].write_bytes(b"nonsense" * 100 + b"LANC")
    with pytest.raises(DamagedTableError, match="is damaged; materialize its shard again"):
        store.info("corpus", "scores", "s")
    with pytest.raises(DamagedTableError, match="is damaged; materialize its shard again"):
        store.infos("corpus", "scores", ["s"])
    assert store.stored("corpus", "scores") == []
    store.write("corpus", "scores", "s", rows(2), {})
    assert store.read("corpus", "scores", "s").equals(rows(2))


def test_a_table_of_another_program_is_reported(store: Store) -> None:
    store.database.replace("corpus.scores", rows(1))
    with pytest.raises(DamagedTableError, match="was not written by this package; materialize"):
        store.info("corpus", "scores")


def test_missing_data_files_are_reported_and_can_be_written_over(store: Store) -> None:
    info = store.write("corpus", "scores", "s", rows(1), {})
    for file in (folder(store) / "data").iterdir():
        file.unlink()
    with pytest.raises(DamagedTableError, match="is damaged; materialize its shard again"):
        store.read_many([info], columns=["value"])
    with pytest.raises(DamagedTableError, match="is damaged; materialize its shard again"):
        store.read("corpus", "scores", "s")
    with pytest.raises(DamagedTableError):
        list(store.batches("corpus", "scores", "s"))
    store.write("corpus", "scores", "s", rows(2), {})
    assert store.read("corpus", "scores", "s").equals(rows(2))


@pytest.mark.parametrize("place", ["a_file", "a_file/below"])
def test_a_path_that_cannot_be_a_folder(tmp_path: Path, place: str) -> None:
    (tmp_path / "a_file").write_text("")
    store = Store(str(tmp_path / place))
    with pytest.raises(StoreError, match="set `store` to a folder that can be created") as error:
        store.write("corpus", "scores", "s", rows(1), {})
    assert "\n" not in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission(store: Store) -> None:
    store.write("corpus", "scores", "s", rows(1), {})
    for directory in (folder(store), folder(store) / "data"):
        directory.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="make the folder writable"):
            store.write("corpus", "scores", "s", rows(2), {})
        assert store.read("corpus", "scores", "s").equals(rows(1))
    finally:
        for directory in (folder(store), folder(store) / "data"):
            directory.chmod(0o700)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    mount = tmp_path / "small"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(mount)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"tmpfs cannot be mounted here: {error}")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_full_disk_leaves_the_old_data(small_disk: Path) -> None:
    store = Store(str(small_disk / "store"))
    store.write("corpus", "scores", "s", rows(1), {"identity": "old"})
    too_much = rows(2, 400_000)
    for write in (
        lambda: store.write("corpus", "scores", "s", too_much, {"identity": "new"}),
        lambda: store.write("corpus", "scores", "t", too_much, {}),
        lambda: store.staging("corpus", "scores", "s", "i").append(too_much),
    ):
        with pytest.raises(StoreError, match=r"the disk is full; .* unchanged") as error:
            write()
        assert "\n" not in str(error.value)
    info = store.info("corpus", "scores", "s")
    assert info is not None
    assert info.meta["identity"] == "old"
    assert store.read("corpus", "scores", "s").equals(rows(1))
    assert store.info("corpus", "scores", "t") is None
    store.write("corpus", "scores", "s", rows(3), {})  # the failed writes gave their space back
    assert store.read("corpus", "scores", "s").equals(rows(3))


SECRETS = {"aws_access_key_id": "AKIA-literal", "aws_secret_access_key": "${TEST_STORE_SECRET}"}


def test_secrets_are_in_no_text(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("TEST_STORE_SECRET", "from-environment")
    options = {**SECRETS, "endpoint": "http://127.0.0.1:9", "allow_http": "true"}
    remote = Store("s3://bucket/x", {**options, "client_max_retries": "0"})
    caplog.set_level(0)
    texts = [repr(remote), str(remote), repr(remote.database)]
    with pytest.raises(StoreError, match="cannot be reached; check `endpoint`") as error:
        remote.write("corpus", "scores", "s", rows(1), {})
    texts += ["".join(traceback.format_exception(error.value))]

    class Leaky(Exception):
        pass

    local = Store(str(tmp_path), options)
    with pytest.raises(StoreError) as leak, local.database.reporting("a table"):
        raise Leaky("AKIA-literal, from-environment and ${TEST_STORE_SECRET} at http://127.0.0.1:9")
    assert "***, *** and *** at ***" in str(leak.value)
    texts += ["".join(traceback.format_exception(leak.value)), caplog.text]
    local.write("corpus", "scores", "s", rows(1), {})
    texts += [
        file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*.*") if file.is_file()
    ]
    for text in texts:
        for secret in ("AKIA-literal", "from-environment", "127.0.0.1:9"):
            assert secret not in text


@pytest.mark.parametrize(
    "shown", ["two  words\t!", "two words !", "two\nwords !", "two\\nwords\\t!"]
)
def test_a_secret_is_masked_whatever_its_white_space(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shown: str
) -> None:
    monkeypatch.setenv("TEST_STORE_SECRET", "two  words\t!\n")
    store = Store(str(tmp_path), SECRETS)
    with pytest.raises(StoreError) as leak, store.database.reporting("a table"):
        raise RuntimeError(f"403: key {shown} is unknown")
    assert "403: key *** is unknown" in str(leak.value)


def test_an_address_with_credentials_is_refused_without_repeating_them() -> None:
    with pytest.raises(StoreError, match="give them as storage_options") as error:
        Store("s3://user:se-cret@bucket/x")
    assert "se-cret" not in str(error.value)


class PanicException(BaseException):
    """As Rust's: not an `Exception`."""


def test_a_panic_is_no_conflict_and_is_not_tried_for_ever(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults.time, "sleep", lambda seconds: None)
    tries = []

    def fail() -> None:
        tries.append(1)
        raise PanicException("called `Option::unwrap()` on a `None` value")

    with (
        pytest.raises(StoreError, match=r"failed inside \(a panic\).*verify") as error,
        store.database.reporting("a table"),
    ):
        faults.retried(fail)
    assert len(tries) == faults.PANICS_TAKEN
    assert "other processes" not in str(error.value)


def test_a_panic_over_one_table_is_the_failure_of_that_table_alone(store: Store) -> None:
    for shard in ("a", "b"):
        store.write("c", "x", shard, pa.table({"n": [1]}), {})
    fails, goes_on = (table_name("c", "x", shard) for shard in ("a", "b"))

    async def rows(name: str, table: Any) -> int:
        if name == fails:
            raise PanicException("called `Option::unwrap()` on a `None` value")
        return await table.count_rows()

    failure, count, absent = store.database.each([fails, goes_on, "c.none"], rows)
    assert isinstance(failure, PanicException)
    assert (count, absent) == (1, None)


def test_a_conflict_that_shows_as_a_panic_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults.time, "sleep", lambda seconds: None)
    errors = iter([RuntimeError("rust future panicked: unknown error")] * 2)

    def succeed_third() -> str:
        if error := next(errors, None):
            raise error
        return "written"

    assert faults.retried(succeed_third) == "written"


def test_an_interrupt_is_passed_on(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), store.database.reporting("a table"):
        raise KeyboardInterrupt


def test_a_variable_that_is_not_set_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TEST_STORE_SECRET", raising=False)
    store = Store(str(tmp_path), SECRETS)
    with pytest.raises(StoreError, match=r"aws_secret_access_key refers to \$\{TEST_STORE_SECRET"):
        store.database.names()
    monkeypatch.setenv("TEST_STORE_SECRET", "now set")
    assert store.database.names() == []


def test_a_value_may_hold_several_variables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TEST_HOST", "localhost")
    monkeypatch.setenv("TEST_PORT", "1234")
    seen = {}

    def connect(uri: str, storage_options: dict[str, str]) -> object:
        seen.update(storage_options)
        return object()

    monkeypatch.setattr("lancedb.connect", connect)
    Database(str(tmp_path), {"endpoint": "http://${TEST_HOST}:${TEST_PORT}/$x"}).connection()
    assert seen["endpoint"] == "http://localhost:1234/$x"


def test_conflicts_are_retried_and_other_errors_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(faults.time, "sleep", pauses.append)
    left = ["Retryable commit conflict for version 3", "Table 'x' already exists"]

    def commit() -> str:
        if left:
            raise RuntimeError(left.pop())
        return "done"

    assert faults.retried(commit) == "done"
    assert len(pauses) == 2
    assert all(0.02 <= pause <= 2.0 for pause in pauses)

    calls: list[int] = []

    def broken() -> None:
        calls.append(1)
        raise ValueError("No space left on device")

    with pytest.raises(ValueError, match="No space"):
        faults.retried(broken)
    assert len(calls) == 1

    def hopeless() -> None:
        calls.append(1)
        raise RuntimeError("lance error: Commit conflict for version 3")

    calls.clear()
    with pytest.raises(RuntimeError, match="Commit conflict"):
        faults.retried(hopeless)
    assert len(calls) == 25
