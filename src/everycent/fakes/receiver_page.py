"""The page of the receiver: what came, the newest on top, and how it answers."""

from __future__ import annotations

from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from everycent.standins import pages
from everycent.standins.forms import form, number

_SHOWN = 60
_TEMPLATE = pages.template("everycent.fakes", "receiver_page.html")


async def _page(request: Request) -> Response:
    """GET /."""
    receiver = request.app.state.receiver
    text = _TEMPLATE.render(
        summary=receiver.summary(None),
        taken=list(islice(reversed(receiver.taken), _SHOWN)),
        behaviours=[one for one in receiver.behaviours if one.times != 0],
    )
    return HTMLResponse(text, headers={"Cache-Control": "no-store"})


async def _behave(request: Request) -> Response:
    """POST /page/behaviours: the form."""
    told = await form(request)
    wanted: dict[str, Any] = {name: told[name] for name in ("name", "type") if told.get(name)}
    for name in ("status", "hang", "times"):
        if told.get(name):
            wanted[name] = number(told, name)
    request.app.state.receiver.behave(wanted)
    return pages.back(request)


async def _behave_well(request: Request) -> Response:
    """POST /page/behaviours/none: the button."""
    request.app.state.receiver.behaviours.clear()
    return pages.back(request)


ROUTES = [
    Route("/", _page, methods=["GET"]),
    Route("/page/behaviours", _behave, methods=["POST"]),
    Route("/page/behaviours/none", _behave_well, methods=["POST"]),
]
