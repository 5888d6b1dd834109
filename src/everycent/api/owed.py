"""/v1/owed: who owes how much and why, now and at any past instant, and as it was known then."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, field

from everycent.api.operation import Asked, reading
from everycent.api.parameters import at_or_now, instant
from everycent.api.shapes import (
    Amount,
    Currency,
    Instant,
    Money,
    Page,
    Paged,
    Shown,
    Zone,
)
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.flows import owed as flow
from everycent.flows import owed_told
from everycent.kernel import currency as currencies
from everycent.kernel import ids
from everycent.kernel.errors import NotFound
from everycent.kernel.money import plain
from everycent.metering.record import EARLIEST, LATEST

_READ = "invoices:read"
_BETWEEN = "~"
AsOf = Annotated[Instant | None, Meta(description="As it stood then; now when left out.")]
KnownAt = Annotated[
    Instant | None,
    Meta(description="As it was known then: what was recorded later does not count."),
]
Whose = Annotated[Zone, Meta(description="Whose midnight a date stands for.")]


class Owing(Shown):
    """What a customer owes in one currency; below nothing where we owe it."""

    customer: str
    name: str
    owed: Money
    entries: Annotated[int, Meta(description="How many entries made it so.")]


class OwedReason(Shown):
    """An entry that changed what is owed, and what was owed after it."""

    at: datetime
    recorded_at: datetime
    kind: str
    document: str | None
    amount: Money
    balance: Money


class OwingWhy(Owing):
    """The same with every entry that made it so."""

    reasons: list[OwedReason]


class EveryOwing(Paged):
    """As of when."""

    as_of: AsOf = None
    known_at: KnownAt = None
    zone: Whose = "UTC"


class OwingWanted(Paged):
    """As of when."""

    as_of: AsOf = None
    known_at: KnownAt = None
    zone: Whose = "UTC"


class StatementWanted(Paged):
    """Of which time. `from` is included, `to` is not."""

    currency: Annotated[Currency | None, Meta(description="The customer's when left out.")] = None
    from_: Annotated[Instant | None, Meta(description="From the first entry when left out.")] = (
        field(default=None, name="from")
    )
    to: Annotated[Instant | None, Meta(description="Until now when left out.")] = None
    known_at: KnownAt = None
    zone: Whose = "UTC"


class StatementLine(Shown):
    """An entry, and what is owed after it."""

    entry: str
    at: datetime
    recorded_at: datetime
    kind: str
    document: str | None
    amount: Amount
    balance: Amount


class CustomerStatement(Shown):
    """A part of the account of a customer, with what was owed before the time asked for and after it."""

    customer: str
    name: str
    currency: Currency
    opening: Amount
    closing: Amount
    items: list[StatementLine]
    next: str | None


def list_owed(tx: Tx, asked: Asked[OwingWanted, None]) -> Page[dict[str, Any]]:
    """Everybody who owes something or is owed something, by customer and currency."""
    wanted = asked.query
    at, known = _when(asked.now, wanted)
    after = ("", "")
    if wanted.after is not None:
        key, _, currency = wanted.after.rpartition(_BETWEEN)
        after = (customers.by_name(tx, key).key, currency)
    found = flow.owed_after(tx, at, known, after, wanted.size + 1)
    told = [owed_told.owing(one) for one in found]
    return asked.page(told, lambda last: f"{last['customer']}{_BETWEEN}{last['owed']['currency']}")


def get_owed(tx: Tx, asked: Asked[EveryOwing, None]) -> Page[dict[str, Any]]:
    """What one customer owes in each currency, with every entry that made it so."""
    at, known = _when(asked.now, asked.query)
    found = flow.explained(tx, asked.path["customer"], at, known)
    told = [owed_told.with_reasons(one) for one in found]
    return asked.part(told, lambda last: str(last["owed"]["currency"]))


def get_statement(tx: Tx, asked: Asked[StatementWanted, None]) -> dict[str, Any]:
    """The account of a customer in one currency: what it owed before, every entry with what it owed after
    that, and what it owed in the end."""
    wanted = asked.query
    if wanted.currency is not None:
        currencies.exponent(wanted.currency)
    end, known = _instants(asked.now, wanted.to, wanted.known_at, wanted.zone, "to")
    start = at_or_now(wanted.from_, wanted.zone, EARLIEST, "from")
    found = flow.statement(tx, asked.path["customer"], wanted.currency, start, end, known)
    page = asked.page(_lines(found, wanted), lambda last: str(last["entry"]))
    return {
        "customer": found.customer.key,
        "name": found.customer.name,
        "currency": found.opening.currency,
        "opening": plain(found.opening),
        "closing": plain(found.closing),
        "items": page.items,
        "next": page.next,
    }


OPERATIONS = [
    reading("/v1/owed", _READ, list_owed, Page[Owing], OwingWanted),
    reading("/v1/owed/{customer}", _READ, get_owed, Page[OwingWhy], EveryOwing, is_frequent=True),
    reading(
        "/v1/owed/{customer}/statement", _READ, get_statement, CustomerStatement, StatementWanted
    ),
]


def _when(now: datetime, wanted: EveryOwing | OwingWanted) -> tuple[datetime, datetime]:
    return _instants(now, wanted.as_of, wanted.known_at, wanted.zone, "as_of")


def _instants(
    now: datetime, at: str | None, known: str | None, zone: str, field_: str
) -> tuple[datetime, datetime]:
    return (
        at_or_now(at, zone, now, field_),
        LATEST if known is None else instant(known, zone, "known_at"),
    )


def _lines(found: flow.Statement, wanted: StatementWanted) -> list[dict[str, Any]]:
    """One more line than a page has, of those after the one that is told. Raises NotFound
    `ledger.entry_unknown`."""
    begin = 0
    if wanted.after is not None:
        entry_id = ids.parse(ids.EVENT, wanted.after, "after")
        places = [n for n, line in enumerate(found.lines) if line.entry_id == entry_id]
        if not places:
            raise NotFound(
                "ledger.entry_unknown", "there is no such entry", field="after", value=wanted.after
            )
        begin = places[0] + 1
    return [
        owed_told.reason(line.reason)
        | {
            "entry": ids.show(ids.EVENT, line.entry_id),
            "amount": plain(line.reason.amount),
            "balance": plain(line.reason.balance),
        }
        for line in found.lines[begin : begin + wanted.size + 1]
    ]
