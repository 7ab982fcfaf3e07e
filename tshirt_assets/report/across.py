"""What the report across recipes shows, from the scores that are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import polars as pl

from tshirt_assets.export.escaping import one_line
from tshirt_assets.incremental.boilerplate import own_part
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.report.disputed import disputed_rows, only_rows, taken_rows
from tshirt_assets.report.listed import PLACE, script_shares
from tshirt_assets.selection.agreement import RecipeComparison

CORPUS: Final = "corpus"
CHARACTERS: Final = 600
"""Of an instruction or a response."""


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """A row, and by recipe whether it is selected and its place (None where it is ruled out).

    instruction: without what most of the corpus begin with.
    """

    shard: str
    row: int
    domain: str | None
    instruction: str
    response: str
    places: Mapping[str, tuple[bool, int | None]]


@dataclass(frozen=True, slots=True)
class AcrossData:
    """Everything the report across recipes shows; what is missing leaves its section out.

    source: hash of all that it was made from. usable: rows that could be selected. disputed: rows
    that some recipes select and others rank low. only: by recipe how many rows only it selects, and
    some of them. domains, scripts: by name, the shares (0 to 1) of the corpus and of each recipe.
    """

    corpus: str
    source: str
    usable: int
    methods: Mapping[str, str]
    comparison: RecipeComparison
    disputed: Sequence[PlacedRow] = ()
    only: Mapping[str, tuple[int, Sequence[PlacedRow]]] = field(default_factory=dict)
    domains: Mapping[str, Sequence[float]] = field(default_factory=dict)
    scripts: Mapping[str, Sequence[float]] = field(default_factory=dict)
    created: str = ""


def across_data(scores: CorpusScores, source: str) -> AcrossData:
    """Compare all recipes whose scores are there. source: hash of all that they are made from."""
    rankings = scores.rankings()
    taken = taken_rows(rankings)
    disputed, alone = disputed_rows(taken), only_rows(taken)
    shown = {*disputed, *(one for _, ids in alone.values() for one in ids)}
    rows = _placed_rows(taken.filter(pl.col("sample_id").is_in(list(shown))), scores)
    subsets = _subsets(rankings, scores)
    corpus = subsets[CORPUS]
    return AcrossData(
        corpus=scores.config.name,
        source=source,
        usable=corpus.height,
        methods={name: scores.config.recipes[name].method for name in rankings},
        comparison=scores.comparison(),
        disputed=[rows[sample_id] for sample_id in disputed],
        only={
            name: (alone[name][0], [rows[one] for one in alone[name][1]])
            for name in rankings
            if name in alone
        },
        domains={}
        if corpus["domain"].is_null().all()
        else _side_by_side([_domain_shares(frame) for frame in subsets.values()]),
        scripts=_side_by_side(script_shares([*subsets.values()], scores)),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _subsets(rankings: Mapping[str, pl.DataFrame], scores: CorpusScores) -> dict[str, pl.DataFrame]:
    """The usable rows and those of each recipe: where they are and their domain, by sample_id."""
    rows = scores.rows().select(PLACE).unique("sample_id", keep="first").sort("sample_id")
    usable = pl.concat([frame.select("sample_id") for frame in rankings.values()])
    found = {CORPUS: rows.join(usable, on="sample_id", how="semi")}
    for name, frame in rankings.items():
        found[name] = rows.join(frame.filter("selected"), on="sample_id", how="semi")
    return found


def _domain_shares(rows: pl.DataFrame) -> dict[str, float]:
    counts = rows["domain"].fill_null("(none)").value_counts(normalize=True)
    return dict(counts.iter_rows())


def _side_by_side(shares: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """By name its share in each of these, those most frequent in the first (the corpus) first."""
    names = {name for one in shares for name in one}
    order = sorted(names, key=lambda name: (-shares[0].get(name, 0.0), name))
    return {name: [one.get(name, 0.0) for one in shares] for name in order}


def _placed_rows(lines: pl.DataFrame, scores: CorpusScores) -> dict[str, PlacedRow]:
    ids = lines.select("sample_id").unique()
    where = scores.rows().select(PLACE).join(ids, on="sample_id").unique("sample_id", keep="first")
    texts = scores.texts(where).unique("sample_id", keep="first")
    said = {text["sample_id"]: text for text in texts.iter_rows(named=True)}
    places: dict[str, dict[str, tuple[bool, int | None]]] = {}
    for line in lines.iter_rows(named=True):
        place = (line["selected"], line["position"])
        places.setdefault(line["sample_id"], {})[line["recipe"]] = place
    return {
        row["sample_id"]: PlacedRow(
            shard=row["shard"],
            row=row["row"],
            domain=row["domain"],
            instruction=_begun(
                own_part(said[row["sample_id"]]["instruction"] or "", scores.shared_beginning)
            ),
            response=_begun(said[row["sample_id"]]["response"]),
            places=places[row["sample_id"]],
        )
        for row in where.iter_rows(named=True)
    }


def _begun(text: str | None) -> str:
    """The beginning of a text, on one line."""
    line = one_line((text or "")[: 2 * CHARACTERS])
    return line if len(text or "") <= CHARACTERS else f"{line[:CHARACTERS]}…"
