"""A piece of a corpus's work: one run over some partitions of some assets."""

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

from tshirt_assets.commands.run_events import terminal_logger
from tshirt_assets.commands.source_definitions import source_definitions
from tshirt_assets.config import CorpusConfig
from tshirt_assets.factory import build_curation_defs
from tshirt_assets.orchestration.outcome import Outcome, outcome_of, range_tags
from tshirt_assets.orchestration.run_start import PROCESS_TAG


@dataclass(frozen=True)
class Piece:
    """What one run makes of some assets: neighbouring partitions, or (no keys) the whole corpus."""

    assets: tuple[str, ...]
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        which = self.keys[0] if len(self.keys) == 1 else f"{len(self.keys)} partitions"
        return ", ".join(self.assets) + f" of {which}" * bool(self.keys)


def corpus_job(instance: dg.DagsterInstance, config: CorpusConfig) -> dg.JobDefinition:
    """The job over all assets of a corpus, with what it logs on standard error.

    Raises `ConfigError` where the asset that holds the rows is not defined in a module that is
    named.
    """
    loggers = {"console": terminal_logger(instance)}
    return dg.Definitions.merge(
        build_curation_defs(config), source_definitions(config), dg.Definitions(loggers=loggers)
    ).resolve_implicit_global_asset_job_def()


def run_piece(
    instance: dg.DagsterInstance,
    config: CorpusConfig,
    job: dg.JobDefinition,
    piece: Piece,
    tags: Mapping[str, str] = PROCESS_TAG,
) -> Outcome:
    """Run a piece in this process. Raises `KeyboardInterrupt` if it was interrupted."""
    result = job.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey([config.name, asset]) for asset in piece.assets],
        tags={**tags, **range_tags(piece.keys)},
        run_config={"loggers": {"console": {"config": {}}}},
        raise_on_error=False,
    )
    return outcome_of(result)
