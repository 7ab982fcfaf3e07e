"""What a subset was made from and with: recorded with its table, and written to its manifest."""

import platform
from contextlib import suppress
from importlib.metadata import version
from typing import Any

from tshirt_assets import __version__
from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.catalog import (
    CALIBRATION,
    CONTENDERS,
    ROBUST_SCORES,
    SELECTED_SUBSET,
)
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.facts import Provenance, RecordedTable
from tshirt_assets.incremental.identity import identity_hash
from tshirt_assets.incremental.writing import upstream_version

PACKAGES = ("torch", "transformers")  # whose versions may change a score


def provenance(
    config: CorpusConfig,
    scores: CorpusScores,
    name: str,
    *,
    data_version: str,
    stability: tuple[str, float] | None,
) -> Provenance:
    """Everything needed to make the subset of the recipe `name` again.

    data_version: that of the selected rows. stability: what is meant by it, and its value.
    """
    recipe = config.recipes[name]
    return Provenance(
        corpus=config.name,
        recipe=name,
        options=recipe.model_dump(mode="json", exclude_defaults=True),
        **recorded_options(config),
        identities={
            asset: data.identity for asset, data in scores.inputs(recipe).items() if data.identity
        },
        versions={"tshirt-assets": __version__, "python": platform.python_version()}
        | {package: version(package) for package in PACKAGES},
        tau=scores.tau_of(recipe),
        data_version=data_version,
        stability=None if stability is None else dict([stability]),
        judgements=scores.judgements_version(recipe) or None,
    )


def recorded_options(config: CorpusConfig) -> dict[str, Any]:
    """The options of a corpus that a provenance holds."""
    return {
        "scorer": config.scorer.model_dump(exclude_defaults=True) | {"path": config.scorer.path},
        "target": {"path": config.target_model.path, "revision": config.target_model.revision},
        "embedder": config.embedder.path,
        "prompt_format": config.prompt_format,
        "keep_fraction": config.keep_fraction,
        "robustness": config.robustness.model_dump(),
        "seed": config.seed,
    }


def recorded_inputs(scores: CorpusScores, name: str) -> dict[str, dict[str, RecordedTable]]:
    """By asset and shard: the version of every table that a recipe's subset was made from."""
    return {
        asset: {
            shard: RecordedTable(version=info.version, data_version=info.data_version)
            for shard, info in data.tables.items()
        }
        for asset, data in scores.inputs(scores.config.recipes[name]).items()
    }


def made_from(scores: CorpusScores, name: str) -> str:
    """Hash of all that the recipe `name` selects from, and that its files are written by.

    That is the versions of the tables that decide, tau, where it ranks by robustness what that was
    measured with, people's verdicts, the options, and this package. What other recipes rank by and
    select is left out: a report shows and compares with it as it was when it was written.
    """
    config = scores.config
    recipe = config.recipes[name]
    card = config.card.model_dump(mode="json", exclude_defaults=True)
    tables = scores.inputs(recipe)
    judged = scores.judgements_version(recipe)
    by_robustness = {ROBUST_SCORES.name, *ROBUST_SCORES.measures} & tables.keys()
    return identity_hash(
        SELECTED_SUBSET.name,
        tables={asset: [data.version, data.identity] for asset, data in tables.items()},
        incomplete=tables["token_scores"].incomplete,
        whole={
            record.name: upstream_version(scores.store, config.name, record.name)
            for record in (CONTENDERS, CALIBRATION)
            if by_robustness and record.needed(config)
        },
        tau=scores.tau,
        recipes={
            part: config.recipes[part].model_dump(mode="json") for part in (name, *recipe.fuse)
        },
        options=recorded_options(config),
        exports=[
            *(config.exports, config.export_token_weights, config.report_url),
            # Without these, what earlier versions recorded.
            *([card] if card else []),
            *([config.explore_url] if config.explore_url else []),
        ],
        package=__version__,
        **({"judgements": judged} if judged else {}),
    )


def made_from_all(scores: CorpusScores) -> str:
    """Hash of what every recipe selects from whose scores are there; see `made_from`."""
    sources: dict[str, str] = {}
    for name in scores.config.recipes:
        with suppress(UpstreamError):
            sources[name] = made_from(scores, name)
    return identity_hash(SELECTED_SUBSET.name, recipes=sources)
