"""Files in object stores and on the Hugging Face Hub, through fsspec."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import fsspec
from fsspec.utils import glob_translate

from tshirt_assets.corpus.addresses import GLOB_CHARACTERS, Seen
from tshirt_assets.corpus.errors import CorpusError

FLAGS: Final = {"anon", "requester_pays"}
CONNECT_SECONDS: Final = 10
READ_SECONDS: Final = 60
EXTRAS: Final = {"s3": "s3", "gs": "gcs", "az": "azure"}  # of this package
VERSIONS: Final = ("ETag", "etag", "lfs", "blob_id", "md5Hash", "md5", "generation")
"""Where clients put what tells one content from another, the best first."""
TIMES: Final = ("LastModified", "last_modified", "updated", "mtime")


class ObjectStore:
    """The objects of one kind of store. options: of `source_options.OPTIONS`, resolved."""

    def __init__(self, kind: str, options: Mapping[str, str]):
        self._kind = kind
        try:
            self._files = fsspec.filesystem(kind, **_arguments(kind, options))
        except ImportError:
            raise CorpusError(
                f"{kind}:// needs a package that is not installed: "
                f"pip install 'tshirt-assets[{EXTRAS.get(kind, kind)}]'"
            ) from None
        if kind == "s3":  # who asks waits and tries again: see `patient`
            self._files.retries = 1

    def look(self, url: str) -> Seen:
        """What the store says of an object now."""
        self._files.invalidate_cache()
        more = {"expand_info": True} if self._kind == "hf" else {}  # else by a listing
        return _seen(self._files.info(url, **more))

    def opened(self, url: str) -> "StoredFile":
        """An object, to be read by ranges."""
        if self._kind == "hf":  # what the file looks up by itself is a listing of its folder
            seen = self.look(url)
            return StoredFile(self._files.open(url, "rb", cache_type="none", size=seen.size), seen)
        file = self._files.open(url, "rb", cache_type="none")
        return StoredFile(file, _seen(file.details))

    def listed(self, pattern: str) -> dict[str, Seen | None]:
        """The object that an address names, those that a pattern matches, or all below a folder."""
        self._files.invalidate_cache()
        scheme, _, names = pattern.partition("://")
        if GLOB_CHARACTERS.search(names):
            found = self._matching(names)
        elif not names.endswith("/") and (info := self._files.info(names))["type"] == "file":
            return {pattern: _seen(info)}
        else:
            found = self._files.find(names.rstrip("/"), detail=True).values()
        return {f"{scheme}://{i['name']}": _seen(i) for i in found if i["type"] == "file"}

    def _matching(self, pattern: str) -> Iterable[dict[str, Any]]:
        """By one listing: of a folder, or of all below it where the pattern has more parts."""
        if self._kind == "hf":  # a revision has several spellings
            pattern = self._files.resolve_path(pattern).unresolve()
        glob = GLOB_CHARACTERS.search(pattern)
        assert glob is not None
        folder = pattern[: glob.start()].rpartition("/")[0]
        rest = pattern[len(folder) + 1 :]
        deep = "/" in rest or "**" in rest
        infos = self._files.find if deep else self._files.ls
        found = infos(folder, detail=True)
        matches = re.compile(glob_translate(pattern)).match
        return [i for i in (found.values() if deep else found) if matches(i["name"])]


class StoredFile:
    """An object of a store: what was seen of it, and any range of its bytes."""

    def __init__(self, file: Any, seen: Seen):
        self.seen = seen
        self._file = file

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`; fewer where the connection breaks."""
        self._file.seek(start)
        data: bytes = self._file.read(stop - start)
        return data

    def close(self) -> None:
        """Let go of it."""
        self._file.close()


def _arguments(kind: str, options: Mapping[str, str]) -> dict[str, Any]:
    """The options as fsspec's client takes them, and no memory of earlier listings."""
    arguments: dict[str, Any] = {
        name: value.lower() == "true" if name in FLAGS else value for name, value in options.items()
    }
    if kind != "hf":
        arguments["use_listings_cache"] = False
    if kind == "s3":
        region = arguments.pop("region", None)
        arguments["client_kwargs"] = {"region_name": region} if region else {}
        arguments["config_kwargs"] = {
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "retries": {"max_attempts": 0},
        }
    return arguments


def _seen(info: Mapping[str, Any]) -> Seen:
    """Size and version of an object, by what its store tells."""
    found = next((info[name] for name in (*VERSIONS, *TIMES) if info.get(name)), "")
    if isinstance(found, Mapping):  # a large file of the Hub
        found = found["sha256"]
    tag = str(found).removeprefix("W/").strip('"')
    return Seen(f"{info['size']}-{tag}", int(info["size"]))
