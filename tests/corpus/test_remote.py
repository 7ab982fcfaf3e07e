"""The stream of a file elsewhere: any reading and seeking gives what the file holds."""

import gc
import random
import threading
from collections.abc import Iterator

import pytest

from tests.web_files import Cut, WebFiles, serving
from tshirt_assets.corpus import patience, remote
from tshirt_assets.corpus.addresses import Address, Seen
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.remote import look, open_file

DATA = random.Random(0).randbytes(300_000)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebFiles]:
    monkeypatch.setattr(remote, "FIRST_BLOCK", 1 << 10)
    monkeypatch.setattr(remote, "LARGEST_BLOCK", 1 << 13)
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: None)
    with serving(WebFiles({"/x": DATA})) as running:
        yield running


def test_any_reading_and_seeking(web: WebFiles) -> None:
    draw = random.Random(1)
    with open_file(f"{web.url}/x") as file:
        for _ in range(150):
            if draw.random() < 0.1:
                web.faults.append(Cut(draw.randrange(500)))
            place, size = draw.randrange(len(DATA) + 10), draw.choice([1, 100, 3000, 40_000])
            if draw.random() < 0.4:
                file.seek(place)
            else:
                place = file.tell()
            assert file.read(size) == DATA[place : place + size]
        file.seek(-5, 2)
        assert file.read() == DATA[-5:]
        assert file.read(1) == b""


def test_blocks_grow_up_to_a_bound_and_one_is_fetched_ahead(web: WebFiles) -> None:
    with open_file(f"{web.url}/x") as file:
        file.read(100)
        assert [wanted for _, wanted in web.asked] == ["bytes=0-0", "bytes=0-1023"]
        file.seek(0)
        assert file.read() == DATA
    sizes = []
    for _, wanted in web.asked[1:]:
        first, last = wanted.removeprefix("bytes=").split("-")
        sizes.append(int(last) - int(first) + 1)
    assert max(sizes) == 1 << 13
    assert sum(sizes) == len(DATA)  # each byte once


def test_what_is_fetched_ahead_and_not_wanted_does_no_harm(web: WebFiles) -> None:
    with open_file(f"{web.url}/x") as file:
        assert file.read(3000) == DATA[:3000]
        file.seek(200_000)
        assert file.read(10) == DATA[200_000:200_010]


def test_closing_ends_the_reading_ahead(web: WebFiles) -> None:
    before = threading.active_count()
    for _ in range(5):
        file = open_file(f"{web.url}/x")
        file.read(5000)
        file.close()
    for thread in threading.enumerate():
        if thread.name.startswith("read-ahead"):
            thread.join(5)
    assert not [one for one in threading.enumerate() if one.name.startswith("read-ahead")]
    assert threading.active_count() <= before + 5  # the server's own


def test_a_file_that_cannot_be_opened_leaves_nothing_behind(
    web: WebFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CorpusError, match="is not there"):
        open_file(f"{web.url}/absent")
    gc.collect()
    assert capsys.readouterr().err == ""


def test_what_is_seen_without_reading(web: WebFiles) -> None:
    seen = look(Address(f"{web.url}/x"))
    assert seen == Seen(seen.version, len(DATA))
    assert len(web.asked) == 1
