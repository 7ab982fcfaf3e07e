"""Views over made-up rows, and a server of a corpus, for the tests of the row browser."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import polars as pl
import uvicorn

from tshirt_assets.config import CorpusConfig
from tshirt_assets.explore.app import explore_app
from tshirt_assets.explore.serving import HOST, listening
from tshirt_assets.explore.snapshot import Snapshot
from tshirt_assets.explore.view import View


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
