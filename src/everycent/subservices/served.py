"""Compute and storage as they are started: a book on the disk, the calls, faults, an admin API, a page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from everycent.kernel.errors import Invalid, Refusal
from everycent.standins import raw
from everycent.standins.serving import refused
from everycent.subservices import admin, compute, kit, page, storage
from everycent.subservices.book import Book
from everycent.subservices.contract import ROWS, Record, Wrong, encoded
from everycent.subservices.draft import FIELD, Instead
from everycent.subservices.faults import Fault
from everycent.subservices.filling import Filled, from_focus, from_lines
from everycent.subservices.mutations import mutated
from everycent.subservices.running import Running

SERVICES: dict[str, ModuleType] = {"compute": compute, "storage": storage}
"""The sub-services that ship, by name."""
KEY = "sub_fake"
_EXCEPTION = """<!doctype html><title>KeyError</title><h1>Internal Server Error</h1><pre>
Traceback (most recent call last):
  File "usage.py", line 88, in report
    unit = units[item]
KeyError: 'storage'</pre>"""


def open_service(name: str, folder: Path, key: str = KEY, page_size: int = 500) -> Running:
    """A shipped service over its database in a folder. Raises like `Book`."""
    book = Book(folder / f"{name}.sqlite")
    module = SERVICES[name]
    return Running(book, module.make(book, key, page_size), module.LEVEL)


def fill(one: Running, path: Path, month: str | None = None) -> Filled:
    """Takes a file in, which is JSON lines unless it is called .csv or .csv.gz. Raises Invalid."""
    service = one.desk.service
    if path.name.endswith((".csv", ".csv.gz")):
        return from_focus(one.book, service.name, path, month)
    if month is not None:
        raise Invalid(
            "subservice.bad_month", "JSON lines are taken as they are", field="month", value=month
        )
    return from_lines(one.book, service.items, one.level, path)


def make_app(one: Running) -> Starlette:
    """The application."""
    one.desk.spoil = lambda call, pages: _spoiled(one, call, pages)

    async def answer(request: Request) -> Response:
        return await _answered(one, request)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            one.book.close()

    app = Starlette(
        routes=[*kit.routes(answer), *admin.ROUTES, *page.ROUTES],
        exception_handlers={
            Refusal: refused, Wrong: kit.refused, 404: kit.unknown, 405: kit.not_get,
        },
        lifespan=lifespan,
    )  # fmt: skip
    app.state.running = one
    app.state.faults = one.faults
    return app


def _spoiled(one: Running, call: str, pages: list[Record]) -> Sequence[Any]:
    rows = sum(len(page[FIELD[call]]) for page in pages)
    name = one.faults.mutation(call, rows)
    return pages if name is None else mutated(name, call, pages)


async def _answered(one: Running, request: Request) -> Response:
    with one.counted():
        found = await kit.asked(one.desk, request)
        call = request.url.path.strip("/")
        fault = one.faults.match(call, found.page, is_last=found.is_last)
        if isinstance(found.body, Instead):
            fault, body = Fault(found.body.fault), encoded({name: [] for name in ROWS.values()})
        else:
            body = found.body if isinstance(found.body, bytes) else encoded(found.body)
        return kit.json_of(body) if fault is None else await _faulty(fault, body)


async def _faulty(fault: Fault, body: bytes) -> Response:
    """What a fault makes of an answer."""
    wait = 1000 if fault.wait is None else fault.wait
    match fault.name:
        case "close":
            return raw.closed()
        case "hang":
            return raw.hanging()
        case "garbage":
            return raw.garbage()
        case "slow_loris":
            return raw.dripping(200, body)
        case "cut":
            return raw.cut(200, body, fault.size)
        case "huge":
            return raw.huge(body)
        case "gzip":
            return raw.compressed(body)
        case "gzip_bomb":
            return raw.bomb()
        case "html":
            return HTMLResponse("<!doctype html><title>Sign in</title><p>Please sign in")
        case "exception_page":
            return HTMLResponse(_EXCEPTION, 500)
        case "redirect":
            return RedirectResponse("/elsewhere", 307)
        case "status":
            return _status(int(fault.detail or 200), body)
        case "slow":
            await asyncio.sleep(wait / 1000)
            return kit.json_of(body)
        case _:
            return _error(fault.name, wait)


def _status(status: int, body: bytes) -> Response:
    """The true body with another status; those that have no body go without it."""
    return Response(status_code=status) if status in (204, 304) else kit.json_of(body, status)


def _error(name: str, wait: int) -> Response:
    status, code, message = {
        "error_500": (500, "internal", "something went wrong"),
        "error_503": (503, "unavailable", "come again later"),
        "rate_limit": (429, "rate_limited", "come again later"),
        "snapshot_gone": (409, "snapshot_gone", "this snapshot is not kept any more: begin again"),
        "unauthorized": (401, "unauthorized", "the key is missing or wrong"),
    }[name]
    answer = kit.json_of(encoded(Wrong(status, code, message).body), status)
    if status in (429, 503):
        answer.headers["Retry-After"] = str(-(-wait // 1000))
    return answer
