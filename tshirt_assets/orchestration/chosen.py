"""Which assets and recipes a run was asked for: by default all that the corpus needs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from tshirt_assets.config import ConfigError, CorpusConfig
from tshirt_assets.config.messages import did_you_mean
from tshirt_assets.incremental.catalog import (
    ASSETS,
    AssetRecord,
    ancestors,
    in_phases,
    needed_assets,
)

UPSTREAM = "+"  # in front of a name, as in Dagster's own selections


@dataclass(frozen=True, slots=True)
class Chosen:
    """The assets that a run makes, in the order of its steps, and the recipes that it selects by.

    `everything`: nothing was left out, so that the run may count as one of the whole corpus.
    """

    phases: tuple[tuple[AssetRecord, ...], ...]
    recipes: tuple[str, ...]
    everything: bool = True

    @property
    def records(self) -> list[AssetRecord]:
        """The assets, in an order in which they can be made."""
        return [record for phase in self.phases for record in phase]

    @property
    def steps(self) -> int:
        """How many assets are made."""
        return sum(map(len, self.phases))

    @classmethod
    def of(
        cls, config: CorpusConfig, assets: Sequence[str] = (), recipes: Sequence[str] = ()
    ) -> Self:
        """What the names stand for; without any, everything.

        `assets`: names, `+NAME` with all that it is made from, several in one text with commas.
        Those that no recipe needs can be named, too. `recipes`: of those alone subsets are made;
        without `assets` only what they need is. Raises `ConfigError` for an unknown name.
        """
        named = [name for text in assets for name in text.split(",")]
        wanted = tuple(recipes) or tuple(config.recipes)
        for recipe in wanted:
            _check("recipe", recipe, config.recipes)
        records = needed_assets(_with_recipes(config, wanted))
        if named:
            picked = set().union(*(_picked(text, config) for text in named))
            records = [record for record in ASSETS.values() if record.name in picked]
        phases = tuple(map(tuple, in_phases(records)))
        return cls(phases, wanted, everything=not named and not recipes)


def _with_recipes(config: CorpusConfig, names: Iterable[str]) -> CorpusConfig:
    """The configuration without other recipes than these and those that they fuse."""
    wanted = {part for name in names for part in (name, *config.recipes[name].fuse)}
    kept = {name: recipe for name, recipe in config.recipes.items() if name in wanted}
    return config.model_copy(update={"recipes": kept})


def _picked(text: str, config: CorpusConfig) -> set[str]:
    """The assets that a name stands for, `+` in front of it: with all that it is made from.

    One that is needed is made from none that is not.
    """
    name = text.strip().removeprefix(UPSTREAM)
    _check("asset", name, ASSETS)
    if not text.strip().startswith(UPSTREAM):
        return {name}
    record = ASSETS[name]
    others = ancestors(record, config if record.needed(config) else None)
    return {name, *(other.name for other in others)}


def _check(kind: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise ConfigError(
            f"there is no {kind} {name!r}{did_you_mean(name, known)}; there are: {', '.join(known)}"
        )
