"""Memory of the browser that shows the row browser, as somebody looks through a corpus.

`python -m tests.benchmarks.explore_million --browser` prints it. After each step the heap of the
page's script is measured when its garbage is collected, and all processes of Chromium, each page
of memory that they share counted once.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psutil

from tests import chromium

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

PAGES, COLUMNS, BRUSHES, ROWS = 50, 5, 10, 20
MIB = 2**20


def browser_figures(url: str) -> list[str]:
    """Lines of a table: what was done, MiB of the script's heap, MiB of all processes."""
    lines = ["| in the browser, after | script | processes |", "|---|---|---|"]
    with chromium.launched() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(300_000)
        cdp = page.context.new_cdp_session(page)
        cdp.send("Performance.enable")
        lines.append(_line("an empty page", cdp))
        page.goto(url)
        page.locator("#rows tbody tr").first.wait_for()
        page.locator("#working").wait_for(state="hidden")
        lines.append(_line("first view", cdp))
        for again in ("", ", again"):
            for what, action in STEPS.items():
                action(page)
                lines.append(_line(what + again, cdp))
                print(lines[-1], flush=True)
    return lines


def _line(what: str, cdp: "CDPSession") -> str:
    cdp.send("HeapProfiler.collectGarbage")
    metrics: list[dict[str, Any]] = cdp.send("Performance.getMetrics")["metrics"]
    heap = next(metric["value"] for metric in metrics if metric["name"] == "JSHeapUsedSize")
    return f"| {what} | {heap / MIB:,.0f} MiB | {_processes() / MIB:,.0f} MiB |"


def _processes() -> int:
    """Bytes of the processes of Chromium that this process has started."""
    children = psutil.Process().children(recursive=True)
    return sum(one.memory_full_info().pss for one in children if "chrom" in one.name())


def _scrolled(page: "Page") -> None:
    for number in range(1, PAGES + 1):
        with page.expect_response(lambda answer: "api/rows" in answer.url):
            page.locator(".dt-scroll-body").evaluate(
                "(body, share) => { body.scrollTop = share * body.scrollHeight; }",
                number / (PAGES + 1),
            )


def _sorted(page: "Page") -> None:
    for number in range(COLUMNS):
        with page.expect_response(lambda answer: "sort" in answer.url):
            page.locator(".dt-scroll-head th.num").nth(number).click()


def _brushed(page: "Page") -> None:
    box = page.locator("#plot canvas").bounding_box()
    assert box is not None
    for number in range(BRUSHES):
        with page.expect_response(lambda answer: "api/marks" in answer.url):
            page.mouse.move(box["x"] + 60, box["y"] + 20)
            page.mouse.down()
            page.mouse.move(box["x"] + 120 + 10 * number, box["y"] + 150, steps=5)
            page.mouse.up()
    page.keyboard.press("Escape")


def _opened(page: "Page") -> None:
    page.locator("#chips").wait_for(state="hidden")
    for number in range(ROWS):
        with page.expect_response(lambda answer: "api/row/" in answer.url):
            page.locator("#rows tbody tr").nth(number).click()
    page.keyboard.press("Escape")


STEPS: dict[str, Callable[["Page"], None]] = {
    f"{PAGES} pages scrolled through": _scrolled,
    f"{COLUMNS} columns sorted": _sorted,
    f"{BRUSHES} rectangles drawn in the plot": _brushed,
    f"{ROWS} rows opened": _opened,
}
