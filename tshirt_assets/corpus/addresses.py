"""Addresses of files that lie elsewhere: paths like any other, which know how they are reached."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tshirt_assets.config import CorpusConfig
from tshirt_assets.config.source_options import access_options, source_kind
from tshirt_assets.corpus.errors import CorpusError

GLOB_CHARACTERS = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a source says of a file without its content: a version of it, and its size in bytes."""

    version: str
    size: int


class Address(str):
    """The URL of a file elsewhere. It compares, sorts and prints as its URL: without credentials.

    options: how it is reached, as fsspec names them, with `${NAME}` as it was written. seen: what
    the listing that found it said.
    """

    options: Mapping[str, str]
    seen: Seen | None

    def __new__(
        cls, url: str, options: Mapping[str, str] | None = None, seen: Seen | None = None
    ) -> "Address":
        """The address at a URL."""
        address = super().__new__(cls, url)
        address.options = dict(options or {})
        address.seen = seen
        return address

    @property
    def kind(self) -> str:
        """The kind of source, a key of `source_options.OPTIONS`; `CorpusError` if it is none."""
        try:
            kind = source_kind(self)
        except ValueError as error:
            raise CorpusError(f"{self}: {error}") from None
        assert kind is not None
        return kind


def is_remote(path: str) -> bool:
    """Whether a path is an address of a file elsewhere."""
    return "://" in path


def as_address(path: str) -> Address:
    """The address that a path is; one that was only text has no options."""
    return path if isinstance(path, Address) else Address(path)


def with_access(path: str, config: CorpusConfig) -> str:
    """A path of a corpus; of a file elsewhere the address with the options that reach it."""
    if not is_remote(path):
        return path
    options = (config.source_options, config.store, config.storage_options)
    return Address(path, access_options(Address(path).kind, *options))


def absolute(path: str) -> str:
    """The path from the root of the file system, or the address as it is."""
    return path if is_remote(path) else os.path.abspath(path)


def without_query(path: str) -> str:
    """A path without what follows `?` in the address of a web server."""
    return path.partition("?")[0] if path.startswith(("http://", "https://")) else path
