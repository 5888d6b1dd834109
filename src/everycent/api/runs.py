"""/v1/runs: billing runs: what is due, how far runs are, and who could not be billed and why."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta

from everycent.api.operation import Answer, Asked, doing, reading
from everycent.api.parameters import instant
from everycent.api.shapes import Body, Instant, Page, Paged, Query, Shown, Zone
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.flows import bill as flow
from everycent.flows import bill_at_once
from everycent.flows.bill_told import check_has_come, run_data
from everycent.invoicing import queries
from everycent.invoicing.runs import Run
from everycent.kernel import ids
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.errors import Conflict
from everycent.kernel.period import instant_text


class BillingRun(Shown):
    """A billing run, and how far it is. Without `finished_at` it is open."""

    run_id: str
    as_of: Annotated[str, Meta(description="It bills what is due by then.")]
    started_at: str
    finished_at: str | None
    customers: Annotated[int, Meta(description="Of whom something was due.")]
    chunks: Annotated[int, Meta(description="Parts that the customers were cut into.")]
    chunks_done: int
    invoices: int
    lines: int
    parked: Annotated[int, Meta(description="Customers who could not be billed.")]


class ParkedCustomer(Shown):
    """A customer who could not be billed, and why."""

    customer: str
    code: str
    message: str


class StartedBillingRun(BillingRun):
    """A run that is open; `was_resumed` where it was before."""

    was_resumed: bool
    parked_customers: Annotated[
        list[ParkedCustomer],
        Meta(description="Of a plan: who could not be billed. Later the run tells its own."),
    ]


class DueCustomer(Shown):
    """A customer of whom something is due."""

    customer: str
    name: str


class NewBillingRun(Body):
    """What is to be billed."""

    as_of: Annotated[
        Instant | None, Meta(description="What is due by then, which has come; now without it.")
    ] = None
    zone: Annotated[Zone, Meta(description="Whose dates `as_of` and invoices carry.")] = "UTC"
    payment_days: Annotated[
        int, Meta(ge=0, le=365, description="Days from issue to the due date.")
    ] = flow.PAYMENT_DAYS


class DueWanted(Paged):
    """As of when, and which part."""

    as_of: Annotated[Instant | None, Meta(description="Due by then; now without it.")] = None


def start_billing_run(asked: Asked[Query, NewBillingRun]) -> Answer:
    """Opens a billing run, or finds the one that is open. `everycent work` and `everycent bill run`
    work on it, and ask for it to see how far it is; nothing is ever billed twice. One that is open
    keeps what it was begun with, and is not taken for one that is asked for as of another time.
    Invoices are recorded as made by whoever works on it, and counted again before they are issued where
    the tenant's policies say so. An `as_of` that has not come is refused: dates of documents never go
    back, and nothing could be billed before it afterwards.

    As planned it is done at once, all of it or nothing, for up to 1,000 customers; with what waits for
    it, which has a run of its own otherwise. `everycent bill run` bills more of them faster."""
    until, terms = _wanted(asked)
    app = asked.app
    begun, is_new = flow.start(
        app.database, asked.who.tenant_id, until, clock=app.clock, ids=app.ids, terms=terms
    )
    if not is_new and asked.body.as_of is not None:
        _check_same(begun, until, terms)
    with app.database.snapshot(asked.who.tenant_id) as tx:
        return _told(tx, begun, {"was_resumed": not is_new, "parked_customers": []})


def _check_same(begun: Run, until: datetime, terms: flow.Terms) -> None:
    """Refuses to take a run that is open for another one that was asked for. Raises Conflict
    `billing.run_open`."""
    others = [
        f"{name} {told}"
        for name, told, wanted in (
            ("as_of", instant_text(begun.as_of), instant_text(until)),
            ("zone", begun.time_zone, terms.time_zone),
            ("payment_days", begun.payment_days, terms.payment_days),
        )
        if told != wanted
    ]
    if others:
        raise Conflict(
            "billing.run_open",
            f"a billing run is open that was begun with {', '.join(others)}",
            hint="`everycent work` or `everycent bill run` finishes it; begin this one then",
        )


def _bill_at_once(tx: Tx, asked: Asked[Query, NewBillingRun]) -> Answer:
    until, terms = _wanted(asked)
    app = asked.app
    done = bill_at_once.run_in(tx, app.database, until, clock=app.clock, ids=app.ids, terms=terms)
    parked = [one._asdict() for one in bill_at_once.parked(tx, done)]
    return _told(tx, done[0], {"was_resumed": False, "parked_customers": parked})


def _around(asked: Asked[Query, NewBillingRun]) -> AbstractContextManager[None]:
    return bill_at_once.ready(asked.app.database, asked.who.tenant_id)


def _effect_of(told: dict[str, Any]) -> dict[str, Any]:
    """What of a run that is done at once tells its effect beside what it records."""
    return {name: told[name] for name in ("customers", "invoices", "lines", "parked_customers")}


def _wanted(asked: Asked[Query, NewBillingRun]) -> tuple[datetime, flow.Terms]:
    wanted = asked.body
    known_zone(wanted.zone)
    until = asked.now
    if wanted.as_of is not None:
        until = instant(wanted.as_of, wanted.zone, "as_of")
    check_has_come(until, asked.now, wanted.as_of, "a preview tells what is billed later")
    return until, flow.Terms(asked.who.actor, wanted.zone, wanted.payment_days)


def _told(tx: Tx, run: Run, more: dict[str, Any]) -> Answer:
    name = ids.show(ids.RUN, run.run_id)
    told = run_data(queries.run_by_name(tx, name)) | more
    return Answer(told, 202, {"Location": f"/v1/runs/{name}"})


def list_billing_runs(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Billing runs, the newest first."""
    wanted = asked.query
    before = None if wanted.after is None else queries.run_by_name(tx, wanted.after).run_id
    found = queries.runs(tx, wanted.size + 1, before=before)
    return asked.page([run_data(row) for row in found], lambda last: str(last["run_id"]))


def get_billing_run(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One billing run, and how far it is."""
    return run_data(queries.run_by_name(tx, asked.path["run"]))


def list_parked_customers(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """The customers that a run could not bill, and why. They are billed by a later run, once what is wrong
    with them is right."""
    wanted = asked.query
    run_id = queries.run_by_name(tx, asked.path["run"]).run_id
    found = queries.parked(tx, run_id, after=wanted.after or "", limit=wanted.size + 1)
    return asked.page([row._asdict() for row in found], lambda last: str(last["customer"]))


def list_due_customers(tx: Tx, asked: Asked[DueWanted, None]) -> Page[dict[str, Any]]:
    """The customers of whom something is due and not billed yet. They come in the order in which they are
    billed; `everycent preview` and its operation say what it is."""
    wanted = asked.query
    at = asked.now if wanted.as_of is None else instant(wanted.as_of, "UTC", "as_of")
    flow.check_time(at)
    found = sorted(flow.due_of(tx, at))
    if wanted.after is not None:
        last = customers.by_name(tx, wanted.after).customer_id
        found = [one for one in found if one > last]
    some = found[: wanted.size + 1]
    known = customers.by_ids(tx, some)
    return asked.page(
        [{"customer": known[one].key, "name": known[one].name} for one in some],
        lambda last: str(last["customer"]),
    )


OPERATIONS = [
    doing(
        "POST",
        "/v1/runs",
        "runs:write",
        start_billing_run,
        StartedBillingRun,
        NewBillingRun,
        status=202,
        in_one=_bill_at_once,
        around=_around,
        told_effect=_effect_of,
    ),
    reading("/v1/runs", "runs:read", list_billing_runs, Page[BillingRun], Paged),
    reading("/v1/runs/due", "runs:read", list_due_customers, Page[DueCustomer], DueWanted),
    reading("/v1/runs/{run}", "runs:read", get_billing_run, BillingRun),
    reading(
        "/v1/runs/{run}/parked", "runs:read", list_parked_customers, Page[ParkedCustomer], Paged
    ),
]
