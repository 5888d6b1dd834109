"""Checks: what must hold after every event, and in the end. They share no code with what they judge: what a
policy allows and which stage may follow which is written down here a second time."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from everycent.charging.attempt import FINAL, Stage, Status
from everycent.payments.failure import Failure
from tests.simulation import bank as banks
from tests.simulation.clockwork import instant
from tests.simulation.memory import Tx, best_method

MINUTE, HOUR, DAY = 60, 3600, 86_400
SOON = ((MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR), 8)
RETRIES: dict[Failure, tuple[tuple[int, ...], int]] = {
    Failure.UNREACHABLE: SOON,
    Failure.UNAVAILABLE: SOON,
    Failure.RATE_LIMITED: ((MINUTE,), 100),
    Failure.NOT_FOUND: ((0,), 8),
    Failure.DECLINED: ((3 * DAY, 5 * DAY, 7 * DAY), 4),
    Failure.DEFECT: ((MINUTE, 30 * MINUTE), 3),
}
"""What is tried again by itself: after how many seconds, and how many attempts at most."""
OTHER_METHOD = {Failure.DECLINED_FOR_GOOD, Failure.EXPIRED_METHOD, Failure.CUSTOMER_UNKNOWN}
FOLLOWS = {
    None: {"claimed"},
    "claimed": {"sending", "cancelled"},
    "sending": {"answered", "failed", "unknown", "pending", "mismatched"},
    "unknown": {"answered", "failed", "unknown", "pending", "mismatched", "sending"},
    "pending": {"answered", "failed", "pending", "mismatched"},
    "mismatched": {"answered", "failed", "mismatched"},
    "answered": {"succeeded"},
    "succeeded": set(),
    "failed": set(),
    "cancelled": set(),
}
"""Which stage follows which while the provider keeps its promises and nobody is mistaken: what was final
stays so."""


class ViolatedError(Exception):
    """Something that must hold does not."""


class Judge:
    """Watches the tables and the provider's ledger."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.requeued: set[UUID] = set()
        self.failed: Counter[UUID] = Counter()
        self.captured: dict[str, Counter[int]] = {}
        self.taken: Counter[str] = Counter()
        self.dirty: set[str] = set()
        self.seen: Counter[str] = Counter()

    def fail(self, what: str) -> None:
        """Stops the world."""
        raise ViolatedError(f"at {instant(self.world.clock.now):%d %H:%M:%S}: {what}")

    # --- after every event --------------------------------------------------------------------------

    def after_each(self) -> None:
        """What is taken of an invoice is never more than was owed."""
        while self.dirty:
            name = self.dirty.pop()
            owed = self.world.owed[name]
            if self.taken[name] > owed:
                self.fail(f"{name}: {self.taken[name]} taken of {owed} owed")

    def capture(self, charge: banks.Charge) -> None:
        """The provider took money."""
        stage = self.world.by_reference.get(charge.reference)
        if stage is None:
            self.fail(f"{charge.reference} was charged, and is nowhere written down")
        steps = self.captured.setdefault(charge.invoice, Counter())
        steps[stage.attempt.step] += 1
        if steps[stage.attempt.step] > 1:
            self.fail(f"{charge.invoice} was charged twice for what was open after {steps} steps")
        if charge.currency == stage.attempt.currency:
            self.taken[charge.invoice] += charge.amount
        self.dirty.add(charge.invoice)
        self.seen["captured"] += 1

    def left(self, ask: Any) -> None:
        """A request leaves us: it must have been written down that it may."""
        stage = self.world.by_reference.get(ask.reference)
        if stage is None or stage.state.sent_at is None:
            self.fail(f"a request leaves of which nothing is written down: {ask.reference}")
        self.seen["requests"] += 1

    def refused(self, owner: Any, why: str) -> None:
        """A constraint of the database stood in the way: the code itself must not come to that."""
        self.fail(f"the database had to stop {owner.name}: {why}")

    def committed(self, tx: Tx) -> None:
        """What a transaction wrote."""
        for before, stage in tx.stages:
            self._follows(before, stage)
            if before is None:
                self._claimed(stage)
            elif stage.state.status is Status.SENDING and before.state.status is Status.CLAIMED:
                self._is_open(stage)
                if stage.attempt.invoice_id in self.requeued:
                    self.requeued.discard(stage.attempt.invoice_id)
                    self.failed[stage.attempt.invoice_id] = 0
            elif stage.state.status is Status.FAILED:
                self.failed[stage.attempt.invoice_id] += 1
            elif stage.state.status is Status.ANSWERED and not stage.state.is_stopped:
                self.failed[stage.attempt.invoice_id] = (
                    0  # money came: what is charged next is a first
                )
        for moved in tx.moved:
            for step in moved.settles:
                if self.world.tables.invoices[step.document_id].currency != moved.payment.currency:
                    self.fail(f"{moved.payment.external_id} pays an invoice of another currency")
            if moved.moves[0].move_no == 1 and moved.payment.attempt_id is not None:
                self._booked(moved.payment)

    def _follows(self, before: Stage | None, stage: Stage) -> None:
        was = None if before is None else str(before.state.status)
        if str(stage.state.status) not in FOLLOWS[was]:
            self.fail(f"{stage.attempt.reference} went from {was} to {stage.state.status}")
        if before is not None and stage.state.by.fence < before.state.by.fence:
            self.fail(f"{stage.attempt.reference}: the fence fell")
        self.seen[str(stage.state.failure or stage.state.status)] += 1

    def _is_open(self, stage: Stage) -> None:
        found = self.world.tables.opens[stage.attempt.invoice_id]
        asked = (stage.attempt.step, stage.attempt.left)
        if found.left <= 0 or (found.step, found.left) != asked:
            self.fail(f"{stage.attempt.invoice} is charged although it was paid or changed")

    def _claimed(self, stage: Stage) -> None:
        """An attempt begins: the invoice is open, and the policy allows it now."""
        self._is_open(stage)
        attempt, tables = stage.attempt, self.world.tables
        if attempt.invoice_id in self.requeued:
            return
        made = [tables.attempts[one] for one in tables.of_invoice[attempt.invoice_id]]
        ended = [one for one in made[:-1] if one.state.status in (Status.FAILED, Status.SUCCEEDED)]
        if not ended:
            return
        last = ended[-1]
        failure = last.state.failure
        if last.state.status is Status.SUCCEEDED:
            if last.state.is_stopped:
                self.fail(f"{attempt.invoice} is charged again after a mismatch nobody looked at")
        elif failure in RETRIES:
            self._spaced(stage, last, *RETRIES[failure])
        elif failure in OTHER_METHOD:
            if attempt.method_id == last.attempt.method_id:
                self.fail(f"{attempt.invoice}: a method that never pays is charged again")
        else:
            self.fail(f"{attempt.invoice} is tried again by itself after {failure}")

    def _spaced(self, stage: Stage, last: Stage, delays: tuple[int, ...], most: int) -> None:
        tries = self.failed[stage.attempt.invoice_id]
        if tries >= most:
            self.fail(f"{stage.attempt.invoice}: attempt {tries + 1} of at most {most}")
        delay = timedelta(seconds=delays[min(tries, len(delays)) - 1])
        earliest: datetime = last.state.changed_at + delay - self.world.tolerance
        if instant(self.world.clock.now) < earliest:
            self.fail(f"{stage.attempt.invoice} is tried again too soon after {last.state.failure}")

    def _booked(self, payment: Any) -> None:
        charge = self.world.bank.charges.get(payment.external_id)
        if charge is None or charge.state != banks.CAPTURED:
            self.fail(f"{payment.external_id} is booked, and was never charged")
        if (charge.amount, charge.currency) != (payment.amount, payment.currency):
            self.fail(f"{payment.external_id} is booked as {payment.amount} {payment.currency}")
        if charge.reference != self.world.tables.attempts[payment.attempt_id].attempt.reference:
            self.fail(f"{payment.external_id} is booked for somebody else's attempt")

    # --- in the end ---------------------------------------------------------------------------------

    def unsettled(self) -> list[str]:
        """What is left to do, after a time in which nothing went wrong. What only a person can end is
        counted as seen, and not listed."""
        tables, found = self.world.tables, []
        for stage in tables.attempts.values():
            if stage.state.status not in FINAL:
                if self._is_for_a_person(stage):
                    self.seen["left to a person"] += 1
                else:
                    found.append(f"{stage.attempt.reference} is {stage.state.status}")
        now = instant(self.world.clock.now) - timedelta(days=3)
        busy = {
            s.attempt.invoice_id for s in tables.attempts.values() if s.state.status not in FINAL
        }
        for invoice in tables.invoices.values():
            decided = tables.collection.get(invoice.invoice_id)
            if tables.opens[invoice.invoice_id].left == 0 or invoice.invoice_id in busy:
                continue
            if decided is not None and (decided.is_stopped or (decided.retry_at or now) > now):
                continue
            if best_method(tables, invoice.customer_id) is not None:
                found.append(f"{invoice.name} is open, and nobody collects it")
        return found

    def _is_for_a_person(self, stage: Stage) -> bool:
        """Nothing but a notice, a statement or a person can end it: the provider can't be asked, or says
        nothing, or has it in hand for ever."""
        terms = self.world.terms.traits
        if terms.looks_up:
            return False
        if terms.idempotent_for is None or stage.state.status is not Status.UNKNOWN:
            return True
        sent_at = stage.state.sent_at
        return (
            sent_at is not None and instant(self.world.clock.now) > sent_at + terms.idempotent_for
        )

    def books(self) -> None:
        """The books are the provider's ledger, of all that is settled."""
        tables = self.world.tables
        waits = {
            stage.attempt.reference
            for stage in tables.attempts.values()
            if stage.state.status not in FINAL
        }
        for charge in self.world.bank.charges.values():
            payment_id = tables.externals.get(("psp", charge.charge_id))
            if charge.state != banks.CAPTURED or charge.reference in waits:
                continue
            if payment_id is None:
                self.fail(f"{charge.charge_id} of {charge.invoice} was charged and is not booked")
            payment, standing = tables.payments[payment_id]
            if standing.back != charge.back:
                self.fail(
                    f"{standing.back} of {charge.charge_id} went back, at the provider {charge.back}"
                )
            pays = sum(amount for _, amount in tables.pays.get(payment_id, ()))
            if pays + standing.left + standing.back != payment.amount:
                self.fail(f"{charge.charge_id} is booked in part")
        for invoice in tables.invoices.values():
            paid = sum(dict(one).get(invoice.invoice_id, 0) for one in tables.pays.values())
            if paid + tables.opens[invoice.invoice_id].left != invoice.owed:
                self.fail(f"{invoice.name}: what pays it and what is open is not what is owed")
