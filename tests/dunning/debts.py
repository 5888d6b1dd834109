"""Customers who owe, terms, and runs of dunning on given days: for the tests of dunning."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from everycent.customers import operations as customers
from everycent.customers import queries as who
from everycent.customers.customer import Customer
from everycent.dunning import document, operations
from everycent.flows import bill, dun
from everycent.flows.dun import Did
from everycent.flows.verify import verify
from everycent.invoicing import queries as invoicing
from everycent.kernel import clock
from everycent.messages import queries as messages
from everycent.messages.queries import Held
from everycent.payments import operations as payments
from everycent.payments.operations import Share
from everycent.payments.payment import Payment, Way
from tests.conftest import Place
from tests.flows.world import midnight, sell

OWED = 3720
"""What a month of the plan `advance` comes to: 31.00 and 20 % tax, in cents; due after 14 days."""
DUE = date(2026, 1, 15)

TERMS = """
sender: Example Ltd
pay_link: https://pay.example.com/{customer}
campaigns:
  usual:
    thresholds: {EUR: 37.20}
    steps:
      - {key: reminder, after_due: 3d, mail: reminder}
      - {key: warning, after_due: 10d, mail: warning, webhook: "https://example.com/hook"}
      - {key: pause, after_step: 7d, mail: paused, pause: true}
      - {key: give-up, after_step: 30d, uncollectable: true}
"""


def noon(day: date) -> datetime:
    """Noon (UTC) of a day."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def writing(place: Place, day: date) -> dict[str, Any]:
    """The arguments of what is written on a day."""
    at = noon(day)
    return {"at": at, "recorded_at": at, "actor": "test", "ids": place.ids}


def set_terms(place: Place, text: str = TERMS, day: date = date(2026, 1, 1)) -> int:
    """Applies a file; returns the version."""
    with place.database.transaction(place.tenant_id) as tx:
        return operations.apply(tx, document.parse(text), **writing(place, day)).version


def owing(place: Place, count: int = 1, *, months: int = 1, text: str = TERMS) -> list[Customer]:
    """Customers with a contract each, billed for some months from January 2026 on, and the terms."""
    sell(place, [(f"c{n:03d}", "advance") for n in range(count)])
    with place.database.transaction(place.tenant_id) as tx:
        made = []
        for n in range(count):
            known = who.by_name(tx, f"c{n:03d}")
            told = Customer(
                known.customer_id, known.key, known.name, known.currency, known.time_zone,
                f"{known.key}@example.com",
            )  # fmt: skip
            customers.update(tx, told, **writing(place, date(2026, 1, 1)))
            made.append(told)
    for month in range(1, months + 1):
        bill_month(place, date(2026, month, 1))
    set_terms(place, text)
    return made


def bill_month(place: Place, day: date) -> None:
    """Bills what is due by the first moment of a day."""
    bill.run(
        place.database, place.tenant_id, midnight(day), clock=clock.fixed(midnight(day)),
        ids=place.ids, terms=bill.Terms("test", "Europe/Zagreb"),
    )  # fmt: skip


def run(place: Place, day: date, chunk: int = 200) -> Did:
    """A run at noon of a day."""
    at = noon(day)
    return dun.run(
        place.database, place.tenant_id, at, clock=clock.fixed(at), ids=place.ids, actor="test",
        chunk=chunk,
    )  # fmt: skip


def daily(place: Place, first: date, last: date) -> list[tuple[str, str]]:
    """A run on every day; returns the days with the keys of steps taken, and of episodes that ended."""
    found = []
    day = first
    while day <= last:
        did = run(place, day)
        found += [(day.isoformat(), step.step.key) for step in did.steps]
        found += [(day.isoformat(), f"ended: {end.why}") for end in did.ended]
        day += timedelta(days=1)
    return found


def pay(place: Place, customer: Customer, amount: int, day: date, *, number: int = 1) -> None:
    """A transfer that pays the customer's oldest invoices as far as it goes."""
    with place.database.transaction(place.tenant_id) as tx:
        rows = invoicing.open_of_customer(tx, customer.customer_id)
        payment = Payment(
            place.ids(f"payment/{customer.key}/{number}"), customer.customer_id, customer.currency,
            amount, Way.TRANSFER, "bank", f"{customer.key}-{number}", day,
        )  # fmt: skip
        shares = [Share(row.invoice_id) for row in rows if row.open > 0]
        payments.receive(tx, payment, shares, writing(place, day))


def queued(place: Place) -> list[Held]:
    """All messages, the oldest first; of one instant mails come before webhooks."""
    with place.database.snapshot(place.tenant_id) as tx:
        found = messages.listed(tx, limit=10_000)
    return sorted(found, key=lambda held: (held.at, held.message.kind, held.message.occasion))


def open_sum(place: Place) -> int:
    """What is open of all invoices."""
    with place.database.snapshot(place.tenant_id) as tx:
        return sum(row.open for row in invoicing.open_of_customer(tx, None))


def violations(place: Place) -> list[str]:
    """What `verify` finds, with replay."""
    with place.database.snapshot(place.tenant_id) as tx:
        return [
            f"{check.promise}: {found}"
            for check in verify(tx, trusted_key=None, with_replay=True)
            for found in check.violators
        ]
