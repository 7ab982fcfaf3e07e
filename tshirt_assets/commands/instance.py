"""The Dagster instance of the command line, and the shards that are registered in it."""

import os
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Final

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from tshirt_assets.commands.source_definitions import upstream_of
from tshirt_assets.commands.terminal import tell
from tshirt_assets.config import ConfigError, CorpusConfig
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.registering import add_new_shards

NO_CAPTURE: Final = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}


def open_instance(config: CorpusConfig) -> dg.DagsterInstance:
    """The Dagster instance of `$DAGSTER_HOME`, or of a folder beside the corpus's exports.

    A new home gets a dagster.yaml with the recommended settings. What steps print goes
    to the terminal: of what Dagster captures it shows a copy, late or, at the end of a step, never.
    Raises `ConfigError` where the home cannot be written.
    """
    default = Path(config.export_dir).parent / "dagster"
    home = Path(os.environ.get("DAGSTER_HOME") or default.resolve()).absolute()
    try:
        home.mkdir(parents=True, exist_ok=True)
        settings = home / "dagster.yaml"
        if not settings.exists():
            settings.write_text(files("tshirt_assets").joinpath("dagster.yaml").read_text())
    except OSError as error:
        raise ConfigError(
            f"DAGSTER_HOME: {home} cannot be written ({error.strerror}); set DAGSTER_HOME, or "
            "`export_dir`, to a folder that can be created"
        ) from None
    os.environ["DAGSTER_HOME"] = str(home)
    return instance_in(home)


def instance_in(home: Path) -> dg.DagsterInstance:
    """The instance of a Dagster home that is there, for a process that makes many runs."""
    reference = InstanceRef.from_dir(str(home), overrides={"compute_logs": NO_CAPTURE})
    # By parts of Dagster that it does not promise to keep: with another its own storage serves.
    with suppress(ImportError):
        from tshirt_assets.commands.sqlite_storage import with_kept_connections

        reference = with_kept_connections(reference)
    return dg.DagsterInstance.from_ref(reference)


def register_shards(instance: dg.DagsterInstance, config: CorpusConfig) -> list[str]:
    """Add the corpus's new shards as partitions and note changed ones; returns the new keys.

    Of an asset in place of files, partitions that are gone are deleted here as well.
    """
    return add_new_shards(instance, Binding(config), upstream_of(instance, config), tell)


def forget_missing_shards(instance: dg.DagsterInstance, config: CorpusConfig) -> None:
    """Delete the partitions of shards whose file is gone."""
    registered = instance.get_dynamic_partitions(config.name)
    live = {spec.key for spec in discover_shards(config, registered)}
    for shard in registered:
        if shard not in live:
            instance.delete_dynamic_partition(config.name, shard)
