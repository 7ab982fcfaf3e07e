"""A curation from an empty store to the report, by clicking in the Dagster UI as a user does.

The tests of this file share one server and build on each other, in the order they are written.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.corpora import NAME, Corpus, fill
from tests.webserver import LOCATION, dagster_dev, free_port, reports_served

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser

VIEW = {"width": 1900, "height": 1100}
WIDE = {"width": 2600, "height": 1700}
MILLISECONDS = 1_000
PAGE = 60 * MILLISECONDS
RUN = 180 * MILLISECONDS
BACKFILL = 480 * MILLISECONDS


@pytest.fixture(scope="module")
def corpus(
    browser: Any, tmp_path_factory: pytest.TempPathFactory, tiny_models: Path
) -> Corpus:  # `browser` comes first: without one, nothing is prepared
    """Three files, no shard registered, nothing materialized; reports have a web address."""
    made = fill(Corpus(tmp_path_factory.mktemp("ui") / "corpus", tiny_models))
    made.configure(report_url=f"http://127.0.0.1:{free_port()}")
    return made


@pytest.fixture(scope="module")
def ui(corpus: Corpus) -> Iterator[str]:
    """Address of the running UI."""
    with dagster_dev(corpus.file, corpus.home) as url:
        yield url


@pytest.fixture(scope="module")
def page(browser: Any, ui: str) -> Iterator["Page"]:
    context = browser.new_context(viewport=VIEW, base_url=ui)
    context.set_default_timeout(PAGE)
    yield context.new_page()
    context.close()


def test_the_graph_shows_every_asset(page: "Page", corpus: Corpus) -> None:
    # Where the whole graph does not fit at full size, the UI leaves the kinds out.
    page.set_viewport_size(WIDE)
    page.goto(f"/locations/{LOCATION}/asset-groups/{NAME}/lineage")
    for asset in ["files", *assets(corpus)]:
        visible(page.get_by_text(asset, exact=True))
    for kind in ("PyTorch", "Polars", "lancedb", "Hugging Face", "File"):
        visible(page.get_by_text(kind, exact=True).first)
    page.set_viewport_size(VIEW)


def test_the_daemon_has_registered_the_shards(page: "Page", corpus: Corpus) -> None:
    page.goto(f"/assets/{NAME}/samples?view=partitions")
    for file in ("a-", "b-", "c-"):
        visible(page.get_by_text(re.compile(f"^{file}[0-9a-f]+$")).first)
    assert len(corpus.shards) == 3


def test_one_shard_is_materialized_by_clicking(page: "Page", corpus: Corpus) -> None:
    shard = corpus.shard("b")
    page.goto(f"/assets/{NAME}/samples")
    page.get_by_role("button", name="Materialize…").first.click()
    page.get_by_text("Select a partition or create one").click()
    page.get_by_role("menuitem").filter(has_text=shard).click()
    page.get_by_text("Launch runs to materialize").click()  # closes the list
    page.get_by_role("button", name="Launch 1 run").click()
    page.get_by_text("View", exact=True).click()
    visible(page.get_by_text("Success", exact=True), RUN)
    page.goto(f"/assets/{NAME}/samples?view=partitions&partition={shard}")
    visible(page.get_by_text("Materialized (1)"))
    visible(page.get_by_text("Missing (2)"))
    visible(value(page, "dagster/row_count").get_by_text("10", exact=True))


def test_everything_is_materialized_by_clicking(page: "Page", corpus: Corpus) -> None:
    page.goto(f"/locations/{LOCATION}/asset-groups/{NAME}/lineage")
    page.get_by_role("button", name=f"Materialize all ({len(assets(corpus, NAME))})…").click()
    page.get_by_role("dialog").get_by_text("All", exact=True).click()
    page.get_by_role("button", name="Launch backfill").click()
    page.get_by_text("View", exact=True).click()
    status = page.get_by_text("Status", exact=True).locator("xpath=..")
    visible(status.get_by_text("Succeeded", exact=True), BACKFILL)
    assert page.get_by_text("100% completed").count() == len(assets(corpus, NAME))
    assert corpus.versions()  # every shard and recipe, or it raises


def test_plots_and_first_rows_are_shown_in_place(page: "Page", corpus: Corpus) -> None:
    page.goto(f"/assets/{NAME}/token_scores?view=partitions&partition={corpus.shard('a')}")
    for plot in ("ifd_plot", "delta_plot"):
        drawn(value(page, plot).locator("img"))
    first = value(page, "first_rows").locator("tbody tr").first.locator("td")
    assert first.nth(1).inner_text() == "ok"


def test_the_summary_of_a_subset_is_open_and_its_plot_opens(page: "Page") -> None:
    page.goto(f"/assets/{NAME}/selected_subset?view=partitions&partition=tshirt")
    visible(value(page, "summary").get_by_text("4 rows selected"))
    visible(value(page, "not_selected").get_by_role("cell", name="over budget"))
    value(page, "picture").get_by_text("[Show Markdown]").click()
    drawn(page.get_by_role("dialog").locator("img"))
    page.keyboard.press("Escape")


def test_the_report_opens_from_the_metadata(page: "Page", corpus: Corpus) -> None:
    url = corpus.config.report_url
    assert url is not None
    with reports_served(corpus.file, int(url.rpartition(":")[2])):
        page.goto(f"/assets/{NAME}/selected_subset?view=partitions&partition=tshirt")
        with page.expect_popup() as opened:
            value(page, "report").get_by_role("link").first.click()
        report = opened.value
        assert report.url == f"{url}/{NAME}/tshirt/report.html"
        assert report.title() == f"{NAME} / tshirt"
        visible(report.get_by_role("heading", name="Dropped").first)
        report.close()


def test_nothing_failed(corpus: Corpus) -> None:
    runs = corpus.instance.get_runs()
    assert len(runs) >= 4
    assert {run.status.value for run in runs} == {"SUCCESS"}


def assets(corpus: Corpus, group: str | None = None) -> list[str]:
    """Names of the assets that can be materialized, all or those of a group."""
    graph = corpus.defs.resolve_asset_graph()
    keys = graph.materializable_asset_keys
    return [key.path[-1] for key in keys if group in (None, graph.get(key).group_name)]


def value(page: "Page", key: str) -> "Locator":
    """The cell beside a key in the table of a materialization's metadata."""
    cell = page.locator("td").filter(has=page.get_by_text(key, exact=True)).first
    return cell.locator("xpath=following-sibling::td").first


def visible(found: "Locator", milliseconds: float = PAGE) -> None:
    from playwright.sync_api import expect

    expect(found).to_be_visible(timeout=milliseconds)


def drawn(picture: "Locator") -> None:
    """The browser could decode the picture."""
    visible(picture)
    width, height = picture.evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert width >= 200
    assert height >= 70
