"""The two addresses by which the page of the row browser reads and writes judgements."""

import json
import re
import secrets
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tshirt_assets.incremental.judgements import Judgement, JudgementError, read_judgements, record
from tshirt_assets.report.serve import NAMES
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store

PATH: Final = "/api/judgements"
TOKEN_HEADER: Final = "X-Explore-Token"
HOSTS: Final = (*NAMES, "[::1]")
MOST_BYTES: Final = 1 << 20  # of a request
MOST_ENTRIES: Final = 1_000  # of a request


def judging_routes(store: Store, corpus_name: str, token: str) -> list[Route]:
    """GET and POST of `/api/judgements` for one corpus.

    GET gives `{"judgements": [...]}`, a line for each judged row as `read_judgements` has it. POST
    takes `{"judgements": [{"sample_id", "verdict", "label", "note"}, ...]}`, where a field that is
    left out stays as it was and null takes it back, and gives `{"recorded": n}` with the present
    lines of those rows. Only the page's own requests, with its `token` in the header
    X-Explore-Token, may write: 403 else. 400 with `{"error": sentence}` for bad input; 503 where
    the store fails.
    """

    def lines(only: set[str] | None = None) -> list[dict[str, object]]:
        found = read_judgements(store, corpus_name)
        rows = found.iter_rows(named=True)
        return [_line(row) for row in rows if only is None or row["sample_id"] in only]

    def stored(entries: list[Judgement]) -> dict[str, object]:
        recorded = record(store, corpus_name, entries)
        return {"recorded": recorded, "judgements": lines({e.sample_id for e in entries})}

    async def answer(request: Request) -> Response:
        try:
            if request.method == "POST":
                refuse_strangers(request, token)
                entries = judgements_of(await bounded_body(request))
                return JSONResponse(await run_in_threadpool(stored, entries))
            refuse_other_hosts(request)
            return JSONResponse({"judgements": await run_in_threadpool(lines)})
        except HTTPException as refused:
            return _error(refused.status_code, str(refused.detail))
        except JudgementError as error:
            return _error(400, str(error))
        except StoreError as error:
            return _error(503, str(error))

    return [Route(PATH, answer, methods=["GET", "POST"])]


def refuse_other_hosts(request: Request) -> None:
    """Raise 403 unless this machine was asked by a name of its own.

    Any web page can have its own name resolve to this machine; none of them is us.
    """
    host = re.sub(r":\d+$", "", request.headers.get("host", "")).lower()
    if host not in HOSTS:
        raise HTTPException(403, "this address is for this machine only")


def refuse_strangers(request: Request, token: str) -> None:
    """Raise 403 unless the request comes from the page itself: same origin, and its token."""
    refuse_other_hosts(request)
    headers = request.headers
    origin = headers.get("origin")
    own = origin is not None and urlsplit(origin)[:2] == ("http", headers.get("host", ""))
    if not own or headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise HTTPException(403, "only the page itself may write; open it anew")
    given = headers.get(TOKEN_HEADER, "")
    if not secrets.compare_digest(given.encode(), token.encode()):
        raise HTTPException(403, "the page is of an earlier start; load it again")


async def bounded_body(request: Request) -> bytes:
    """The body of a request. Raises 413 for one that is too long, without reading on."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"more than {MOST_BYTES:,} bytes; send fewer judgements")
    return body


def judgements_of(body: bytes) -> list[Judgement]:
    """The judgements in the body of a request. Raises `JudgementError`."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise JudgementError("the body is no JSON") from None
    entries = values.get("judgements") if isinstance(values, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise JudgementError('write {"judgements": [{"sample_id": ..., "verdict": ...}]}')
    if len(entries) > MOST_ENTRIES:
        raise JudgementError(f"more than {MOST_ENTRIES:,} judgements at once; send fewer")
    return [Judgement.of(entry) for entry in entries]


def _line(row: dict[str, object]) -> dict[str, object]:
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()}


def _error(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status_code=status)
