"""The code that defines the asset which a corpus hangs on, where that is not in files."""

import os
from functools import cache

import dagster as dg
from dagster._core.definitions.reconstruct import repository_def_from_target_def
from dagster._core.workspace.autodiscovery import loadable_targets_from_python_module

from tshirt_assets.config import ConfigError, CorpusConfig
from tshirt_assets.config.source_checks import MODULE_VARIABLE
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.upstream import Upstream
from tshirt_assets.orchestration.upstream_definitions import upstream_definitions


def upstream_of(instance: dg.DagsterInstance, config: CorpusConfig) -> Upstream | None:
    """The asset that holds the rows of a corpus, with what its module says of it, if one is named.

    None where files hold them.
    """
    if config.source_asset is None:
        return None
    return Upstream.found_in(instance, Binding(config), _repository(config))


def source_definitions(config: CorpusConfig) -> dg.Definitions:
    """What a run needs to read the corpus beside its own definitions: nothing for files.

    Raises `ConfigError` where its `source_asset` is not in the module, or none is named.
    """
    if config.source_asset is None:
        return dg.Definitions()
    repository = _repository(config)
    if repository is None:
        raise ConfigError(
            f"source_asset: {config.source_asset} is loaded by the code that defines it; name the "
            f"module (-m my_project.definitions, or {MODULE_VARIABLE}), or materialize "
            f"{config.name} in Dagster"
        )
    return upstream_definitions(Binding(config), repository)


def _repository(config: CorpusConfig) -> dg.RepositoryDefinition | None:
    """The definitions of the module that the environment names."""
    module = os.environ.get(MODULE_VARIABLE)
    if not module:
        return None
    found = _loaded(module)
    if not found.asset_graph.has(Binding(config).upstream):
        raise ConfigError(f"source_asset: {config.source_asset} is not defined in {module}")
    return found


@cache
def _loaded(module: str) -> dg.RepositoryDefinition:
    try:
        [target, *_] = loadable_targets_from_python_module(module, working_directory=os.getcwd())
        repository = repository_def_from_target_def(target.target_definition)
    except Exception as error:  # the user's own code
        raise ConfigError(
            f"{module}: has no definitions that can be loaded ({type(error).__name__}: {error})"
        ) from error
    if repository is None:
        raise ConfigError(f"{module}: has no Definitions")
    return repository
