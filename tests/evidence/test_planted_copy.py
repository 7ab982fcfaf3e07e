"""A planted copy is a corpus whose other rows are what they were."""

from pathlib import Path

import polars as pl
import pytest

from tests.export.rows import SAMPLES
from tshirt_assets.config import CorpusConfig, Recipe
from tshirt_assets.corpus.readers import read_shard
from tshirt_assets.corpus.sample import to_table
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.evidence.copied_rows import source_rows
from tshirt_assets.evidence.planted_copy import make_copy, rules_of
from tshirt_assets.evidence.planting import Planting
from tshirt_assets.store.frames import to_frame


@pytest.fixture
def config(tmp_path: Path) -> CorpusConfig:
    return CorpusConfig(name="c", paths=("x.jsonl",), export_dir=str(tmp_path / "exports"))


def test_rows_come_back_as_they_were_but_for_what_was_planted(config: CorpusConfig) -> None:
    """Conversations, inputs, system turns, fields of turns and tools: every shape there is."""
    rows = to_frame(to_table(SAMPLES)).sort("sample_id")
    bad = source_rows(rows)[0].sample_id
    planting = Planting(3, kinds={bad: "refusal"}, responses={bad: "No."}, possible={"refusal": 1})
    copy = make_copy(config, rows, planting)
    [spec] = discover_shards(copy.config)
    back = to_frame(to_table(read_shard(spec, copy.config)))
    same = back["sample_id"] == rows["sample_id"]
    assert (~same).to_list() == [one == bad for one in rows["sample_id"]]
    assert back["domain"].to_list() == rows["domain"].to_list()
    [planted] = back.filter(~same).to_dicts()
    before = rows.row(by_predicate=pl.col("sample_id") == bad, named=True)
    assert planted["response"] == "No."
    assert planted["messages"][:-1] == before["messages"][:-1]
    assert planted["input"] == before["input"]
    assert copy.who.filter(pl.col("kind").is_not_null()).rows() == [
        (rows["sample_id"].to_list().index(bad), bad, "refusal")
    ]


def test_a_copy_has_every_rule_at_every_share(config: CorpusConfig) -> None:
    rows = to_frame(to_table(SAMPLES))
    copy = make_copy(config, rows, Planting(0, {}, {}, {}))
    assert copy.config.name == "c_evidence_0"
    assert list(copy.selections) == ["tshirt", "miwv", "ifd", "longest (recipe)", "random (recipe)"]
    assert copy.config.recipes[copy.selections["tshirt"][0.2]].budget == 0.2
    assert copy.config.robustness.scope == "all"


def test_recipes_that_differ_in_budget_alone_are_one_rule() -> None:
    recipes = {
        "t-5pct": Recipe(method="tshirt", budget=0.05),
        "t-10pct": Recipe(method="tshirt", budget=0.1),
        "t-2": Recipe(method="tshirt", budget=2, gamma=3.0),
        "t.7.5pct": Recipe(method="ifd", budget=0.1),
    }
    assert rules_of(recipes) == {
        "t-5pct": "t",
        "t-10pct": "t",
        "t-2": "t-2",
        "t.7.5pct": "t.7.5pct",
    }
