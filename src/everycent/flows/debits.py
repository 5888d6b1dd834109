"""Debits: files of direct debits for our bank, written down before they are handed over, made again as
often as somebody wants, and withdrawn where they never went."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from typing import NamedTuple

from everycent.charging.attempt import NOBODY, By, Stage
from everycent.charging.course import Terms
from everycent.charging.operations_writing import Writer
from everycent.db.connection import Database, Tx
from everycent.debits import operations, queries
from everycent.debits.file import Account, Days, DebitFile, Render
from everycent.debits.operations import Written
from everycent.dunning import queries as dunning
from everycent.flows.collect import offset
from everycent.kernel import points
from everycent.kernel.errors import Broken
from everycent.kernel.ids import IdSource
from everycent.payments.provider import Traits

_BANK = Traits(
    None, looks_up=False, latest_commit=timedelta(0), concurrency=1, deadline=timedelta(0)
)
"""What a bank promises: it takes a file, can't be asked, and tells by its statements."""


class Wanted(NamedTuple):
    """What is to be collected: what is due by a day, in a file that goes to the bank on another one, on
    TARGET days from `collect_on` on (None: as soon as the bank can)."""

    due_by: date
    sent_on: date
    collect_on: date | None = None


def write(
    database: Database,
    tenant_id: int,
    account: Account,
    wanted: Wanted,
    render: Render,
    *,
    at: datetime,
    actor: str,
    ids: IdSource,
) -> Written:
    """Writes a file of everything that is due and paid by mandates for the account. What we hold of
    customers pays first. From the commit on the debits are in the bank's hands: a file that is lost after
    that is made again by `again`."""
    days = Days(wanted.sent_on, wanted.collect_on, account.lead_days)
    points.reach("debits.begin")
    with database.transaction(tenant_id) as tx:
        clerk = writer(at, actor, ids)
        due = operations.due(tx, account, wanted.due_by, at)
        offset.use(tx, due.invoice_ids, clerk.of_payments)
        done = operations.write(tx, account, due, wanted.due_by, days, render, terms(tx), clerk)
        points.reach("debits.commit")
    points.reach("debits.committed")
    return done


def again(tx: Tx, message_id: str, render: Render) -> tuple[DebitFile, bytes]:
    """A file as it was written, byte for byte.

    Raises NotFound `debits.unknown`, Broken `debits.other_bytes` where this program would write it
    otherwise.
    """
    found = queries.file(tx, message_id)
    content = render(found.message, found.created_at, found.form)
    if hashlib.sha256(content).hexdigest() != found.digest:
        raise Broken(
            "debits.other_bytes",
            f"{message_id} comes out with other bytes than those that were written down",
            hint="use the version of everycent that wrote it, and never hand over two files of one name",
        )
    return found, content


def withdraw(
    tx: Tx, message_id: str, reason: str, *, at: datetime, actor: str, ids: IdSource
) -> list[Stage]:
    """Says that a file never reached the bank. Raises what `debits.operations.withdraw` raises."""
    return operations.withdraw(tx, message_id, reason, terms(tx), writer(at, actor, ids))


def terms(tx: Tx) -> Terms:
    """How attempts go on that are in a bank's hands."""
    return Terms(_BANK, dunning.policy(tx))


def writer(at: datetime, actor: str, ids: IdSource) -> Writer:
    """Somebody who writes and is no process that sends."""
    return Writer(By(NOBODY, actor), actor, at, ids)
