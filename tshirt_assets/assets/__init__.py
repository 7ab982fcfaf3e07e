"""The software-defined assets: one file each, thin. Read, call, write, report."""

from collections.abc import Callable, Mapping
from typing import Final

import dagster as dg

from tshirt_assets.assets import (
    calibration,
    contenders,
    embeddings,
    evidence,
    miwv_scores,
    neighbours,
    relevance,
    robust_scores,
    samples,
    search,
    selected_subset,
    token_scores,
)
from tshirt_assets.orchestration.binding import Binding

BUILDERS: Final[Mapping[str, Callable[[Binding], dg.AssetsDefinition]]] = {
    module.__name__.rpartition(".")[2]: module.build
    for module in (
        samples,
        embeddings,
        token_scores,
        relevance,
        contenders,
        calibration,
        neighbours,
        search,
        robust_scores,
        miwv_scores,
        selected_subset,
        evidence,
    )
}
"""What builds each asset of the catalogue, by its name: the `build` of the module of that name."""
