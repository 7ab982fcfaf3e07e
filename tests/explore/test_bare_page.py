"""The row browser of corpora that lack something: MIWV and embeddings, rows, scores."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import RECIPES, Corpus, make_rows
from tests.explore.views import counted, opening, served
from tshirt_assets.corpus.prompts import ALPACA_WITHOUT_INPUT

pytestmark = pytest.mark.browser

WIDE = {"width": 1920, "height": 1080}
Opener = Callable[[str, int], AbstractContextManager[Callable[..., Any]]]


@pytest.fixture(scope="module")
def opened(
    tmp_path_factory: pytest.TempPathFactory, tiny_models: Path, browser: Any
) -> Iterator[Opener]:
    """Opens the page of `robust` (T-SHIRT alone), `single` (one row), `unscored` or `meant`
    (searched by meaning), whose table has so many recipes.
    """
    folder = tmp_path_factory.mktemp("bare")

    def corpus(
        name: str, rows: list[dict[str, Any]], *phases: tuple[str, ...], **options: Any
    ) -> Corpus:
        made = Corpus(folder / name, tiny_models, {"name": name, **options})
        made.write("a.jsonl", rows)
        made.register()
        for phase in phases:
            made.materialize(*phase)
        return made

    tshirt = {"tshirt": RECIPES["tshirt"]}
    robust = corpus(
        "robust",
        make_rows(1, 12),
        ("samples", "token_scores"),
        ("contenders",),
        ("robust_scores",),
        recipes=tshirt,
    )
    single = corpus(
        "single",
        make_rows(2, 1),
        ("samples", "embeddings", "token_scores"),
        ("neighbours",),
        ("miwv_scores",),
        recipes={name: RECIPES[name] for name in ("miwv", "ifd")},
    )
    templated = [
        row | {"instruction": ALPACA_WITHOUT_INPUT.format(instruction=row["instruction"])}
        for row in make_rows(3, 12)
    ]
    unscored = corpus("unscored", templated, ("samples",))
    meant = corpus(
        "meant", make_rows(4, 12), ("samples", "embeddings"), ("search",), semantic_search=True
    )
    with served([one.config for one in (robust, single, unscored, meant)]) as url:
        yield lambda name, recipes: opening(browser, f"{url}{name}/", recipes)


def test_without_miwv_and_embeddings_it_is_said_what_is_missing(opened: Opener) -> None:
    with opened("robust", 1) as open_page:
        page = open_page(WIDE)
        counted(page, "12 rows")
        assert "MIWV" not in page.locator(".dt-scroll-head thead").text_content()
        page.locator("[data-plane=map]").click()
        page.locator("#plot .empty", has_text="This corpus has no embeddings").wait_for()
        assert page.locator("#plot canvas").is_hidden()
        assert page.locator("#search [value=meaning]").is_disabled()
        assert "semantic_search: true" in page.locator("#search .switch").get_attribute("title")
        page.locator("#rows tbody tr").first.click()
        page.locator("#panel .decisions li").wait_for()
        assert page.locator("#panel .neighbour").count() == 0
        own, panel = (
            page.locator(".beside > *").bounding_box(),
            page.locator("#panel").bounding_box(),
        )
        assert own["width"] > 0.9 * panel["width"]  # no empty column beside it


def test_one_row_is_shown_as_many_are(opened: Opener) -> None:
    with opened("single", 2) as open_page:
        page = open_page()
        counted(page, "1 row")
        for key in ("End", "j", "Enter"):
            page.keyboard.press(key)
        page.locator("#panel .decisions li").nth(1).wait_for()
        assert page.locator("#panel .neighbour").count() == 0
        page.locator("[data-plane=map]").click()
        page.keyboard.press("k")
        assert page.locator("#rows tbody tr").count() == 1


def test_before_anything_is_scored_rows_are_read_by_their_own_part(opened: Opener) -> None:
    with opened("unscored", 0) as open_page:
        page = open_page()
        counted(page, "12 rows")
        page.locator("#plot .empty", has_text="Nothing has been scored yet.").wait_for()
        assert page.locator("#filters h2").all_text_contents() == ["Status", "Domain"]
        asked = [row["instruction"] for row in make_rows(3, 12)]
        assert page.locator("#rows td.instruction").all_text_contents() == asked
        page.locator("#rows tbody tr").nth(2).click()
        panel = page.locator("#panel")
        panel.locator("h2", has_text=asked[2]).wait_for()
        assert panel.locator("h2").text_content() == asked[2]
        assert panel.locator(".text").first.text_content().startswith("Below is an instruction")
        panel.get_by_text("This row has not been scored yet.").wait_for()
        assert panel.locator(".decisions li").all_text_contents() == [
            f"{name}Nothing has been scored yet." for name in sorted(RECIPES)
        ]


def test_search_by_meaning_gives_the_most_similar_rows_first(opened: Opener) -> None:
    with opened("meant", 0) as open_page:
        page = open_page()
        wanted = make_rows(4, 12)[5]["instruction"]
        page.locator(".dt-scroll-head th", has_text="Domain").click()
        page.locator(".dt-scroll-head th.dt-ordering-desc").wait_for()
        page.locator("#search label", has_text="Meaning").click()
        page.locator("#words").fill(wanted)
        page.locator(".chip", has_text=f"like “{wanted}”").wait_for()
        first = page.locator("#rows tbody tr").first
        first.locator(".similar", has_text=re.compile(r"^1(\.000)?$")).wait_for()
        assert wanted in first.text_content()
        alike = [
            float(text.replace("−", "-"))
            for text in page.locator("#rows .similar").all_text_contents()
        ]
        assert len(alike) == 12
        assert alike == sorted(alike, reverse=True)
        page.locator("#search label", has_text="Text").click()
        counted(page, "1 of 12 rows")
