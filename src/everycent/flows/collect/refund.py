"""Refund: money goes back at most once. What goes back is set aside in the same transaction in which it is
asked for, so that no two refunds can give back the same cent; the request to the provider then takes the
way of every attempt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

from everycent.charging import operations_decisions as decisions
from everycent.charging import operations_refunds as refunds
from everycent.charging.attempt import NOBODY, Attempt, By, Stage
from everycent.charging.operations_writing import Writer
from everycent.db.connection import Database, Tx
from everycent.flows.collect.desk import Desk
from everycent.flows.collect.sender import Sender, together
from everycent.kernel import ids as shown
from everycent.kernel.ids import IdSource
from everycent.payments import operations as payments
from everycent.payments import payment as paid
from everycent.payments import queries
from everycent.payments.payment import Moved, MoveKind, Way
from everycent.payments.provider import Kind


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
    """Asks for a refund in a transaction of its own. Raises as `request_in`."""
    with database.transaction(tenant_id) as tx:
        return request_in(tx, asked, at=at, actor=actor, ids=ids)


def request_in(
    tx: Tx, asked: Asked, *, at: datetime, actor: str, ids: IdSource
) -> tuple[Moved, Stage | None]:
    """Sets the money aside and, for what a provider charged, writes down the attempt to give it back; what
    came another way is paid out by hand, and booked here as paid out.

    Raises NotFound `payment.unknown`, Invalid `payment.bad_amount`, Conflict `payment.refund_too_large`."""
    held = queries.by_name(tx, asked.payment)
    held = payments.lock(tx, held.payment.payment_id)
    all_of_it = held.payment.amount - held.standing.back if asked.reopens else held.standing.left
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


async def send(sender: Sender) -> None:
    """Sends the refunds that were asked for, and those that are to be tried again, until none is left that
    can be sent now."""
    again = partial(_try_again, sender.desk)
    while await sender.persistently(again) is None and not sender.is_stopping:
        pass
    await together(sender, *(_send_at(sender, name) for name in sorted(sender.desk.providers)))


async def _send_at(sender: Sender, name: str) -> None:
    while await sender.begin(name, partial(_begin, sender.desk, name)):
        pass


def _try_again(desk: Desk) -> list[Stage]:
    with desk.step("refund_retry") as tx:
        return refunds.try_again(tx, desk.writer._replace(by=By(NOBODY, desk.actor)))


def _begin(desk: Desk, name: str, free: int, over: Sequence[UUID]) -> list[Stage]:
    most = desk.providers[name].traits.concurrency
    with desk.step("refund_send") as tx:
        return refunds.begin(tx, name, most, free, desk.pace.patience, desk.writer, over)
