"""The page reads and writes judgements; nobody else writes."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tshirt_assets.explore.judging import MOST_BYTES, PATH, judging_routes
from tshirt_assets.incremental.judgements import read_judgements
from tshirt_assets.store.store import Store

A, B = "a" * 32, "b" * 32
ORIGIN = "http://127.0.0.1:3002"
OWN = {"origin": ORIGIN, "sec-fetch-site": "same-origin", "x-explore-token": "secret"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


@pytest.fixture
def page(store: Store) -> TestClient:
    return TestClient(Starlette(routes=[*judging_routes(store, "corpus", "secret")]), ORIGIN)


def post(page: TestClient, *entries: object, headers: dict[str, str] = OWN) -> tuple[int, dict]:
    answer = page.post(PATH, json={"judgements": entries}, headers=headers)
    return answer.status_code, answer.json()


def test_the_page_writes_and_reads(page: TestClient, store: Store) -> None:
    assert page.get(PATH).json() == {"judgements": []}
    keep = {"sample_id": A, "verdict": "keep"}
    status, said = post(page, keep, {"sample_id": B, "label": "odd", "note": "two\nlines"})
    assert (status, said["recorded"]) == (200, 2)
    assert [row["verdict"] for row in said["judgements"]] == ["keep", None]
    assert post(page, keep)[1]["recorded"] == 0
    assert post(page, {"sample_id": A, "verdict": None})[1] == {"recorded": 1, "judgements": []}
    assert [row["sample_id"] for row in page.get(PATH).json()["judgements"]] == [B]
    assert read_judgements(store, "corpus")["note"].to_list() == ["two\nlines"]


@pytest.mark.parametrize(
    "other",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"x-explore-token": "another"},
        {"x-explore-token": ""},
        {"host": "evil.example", "origin": "http://evil.example"},
    ],
)
def test_nobody_else_writes(page: TestClient, store: Store, other: dict[str, str]) -> None:
    status, said = post(page, {"sample_id": A, "verdict": "keep"}, headers=OWN | other)
    assert status == 403
    assert said["error"]
    assert store.database.names() == []


def test_another_name_for_this_machine_reads_nothing(page: TestClient) -> None:
    assert page.get(PATH, headers={"host": "evil.example"}).status_code == 403
    assert page.get(PATH, headers={"host": "localhost:3002"}).status_code == 200
    assert page.get(PATH, headers={"host": "[::1]:3002"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"judgements": [1]}', 400),
        (b'{"judgements": [{"sample_id": "x", "verdict": "keep"}]}', 400),
        (b'{"judgements": [' + b"[" * 100_000, 400),
        (b" " * (MOST_BYTES + 1), 413),
    ],
)
def test_bad_input_is_refused_in_a_sentence(
    page: TestClient, store: Store, body: bytes, status: int
) -> None:
    answer = page.post(PATH, content=body, headers=OWN)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert store.database.names() == []
