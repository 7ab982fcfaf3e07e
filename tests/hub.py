"""A stand-in for the Hub's API on this machine, with one dataset of which a branch moves on."""

import hashlib
import json
from urllib.parse import parse_qs, unquote, urlsplit

from tests.web_files import WebFiles

REPOSITORY = "people/talks"


def hub(files: dict[str, bytes]) -> WebFiles:
    """A server whose dataset holds these files, by their paths in it."""
    web = WebFiles(answer=lambda path, sent: _answer(web, path, sent))
    for name, data in files.items():
        put(web, name, data)
    return web


def put(web: WebFiles, name: str, data: bytes) -> None:
    """Commit a file."""
    web.files[f"/datasets/{REPOSITORY}/resolve/main/{name}"] = data


def _answer(web: WebFiles, url: str, sent: bytes) -> object:
    parts = urlsplit(url)
    path = unquote(parts.path)
    api, prefix = f"/api/datasets/{REPOSITORY}", f"/datasets/{REPOSITORY}/resolve/main/"
    held = {name.removeprefix(prefix): data for name, data in web.files.items()}
    if path in (api, f"{api}/revision/main"):
        return {"id": REPOSITORY, "sha": "0" * 40, "private": False, "tags": [], "downloads": 0}
    if path == f"{api}/paths-info/main":
        asked = json.loads(sent) if sent[:1] == b"{" else parse_qs(sent.decode())
        return [_entry(name, held[name]) for name in asked["paths"] if name in held]
    if path.startswith(f"{api}/tree/main"):
        folder = path.removeprefix(f"{api}/tree/main").strip("/")
        deep = parse_qs(parts.query).get("recursive", ["false"])[0].lower() == "true"
        return _tree(held, folder + "/" if folder else "", deep)
    return None


def _tree(held: dict[str, bytes], folder: str, deep: bool) -> list[dict[str, object]] | None:
    below = {name.removeprefix(folder): name for name in held if name.startswith(folder)}
    folders = {name.partition("/")[0] for name in below if "/" in name}
    entries: list[dict[str, object]] = [
        {"type": "directory", "path": folder + name, "oid": "1" * 40} for name in sorted(folders)
    ]
    entries += [
        _entry(name, held[name])
        for short, name in sorted(below.items())
        if deep or "/" not in short
    ]
    return entries or None


def _entry(name: str, data: bytes) -> dict[str, object]:
    entry = {
        "type": "file",
        "path": name,
        "size": len(data),
        "oid": hashlib.sha1(data).hexdigest(),
    }
    if len(data) > 10_000:  # as if it were kept apart
        lfs = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        entry["lfs"] = lfs
    return entry
