"""The report in a real browser, on a laptop and on a phone, light and dark."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.selection import listed, report_data
from tshirt_assets.report.html import write_report

pytestmark = pytest.mark.browser

LAPTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(report_data(listed=listed()), path)
    return path


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[LAPTOP, PHONE], ids=["laptop", "phone"])
def page(browser: Any, report: Path, scheme: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The opened report; at the end nothing was logged and nothing but the file was asked for."""
    context = browser.new_context(
        viewport=request.param,
        color_scheme=scheme,
        has_touch=request.param is PHONE,
        reduced_motion="reduce",
    )
    opened = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda asked: requests.append(asked.url))
    opened.goto(report.as_uri())
    yield opened
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:")] == [report.as_uri()]
    context.close()


def test_no_row_text_runs_and_nothing_overflows(page: Any) -> None:
    for row in page.locator("details").all():
        row.evaluate("element => element.open = true")
    assert page.title() == "demo / tshirt-5pct"
    width, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= inner


def test_text_has_enough_contrast(page: Any) -> None:
    """WCAG AA, 4.5 to 1, of token text on every token colour and of muted text on the page."""
    ratios = page.evaluate(CONTRAST_SCRIPT)
    assert len(ratios) == 13
    assert min(ratios.values()) >= 4.5, ratios


def test_a_row_opens_and_a_token_tells_its_value(page: Any) -> None:
    row = page.locator("#worst details.row")
    assert row.get_attribute("open") is not None  # the first row of each group is open
    more = row.locator("details.more").last
    before = row.bounding_box()["height"]
    more.locator("summary").click()
    assert row.bounding_box()["height"] > before
    page.locator("#best .text span[title='+4.20']").click()
    assert page.locator("output.delta").text_content() == "+4.20"
    assert page.locator("output.delta").is_visible()
    page.locator("h1").click()
    assert not page.locator("output.delta").is_visible()


def test_right_to_left_text_runs_from_the_right(page: Any) -> None:
    direction = "element => getComputedStyle(element).direction"
    blocks = page.locator("#best .text")
    assert [block.evaluate(direction) for block in blocks.all()] == ["ltr", "rtl", "rtl"]


def test_the_colour_scheme_is_followed(page: Any, scheme: str) -> None:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in colour[4:-1].split(",")) / 3
    assert brightness > 200 if scheme == "light" else brightness < 60


def test_sections_are_reached_by_their_links(page: Any) -> None:
    page.locator("nav a", has_text="Dropped").click()
    assert 0 < page.locator("#dropped h2").bounding_box()["y"] < 200
    assert page.locator("nav").bounding_box()["y"] == 0  # it stays in sight


def test_rows_are_searched_filtered_sorted_and_unfolded(page: Any) -> None:
    lines, found = page.locator("#browse tbody tr"), page.locator("#found")
    assert found.text_content() == "60 of 60 listed rows match; 50 are shown."
    page.get_by_role("button", name="Show more rows").click()
    assert lines.count() == 60
    long = lines.nth(1).locator("td.said").first
    folded = long.text_content()
    assert folded.endswith("… show all")
    assert len(folded.removesuffix("… show all")) <= 110  # characters, about two lines
    long.get_by_role("button", name="show all").click()
    assert long.text_content() == f"say 2 {'word ' * 40}show less"
    assert lines.nth(2).locator("td.said button").count() == 0  # short enough
    page.get_by_label("Outcome").select_option("selected")
    assert found.text_content() == "10 of 60 listed rows match; 10 are shown."
    page.locator("#browse th button", has_text="place").first.click()
    page.locator("#browse th button", has_text="place").first.click()
    assert lines.first.locator("td").first.text_content() == "10"
    page.get_by_label("Search").fill("SAY 3")
    assert lines.count() == 1


CONTRAST_SCRIPT = """() => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const over = (top, under) => {
    const alpha = top[3] ?? 1;
    return top.slice(0, 3).map((value, i) => alpha * value + (1 - alpha) * under[i]);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const style = (element) => getComputedStyle(element);
  const page = parse(style(document.body).backgroundColor);
  const card = parse(style(document.querySelector(".row")).backgroundColor);
  const ratios = {};
  for (const swatch of document.querySelectorAll(".swatches > span")) {
    const under = over(parse(style(swatch).backgroundColor), card);
    ratios[swatch.className] = contrast(parse(style(swatch).color).slice(0, 3), under);
  }
  const lead = document.querySelector(".lead");
  ratios.lead = contrast(parse(style(lead).color), page);
  const where = document.querySelector(".where");
  ratios.where = contrast(parse(style(where).color), card);
  return ratios;
}"""
