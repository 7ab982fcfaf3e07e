"""Reports and the row browser as an accessibility checker sees them, and on a phone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import RECIPES, Corpus
from tests.explore.views import complete, served

pytestmark = pytest.mark.browser

LAPTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LEVELS = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa"]}}
PAGES = ("a recipe's report", "the report across recipes", "the row browser")


@pytest.fixture(scope="module")
def pages(finished: Corpus) -> Iterator[dict[str, str]]:
    """Addresses by name."""
    exports = Path(finished.config.export_dir) / finished.config.name
    with served([finished.config]) as url:
        addresses = (
            (exports / "tshirt" / "report.html").as_uri(),
            (exports / "report.html").as_uri(),
            f"{url}{finished.config.name}/",
        )
        yield dict(zip(PAGES, addresses, strict=True))


@pytest.fixture
def opened(browser: Any, pages: dict[str, str], name: str, scheme: str) -> Iterator[Any]:
    """A page with everything in it that opens, on a laptop."""
    context = browser.new_context(
        viewport=LAPTOP, color_scheme=scheme, reduced_motion="reduce", has_touch=True
    )
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(pages[name])
    if name == "the row browser":
        complete(page, len(RECIPES))
        page.locator("#rows tbody tr:not(:has(.status))").first.click()
        page.locator("#panel .decisions li").first.wait_for()
    else:
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    yield page
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation(opened: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(opened, options=LEVELS)
    assert found.violations_count == 0, found.generate_report()
    assert "color-contrast" in {rule["id"] for rule in found.response["passes"]}


@pytest.mark.parametrize("scheme", ["light"])
@pytest.mark.parametrize("name", PAGES)
def test_wide_tables_scroll_in_their_own_box_on_a_phone(opened: Any, name: str) -> None:
    opened.set_viewport_size(PHONE)
    width, inner = opened.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= inner == PHONE["width"]
    if name != "the row browser":
        boxes = opened.locator(".scroll").evaluate_all(
            "(all) => all.map((box) => [box.scrollWidth > box.clientWidth, box.tabIndex])"
        )
        assert [True, 0] in boxes  # wide, and reached by the keyboard
