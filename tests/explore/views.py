"""Views over made-up rows, and a server of a corpus, for the tests of the row browser."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl
import uvicorn

from tshirt_assets.config import CorpusConfig
from tshirt_assets.explore.app import explore_app
from tshirt_assets.explore.serving import HOST, listening
from tshirt_assets.explore.snapshot import Snapshot
from tshirt_assets.explore.view import View

LAPTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
CHOSEN = "count => document.querySelectorAll('.dt-scroll-head th.recipe').length === count"


def view_of(frame: pl.DataFrame) -> View:
    """A view whose rows are those of a frame; nothing of it is stored."""
    return View(1, Snapshot(frame, {}, {}, {}), frame, {}, None)


@contextmanager
def served(corpora: Sequence[CorpusConfig]) -> Iterator[str]:
    """The address of a server of these corpora, in a thread."""
    with listening(0) as bound:
        server = uvicorn.Server(
            uvicorn.Config(explore_app(corpora), log_level="warning", lifespan="off")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        yield f"http://{HOST}:{bound.getsockname()[1]}/"
        server.should_exit = True
        thread.join()


def complete(page: Any, recipes: int) -> None:
    """Wait until the page has its rows, and columns of so many recipes."""
    page.wait_for_function(CHOSEN, arg=recipes)  # the table is built anew until then
    page.locator("#rows tbody tr[data-id]").first.wait_for()  # or keys would do nothing
    page.locator("#working").wait_for(state="hidden")


@contextmanager
def opening(browser: Any, address: str, recipes: int) -> Iterator[Callable[..., Any]]:
    """Opens the page at an address; at the end nothing was logged and no other host was asked.

    recipes: how many have a column when all is there.
    """
    complaints: list[str] = []
    contexts = []
    host = address.rpartition("/")[0].rpartition("/")[0]

    def asked(request: Any) -> None:
        if not request.url.startswith((host, "data:")):
            complaints.append(request.url)

    def opened(size: dict[str, int] = LAPTOP, scheme: str = "light", hash_: str = "") -> Any:
        context = browser.new_context(
            viewport=size, color_scheme=scheme, has_touch=size is PHONE, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", asked)
        page.goto(address + hash_)
        complete(page, recipes)
        return page

    yield opened
    assert complaints == []
    for context in contexts:
        context.close()


def counted(page: Any, text: str) -> None:
    """Wait until the page says that there are so many rows."""
    page.locator("#count", has_text=text).wait_for()
