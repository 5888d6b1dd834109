"""Other servers behind this one's port, under /fake/NAME/: for the mock, where one address has to do.

Only what is named is reached, and only on this machine; nothing of a request's key goes there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import httpx2
from jinja2 import Environment, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_SECONDS = 60
_OWN = frozenset({"content-length", "transfer-encoding", "connection", "content-encoding", "date"})


class Front(NamedTuple):
    """A server that is reached under a name."""

    name: str
    title: str
    address: str


def in_front(fronts: Sequence[Front], key: str) -> list[BaseRoute]:
    """Routes to the servers, and a page at / that shows what is here; `key` is told there."""
    by_name = {one.name: one for one in fronts}

    async def show(request: Request) -> Response:
        return HTMLResponse(
            _template().render(fronts=fronts, key=key, address=str(request.base_url).rstrip("/"))
        )

    async def bare(request: Request) -> Response:
        return RedirectResponse(f"{request.url.path}/", 308)

    async def hand_on(request: Request) -> Response:
        one = by_name.get(request.path_params["name"])
        if one is None:
            raise HTTPException(404)
        url = httpx2.URL(
            f"{one.address}/{request.path_params['rest']}", query=request.url.query.encode()
        )
        body = await request.body()
        told = {"content-type": request.headers.get("content-type", "")} if body else {}
        async with httpx2.AsyncClient(timeout=_SECONDS, follow_redirects=False) as client:
            answer = await client.request(request.method, url, content=body, headers=told)
        kept = {n: text for n, text in answer.headers.items() if n.lower() not in _OWN}
        return Response(answer.content, answer.status_code, kept)

    return [
        Route("/", show, methods=["GET"]),
        Route("/fake/{name}", bare, methods=["GET"]),
        Route("/fake/{name}/{rest:path}", hand_on, methods=_METHODS),
    ]


@cache
def _template() -> Any:
    text = resources.files("everycent.api").joinpath("mock.html").read_text("utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(text)
