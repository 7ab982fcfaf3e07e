"""Which file a stored shard was read from, as it is recorded with its samples."""

import os
from pathlib import Path

from tshirt_assets import __version__
from tshirt_assets.config import CorpusConfig
from tshirt_assets.config.credentials import OPTIONS_WITH_CREDENTIALS
from tshirt_assets.corpus.addresses import absolute, is_remote
from tshirt_assets.corpus.shards import ShardSpec
from tshirt_assets.incremental.catalog import SAMPLES
from tshirt_assets.incremental.identity import identity_hash
from tshirt_assets.store.store import Store

UNREAD = OPTIONS_WITH_CREDENTIALS | {"automation", "card", "checks", "recipes", "source_asset"}
"""Options that say nothing of how files are read."""


def source_text(store: Store, path: str) -> str:
    """The path as it is recorded: relative to a local store, so that both may move together.

    That of a file elsewhere is its address.
    """
    if is_remote(path) or not store.database.is_local:
        return absolute(path)
    return Path(os.path.relpath(path, store.database.uri)).as_posix()


def source_path(store: Store, source: str) -> str:
    """The absolute path, or the address, that was recorded as `source`."""
    if is_remote(source):
        return source
    folder = store.database.uri if store.database.is_local else "/"
    return os.path.abspath(os.path.join(folder, source))


def read_with(config: CorpusConfig) -> str:
    """Hash of all that the samples of a line are read by, beside the line: options, this package.

    An option that has no part in it costs a reading when it changes.
    """
    options = config.model_dump(mode="json", exclude=UNREAD)
    return identity_hash(SAMPLES.name, options=options, package=__version__)


def read_from(store: Store, spec: ShardSpec, version: str, config: CorpusConfig) -> str:
    """Hash of all that the samples of a shard are read from: file, range, options, this package.

    version: that of the file. An option that has no part in it costs a reading when it changes.
    """
    return identity_hash(
        SAMPLES.name,
        source=source_text(store, spec.path),
        version=version,
        rows=[spec.start, spec.stop],
        options=config.model_dump(mode="json", exclude=UNREAD),
        package=__version__,
    )
