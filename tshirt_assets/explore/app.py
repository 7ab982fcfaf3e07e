"""The web application of the row browser: a page and the addresses that it asks."""

import html
import secrets
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from tshirt_assets.config import CorpusConfig
from tshirt_assets.config.messages import fault_lines
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.explore.explored import Explored
from tshirt_assets.explore.headers import Headers
from tshirt_assets.explore.judging import judging_routes
from tshirt_assets.explore.opened import opened_row
from tshirt_assets.explore.pages import PLANES, corpus_page, marks_page, points_page, rows_page
from tshirt_assets.explore.query import BadQueryError, Query
from tshirt_assets.explore.table_files import FILES, table_folder
from tshirt_assets.explore.token_colours import token_colours
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.models.model_files import ModelError
from tshirt_assets.report.serve import NAMES
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store

SCRIPTS: Final = ("page.js", "ask.js", "dom.js", "filters.js", "plot.js", "rows.js", "panel.js")
STYLES: Final = ("page.css",)
COLOURS: Final = "tokens.css"


def explore_app(corpora: Sequence[CorpusConfig]) -> Starlette:
    """The application for these corpora, each under `/NAME/`; for this machine's browser only.

    Raises `ConfigError` where the extra `explore` is not installed.
    """
    files = table_folder()
    token = secrets.token_urlsafe(32)
    mounts: list[BaseRoute] = [
        Mount(f"/{config.name}", routes=corpus_routes(config, token)) for config in corpora
    ]
    names = [config.name for config in corpora]
    return Starlette(
        routes=[
            Route("/", lambda request: HTMLResponse(_list(names))),
            *mounts,
            Route("/static/{name}", lambda request: _static(request, files)),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(NAMES), www_redirect=False),
            Middleware(Headers),
        ],
    )


def corpus_routes(config: CorpusConfig, token: str) -> list[BaseRoute]:
    """The page of one corpus, and what it asks; `token` is what its writes must carry."""
    store = Store(config.store, config.storage_options)
    explored = Explored(store, config)
    explored.begin()

    def page(request: Request) -> Response:
        text = _own("page.html").replace("{{token}}", html.escape(token))
        return HTMLResponse(text.replace("{{corpus}}", html.escape(config.name)))

    def corpus(request: Request) -> dict[str, Any]:
        return corpus_page(explored, explored.view())

    def rows(request: Request) -> dict[str, Any]:
        return rows_page(explored, explored.view(), _query(request))

    def points(request: Request) -> dict[str, Any] | None:
        name = request.path_params["plane"]
        return points_page(explored.view(), name) if name in PLANES else None

    def marks(request: Request) -> dict[str, Any] | None:
        name = request.path_params["plane"]
        query = _query(request)
        return marks_page(explored, explored.view(), name, query) if name in PLANES else None

    def row(request: Request) -> dict[str, Any] | None:
        view = explored.view()
        at = view.place_of(request.path_params["sample_id"], request.query_params.get("at", ""))
        whole = "whole" in request.query_params
        return None if at is None else opened_row(explored, view, at, whole=whole)

    def place(request: Request) -> dict[str, Any] | None:
        frame, at = explored.view().frame, request.path_params["at"]
        return {"sample_id": frame["sample_id"][at]} if at < frame.height else None

    return [
        Route("/", page),
        Route("/api/corpus", _answered(corpus)),
        Route("/api/rows", _answered(rows)),
        Route("/api/points/{plane}", _answered(points)),
        Route("/api/marks/{plane}", _answered(marks)),
        Route("/api/place/{at:int}", _answered(place)),
        Route("/api/row/{sample_id}", _answered(row)),
        *judging_routes(store, config.name, token),
    ]


def _query(request: Request) -> Query:
    return Query.model_validate_json(request.query_params.get("q") or "{}")


def _answered(answer: Callable[[Request], dict[str, Any] | None]) -> Callable[[Request], Response]:
    """The endpoint that gives an answer as JSON, and each failure as a sentence."""

    def endpoint(request: Request) -> Response:
        try:
            found = answer(request)
        except ValidationError as error:
            return _fault(400, "; ".join(fault_lines(error, Query, "q")))
        except BadQueryError as error:
            return _fault(400, str(error))
        except (StoreError, CorpusError, UpstreamError, ModelError, OSError) as error:
            return _fault(503, str(error))
        if found is None:
            return _fault(404, "there is nothing of this name any more; load the page again")
        return JSONResponse(found)

    return endpoint


def _fault(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status_code=status)


def _static(request: Request, component: Path) -> Response:
    name = request.path_params["name"]
    if name in FILES:
        return FileResponse(component / name)
    if name in (*SCRIPTS, *STYLES):
        kind = "text/javascript" if name.endswith(".js") else "text/css"
        return Response(_own(name), media_type=kind)
    if name == COLOURS:
        return Response(token_colours(), media_type="text/css")
    return _fault(404, "there is no such file")


def _own(name: str) -> str:
    return resources.files("tshirt_assets.explore").joinpath(name).read_text(encoding="utf-8")


def _list(names: Sequence[str]) -> str:
    links = "".join(f'<li><a href="/{name}/">{name}</a></li>' for name in names)
    return f"<!doctype html><title>Row browser</title><h1>Row browser</h1><ul>{links}</ul>"
