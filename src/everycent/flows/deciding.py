"""What a billing run would write for a range of customers: the code that a run and a preview share.

A run reads usage as it was folded, beside the transaction that bills; a preview reads it in its own
transaction, and live, so that what no fold has counted yet counts too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from everycent.catalog import queries as catalog
from everycent.catalog.plan import Plan, Tax
from everycent.catalog.policies import Policies
from everycent.consumption import queries as consumption
from everycent.consumption.usage import Answer, Request
from everycent.coupons import queries as coupons
from everycent.customers.customer import Customer
from everycent.db.connection import Tx
from everycent.flows import late, prepay, rate_due
from everycent.flows.rate_due import Basis, Decided, Selling
from everycent.invoicing.assemble import refuse_currency
from everycent.invoicing.runs import Chunk, Parked, Run
from everycent.kernel.calendar import local_date
from everycent.subscriptions import queries as subscriptions
from everycent.subscriptions.queries import DueItem


class Reading(NamedTuple):
    """How usage is read: `opened` begins a transaction that sees one instant, or hands one on; `is_live`
    counts what no fold has counted yet."""

    opened: Callable[[], AbstractContextManager[Tx]]
    is_live: bool = False


class Known:
    """What is kept from chunk to chunk, because it can't change meanwhile."""

    def __init__(self) -> None:
        self.plans: dict[tuple[str, int], Plan] = {}
        self.taxes: dict[str, Tax] | None = None
        self.late_ways: late.Ways | None = None


def run_of(
    tx: Tx,
    run_id: UUID,
    as_of: datetime,
    *,
    time_zone: str,
    payment_days: int,
    started_at: datetime,
) -> Run:
    """A run as of an instant, with the tax tables and policies that hold now."""
    taxes, policies = catalog.tax_versions(tx), catalog.policies(tx).values
    return Run(run_id, as_of, time_zone, payment_days, taxes, policies, started_at)


def decide(
    tx: Tx, run: Run, chunk: Chunk, owners: Sequence[Customer], known: Known, reading: Reading
) -> Decided:
    """The documents of a chunk, and who can't be billed. `owners` are the customers of the chunk."""
    dues = subscriptions.due_items(tx, chunk.first, chunk.last, run.as_of)
    missing = {due.plan for due in dues} - known.plans.keys()
    if missing:
        known.plans |= catalog.plans(tx, missing)
    if known.taxes is None:
        known.taxes = catalog.taxes(tx, run.tax_versions)
    closings = rate_due.closings_of(tx, dues, known.plans)
    before = rate_due.charged_before(tx, dues)
    basis = Basis(known.plans, _usage_of(dues, known, reading), closings, before)
    selling = Selling(
        known.taxes, coupons.held(tx, chunk.first, chunk.last), Policies(dict(run.policies))
    )
    late_ = _late(tx, run, chunk, known, reading)
    decided = rate_due.decide(owners, dues, basis, selling, late_)
    decided = _without_withdrawn(decided, issued_on(run))
    return decided._replace(drafts=prepay.of_drafts(tx, decided.drafts, chunk.first, chunk.last))


def issued_on(run: Run) -> date:
    """The date of the run's documents, unless the series holds a later one already."""
    return local_date(run.as_of, run.time_zone)


def _usage_of(dues: Sequence[DueItem], known: Known, reading: Reading) -> dict[Request, Answer]:
    """What was used, as of one instant."""
    requests = rate_due.requests_of(dues, known.plans)
    if not requests:
        return {}
    with reading.opened() as reader:
        return consumption.read(reader, requests, is_live=reading.is_live)


def _late(tx: Tx, run: Run, chunk: Chunk, known: Known, reading: Reading) -> late.Late:
    """What late usage changes, as of the same instant for all that is read of it."""
    if known.late_ways is None:
        known.late_ways = late.ways(tx)
    if not known.late_ways:
        return late.NOTHING
    with reading.opened() as reader:
        return late.late(
            reader, known.late_ways, chunk.first, chunk.last, run.as_of, is_live=reading.is_live
        )


def _without_withdrawn(decided: Decided, issued: date) -> Decided:
    """Parks customers whose currency is no longer one on the day of issue."""
    refusals = {draft.currency: refuse_currency(draft.currency, issued) for draft in decided.drafts}
    if not any(refusals.values()):
        return decided
    kept = [draft for draft in decided.drafts if refusals[draft.currency] is None]
    refused = {
        draft.customer.customer_id: refusal
        for draft in decided.drafts
        if (refusal := refusals[draft.currency]) is not None
    }
    parked = [Parked(customer_id, refusal) for customer_id, refusal in refused.items()]
    return Decided(kept, [*decided.parked, *parked])
