"""/rest/v1/…: invoices by the status of their payment, why attempts failed, and an invoice put in the queue
again: the endpoints of the founding project, under the addresses that they have there.

To read needs a key with the scope `payments:read`, to put in the queue one with `payments:write`. An
invoice is called by its number (231 is INV-000231) or its id, a customer by its key or its id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from everycent.api.operation import raw
from everycent.api.parameters import Parameters, parameters, whole
from everycent.api.reading import json_response, read
from everycent.api.service import admitted, in_thread, service_of
from everycent.charging import queries as charging
from everycent.charging.attempt import Stage
from everycent.charging.queries import Step
from everycent.charging.status import ALIVE, PaymentState, follows, parse_status
from everycent.customers import queries as customers
from everycent.customers.customer import Customer
from everycent.db.connection import Tx
from everycent.flows.collect import decide
from everycent.invoicing.invoice import INVOICE_SERIES, name_of
from everycent.kernel import ids
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text
from everycent.metering.record import check_name

_READ, _WRITE = "payments:read", "payments:write"
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_MOST = 500
_USUAL = 100
_PAGES = 1000
_ACTOR = "http"
_ACCEPTED = 202
_NUMBERS = 10**18


async def get_invoices(request: Request) -> Response:
    """All invoices in order of their numbers, with the status of their payment: a page of `size`, number
    `page` or what comes `after` an invoice."""
    return await _invoices(request, None)


async def get_by_status(request: Request) -> Response:
    """The invoices whose payment has the status of the path, in capitals or not; paged in the same way."""
    return await _invoices(request, request.path_params["status"])


async def get_invoice(request: Request) -> Response:
    """One invoice with the status of its payment."""
    parameters(request)
    name = _name(request.path_params["invoice"])
    return json_response(
        await read(request, lambda tx, _: _told(tx, [charging.payment_state(tx, name)])[0])
    )


async def get_failed(request: Request) -> Response:
    """Why attempts to charge an invoice brought nothing, or nobody knows what: each with the reason, the
    provider's word, when, and what follows; oldest first. An invoice without such attempts has none."""
    parameters(request)
    name = _name(request.path_params["invoice"])

    def work(tx: Tx, _: datetime) -> dict[str, Any]:
        found = charging.payment_state(tx, name)
        (told,) = _told(tx, [found])
        return told | {"attempts": _failures(charging.trail(tx, found.invoice_id))}

    return json_response(await read(request, work))


async def requeue_invoice(request: Request) -> Response:
    """Puts an invoice in the queue as if nothing had been tried: 202, or 200 where it is there already."""
    tenant_id = (await admitted(request)).tenant_id
    parameters(request)
    name = _name(request.path_params["invoice"])
    service = service_of(request)
    app = service.app
    found, is_new = await in_thread(
        service,
        lambda: decide.requeue(
            app.database, tenant_id, name, at=app.clock(), actor=_ACTOR, ids=app.ids
        ),
    )
    answer = json_response(_invoice(found))
    answer.status_code = _ACCEPTED if is_new else answer.status_code
    return answer


async def get_customers(request: Request) -> Response:
    """Customers in order of their keys: a page of `size`, of those `after` a key."""
    told = parameters(request, "size", "after")
    size = whole(told, "size", _USUAL, 1, _MOST)
    after = check_name(told["after"], "after") if "after" in told else ""

    def work(tx: Tx, _: datetime) -> dict[str, Any]:
        found = customers.page(tx, after=after, limit=size + 1)
        last = found[size - 1].key if len(found) > size else None
        return {
            "customers": [_customer(one) for one in found[:size]],
            "next": _next(request, size, last),
        }

    return json_response(await read(request, work))


async def get_customer_by_key(request: Request) -> Response:
    """One customer."""
    parameters(request)
    name = check_name(request.path_params["customer"], "customer")
    return json_response(await read(request, lambda tx, _: _customer(customers.by_name(tx, name))))


def _name(told: str) -> str:
    """A whole number as the name of the invoice that it numbers; any other name as it is."""
    return name_of(INVOICE_SERIES, int(told)) if _NUMBER.fullmatch(told) else told


async def _invoices(request: Request, word: str | None) -> Response:
    told = parameters(request, "size", "page", "after")
    size = whole(told, "size", _USUAL, 1, _MOST)
    after, offset = _place(told, size)

    def work(tx: Tx, _: datetime) -> dict[str, Any]:
        status = None if word is None else parse_status(word)
        found = charging.payment_states(tx, status, after=after, offset=offset, limit=size + 1)
        last = _number(found[size - 1]) if len(found) > size else None
        return {
            "invoices": _told(tx, found[:size]),
            "next": _next(request, size, last),
        }

    return json_response(await read(request, work))


def _place(told: Parameters, size: int) -> tuple[int, int]:
    """After which number the page begins, and how many invoices it leaves out."""
    if "page" in told and "after" in told:
        raise Invalid(
            "request.bad_parameter",
            "a page is told by its number or by what it comes after, and not by both",
            field="page",
            value=told["page"],
        )
    page = whole(told, "page", 1, 1, _PAGES)
    return whole(told, "after", 0, 0, _NUMBERS), (page - 1) * size


def _next(request: Request, size: int, last: object | None) -> str | None:
    """Where the next page is: what comes after the last one of this, whatever changed meanwhile."""
    if last is None:
        return None
    return f"{request.url.path}?{urlencode({'size': size, 'after': last})}"


def _number(found: PaymentState) -> int:
    return int(found.invoice.rpartition("-")[2])


def _told(tx: Tx, found: Sequence[PaymentState]) -> list[dict[str, Any]]:
    """Invoices, with why an attempt that is alive stands where it does, which nothing is decided about."""
    alive = [one.attempt for one in found if one.status in ALIVE and one.attempt is not None]
    whys = charging.whys(tx, alive)
    return [_invoice(one) | _why(one, whys) for one in found]


def _why(one: PaymentState, whys: Mapping[str, str]) -> dict[str, Any]:
    return {"reason": one.reason or whys.get(one.attempt or "", "")}


def _invoice(found: PaymentState) -> dict[str, Any]:
    return {
        "id": _number(found) if found.invoice.startswith(f"{INVOICE_SERIES}-") else None,
        "name": found.invoice,
        "invoice_id": ids.show(ids.INVOICE, found.invoice_id),
        "customer": found.customer,
        "issued_on": found.issued_on,
        "due_on": found.due_on,
        "amount": _money(found.owed, found.currency),
        "open": _money(found.left, found.currency),
        "status": found.status,
        "tries": found.tries,
        "attempt": found.attempt,
        "attempted_at": _instant(found.claimed_at),
        "retry_at": _instant(found.retry_at),
        "is_stopped": found.is_stopped,
        "has_method": found.has_method,
        "reason": found.reason,
    }


def _customer(found: Customer) -> dict[str, Any]:
    return {
        "id": found.key,
        "customer_id": ids.show(ids.CUSTOMER, found.customer_id),
        "name": found.name,
        "currency": found.currency,
        "time_zone": found.time_zone,
    }


def _failures(trail: Sequence[Step]) -> list[dict[str, Any]]:
    """By attempt the last of its stages that says what went wrong, and where it stands now."""
    wrong: dict[str, Step] = {}
    now: dict[str, Stage] = {}
    for step in trail:
        now[step.reference] = step.stage
        if step.stage.state.failure is not None:
            wrong[step.reference] = step
    return [_failure(step, now[reference]) for reference, step in wrong.items()]


def _failure(step: Step, now: Stage) -> dict[str, Any]:
    attempt, state, said = step.stage.attempt, step.stage.state, step.stage.evidence
    then, at = follows(now.state)
    return {
        "attempt": step.reference,
        "try": attempt.tries,
        "claimed_at": instant_text(state.claimed_at),
        "failed_at": instant_text(step.at),
        "stage": state.status,
        "failure": state.failure,
        "reason": state.why,
        "provider": attempt.provider,
        "provider_code": None if said is None else said.code,
        "http_status": None if said is None else said.status,
        "amount": _money(attempt.amount, attempt.currency),
        "status": now.state.status,
        "follows": then,
        "follows_at": _instant(at),
    }


def _money(amount: int, currency: str) -> dict[str, str]:
    return {"value": plain(Money(amount, currency)), "currency": currency}


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)


OPERATIONS = [
    raw("GET", "/rest/v1/invoices", _READ, get_invoices, Any),
    raw("GET", "/rest/v1/invoices/status/{status}", _READ, get_by_status, Any),
    raw("GET", "/rest/v1/invoices/failed/{invoice}", _READ, get_failed, Any),
    raw("GET", "/rest/v1/invoices/{invoice}", _READ, get_invoice, Any),
    raw("POST", "/rest/v1/invoices/{invoice}/requeue", _WRITE, requeue_invoice, Any),
    raw("GET", "/rest/v1/customers", _READ, get_customers, Any),
    raw("GET", "/rest/v1/customers/{customer}", _READ, get_customer_by_key, Any),
]
