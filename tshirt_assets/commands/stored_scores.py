"""The scores that are stored of a corpus, of the shards that an instance knows."""

import logging

import dagster as dg

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.store.store import Store

logger = logging.getLogger(__name__)


def stored_scores(instance: dg.DagsterInstance, config: CorpusConfig) -> CorpusScores:
    """The stored scores of the shards that are registered in the instance."""
    registered = instance.get_dynamic_partitions(config.name)
    store = Store(config.store, config.storage_options)
    return CorpusScores(store, config, registered, logger)
