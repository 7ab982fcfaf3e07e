"""Pictures of the sample corpus for the README: the Dagster UI and a report, as they are.

    python -m tests.browser.screenshots data/corpus.yaml --home .tshirt/dagster --out docs/images

The corpus must have been materialized (`make demo`); nothing is computed here.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tests import chromium
from tests.explore.views import served
from tests.webserver import LOCATION, dagster_dev
from tshirt_assets.config import CorpusConfig
from tshirt_assets.report.serve import REPORT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FloatRect, Locator, Page

SHARD, RECIPE = "general", "tshirt-5pct"
MARGIN = 24
MAX_BYTES = 300_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--home", type=Path, default=Path(".tshirt/dagster"))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    config = CorpusConfig.from_yaml(given.corpus)
    with chromium.launched() as browser, dagster_dev(given.corpus, given.home) as url:
        for name, picture in PICTURES.items():
            file = given.out / f"{name}.png"
            file.write_bytes(picture(browser, url, config))
            size = file.stat().st_size
            print(f"{file}  {size / 1000:.0f} kB")
            if size > MAX_BYTES:
                raise SystemExit(f"{file} has more than {MAX_BYTES / 1000:.0f} kB")


def asset_graph(browser: "Browser", url: str, config: CorpusConfig) -> bytes:
    """The lineage of the corpus, cut to the assets."""
    page = opened(
        browser, f"{url}/locations/{LOCATION}/asset-groups/{config.name}/lineage", 2600, 1700
    )
    page.get_by_text("100% filled").last.wait_for()
    page.wait_for_timeout(2_000)  # until the nodes have their size and place
    boxes = [box_of(node) for node in page.locator("svg foreignObject").all()]
    left, top = (min(box[side] for box in boxes) - MARGIN for side in ("x", "y"))
    right = max(box["x"] + box["width"] for box in boxes) + MARGIN
    bottom = max(box["y"] + box["height"] for box in boxes) + MARGIN
    clip: FloatRect = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return page.screenshot(clip=clip)


def token_scores(browser: "Browser", url: str, config: CorpusConfig) -> bytes:
    """Metadata of one scored shard, with its plots."""
    page = partition(browser, url, config, "token_scores", SHARD)
    return down_to(page, page.locator("td img").last)


def selected_subset(browser: "Browser", url: str, config: CorpusConfig) -> bytes:
    """Metadata of one selection, down to how many rows there were to choose from."""
    page = partition(browser, url, config, "selected_subset", RECIPE)
    return down_to(page, page.get_by_text("usable_rows", exact=True))


def summary(browser: "Browser", url: str, config: CorpusConfig) -> bytes:
    """What decided one selection, which opens from its metadata."""
    page = partition(browser, url, config, "selected_subset", RECIPE)
    page.get_by_text("[Show Markdown]").last.click()
    dialog = page.get_by_role("dialog")
    dialog.locator("img").wait_for()
    page.wait_for_timeout(1_000)  # until it has faded in
    return dialog.screenshot()


def report(browser: "Browser", _url: str, config: CorpusConfig) -> bytes:
    """The top of a report on a laptop."""
    path = Path(config.export_dir) / config.name / RECIPE / REPORT
    return opened(browser, path.resolve().as_uri(), 1280, 1000).screenshot()


def explore(browser: "Browser", _url: str, config: CorpusConfig) -> bytes:
    """The row browser: the map, the table by S-IFD mean, and a row that a recipe takes."""
    with served([config]) as address:
        page = opened(browser, f"{address}{config.name}/", 1440, 900)
        page.locator("#working").wait_for(state="hidden")
        page.locator(".recipes li", has_text=RECIPE).get_by_role("button", name="taken").click()
        page.locator(".dt-scroll-head th", has_text="S-IFD mean").click()
        page.locator("th.dt-ordering-desc").wait_for()
        page.wait_for_timeout(1_000)  # until the rows have come in this order
        page.locator("#rows tbody tr").nth(3).click()
        page.locator("#panel .decisions").wait_for()
        return page.screenshot()


PICTURES: dict[str, Callable[["Browser", str, CorpusConfig], bytes]] = {
    "asset_graph": asset_graph,
    "token_scores": token_scores,
    "selected_subset": selected_subset,
    "summary": summary,
    "report": report,
    "explore": explore,
}


def opened(browser: "Browser", url: str, width: int, height: int = 1400) -> "Page":
    """A page in the light scheme, when everything on it has been loaded."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
    page.set_default_timeout(120_000)
    page.goto(url, wait_until="networkidle")
    return page


def partition(browser: "Browser", url: str, config: CorpusConfig, asset: str, name: str) -> "Page":
    """The page of the partition of an asset whose name begins like this."""
    page = opened(browser, f"{url}/assets/{config.name}/{asset}?view=partitions", 1320)
    page.get_by_text(name).first.click()
    page.get_by_text("table_version").wait_for()
    page.wait_for_timeout(1_000)  # until the run's status has come
    return page


def down_to(page: "Page", last: "Locator") -> bytes:
    """The page without the navigation on the left, and no further down than `last`."""
    left = box_of(page.get_by_role("link", name="Assets").first)["x"] - MARGIN
    end = box_of(last)
    size = page.viewport_size
    assert size is not None
    return page.screenshot(
        clip={
            "x": left,
            "y": 0,
            "width": size["width"] - left,
            "height": min(size["height"], end["y"] + end["height"] + MARGIN),
        }
    )


def box_of(found: "Locator") -> "FloatRect":
    """Place and size of an element that is there."""
    box = found.bounding_box()
    assert box is not None
    return box


if __name__ == "__main__":
    main()
