"""Compare trainings on what the recipes of a corpus select, or say what that would take."""

import logging

import dagster as dg

from tshirt_assets.commands.terminal import say
from tshirt_assets.config import CorpusConfig
from tshirt_assets.evidence.training.compare import cost_of_training, evidence_by_training
from tshirt_assets.evidence.training.cost import TrainingCost
from tshirt_assets.evidence.training.training_plan import TrainingPlan
from tshirt_assets.evidence.training.verdicts import TrainingEvidence
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.store.store import Store

logger = logging.getLogger(__name__)


def compare_trainings(
    instance: dg.DagsterInstance, config: CorpusConfig, plan: TrainingPlan
) -> TrainingEvidence:
    """Train and compare, with a line for each training; the scores of CORPUS must be there."""
    return evidence_by_training(_scores(instance, config), plan, say)


def plan_trainings(
    instance: dg.DagsterInstance, config: CorpusConfig, plan: TrainingPlan
) -> TrainingCost:
    """What `compare_trainings` would take."""
    return cost_of_training(_scores(instance, config), plan)


def _scores(instance: dg.DagsterInstance, config: CorpusConfig) -> CorpusScores:
    registered = instance.get_dynamic_partitions(config.name)
    store = Store(config.store, config.storage_options)
    return CorpusScores(store, config, registered, logger)
