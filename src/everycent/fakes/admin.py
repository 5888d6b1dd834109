"""The admin API of the fake provider: faults, settings, accounts, what is done by hand, the ledger."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from everycent.fakes.bank import customer_record
from everycent.fakes.faults import milliseconds
from everycent.fakes.service import Service, manner_of
from everycent.kernel.errors import Invalid
from everycent.standins.serving import told


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _put_fault(request: Request) -> Response:
    """POST /admin/faults."""
    switch = _service(request).faults.put(await told(request))
    return JSONResponse(switch.shown(), 201)


async def _show_faults(request: Request) -> Response:
    """GET /admin/faults."""
    return JSONResponse({"faults": [s.shown() for s in _service(request).faults.switches]})


async def _clear_faults(request: Request) -> Response:
    """DELETE /admin/faults, DELETE /admin/faults/{id}."""
    _service(request).faults.take_away(request.path_params.get("number"))
    return JSONResponse({})


async def _settings(request: Request) -> Response:
    """GET and POST /admin/settings."""
    if request.method == "POST":
        _service(request).change(await told(request))
    return JSONResponse(_service(request).settings.shown())


async def _ledger(request: Request) -> Response:
    """GET /admin/ledger[?reference=R]."""
    service = _service(request)
    found = service.ledger(request.query_params.get("reference"))
    await service.lines.durable()
    return JSONResponse(found)


async def _summary(request: Request) -> Response:
    """GET /admin/summary."""
    return JSONResponse(_service(request).summary())


async def _customer(request: Request) -> Response:
    """PUT /admin/customers/{payer}."""
    service = _service(request)
    record = customer_record(request.path_params["payer"], await told(request))
    service.keep([record])
    await service.lines.durable()
    return JSONResponse(record["told"])


async def _by_hand(request: Request) -> Response:
    """POST /admin/charges/{id}/capture, fail, dispute, win, refund."""
    service = _service(request)
    amount = (await told(request)).get("amount")
    if amount is not None and (type(amount) is not int or amount < 1):
        raise Invalid("fake.bad_amount", "the amount is no whole number", field="amount")
    action, charge_id = request.path_params["action"], request.path_params["charge"]
    records = service.bank.by_hand(action, charge_id, amount, service.now())
    service.keep(records)
    await service.lines.durable()
    return JSONResponse(records[0]["told"])


async def _send_webhooks(request: Request) -> Response:
    """POST /admin/webhooks/send: events of the ledger once more, in a way of its own."""
    service = _service(request)
    asked = await told(request)
    ids = asked.pop("events", None)
    if ids is not None and not (isinstance(ids, list) and all(isinstance(i, str) for i in ids)):
        raise Invalid("fake.bad_events", "events is not a list of ids", field="events")
    if "delay" in asked:  # seconds, as everywhere in the admin API
        asked["delay"] = milliseconds(asked["delay"], "delay")
    manner = manner_of(service.settings.webhook._replace(drop=False), asked)
    events: list[Any] = [
        event for event in service.bank.events.values() if ids is None or event["id"] in ids
    ]
    service.tell(events, manner)
    return JSONResponse({"sent": len(events)}, 202)


ROUTES = [
    Route("/admin/faults", _put_fault, methods=["POST"]),
    Route("/admin/faults", _show_faults, methods=["GET"]),
    Route("/admin/faults", _clear_faults, methods=["DELETE"]),
    Route("/admin/faults/{number:int}", _clear_faults, methods=["DELETE"]),
    Route("/admin/settings", _settings, methods=["GET", "POST"]),
    Route("/admin/ledger", _ledger, methods=["GET"]),
    Route("/admin/summary", _summary, methods=["GET"]),
    Route("/admin/customers/{payer}", _customer, methods=["PUT"]),
    Route("/admin/charges/{charge}/{action}", _by_hand, methods=["POST"]),
    Route("/admin/webhooks/send", _send_webhooks, methods=["POST"]),
]
