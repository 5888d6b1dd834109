"""Refund: money goes back at most once. What goes back is set aside in the same transaction in which it is
asked for, so that no two refunds can give back the same cent; the request to the provider then takes the
way of every attempt."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg

from everycent.charging import operations as charging
from everycent.charging import operations_decisions as decisions
from everycent.charging import operations_refunds as refunds
from everycent.charging.attempt import NOBODY, Attempt, By, Stage
from everycent.charging.operations import Heard
from everycent.charging.operations_writing import Writer
from everycent.db.connection import Database, Tx
from everycent.flows.collect import calls
from everycent.flows.collect.desk import Desk
from everycent.kernel import ids as shown
from everycent.kernel.errors import Conflict, Unavailable
from everycent.kernel.ids import IdSource
from everycent.payments import operations as payments
from everycent.payments import payment as paid
from everycent.payments import queries
from everycent.payments.failure import Failure
from everycent.payments.payment import Moved, MoveKind, Way
from everycent.payments.provider import Kind, Provider

_PAUSE = 0.5


class Asked(NamedTuple):
    """A refund as it is asked for: `amount` in minor units, None for all that stands. With `reopens`
    invoices that the payment pays are opened again where what is left of it is not enough."""

    payment: str
    amount: int | None
    reopens: bool
    reason: str


def request(
    database: Database, tenant_id: int, asked: Asked, *, at: datetime, actor: str, ids: IdSource
) -> tuple[Moved, Stage | None]:
    """Sets the money aside and, for what a provider charged, writes down the attempt to give it back; what
    came another way is paid out by hand, and booked here as paid out.

    Raises NotFound `payment.unknown`, Invalid `payment.bad_amount`, Conflict `payment.refund_too_large`."""
    with database.transaction(tenant_id) as tx:
        held = queries.by_name(tx, asked.payment)
        held = payments.lock(tx, held.payment.payment_id)
        all_of_it = (
            held.payment.amount - held.standing.back if asked.reopens else held.standing.left
        )
        amount = all_of_it if asked.amount is None else asked.amount
        done = payments.take_back(
            tx, held.payment.payment_id, paid.REFUND_REQUESTED, MoveKind.REFUND, amount,
            {"at": at, "recorded_at": at, "actor": actor, "ids": ids},
            reason=asked.reason, from_invoices=asked.reopens,
        )  # fmt: skip
        decisions.keep(tx, done, f"refunded: {asked.reason}", at=at, actor=actor, ids=ids)
        return done, stage_of(tx, done, at=at, actor=actor, ids=ids)


def stage_of(tx: Tx, done: Moved, *, at: datetime, actor: str, ids: IdSource) -> Stage | None:
    """Writes down the attempt to give back what was set aside last of a payment; None for what no provider
    charged."""
    payment, last = done.payment, done.moves[-1]
    if payment.way is not Way.CHARGE:
        return None
    writer = Writer(By(NOBODY, actor), actor, at, ids)
    name = shown.show(paid.PREFIX, payment.payment_id)
    attempt = Attempt(
        ids(f"refund/{name}/{last.move_no}/1"), Kind.REFUND, _owner(done), payment.provider,
        "", "", last.amount, payment.currency, f"refund of {payment.reference}",
        payment_id=payment.payment_id, move_no=last.move_no, charge=payment.external_id,
    )  # fmt: skip
    return refunds.ask_for(tx, attempt, writer)


def _owner(done: Moved) -> UUID:
    owner = done.payment.customer_id
    assert owner is not None, "what was charged has a customer"
    return owner


async def send(desk: Desk, is_stopped: Callable[[], bool] = lambda: False) -> Counter[str]:
    """Sends the refunds that were asked for, and those that are to be tried again, until it is stopped;
    what became of them."""
    counts: Counter[str] = Counter()
    with desk.step("refund_retry") as tx:
        refunds.try_again(tx, desk.writer._replace(by=By(NOBODY, desk.actor)))
    for name, provider in sorted(desk.providers.items()):
        while not is_stopped():
            sent = await _send_one(desk, name, provider)
            if not sent:
                break
            counts.update(str(stage.state.status) for stage in sent)
    return counts


async def _send_one(desk: Desk, name: str, provider: Provider) -> list[Stage]:
    """One after the other, so that none waits between its stage and its request."""
    until = time.monotonic() + desk.pace.patience.total_seconds()
    with desk.step("refund_send") as tx:
        begun = refunds.begin(
            tx, name, provider.traits.concurrency, 1, desk.pace.patience, desk.writer
        )
    if begun and time.monotonic() >= until:
        with desk.step("refund_unsent") as tx:
            return charging.not_sent(tx, begun, Failure.DEFECT, desk.terms_of, desk.writer)
    after: list[Stage] = []
    for stage in begun:
        said, is_over = await calls.send(provider, stage.attempt)
        after += await _written(desk, Heard(stage, said, is_over))
    return after


async def _written(desk: Desk, heard: Heard) -> list[Stage]:
    """Writes down what was said, however long the database is away: nobody else knows it."""
    while True:
        try:
            with desk.step("refund_hear") as tx:
                after = charging.hear(tx, [heard], desk.terms_of, desk.writer)
            break
        except (psycopg.OperationalError, Unavailable, Conflict):
            await asyncio.sleep(_PAUSE)
    with desk.step("refund_book") as tx:
        return charging.book(tx, after, desk.writer) or after
