"""A billing run in one transaction: for whoever wants to see all of it first.

A run as `bill` does it commits chunk by chunk, so that it goes on wherever it broke off; here all of it is
done, or nothing, over what there is at one instant.

    ready ──► nobody looks for late usage, what came in is counted
      └─ a transaction of one instant: run_in
    and only after its end others see what was billed, and look for what came late for that
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import NamedTuple

import psycopg

from everycent.db.connection import Database, Tx
from everycent.flows import bill, deciding, late
from everycent.flows.bill import Context, Terms
from everycent.flows.deciding import Reading
from everycent.invoicing import operations as invoicing
from everycent.invoicing import queries
from everycent.invoicing.runs import Run
from everycent.kernel.clock import Clock
from everycent.kernel.errors import Conflict, Invalid
from everycent.kernel.ids import IdSource
from everycent.metering import operations as metering
from everycent.subscriptions import queries as subscriptions

MOST_CUSTOMERS = 1_000
MOST_PERIODS = 10_000


class Parked(NamedTuple):
    """A customer who could not be billed, and why."""

    customer: str
    code: str
    message: str


@contextmanager
def ready(database: Database, tenant_id: int) -> Iterator[None]:
    """Holds what has to hold from before the instant of `run_in` until its transaction has ended."""
    with database.transaction(tenant_id) as tx:
        invoicing.hold_late(tx)
        metering.fold(database, tenant_id)
        yield


def run_in(
    tx: Tx, database: Database, as_of: datetime, *, clock: Clock, ids: IdSource, terms: Terms
) -> list[Run]:
    """Bills everything that is due by `as_of`: the runs that it took. `tx` is of one instant, which came
    while it was `ready`.

    Raises Conflict `billing.run_open` while another run is to be finished, Invalid
    `billing.too_many_customers` for more than are billed at once.
    """
    bill.check_time(as_of)
    _check_size(tx, as_of)
    invoicing.mark_late_held(tx, sorted(late.ways(tx)))
    terms = terms._replace(
        chunk_size=MOST_CUSTOMERS
    )  # all are locked before the first number is taken
    found: list[Run] = []
    while True:
        current, is_new = bill.start_in(
            tx, as_of, clock=clock, ids=ids, terms=terms, turn=len(found)
        )
        if not is_new:
            raise Conflict(
                "billing.run_open",
                "a billing run was begun and is not finished",
                hint="`everycent work` or `everycent bill run` finishes it; plan another one then",
            )
        context = Context(database, tx.tenant_id, current, clock, ids, terms)
        context.reading = Reading(lambda: nullcontext(tx))  # which sees what it has billed itself
        _bill_all(tx, context)
        invoicing.finish_run(tx, current.run_id, clock())
        found.append(current)
        issued = invoicing.progress(tx, current.run_id).invoices
        if not (issued and deciding.is_anyone_next(tx, current)):
            return found


def _check_size(tx: Tx, as_of: datetime) -> None:
    due = sorted(bill.due_of(tx, as_of))
    periods = 0
    if 0 < len(due) <= MOST_CUSTOMERS:
        periods = len(subscriptions.due_items(tx, due[0], due[-1], as_of))
    if len(due) > MOST_CUSTOMERS or periods > MOST_PERIODS:
        raise Invalid(
            "billing.too_many_customers",
            f"{len(due):,} customers are to be billed for {periods or 'many'} periods; at once it can be"
            f" {MOST_CUSTOMERS:,} and {MOST_PERIODS:,}",
            hint="begin the run without a plan; previews say what each customer would be billed",
        )


def _bill_all(tx: Tx, context: Context) -> None:
    one_by_one = False
    while True:
        try:
            with tx.savepoint():
                if not bill.bill_chunk(tx, context, one_by_one=one_by_one):
                    return
        except psycopg.OperationalError:
            raise
        except Exception:
            if one_by_one:
                raise
            one_by_one = True
        else:
            one_by_one = False


def parked(tx: Tx, runs: list[Run]) -> list[Parked]:
    """Who could not be billed by them."""
    return [
        Parked(row.customer, row.code, row.message)
        for run in runs
        for row in queries.parked(tx, run.run_id, limit=MOST_CUSTOMERS)
    ]
