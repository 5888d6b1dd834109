"""A billing run in one transaction that is there already: for whoever wants to see all of it first.

A run as `bill` does it commits chunk by chunk, so that it goes on wherever it broke off; here all of it is
done, or nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import psycopg

from everycent.db.connection import Database, Tx
from everycent.flows import bill, deciding
from everycent.flows.bill import Context, Terms
from everycent.invoicing import operations as invoicing
from everycent.invoicing import queries
from everycent.invoicing.runs import Run
from everycent.kernel.clock import Clock
from everycent.kernel.errors import Conflict, Invalid
from everycent.kernel.ids import IdSource
from everycent.metering import operations as metering

MOST_CUSTOMERS = 5_000


class Parked(NamedTuple):
    """A customer who could not be billed, and why."""

    customer: str
    code: str
    message: str


def run_in(
    tx: Tx, database: Database, as_of: datetime, *, clock: Clock, ids: IdSource, terms: Terms
) -> list[Run]:
    """Bills everything that is due by `as_of`: the runs that it took. `tx` has asked nothing yet.

    Raises Conflict `billing.run_open` while another run is to be finished, Invalid
    `billing.too_many_customers` for more than are billed at once.
    """
    bill.check_time(as_of)
    metering.fold(database, tx.tenant_id)
    due = len(bill.due_of(tx, as_of))
    if due > MOST_CUSTOMERS:
        raise Invalid(
            "billing.too_many_customers",
            f"{due:,} customers are to be billed; at once it can be {MOST_CUSTOMERS:,}",
            hint="begin the run without a plan; previews say what each customer would be billed",
        )
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
        _bill_all(tx, Context(database, tx.tenant_id, current, clock, ids, terms))
        invoicing.finish_run(tx, current.run_id, clock())
        found.append(current)
        issued = invoicing.progress(tx, current.run_id).invoices
        if not (issued and deciding.is_anyone_next(tx, current)):
            return found


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
