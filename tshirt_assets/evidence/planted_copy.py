"""A planted copy of a corpus: its rows in a file, a configuration of its own, a list of who is who.

The copy is a corpus like any other, in the same store; a run scores it through the ordinary assets.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from tshirt_assets.config import ColumnOptions, CorpusConfig, Recipe
from tshirt_assets.evidence.asked import SHARES
from tshirt_assets.evidence.baselines import RULES
from tshirt_assets.evidence.planting import Planting
from tshirt_assets.export.formats import messages_record
from tshirt_assets.export.turns import with_tools_text, with_turn_fields_in_messages
from tshirt_assets.incremental.leftovers import staged_file
from tshirt_assets.incremental.planted_copies import WHO, copy_folder, copy_name

ROWS: Final = "rows.jsonl"
ONE_SHARD: Final = 10_000_000  # rows
OTHER_OPTIONS: Final[Mapping[str, Any]] = {
    "source_asset": None,
    "source_options": {},
    "format": "messages",
    "columns": ColumnOptions(),
    "rows_per_shard": ONE_SHARD,
    "turns": "last",
    "semantic_search": False,
    "export_token_weights": False,
    "report_url": None,
    "automation": None,
    "checks": "warn",
    "max_bad_share": 1.0,
    "tau_tolerance": 0.999,  # tau stays that of the corpus, where it was lent
    "on_incomplete": "fail",
}
"""What a copy has in place of the options of its corpus."""


@dataclass(frozen=True, slots=True)
class PlantedCopy:
    """A planted copy. who: source (the row's sample id in the corpus) and kind (null where it is
    as it was), by `row`, its place in the file. selections: the names of the copy's recipes by
    the name of a recipe of the corpus and the share."""

    config: CorpusConfig
    planting: Planting
    who: pl.DataFrame
    selections: Mapping[str, Mapping[float, str]]


def make_copy(config: CorpusConfig, rows: pl.DataFrame, planting: Planting) -> PlantedCopy:
    """Write the rows with what was planted, as a corpus of its own beside the exports.

    rows: of `source_frame`. The same planting writes the same file, so that nothing that is
    stored of it is computed again.
    """
    folder = copy_folder(config, planting.seed)
    folder.mkdir(parents=True, exist_ok=True)
    with staged_file(folder / ROWS) as staged:
        staged.write_text("".join(_lines(rows, planting)), encoding="utf-8")
    kinds = [planting.kinds.get(one) for one in rows["sample_id"]]
    who = pl.DataFrame(
        {"row": range(rows.height), "source": rows["sample_id"], "kind": kinds},
        schema={"row": pl.Int64, "source": pl.String, "kind": pl.String},
    )
    with staged_file(folder / WHO) as staged:
        who.write_parquet(staged)
    recipes, selections = _at_shares(config.recipes)
    copied = config.model_copy(
        update={
            **OTHER_OPTIONS,
            "name": copy_name(config.name, planting.seed),
            "paths": (str(folder / ROWS),),
            "export_dir": str(folder / "exports"),
            "recipes": recipes,
            "robustness": config.robustness.model_copy(update={"scope": "all"}),
        }
    )
    return PlantedCopy(copied, planting, who, selections)


def rules_of(recipes: Mapping[str, Recipe]) -> dict[str, str]:
    """The rule of every recipe: its name without a share; recipes that differ in budget share one.

    The first recipe of a rule lends its name, whole where the short one is another rule's. One
    that is named like a baseline is told apart from it.
    """
    rules: dict[str, str] = {}
    by_recipe: list[tuple[Recipe, str]] = []
    for name, recipe in recipes.items():
        bare = recipe.model_copy(update={"budget": 1})
        known = next((rule for other, rule in by_recipe if other == bare), None)
        if known is None:
            short = re.sub(r"[-_.]\d+(\.\d+)?(pct|p)$", "", name)
            known = f"{short} (recipe)" if short in RULES else short
            known = name if known in rules.values() else known
            by_recipe.append((bare, known))
        rules[name] = known
    return rules


def _at_shares(
    recipes: Mapping[str, Recipe],
) -> tuple[dict[str, Recipe], dict[str, dict[float, str]]]:
    """The recipes, and one more for every rule at every share; their names by rule and share."""
    found, names = dict(recipes), dict[str, dict[float, str]]()
    for name, rule in rules_of(recipes).items():
        if rule not in names:
            names[rule] = {share: f"{rule}.at-{share:.0%}".replace("%", "pct") for share in SHARES}
            for share, own in names[rule].items():
                found[own] = recipes[name].model_copy(update={"budget": share})
    return found, names


def _lines(rows: pl.DataFrame, planting: Planting) -> list[str]:
    """The rows as this package exports them, by which they come back as the samples they were."""
    planted = rows.with_columns(
        messages=pl.Series(
            [
                _answered(row["messages"], planting.responses.get(row["sample_id"]))
                for row in rows.iter_rows(named=True)
            ],
            dtype=rows.schema["messages"],
        ),
        recipe=pl.lit("evidence"),
        rank=pl.int_range(1, rows.height + 1),
        score=pl.lit(0.0),
    )
    return [
        json.dumps(_without_nulls(messages_record(row)), ensure_ascii=False) + "\n"
        for row in with_tools_text(with_turn_fields_in_messages(planted)).iter_rows(named=True)
    ]


def _answered(messages: list[dict[str, Any]], response: str | None) -> list[dict[str, Any]]:
    if response is None:
        return messages
    return [*messages[:-1], {**messages[-1], "content": response}]


def _without_nulls(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}
