"""The addresses of the row browser: what they give, and to whom."""

import base64
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.report.selection import SCRIPT
from tshirt_assets.config import ConfigError
from tshirt_assets.explore import table_files
from tshirt_assets.explore.app import SCRIPTS, STYLES, explore_app
from tshirt_assets.explore.serving import explore_link, listening
from tshirt_assets.explore.table_files import FILES
from tshirt_assets.explore.token_colours import token_colours

if TYPE_CHECKING:
    from tests.corpora import Corpus

ORIGIN = "http://127.0.0.1:3002"


@pytest.fixture(scope="module")
def page(finished: "Corpus") -> TestClient:
    return TestClient(explore_app([finished.config]), ORIGIN)


def ask(page: TestClient, what: str, **query: Any) -> dict[str, Any]:
    given = {"q": json.dumps(query)} if query else {}
    answer = page.get(f"/tiny/api/{what}", params=given)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def when_all_is_there(page: TestClient) -> dict[str, Any]:
    while (found := ask(page, "corpus"))["working"]:
        pass
    return found


def test_the_corpus_says_what_there_is_to_choose_among(page: TestClient) -> None:
    found = when_all_is_there(page)
    assert (found["rows"], found["scored"], found["searchable"]) == (34, True, False)
    assert dict(found["facets"]["status"])["ok"] == 32
    assert sum(count for _, count in found["facets"]["domain"]) == 34
    assert [recipe["ready"] for recipe in found["recipes"]] == [True] * 4
    assert found["planes"]["map"]["ready"]
    assert found["planes"]["map"]["labels"][0].startswith("1st component, ")


def test_a_page_of_rows_has_scores_choices_and_the_beginnings_of_texts(page: TestClient) -> None:
    when_all_is_there(page)
    by = {"sort": "ifd", "descending": True}
    found = ask(page, "rows", start=2, length=5, **by)
    everything = ask(page, "rows", length=100, **by)["rows"]
    assert (found["total"], found["filtered"], len(found["rows"])) == (34, 34, 5)
    assert found["rows"] == everything[2:7]
    ifd = [row["ifd"] for row in everything if row["ifd"] is not None]
    assert ifd == sorted(ifd, reverse=True)
    assert all(row["instruction"] and row["response"] for row in everything[:30])
    assert {"recipe:tshirt:taken", "recipe:tshirt:rank"} <= found["rows"][0].keys()


def test_text_search_and_filters_go_together(page: TestClient) -> None:
    every = ask(page, "rows", length=100)["rows"]
    found = ask(page, "rows", length=100, text="CAT")
    while not found["complete"]:
        found = ask(page, "rows", length=100, text="CAT")
    texts = [f"{row['instruction']} {row['input']} {row['response']}".lower() for row in every]
    assert found["filtered"] == sum("cat" in text for text in texts) > 0
    some = ask(
        page, "rows", text="cat", among=[{"column": "domain", "values": ["even"]}], length=100
    )
    assert {row["domain"] for row in some["rows"]} == {"even"}
    assert 0 < some["filtered"] < found["filtered"]


def test_marks_are_the_points_whose_rows_meet_the_filter(page: TestClient) -> None:
    when_all_is_there(page)
    points = ask(page, "points/map")
    bounds = {"column": "map_x", "min": float(np.median(points["x"]))}
    bits = base64.b64decode(ask(page, "marks/map", between=[bounds])["bits"])
    marked = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")[: len(points["at"])]
    assert marked.tolist() == [int(x >= bounds["min"]) for x in points["x"]]
    inside = ask(page, "rows", between=[bounds], length=100)["rows"]
    marked_places = [p for p, m in zip(points["at"], marked, strict=True) if m]
    assert sorted(row["at"] for row in inside) == marked_places


def test_an_opened_row_says_all_of_it(page: TestClient) -> None:
    when_all_is_there(page)
    taken = [{"column": "recipe:miwv:taken", "value": True}]
    [line] = ask(page, "rows", flags=taken, length=1)["rows"]
    row = ask(page, f"row/{line['sample_id']}")
    assert row["at"] == line["at"]
    assert row["turns"][-1] == {"role": "assistant", "text": line["response"], "left": 0}
    pieces = row["tokens"]["pieces"]
    assert "".join(text for text, _, _ in pieces) == line["response"]
    assert {name[0] for _, _, name in pieces} <= set("pnzu")
    assert row["scores"]["miwv"] == line["miwv"]
    decisions = {one["recipe"]: one for one in row["recipes"]}
    assert decisions["miwv"]["taken"]
    assert decisions["miwv"]["reason"].startswith("MIWV")
    left = next(one for one in decisions.values() if not one["taken"])
    assert left["why"]
    assert left["reason"]
    assert row["neighbour"]["turns"][-1]["role"] == "assistant"
    assert row["neighbour"]["sample_id"] != row["sample_id"]


def test_a_row_that_cannot_be_used_says_why(page: TestClient) -> None:
    bad = [{"column": "status", "values": ["unreadable_line"]}]
    [line] = ask(page, "rows", among=bad)["rows"]
    row = ask(page, f"row/{line['sample_id']}")
    assert row["explanation"] == "The line of the source file is not a record."
    assert row["detail"]
    assert row["tokens"]["pieces"] == []
    assert all(one["why"] == "unreadable_line" for one in row["recipes"])


def test_long_texts_are_cut_until_all_is_asked_for(
    page: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tshirt_assets.explore import opened

    monkeypatch.setattr(opened, "CHARACTERS", 10)
    monkeypatch.setattr(opened, "TOKENS", 3)
    [line] = ask(page, "rows", length=1)["rows"]
    cut = ask(page, f"row/{line['sample_id']}")
    assert len(cut["tokens"]["pieces"]) <= 3
    assert cut["tokens"]["left"] > 0
    whole = page.get(f"/tiny/api/row/{line['sample_id']}?whole").json()
    assert (cut["turns"][0]["left"], whole["turns"][0]["left"]) == (
        len(whole["turns"][0]["text"]) - 10,
        0,
    )
    assert (whole["tokens"]["left"], whole["tokens"]["pieces"][:2]) == (
        0,
        cut["tokens"]["pieces"][:2],
    )


@pytest.mark.parametrize(
    ("address", "status", "message"),
    [
        ("rows?q=%7B", 400, "q: "),
        ('rows?q={"sort":"nothing"}', 400, "there is no column 'nothing'"),
        ('rows?q={"meaning":"cats"}', 503, "semantic_search: true"),
        ("row/0123", 404, "load the page again"),
        ("place/99999", 404, "load the page again"),
        ("points/nothing", 404, ""),
        ("marks/nothing", 404, ""),
    ],
)
def test_what_cannot_be_answered_is_a_sentence(
    page: TestClient, address: str, status: int, message: str
) -> None:
    answer = page.get(f"/tiny/api/{address}")
    assert answer.status_code == status
    assert message in answer.json()["error"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3002", "127.0.0.1.evil.example"])
@pytest.mark.parametrize("path", ["/", "/tiny/", "/tiny/api/rows", "/static/page.js"])
def test_another_name_of_this_machine_gets_nothing(page: TestClient, host: str, path: str) -> None:
    assert page.get(path, headers={"host": host}).status_code == 400


def test_only_the_token_of_the_page_may_write(page: TestClient, finished: "Corpus") -> None:
    text = page.get("/tiny/").text
    token = text.partition('name="token" content="')[2].partition('"')[0]
    assert len(token) >= 32
    assert "{{" not in text
    other = TestClient(explore_app([finished.config]), ORIGIN).get("/tiny/").text
    assert token not in other  # another start has another one
    headers = {"origin": ORIGIN, "x-explore-token": "guess"}
    body = {"judgements": [{"sample_id": "a" * 32, "verdict": "keep"}]}
    assert page.post("/tiny/api/judgements", json=body, headers=headers).status_code == 403
    assert page.get("/tiny/api/judgements").json() == {"judgements": []}


def test_nothing_but_its_own_files_runs_in_the_page(page: TestClient) -> None:
    answer = page.get("/tiny/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "<script>" not in answer.text.replace(SCRIPT, "")
    for name in (*SCRIPTS, *STYLES, *FILES, "tokens.css"):
        found = page.get(f"/static/{name}")
        assert found.status_code == 200
        assert found.headers["x-content-type-options"] == "nosniff"
        assert ("javascript" if name.endswith("js") else "css") in found.headers["content-type"]
    for name in ("app.py", "..%2Fapp.py", "../app.py", "page.html"):
        assert page.get(f"/static/{name}").status_code == 404


def test_token_colours_are_those_of_the_report() -> None:
    style = token_colours()
    assert style.count("--positive:") == style.count("--negative:") == 2
    assert all(f".{sign}{level} {{" in style for sign in "pn" for level in range(1, 6))


def test_without_the_extra_a_line_says_what_to_install(
    finished: "Corpus", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_files, "PACKAGE", "no_such_package_at_all")
    with pytest.raises(ConfigError, match=r"pip install 'tshirt-assets\[explore\]'"):
        explore_app([finished.config])


def test_a_port_in_use_is_named() -> None:
    with listening(0) as bound:
        assert bound.getsockname()[0] == "127.0.0.1"
        with pytest.raises(ConfigError, match="--port"):
            listening(bound.getsockname()[1])


def test_a_link_leads_to_the_corpus_or_a_row(finished: "Corpus") -> None:
    assert explore_link(finished.config) is None
    config = finished.config.model_copy(update={"explore_url": "http://127.0.0.1:3002/"})
    assert explore_link(config) == "http://127.0.0.1:3002/tiny/"
    assert explore_link(config, "ab") == "http://127.0.0.1:3002/tiny/#row=ab"
