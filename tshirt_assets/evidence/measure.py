"""From scored copies to evidence: chances, shares and differences with their intervals."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.evidence.asked import SHARES, EvidenceOptions
from tshirt_assets.evidence.baselines import RULES
from tshirt_assets.evidence.figures import ALL_KINDS, CLEAN, Evidence, PlantedKind
from tshirt_assets.evidence.intervals import (
    FEW,
    Estimate,
    Marked,
    auc,
    difference,
    draws,
    share,
)
from tshirt_assets.evidence.kinds import KINDS, SourceRow
from tshirt_assets.evidence.planted_copy import rules_of
from tshirt_assets.evidence.score_frame import COLUMNS
from tshirt_assets.evidence.scored import ScoredCopy
from tshirt_assets.selection.methods import METHODS

SCORES: Final = {
    "ifd": "IFD",
    "s_ifd": "S-IFD, clean",
    "s_ifd_mean": "S-IFD mean",
    "s_ifd_std": "S-IFD std",
    "miwv": "MIWV",
    "cosine": "cosine",
    "n_response_tokens": "length",
    "cond_nll": "loss",
}
"""The scores whose AUC is measured, and how tables name them."""
assert {*SCORES} <= {*COLUMNS}
WIDE: Final = 200  # rows of a copy; of fewer, intervals are said to be wide
ONE_LANGUAGE: Final = 0.95


def measure(
    config: CorpusConfig,
    options: EvidenceOptions,
    rows: Sequence[SourceRow],
    copies: Sequence[ScoredCopy],
) -> Evidence:
    """What the copies say. rows: the sources. The same copies give the same figures."""
    return _Measures(config, options, rows, copies).evidence()


class _Measures:
    def __init__(
        self,
        config: CorpusConfig,
        options: EvidenceOptions,
        rows: Sequence[SourceRow],
        copies: Sequence[ScoredCopy],
    ):
        self._config, self._options, self._rows, self._copies = config, options, rows, copies
        sources = sorted({one for copy in copies for one in copy.copy.who["source"]})
        self._number = {source: place for place, source in enumerate(sources)}
        self._weights = draws(len(sources), options.seed)

    def evidence(self) -> Evidence:
        shares = {rule: self._shares(rule) for rule in self._rules}
        return Evidence(
            corpus=self._config.name,
            options=self._options.values(),
            rows=self._copies[0].copy.who.height,
            base=float(np.mean(np.concatenate([self._bad(copy) for copy in self._copies]))),
            kinds=self._kinds,
            auc={
                name: {kind: self._auc(name, kind) for kind in (*self._planted, ALL_KINDS)}
                for name in self._measured
            },
            ruled_out={kind: self._ruled_out(kind) for kind in (CLEAN, *self._planted)},
            rules=self._rules,
            recipes=rules_of(self._config.recipes),
            shares=shares,
            lead=self._lead,
            against={rule: self._against(rule) for rule in self._rules if rule != self._lead},
            limits=tuple(self._limits()),
        )

    @cached_property
    def _kinds(self) -> tuple[PlantedKind, ...]:
        plantings = [copy.copy.planting for copy in self._copies]
        return tuple(
            PlantedKind(
                kind,
                KINDS[kind].meaning,
                possible=sum(planting.possible[kind] for planting in plantings),
                planted=sum(planting.count(kind) for planting in plantings),
            )
            for kind in self._options.kinds
        )

    @property
    def _planted(self) -> list[str]:
        return [kind.name for kind in self._kinds if kind.planted]

    @property
    def _measured(self) -> list[str]:
        """The scores that any row of any copy has."""
        return [
            name
            for name in SCORES
            if any(copy.frame[name].null_count() < copy.frame.height for copy in self._copies)
        ]

    @cached_property
    def _rules(self) -> dict[str, str]:
        """The rules that select anything, recipes first, and what they do."""
        named = {rule: name for name, rule in reversed(rules_of(self._config.recipes).items())}
        recipes = self._config.recipes
        meanings = {
            rule: METHODS[recipes[named[rule]].method].describe(recipes[named[rule]])
            for rule in self._copies[0].copy.selections
        }
        selecting = {rule for copy in self._copies for rule in copy.picks}
        return meanings | {
            rule: text for rule, text in RULES.items() if rule in selecting and rule not in meanings
        }

    @property
    def _lead(self) -> str:
        """The rule that the others are held against: the first by robustness, or the first."""
        rules = rules_of(self._config.recipes)
        robust = [
            rules[name]
            for name, recipe in self._config.recipes.items()
            if METHODS[recipe.method].by_robustness
        ]
        return (robust or [*rules.values()])[0]

    def _auc(self, name: str, kind: str) -> Estimate:
        marked = []
        for copy in self._copies:
            of_kind = pl.col("kind").is_not_null() if kind == ALL_KINDS else pl.col("kind") == kind
            rows = copy.frame.filter(pl.col(name).is_not_null())
            rows = rows.filter(pl.col("kind").is_null() | of_kind)
            bad = rows["kind"].is_not_null().to_numpy()
            marked.append(Marked(rows[name].to_numpy(), bad, self._sources(rows)))
        return auc(marked, self._weights)

    def _ruled_out(self, kind: str) -> Estimate:
        out, sources = [], []
        for copy in self._copies:
            rows = copy.frame.filter(
                pl.col("kind").is_null() if kind == CLEAN else pl.col("kind") == kind
            )
            out += (rows["ifd"] >= 1).to_list()
            sources += self._sources(rows).tolist()
        return share(out, sources)

    def _shares(self, rule: str) -> dict[float, Estimate]:
        found = {}
        for budget in SHARES:
            bad, sources = [], []
            for copy in self._copies:
                rows = self._selected(copy, rule, budget)
                bad += rows["kind"].is_not_null().to_list()
                sources += self._sources(rows).tolist()
            found[budget] = share(bad, sources)
        return found

    def _against(self, rule: str) -> dict[float, Estimate]:
        bad = np.stack([self._spread(copy.frame, self._bad(copy)) for copy in self._copies])
        return {
            budget: difference(
                self._counts(self._lead, budget), self._counts(rule, budget), bad, self._weights
            )
            for budget in SHARES
        }

    def _counts(self, rule: str, budget: float) -> np.ndarray:
        """The part of its draws in which a rule selects each source, (copies, sources)."""
        counts = []
        for copy in self._copies:
            rows = self._selected(copy, rule, budget)
            found = np.bincount(self._sources(rows), minlength=len(self._number))
            counts.append(found / max(1, len(copy.picks[rule][budget])))
        return np.stack(counts)

    def _selected(self, copy: ScoredCopy, rule: str, budget: float) -> pl.DataFrame:
        """The rows that a rule selects, those of all its draws one after the other."""
        ids = [one for pick in copy.picks[rule][budget] for one in pick]
        wanted = pl.DataFrame({"sample_id": ids}, schema={"sample_id": pl.String})
        rows = copy.frame.select("sample_id", "source", "kind")
        return wanted.join(rows, on="sample_id", how="inner", maintain_order="left")

    def _sources(self, rows: pl.DataFrame) -> np.ndarray:
        return np.array([self._number[source] for source in rows["source"]], np.int64)

    def _spread(self, rows: pl.DataFrame, values: np.ndarray) -> np.ndarray:
        """Values of rows at the places of their sources; 0 for the others."""
        found = np.zeros(len(self._number))
        found[self._sources(rows)] = values
        return found

    def _bad(self, copy: ScoredCopy) -> np.ndarray:
        return copy.frame["kind"].is_not_null().to_numpy()

    def _limits(self) -> Iterator[str]:
        yield (
            "Rows that were bad before count as clean: of a corpus that is corrupt already the "
            "AUCs are too near to .5 and the corrupted shares too low."
        )
        yield (
            "Planted faults are cruder than real ones, and what a model learns from a selection is "
            "not measured here."
        )
        rows = self._copies[0].copy.who.height
        if rows < WIDE:
            yield f"The copies have {rows} rows: intervals are wide, and most differences drown."
        none = [kind.name for kind in self._kinds if not kind.planted]
        if none:
            yield f"Not planted, because no row allows it: {', '.join(none)}."
        few = [kind.name for kind in self._kinds if 0 < kind.planted < FEW]
        if few:
            yield f"Planted in fewer than {FEW} rows, too few to tell: {', '.join(few)}."
        domains = {domain for copy in self._copies for domain in copy.frame["domain"]}
        if len(domains) == 1:
            yield "The rows have one domain, or none: nothing is said of others."
        languages = Counter(row.language for row in self._rows if row.language)
        [(language, count)] = languages.most_common(1) or [("", 0)]
        if count >= ONE_LANGUAGE * max(1, languages.total()):
            known = f" ({language})" if language else ""
            yield f"The rows are in one language{known}: nothing is said of others."
        missing = [label for name, label in SCORES.items() if name not in self._measured]
        if missing:
            yield f"No recipe of the corpus asks for these scores: {', '.join(missing)}."
