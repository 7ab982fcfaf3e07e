"""The row browser in a real browser: on a laptop and a phone, light and dark, by mouse and keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import RECIPES, Corpus, make_rows
from tests.explore.views import LAPTOP, PHONE, counted, opening, served
from tshirt_assets.incremental.judgements import read_judgements

pytestmark = pytest.mark.browser

ARABIC = "اشرح لماذا تنام القطط كثيرا"
HOSTILE = "<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>"
LONG = "cat sleeps " * 15_000


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Corpus:
    """Forty plain rows and some odd ones: scripts, right to left, very long, unusable."""
    corpus = Corpus(tmp_path_factory.mktemp("shown") / "corpus", tiny_models)
    odd = [
        {"instruction": HOSTILE, "output": f"{HOSTILE} and more", "kind": HOSTILE},
        {"instruction": ARABIC, "output": "تنام القطط لأنها تحفظ طاقتها", "kind": "عربي"},
        {"instruction": "说说今天的天气", "output": "今天天气很好。", "kind": "中文"},
        {"instruction": "a long one", "output": LONG, "kind": "even"},
        {"instruction": "say nothing", "output": ""},
    ]
    corpus.write("a.jsonl", [*odd, "{broken", *make_rows(1, 40)])
    corpus.materialize_all()
    return corpus


@pytest.fixture(scope="module")
def address(shown: Corpus) -> Iterator[str]:
    with served([shown.config]) as url:
        yield f"{url}{shown.config.name}/"


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Any]:
    with opening(browser, address, len(RECIPES)) as opened:
        yield opened


SORTED = """(title) => {
  const heads = [...document.querySelectorAll(".dt-scroll-head th")];
  const at = heads.findIndex((head) => head.textContent === title);
  const cells = [...document.querySelectorAll("#rows tbody tr")].map(
    (line) => Number(line.children[at]?.textContent));  // none while rows are fetched
  return cells.length > 10 && cells.every((cell, i) => !i || cells[i - 1] >= cell);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_all_rows_are_there_and_nothing_runs_or_overflows(
    open_page: Any, size: dict[str, int], scheme: str
) -> None:
    page = open_page(size, scheme)
    counted(page, "46 rows")
    assert page.title() == "tiny · rows"
    assert page.locator("#rows .status").all_text_contents() == [
        "empty response",
        "unreadable line",
    ]
    colour = page.evaluate("getComputedStyle(document.querySelector('#rows')).backgroundColor")
    brightness = sum(int(part) for part in colour[4:-1].split(",")) / 3
    assert brightness > 200 if scheme == "light" else brightness < 60
    page.locator("#rows tbody tr").first.click()
    page.locator("#panel h2", has_text="<img src=x").wait_for()
    assert page.title() == "tiny · rows"
    width, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= inner
    box = page.locator("#panel").bounding_box()
    assert box["x"] + box["width"] <= inner + 1
    assert box["width"] == inner or size is LAPTOP


def test_the_keyboard_does_it_all(open_page: Any, shown: Corpus) -> None:
    page = open_page()
    for key in ("j", "ArrowDown", "j", "k", "Enter"):
        if key == "Enter":
            page.locator("#rows tr.at", has_text=ARABIC).wait_for()
        page.keyboard.press(key)
    panel = page.locator("#panel")
    panel.locator("h2", has_text=ARABIC).wait_for()
    assert panel.locator(".text").first.evaluate("e => getComputedStyle(e).direction") == "rtl"
    sample_id = page.evaluate("location.hash").removeprefix("#row=")
    page.keyboard.press("d")
    panel.locator("button.drop[aria-pressed=true]").wait_for()
    page.locator("#rows td .drop").wait_for()
    said = read_judgements(shown.store, shown.config.name)
    assert said.select("sample_id", "verdict").rows() == [(sample_id, "drop")]
    page.keyboard.press("l")
    page.keyboard.type("odd one")
    page.keyboard.press("Enter")
    page.locator("#rows .label", has_text="odd one").wait_for()
    page.keyboard.press("Escape")  # out of the field
    page.keyboard.press("x")
    panel.locator("button.drop[aria-pressed=false]").wait_for()
    page.keyboard.press("Escape")
    panel.wait_for(state="hidden")
    assert page.evaluate("location.hash") == ""
    page.keyboard.press("/")
    page.keyboard.type("天气")
    counted(page, "1 of 46 rows")
    assert page.locator("#rows tbody tr").count() == 1


def test_two_tabs_see_what_the_other_says(open_page: Any) -> None:
    one, other = open_page(), open_page()
    for page in (one, other):
        page.locator("#rows tbody tr", has_text="a long one").click()
        page.locator("#panel h2", has_text="a long one").wait_for()
    one.locator("#panel button.keep").click()
    one.locator("#panel button.keep[aria-pressed=true]").wait_for()
    other.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    other.locator("#panel button.keep[aria-pressed=true]").wait_for()
    other.locator("#panel [name=note]").fill("seen by both")
    other.locator("#panel [name=note]").press("Enter")
    other.locator("#panel [name=note][value='seen by both']").wait_for()
    one.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    one.locator("#panel [name=note][value='seen by both']").wait_for()
    one.locator("#panel button.keep").click()  # takes it back
    one.locator("#panel button.keep[aria-pressed=false]").wait_for()


def test_what_is_being_typed_outlives_what_another_tab_says(open_page: Any, shown: Corpus) -> None:
    one, other = open_page(), open_page()
    for page in (one, other):
        page.locator("#rows tbody tr", has_text="a long one").click()
        page.locator("#panel h2", has_text="a long one").wait_for()
    one.keyboard.press("l")
    one.keyboard.type("half a ")
    other.locator("#panel button.drop").click()
    other.locator("#panel button.drop[aria-pressed=true]").wait_for()
    one.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    one.locator("#panel button.drop[aria-pressed=true]").wait_for()
    one.keyboard.type("label")
    one.keyboard.press("Enter")
    one.locator("#rows .label", has_text="half a label").wait_for()
    said = read_judgements(shown.store, shown.config.name)
    assert ("drop", "half a label") in said.select("verdict", "label").rows()
    one.keyboard.press("Escape")
    one.keyboard.press("x")  # takes it back, for the tests that follow
    one.locator("#panel button.drop[aria-pressed=false]").wait_for()


def test_the_plot_and_the_table_go_together(open_page: Any) -> None:
    page = open_page()
    page.locator("[data-plane=map]").click()
    page.locator("#plot figcaption", has_text="PCA").wait_for()
    box = page.locator("#plot canvas").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 40, steps=3)
    page.mouse.up()
    counted(page, " of 46 rows")
    some = int(page.locator("#count").text_content().split()[0])
    assert 0 < some < 44
    page.locator(".chip", has_text="selected in the plot").click()
    counted(page, "46 rows")
    page.locator("[data-key='domain:odd']").check()
    counted(page, "20 of 46 rows")
    page.locator(".recipes li", has_text="random").get_by_role("button", name="taken").click()
    page.locator(".chip", has_text="taken by random").wait_for()
    page.get_by_role("button", name="clear all").click()
    counted(page, "46 rows")


REDRAWN = """() => new Promise((done) => {
  const line = document.querySelector("#rows tbody tr[data-id]");
  document.querySelector("#words").dispatchEvent(new Event("input"));
  const look = () => line.isConnected ? setTimeout(look, 20) : done();
  look();
})"""


def test_a_row_opens_that_is_drawn_anew_while_it_is_clicked(open_page: Any) -> None:
    page = open_page()
    panel, rows = page.locator("#panel"), page.locator("#rows tbody tr")
    rows.filter(has_text=ARABIC).hover()
    page.mouse.down()
    page.evaluate(REDRAWN)
    rows.filter(has_text=ARABIC).wait_for()
    page.mouse.up()
    panel.locator("h2", has_text=ARABIC).wait_for()
    page.keyboard.press("Escape")
    panel.wait_for(state="hidden")
    rows.filter(has_text=ARABIC).hover()
    page.mouse.down()
    page.evaluate(REDRAWN)
    rows.filter(has_text="a long one").hover()
    page.mouse.up()  # not on the row that it was pressed on
    assert page.evaluate("location.hash") == ""


def test_what_changes_while_a_row_is_on_its_way_is_shown(open_page: Any) -> None:
    one, other = open_page(), open_page()
    held: list[Any] = []
    one.route("**/api/row/**", lambda route: route.continue_() if held else held.append(route))
    one.locator("#rows tbody tr", has_text=ARABIC).click()
    one.locator("#panel .waiting").wait_for()
    old = held[0].fetch()
    other.locator("#rows tbody tr", has_text=ARABIC).click()
    other.locator("#panel button.keep").click()
    other.locator("#panel button.keep[aria-pressed=true]").wait_for()
    with one.expect_request("**/api/row/**"):
        one.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    kept = one.locator("#panel button.keep[aria-pressed=true]")
    kept.wait_for()
    held[0].fulfill(response=old)
    one.locator("#panel h2", has_text=ARABIC).wait_for()
    assert kept.count() == 1
    other.locator("#panel button.keep").click()  # takes it back, for the tests that follow
    other.locator("#panel button.keep[aria-pressed=false]").wait_for()


def test_a_column_sorts_and_a_row_has_an_address(open_page: Any) -> None:
    page = open_page()
    page.locator(".dt-scroll-head th", has_text="IFD").first.click()
    page.locator(".dt-scroll-head th.dt-ordering-desc").wait_for()
    page.wait_for_function(SORTED, arg="IFD")
    page.locator("#rows tbody tr").first.click()
    page.locator("#panel .decisions li").first.wait_for()
    again = open_page(hash_=page.evaluate("location.hash"))
    again.locator("#panel .decisions li").first.wait_for()
    title = page.locator("#panel h2").text_content()
    assert again.locator("#panel h2").text_content() == title
    assert again.locator("#panel .decisions li").count() == 4
    again.locator(".neighbour a").click()
    again.wait_for_function(
        "title => document.querySelector('#panel h2').textContent !== title", arg=title
    )


BESIDE = """(wanted) => {
  const [own, other] = document.querySelectorAll(".beside > *");
  if (!other) return false;  // not drawn yet
  const [a, b] = [own.getBoundingClientRect(), other.getBoundingClientRect()];
  return (b.x >= a.right && b.y < a.y + 50) === wanted;
}"""


def test_the_neighbour_stands_beside_the_row_where_there_is_room(open_page: Any) -> None:
    def stands(page: Any, *, beside: bool) -> None:
        page.locator("#rows tbody tr", has_text="说说").click()
        page.wait_for_function(BESIDE, arg=beside)

    page = open_page()
    stands(page, beside=False)
    page.keyboard.press("w")
    page.get_by_role("button", name="Narrower").wait_for()
    stands(page, beside=True)
    page.reload()
    page.locator("#working").wait_for(state="hidden")
    page.get_by_role("button", name="Narrower").wait_for()
    stands(page, beside=True)
    page.get_by_role("button", name="Narrower").click()
    page.get_by_role("button", name="Wider").wait_for()
    stands(page, beside=False)
    stands(open_page({"width": 1920, "height": 1080}), beside=True)
    phone = open_page(PHONE)
    stands(phone, beside=False)
    assert phone.get_by_role("button", name="Wider").count() == 0


def test_a_very_long_row_opens_at_once_and_in_whole_when_asked(open_page: Any) -> None:
    page = open_page()
    page.locator("#rows tbody tr", has_text="a long one").click()
    response = page.locator("#panel .text").nth(1)
    more = response.get_by_role("button", name="Show all")
    more.wait_for()
    assert len(response.text_content()) < 10_000
    more.click()
    more.wait_for(state="detached")
    assert response.text_content() == LONG
