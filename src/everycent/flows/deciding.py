"""What a billing run would write for a range of customers: the code that a run and a preview share.

A run reads usage as it was folded, beside the transaction that bills; a preview reads it in its own
transaction, and live, so that what no fold has counted yet counts too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from everycent.catalog import queries as catalog
from everycent.catalog.plan import Plan, Tax
from everycent.catalog.policies import GRACE, Policies
from everycent.consumption import queries as consumption
from everycent.consumption.usage import Answer, Request
from everycent.coupons import queries as coupons
from everycent.customers import queries as customers
from everycent.customers.customer import Customer
from everycent.db.connection import Tx
from everycent.exchange import queries as exchange
from everycent.flows import late, prepay, rate_due
from everycent.flows.at_home import told_at_home
from everycent.flows.converting import Asked, exchanges
from everycent.flows.rate_due import Basis, Decided, Selling
from everycent.invoicing import queries as invoices
from everycent.invoicing.assemble import refuse_currency
from everycent.invoicing.runs import Chunk, Parked, Run
from everycent.kernel import points
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Unavailable
from everycent.reports import queries as reports
from everycent.subscriptions import grace
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
    """A run as of an instant, with the tax tables, policies and exchange rates that hold now."""
    taxes, policies = catalog.tax_versions(tx), catalog.policies(tx).values
    rates = exchange.last_number(tx)
    return Run(run_id, as_of, time_zone, payment_days, taxes, policies, rates, started_at)


def decide(
    tx: Tx, run: Run, chunk: Chunk, owners: Sequence[Customer], known: Known, reading: Reading
) -> Decided:
    """The documents of a chunk, and who can't be billed. `owners` are the customers of the chunk."""
    dues, waiting = _due(tx, run, chunk)
    missing = {due.plan for due in dues} - known.plans.keys()
    if missing:
        known.plans |= catalog.plans(tx, missing)
    if known.taxes is None:
        known.taxes = catalog.taxes(tx, run.tax_versions)
    closings = rate_due.closings_of(tx, dues, known.plans)
    before = rate_due.charged_before(tx, dues)
    policies = Policies(dict(run.policies))
    asked = Asked(policies, run.as_of, run.started_at, run.time_zone, run.rates)
    basis = Basis(
        known.plans,
        _usage_of(dues, known, reading),
        closings,
        before,
        exchanges(tx, dues, known.plans, asked),
        rate_due.counted_for(tx, dues, known.plans),
    )
    points.reach("bill_chunk.read")
    selling = Selling(known.taxes, coupons.held(tx, chunk.first, chunk.last), policies)
    late_ = _late(tx, run, chunk, known, reading, _shared(dues))
    late_ = late_.with_more_to_come({due.subscription_id for due in waiting})
    decided = rate_due.decide(owners, dues, basis, selling, late_)
    decided = _without_withdrawn(decided, issued_on(run))
    drafts = prepay.of_drafts(tx, decided.drafts, chunk.first, chunk.last)
    return told_at_home(tx, decided._replace(drafts=drafts), asked, issued_on(run))


def is_anyone_next(tx: Tx, run: Run) -> bool:
    """Whether there is something to bill that waited for what the run has billed to somebody else."""
    parked = {row.customer for row in invoices.parked(tx, run.run_id)}
    dues, _ = grace.split(subscriptions.next_in_turn(tx, run.as_of), run.as_of, _days_of_grace(run))
    waited = customers.by_ids(tx, sorted({due.customer_id for due in dues}))
    return any(one.key not in parked for one in waited.values())


def next_release(tx: Tx, run: Run, customer_id: UUID) -> datetime | None:
    """When the first of what is due of a customer, and waits for late usage, can be billed; None: nothing
    waits."""
    days = _days_of_grace(run)
    if not days:
        return None
    _, waiting = _due(tx, run, Chunk(0, customer_id, customer_id))
    return grace.next_release(waiting, run.as_of, days)


def _due(tx: Tx, run: Run, chunk: Chunk) -> tuple[list[DueItem], list[DueItem]]:
    """What is due of a chunk and is billed by the run, and what waits for late usage."""
    dues = subscriptions.due_items(tx, chunk.first, chunk.last, run.as_of)
    return grace.split(_not_of_next_turn(tx, run, dues), run.as_of, _days_of_grace(run))


def _days_of_grace(run: Run) -> int:
    return int(Policies(dict(run.policies))[GRACE])


def _not_of_next_turn(tx: Tx, run: Run, dues: list[DueItem]) -> list[DueItem]:
    """Without what waited for something that the run itself has billed: the same in whichever order."""
    shared = _shared(dues)
    if not shared:
        return dues
    billed = invoices.billed_by(tx, run, shared)
    return [d for d in dues if d.before is not None or (d.subscription_id, d.item_no) not in billed]


def _shared(dues: Sequence[DueItem]) -> list[UUID]:
    """The contracts among due items for which somebody else pays at some time."""
    return sorted({due.subscription_id for due in dues if due.is_shared})


def issued_on(run: Run) -> date:
    """The date of the run's documents, unless the policy gives them an earlier one, or the series holds a
    later one already."""
    return local_date(run.as_of, run.time_zone)


def _usage_of(dues: Sequence[DueItem], known: Known, reading: Reading) -> dict[Request, Answer]:
    """What was used, as of one instant."""
    requests = rate_due.requests_of(dues, known.plans)
    if not requests:
        return {}
    with reading.opened() as reader:
        answers = consumption.read(reader, requests, is_live=reading.is_live)
        return answers if reading.is_live else _without_unreported(reader, answers)


def _without_unreported(tx: Tx, answers: Mapping[Request, Answer]) -> dict[Request, Answer]:
    """Refusals in place of usage that is not whole, because a report of sub-services has still to come."""
    wanted = {(request.series.meter, request.period) for request in answers}
    missing = reports.missing(tx, wanted)
    if not missing:
        return dict(answers)
    told = {
        key: Unavailable(
            "report.missing",
            f"{key[0]} waits for the report of {name}, without which it is not whole",
            hint=f"everycent report trail {name} says what is missing; it is billed by the next run",
        )
        for key, name in missing.items()
    }
    return {
        request: told.get((request.series.meter, request.period), answer)
        for request, answer in answers.items()
    }


def _late(
    tx: Tx, run: Run, chunk: Chunk, known: Known, reading: Reading, also: Sequence[UUID]
) -> late.Late:
    """What late usage changes, as of the same instant for all that is read of it."""
    if known.late_ways is None:
        known.late_ways = late.ways(tx)
    if not known.late_ways:
        return late.NOTHING
    with reading.opened() as reader:
        return late.late(
            reader, known.late_ways, (chunk.first, chunk.last), run.as_of,
            also=also, is_live=reading.is_live,
        )  # fmt: skip


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
