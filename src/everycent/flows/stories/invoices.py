"""What comes out of a story: billing runs, credit notes, balances, reasons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from everycent.catalog.document_refusals import Strict
from everycent.customers import queries as customer_queries
from everycent.db.connection import Tx
from everycent.flows import bill
from everycent.flows import owed as owing
from everycent.flows import reasons as reasoning
from everycent.flows.stories.document import Form, Moment
from everycent.flows.stories.expected import (
    ExpectedInvoice,
    amounts,
    check_amount,
    checked,
    differences,
    invoice_told,
    unforeseen,
)
from everycent.flows.stories.world import Action, Came, World
from everycent.invoicing import operations as invoicing
from everycent.invoicing import queries as invoices
from everycent.kernel import clock
from everycent.kernel.money import Money, plain

_END_OF_TIME = datetime(2999, 1, 1, tzinfo=UTC)


class _Bill(Strict):
    expect: list[ExpectedInvoice] | None = None


def _read_bill(given: _Bill, _: Moment) -> _Bill:
    checked(given.expect or ())
    return given


def _bill(world: World, given: _Bill) -> Came:
    results = bill.run(
        world.database, world.tenant_id, world.at, clock=clock.fixed(world.at), ids=world.ids,
        terms=bill.Terms(world.actor, world.time_zone, world.payment_days),
    )  # fmt: skip
    with world.database.snapshot(world.tenant_id) as tx:
        made = [invoice_told(invoices.issued(tx, event).invoice) for event in _fresh(world, tx)]
        parked = {row.customer: row for r in results for row in invoices.parked(tx, r.run.run_id)}
    codes = {customer: row.code for customer, row in parked.items()}
    data = {
        "invoices": made,
        "parked": [row._asdict() for row in parked.values()],
    }
    if given.expect is None:
        return Came(data, unforeseen(codes))
    return Came(data, differences(given.expect, made, codes))


def _fresh(world: World, tx: Tx) -> list[UUID]:
    """The events of the invoices that were not there before, in order of their numbers."""
    rows = [row for row in invoices.listed(tx, limit=100_000) if row.credits is None]
    found = [row.event_id for row in sorted(rows, key=lambda row: (row.series, row.number))]
    fresh = [event for event in found if event not in world.seen]
    world.seen.update(fresh)
    return fresh


class _Credit(Strict):
    invoice: str
    reason: str


def _credit(world: World, given: _Credit) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        note = invoicing.credit(tx, given.invoice, reason=given.reason, time_zone=world.time_zone,
                                **world.writing)  # fmt: skip
    original = note.original
    return Came(
        {
            "number": note.name,
            "credits": original.name,
            "total": plain(Money(-original.gross, original.currency)),
        }
    )


def _read_amounts(given: dict[str, str], _: Moment) -> dict[str, str]:
    for name, text in given.items():
        check_amount(text, name)
    return given


def _owed(world: World, given: Mapping[str, str]) -> Came:
    with world.database.snapshot(world.tenant_id) as tx:
        for name in given:
            customer_queries.by_name(tx, name)
        found = {one.customer: plain(one.amount) for one in owing.owed(tx, world.at, _END_OF_TIME)}
    return Came(found, amounts("owed", given, found))


def _reasons(world: World, given: Mapping[str, str]) -> Came:
    with world.database.snapshot(world.tenant_id) as tx:
        found = reasoning.reasons(tx)
    told = {reason.code: str(reason.records) for reason in (*found.stored, *found.offered)}
    return Came(told, amounts("records", given, told))


INVOICES: dict[str, Action] = {
    "bill": Action(_bill, Form(_Bill, read=_read_bill)),
    "credit": Action(_credit, Form(_Credit)),
    "owed": Action(_owed, Form(dict[str, str], read=_read_amounts)),
    "reasons": Action(_reasons, Form(dict[str, str], read=_read_amounts)),
}
"""These actions by name."""
