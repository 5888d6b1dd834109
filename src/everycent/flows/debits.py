"""Debits: files of direct debits for our bank, written down before they are handed over, made again as
often as somebody wants, and withdrawn where they never went."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from typing import NamedTuple

from everycent.charging.attempt import NOBODY, By, Stage
from everycent.charging.course import Terms
from everycent.charging.operations import TermsOf
from everycent.charging.operations_writing import Writer
from everycent.db.connection import Database, Tx
from everycent.debits import operations, queries
from everycent.debits.file import Account, Days, DebitFile, Render, wholes
from everycent.debits.operations import Written
from everycent.dunning import queries as dunning
from everycent.flows.collect import offset
from everycent.kernel import points
from everycent.kernel.errors import Broken, Conflict
from everycent.kernel.ids import IdSource, show
from everycent.payments import queries as payments
from everycent.payments.direct_debit import EURO
from everycent.payments.payment import PREFIX
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
    points.reach("debits.begin")
    with database.transaction(tenant_id) as tx:
        done = write_in(tx, account, wanted, render, at=at, actor=actor, ids=ids)
        points.reach("debits.commit")
    points.reach("debits.committed")
    return done


def write_in(
    tx: Tx,
    account: Account,
    wanted: Wanted,
    render: Render,
    *,
    at: datetime,
    actor: str,
    ids: IdSource,
) -> Written:
    """The same in a transaction that is there already."""
    days = Days(wanted.sent_on, wanted.collect_on, account.lead_days)
    clerk = writer(at, actor, ids)
    due = operations.due(tx, account, wanted.due_by, at)
    offset.use(tx, due.invoice_ids, clerk.of_payments)
    return operations.write(tx, account, due, wanted.due_by, days, render, terms(tx), clerk)


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
    """Says that a file never reached the bank. Raises what `debits.operations.withdraw` raises, and
    Conflict `debits.sum_waits` while money waits in suspense that may be what the bank collected by it."""
    operations.lock_files(tx, [message_id])
    _check_no_sum_waits(tx, queries.file(tx, message_id))
    return operations.withdraw(tx, message_id, reason, terms(tx), writer(at, actor, ids))


def _check_no_sum_waits(tx: Tx, told: DebitFile) -> None:
    """A sum tells no references, so that nothing was heard of the debits although they were collected."""
    since = min(told.sent_on, told.created_at.date())
    sums = {sum(one.amount for one in whole) for whole in wholes(told)}
    for held in payments.of_customer(tx, None, only_left=True):
        payment = held.payment
        if (
            payment.customer_id is None
            and payment.currency == EURO
            and held.standing.left == payment.amount
            and payment.amount in sums
            and payment.received_on >= since
        ):
            name = show(PREFIX, payment.payment_id)
            raise Conflict(
                "debits.sum_waits",
                f"{name} waits in suspense with the sum of {told.message_id}, or of one of its blocks: the"
                " bank may have had the file",
                field="message",
                value=told.message_id,
                hint=f"`everycent payment debits split {name} {told.message_id}` if it is that; if not, say"
                " whose it is by `everycent payment assign`, or send it back",
            )


def terms(tx: Tx) -> TermsOf:
    """How attempts go on that are in a bank's hands."""
    policies = dunning.policies(tx)
    return lambda attempt: Terms(_BANK, policies.of(attempt.group))


def writer(at: datetime, actor: str, ids: IdSource) -> Writer:
    """Somebody who writes and is no process that sends."""
    return Writer(By(NOBODY, actor), actor, at, ids)
