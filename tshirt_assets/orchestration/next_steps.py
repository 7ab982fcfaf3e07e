"""What to do when an asset has been made, in a sentence: the UI shows it with its description."""

from collections.abc import Mapping
from typing import Final

NEXT: Final[Mapping[str, str]] = {
    "samples": "Look at rows_by_status first: what is not ok is never scored. Then materialize "
    "token_scores, which costs most of a run's time.",
    "embeddings": "Materialize neighbours and search when all shards are embedded.",
    "token_scores": "Look at ifd_plot: where most rows are above 1, another prompt_format may suit "
    "the scorer. Materialize contenders when all shards are scored.",
    "relevance": "Look at relevance_plot: rows far left answer something else. Materialize "
    "contenders when all shards are measured.",
    "contenders": "Materialize calibration, then robust_scores, which measures these rows alone.",
    "calibration": "Materialize robust_scores. Where the agreement is poor, choose the estimator "
    "hybrid or sampled.",
    "neighbours": "Materialize miwv_scores.",
    "search": "Ask it: tshirt-assets search corpus.yaml TEXT.",
    "robust_scores": "Materialize selected_subset.",
    "miwv_scores": "Materialize selected_subset.",
    "selected_subset": "Open the report, judge rows in the row browser (tshirt-assets explore), "
    "and hang your training job on this asset: docs/training.md.",
    "evidence": "Compare the recipe with random and longest: where its interval does not lie below "
    "theirs, it keeps no more corruption out than chance; try another recipe, or `min_relevance`.",
    "judgements": "Materialize the subsets that have become stale.",
}
"""By asset; one that is not named needs no next step."""
