"""Pictures of the sample corpus for README and docs: the Dagster UI, a report, the row browser.

    python -m tests.browser.screenshots data/corpus.yaml --home .tshirt/dagster --out docs/images

The corpus must have been materialized (`make demo`); nothing is computed here. Needs Pillow. Look
at every picture before it is committed.
"""

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from PIL import Image

from tests import chromium
from tests.explore.views import served
from tests.webserver import LOCATION, dagster_dev
from tshirt_assets.config import CorpusConfig
from tshirt_assets.report.serve import REPORT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FloatRect, Locator, Page

RECIPE = "tshirt-5pct"
MARGIN = 24
FRAME: Final = 2_500  # milliseconds
SPREAD: Final = 128  # colours of a picture that are chosen to be near to all of its colours
MAX_BYTES = {".png": 300_000, ".gif": 1_500_000}
Scheme = Literal["light", "dark"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--home", type=Path, default=Path(".tshirt/dagster"))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--only", nargs="+", choices=list(PICTURES), help="these pictures alone")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    config = CorpusConfig.from_yaml(given.corpus)
    with chromium.launched() as browser, dagster_dev(given.corpus, given.home) as url:
        for name in given.only or PICTURES:
            file = given.out / name
            file.write_bytes(PICTURES[name](browser, url, config))
            size, most = file.stat().st_size, MAX_BYTES[file.suffix]
            print(f"{file}  {size / 1000:.0f} kB", flush=True)
            if size > most:
                raise SystemExit(f"{file} has more than {most / 1000:.0f} kB")


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
    return small(page.screenshot(clip=clip))


def selected_subset(browser: "Browser", url: str, config: CorpusConfig) -> bytes:
    """Metadata of one selection, down to how many rows there were to choose from."""
    page = partition(browser, url, config, "selected_subset", RECIPE)
    return down_to(page, page.locator("tr", has=page.get_by_text("usable_rows", exact=True)))


def report(browser: "Browser", _url: str, config: CorpusConfig) -> bytes:
    """The top of a report on a laptop."""
    path = Path(config.export_dir) / config.name / RECIPE / REPORT
    return small(opened(browser, path.resolve().as_uri(), 1280, 1000).screenshot())


def explore(browser: "Browser", _url: str, config: CorpusConfig) -> bytes:
    """The row browser: the plane, the table by S-IFD mean, a row with its neighbour beside it."""
    return explored(browser, config, "light")


def explore_dark(browser: "Browser", _url: str, config: CorpusConfig) -> bytes:
    """The same in the dark scheme."""
    return explored(browser, config, "dark")


def explored(browser: "Browser", config: CorpusConfig, scheme: Scheme) -> bytes:
    with served([config]) as address:
        page = row_browser(browser, f"{address}{config.name}/", 1600, 900, scheme)
        by_mean(page)
        page.keyboard.press("w")
        open_row(page, 3)
        return small(page.screenshot())


def tour(browser: "Browser", _url: str, config: CorpusConfig) -> bytes:
    """What one does in the row browser, one picture after the other."""
    with served([config]) as address:
        page = row_browser(browser, f"{address}{config.name}/", 1280, 800)
        frames = [page.screenshot()]
        page.locator("[data-plane=map]").click()
        page.locator("#plot figcaption", has_text="PCA").wait_for()
        box = box_of(page.locator("#plot canvas"))
        page.mouse.move(box["x"] + 60, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + 140, box["y"] + 110, steps=5)
        page.mouse.up()
        page.locator(".chip", has_text="selected in the plot").wait_for()
        settled(page)
        frames.append(page.screenshot())
        page.locator(".chip", has_text="selected in the plot").click()
        page.locator("[data-plane=robust]").click()
        by_mean(page)
        open_row(page, 3)
        frames.append(page.screenshot())
        page.keyboard.press("w")
        settled(page)
        frames.append(page.screenshot())
        page.keyboard.press("Escape")
        page.get_by_role("button", name="clear all").or_(page.locator(".chip")).first.click()
        page.locator("#search label", has_text="Meaning").click()
        page.locator("#words").fill("dough that does not rise")
        page.locator("#rows .similar").first.wait_for()
        settled(page)
        frames.append(page.screenshot())
    return moving(frames)


PICTURES: dict[str, Callable[["Browser", str, CorpusConfig], bytes]] = {
    "asset_graph.png": asset_graph,
    "selected_subset.png": selected_subset,
    "report.png": report,
    "explore.png": explore,
    "explore_dark.png": explore_dark,
    "tour.gif": tour,
}


def row_browser(
    browser: "Browser", url: str, width: int, height: int, scheme: Scheme = "light"
) -> "Page":
    """The page of the row browser when recipes and map are there."""
    page = opened(browser, url, width, height, scheme)
    page.locator("#rows tbody tr[data-id]").first.wait_for()
    page.locator("th.recipe").nth(4).wait_for()
    page.locator("#working").wait_for(state="hidden")
    settled(page)
    return page


def by_mean(page: "Page") -> None:
    """The rows that a recipe takes, by S-IFD mean."""
    page.locator(".recipes li", has_text=RECIPE).get_by_role("button", name="taken").click()
    page.locator(".dt-scroll-head th", has_text="S-IFD mean").click()
    page.locator(".dt-scroll-head th.dt-ordering-desc").wait_for()
    settled(page)


def open_row(page: "Page", place: int) -> None:
    page.locator("#rows tbody tr").nth(place).click()
    page.locator("#panel .decisions").wait_for()
    settled(page)


def settled(page: "Page") -> None:
    """Wait until what was asked for has come and been drawn."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1_000)


def small(png: bytes) -> bytes:
    """The same picture in 256 colours: a third of the size."""
    out = io.BytesIO()
    few_colours(png).save(out, "png", optimize=True)
    return out.getvalue()


def moving(frames: Sequence[bytes]) -> bytes:
    """A GIF that shows one picture after the other, again and again."""
    first, *rest = map(few_colours, frames)
    out = io.BytesIO()
    first.save(out, "gif", save_all=True, append_images=rest, duration=FRAME, loop=0)
    return out.getvalue()


def few_colours(png: bytes) -> Image.Image:
    """In 256 colours: the most frequent ones as they are, the others near to what they were."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    pixels = np.asarray(picture, np.int64) @ (1 << 16, 1 << 8, 1)
    found, where, counts = np.unique(pixels, return_inverse=True, return_counts=True)
    colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1)
    frequent = colours[np.argsort(-counts)[: 256 - SPREAD]]
    spread = picture.quantize(SPREAD, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    palette = np.concatenate([frequent, np.reshape(spread.getpalette() or [], (-1, 3))[:SPREAD]])
    nearest = ((colours[:, None] - palette) ** 2).sum(axis=2).argmin(axis=1)
    made = Image.fromarray(nearest[where].reshape(pixels.shape).astype(np.uint8))
    made.putpalette(palette.ravel().tolist())
    return made


def opened(
    browser: "Browser", url: str, width: int, height: int = 1400, scheme: Scheme = "light"
) -> "Page":
    """A page when everything on it has been loaded."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
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
    """The page without the navigation on the left, and no further down than the line `last`."""
    left = box_of(page.get_by_role("link", name="Assets").first)["x"] - MARGIN
    end = box_of(last)
    size = page.viewport_size
    assert size is not None
    clip: FloatRect = {
        "x": left,
        "y": 0,
        "width": size["width"] - left,
        "height": min(size["height"], end["y"] + end["height"]),
    }
    return small(page.screenshot(clip=clip))


def box_of(found: "Locator") -> "FloatRect":
    """Place and size of an element that is there."""
    box = found.bounding_box()
    assert box is not None
    return box


if __name__ == "__main__":
    main()
