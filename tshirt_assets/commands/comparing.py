"""Compare trainings on what the recipes of a corpus select, or say what that would take."""

import dagster as dg

from tshirt_assets.commands.stored_scores import stored_scores
from tshirt_assets.commands.terminal import say
from tshirt_assets.config import CorpusConfig
from tshirt_assets.evidence.training.compare import cost_of_training, evidence_by_training
from tshirt_assets.evidence.training.cost import TrainingCost
from tshirt_assets.evidence.training.training_plan import TrainingPlan
from tshirt_assets.evidence.training.verdicts import TrainingEvidence


def compare_trainings(
    instance: dg.DagsterInstance, config: CorpusConfig, plan: TrainingPlan
) -> TrainingEvidence:
    """Train and compare, with a line for each training; the scores of CORPUS must be there."""
    return evidence_by_training(stored_scores(instance, config), plan, say)


def plan_trainings(
    instance: dg.DagsterInstance, config: CorpusConfig, plan: TrainingPlan
) -> TrainingCost:
    """What `compare_trainings` would take."""
    return cost_of_training(stored_scores(instance, config), plan)
