"""Which assets and recipes a run is asked for."""

import pytest

from tshirt_assets.config import ConfigError, CorpusConfig
from tshirt_assets.config.options import Recipe
from tshirt_assets.incremental.catalog import needed_assets
from tshirt_assets.orchestration.chosen import Chosen

CONFIG = CorpusConfig(
    name="c",
    paths=("rows.jsonl",),
    recipes={
        "tshirt": Recipe(method="tshirt", budget=5),
        "miwv": Recipe(method="miwv", budget=5),
        "ifd": Recipe(method="ifd", budget=5),
        "both": Recipe(method="fusion", fuse=("miwv", "ifd"), budget=5),
    },
)


def names(chosen: Chosen) -> list[list[str]]:
    return [[record.name for record in phase] for phase in chosen.phases]


def test_by_default_everything_that_is_needed_is_made() -> None:
    chosen = Chosen.of(CONFIG)
    assert chosen.everything
    assert chosen.steps == len(needed_assets(CONFIG))
    assert chosen.recipes == ("tshirt", "miwv", "ifd", "both")


def test_a_name_is_the_asset_alone_and_a_plus_all_that_it_is_made_from() -> None:
    assert names(Chosen.of(CONFIG, ["token_scores"])) == [["token_scores"]]
    assert names(Chosen.of(CONFIG, ["+neighbours"])) == [
        ["samples"],
        ["embeddings"],
        ["neighbours"],
    ]
    both = names(Chosen.of(CONFIG, ["samples,+contenders", "search"]))
    assert both == [["samples"], ["token_scores"], ["contenders", "search"]]
    assert not Chosen.of(CONFIG, ["token_scores"]).everything


def test_an_asset_that_no_recipe_needs_can_be_named() -> None:
    config = CONFIG.model_copy(update={"recipes": {"ifd": CONFIG.recipes["ifd"]}})
    assert names(Chosen.of(config, ["search"])) == [["search"]]


@pytest.mark.parametrize(
    ("recipe", "steps"),
    [
        ("ifd", [["samples"], ["token_scores"], ["selected_subset"]]),
        (
            "both",  # a fusion needs what its parts need
            [
                ["samples"],
                ["embeddings", "token_scores"],
                ["neighbours", "search"],
                ["miwv_scores"],
                ["selected_subset"],
            ],
        ),
    ],
)
def test_a_recipe_makes_what_it_needs(recipe: str, steps: list[list[str]]) -> None:
    chosen = Chosen.of(CONFIG, recipes=[recipe])
    assert names(chosen) == steps
    assert chosen.recipes == (recipe,)


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match="no asset 'token_score'; did you mean token_scores"):
        Chosen.of(CONFIG, ["token_score"])
    with pytest.raises(ConfigError, match="no recipe 'x'; there are: tshirt, miwv, ifd, both"):
        Chosen.of(CONFIG, recipes=["x"])
