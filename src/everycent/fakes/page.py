"""The page of the fake provider: the ledger with the newest on top, sums, and faults as switches."""

from __future__ import annotations

from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from everycent.fakes.faults import KINDS
from everycent.fakes.service import MODES, Service
from everycent.fakes.words import DECLINES, Record
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, plain
from everycent.standins import pages
from everycent.standins.forms import form, number

_SHOWN = 60
_TEMPLATE = pages.template("everycent.fakes", "page.html")


async def _page(request: Request) -> Response:
    """GET /."""
    service: Service = request.app.state.service
    summary = service.summary()
    doubles = summary["charged_more_than_once"]
    text = _TEMPLATE.render(
        summary=summary,
        doubles=len(doubles),
        first_double=next(iter(doubles), ""),
        entries=_newest(service),
        faults=[s.shown() for s in service.faults.switches if s.times != 0],
        settings=service.settings,
        kinds=KINDS,
        declines=DECLINES,
        modes=MODES,
        money=_money,
        actions=_actions,
    )
    return HTMLResponse(text, headers={"Cache-Control": "no-store"})


def _newest(service: Service) -> list[Record]:
    """The newest charges, refunds and disputes, each with everything that the page asks of one."""
    bank = service.bank
    blank = {"payer": None, "charge": None, "code": None}
    found = [
        blank | one
        for table in (bank.charges, bank.refunds, bank.disputes)
        for one in islice(reversed(table.values()), _SHOWN)
    ]
    return sorted(found, key=lambda one: (one["created"], one["id"]), reverse=True)[:_SHOWN]


def _money(amount: int, currency: str) -> str:
    """An amount as people read it; minor units where the currency is none that is known."""
    try:
        return f"{plain(Money(amount, currency))} {currency}"
    except Invalid:
        return f"{amount} {currency} (minor units)"


def _actions(one: Record) -> tuple[str, ...]:
    """What can be done by hand with an entry, or with the charge that it is about."""
    found: dict[str, tuple[str, ...]] = {
        "pending": ("capture", "fail") if one["charge"] is None else (),
        "captured": ("refund", "dispute"),
        "open": ("win",),
    }
    return found.get(one["status"], ())


async def _put_fault(request: Request) -> Response:
    """POST /page/faults: the form."""
    told = await form(request)
    fault: dict[str, Any] = {"fault": told.get("fault", ""), "times": number(told, "times")}
    for name in ("seconds", "chance"):
        if told.get(name):
            fault[name] = number(told, name)
    if told.get("reference"):
        fault["where"] = {"reference": told["reference"]}
    request.app.state.service.faults.put(fault)
    return pages.back(request)


async def _take_fault_away(request: Request) -> Response:
    """POST /page/faults/{id}: the switch."""
    request.app.state.service.faults.take_away(request.path_params["number"])
    return pages.back(request)


async def _settings(request: Request) -> Response:
    """POST /page/settings: the form."""
    told = await form(request)
    changed = {"mode": told.get("mode", ""), "latency": number(told, "latency")}
    switches = {name: bool(told.get(name)) for name in ("looks_up", "strict")}
    request.app.state.service.change(changed | switches)
    return pages.back(request)


async def _by_hand(request: Request) -> Response:
    """POST /page/charges/{id}/{action}: the buttons of a charge."""
    service: Service = request.app.state.service
    action, charge = request.path_params["action"], request.path_params["charge"]
    service.keep(service.bank.by_hand(action, charge, None, service.now()))
    await service.lines.durable()
    return pages.back(request)


ROUTES = [
    Route("/", _page, methods=["GET"]),
    Route("/page/faults", _put_fault, methods=["POST"]),
    Route("/page/faults/{number:int}", _take_fault_away, methods=["POST"]),
    Route("/page/settings", _settings, methods=["POST"]),
    Route("/page/charges/{charge}/{action}", _by_hand, methods=["POST"]),
]
