"""People, and what is done in their name: schedulers that open runs, the listener to webhooks, and persons
who pay by transfer, refund in the provider's pages, resolve, requeue, and pause runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from everycent.charging import course
from everycent.charging.attempt import Attempt, Evidence, Source, Status
from everycent.charging.judge import evidence_of
from everycent.charging.run import ABORTED, FINISHED, OPEN, PAUSED, Run, RunKind
from everycent.methods.method import Method
from everycent.payments import payment as paid
from everycent.payments.payment import Moved, MoveKind, Part, Payment, Way
from everycent.payments.provider import Answer, Outcome
from tests.simulation import bank as banks
from tests.simulation import memory
from tests.simulation.clockwork import DAY, HOUR, MINUTE, SECOND, Process, instant, since_epoch
from tests.simulation.memory import Collected, LostError, Tx
from tests.simulation.product import operations, running
from tests.simulation.worker import Clerk


class Scheduler(Clerk):
    """Opens the run of every instant of the schedule, and runs of what is to be tried again. There are
    several at once."""

    EVERY = 2 * DAY

    def life(self) -> Process:
        """What it does, over and over."""
        while True:
            now = self.clock.now
            scheduled = (now // self.EVERY + (now > 0)) * self.EVERY
            retry = memory.next_retry(self.world.tables)
            wait = scheduled - now
            if retry is not None:
                wait = min(wait, max(since_epoch(retry) - now + 5 * SECOND, MINUTE))
            yield max(wait, 0) + self.rng.randrange(3 * SECOND)
            try:
                if self.clock.now >= scheduled:
                    yield from self._open(RunKind.SCHEDULE, scheduled)
                has = yield from self.step("retries", lambda tx, w: memory.has_retries(tx, w.at))
                if has and not self._is_busy():
                    yield from self._open(RunKind.RETRY, None)
            except LostError:
                yield MINUTE

    def _is_busy(self) -> bool:
        """Whether what was to be tried again before is still being worked on."""
        runs = self.world.tables.runs.values()
        return any(one.kind is RunKind.RETRY and one.state in (OPEN, PAUSED) for one in runs)

    def _open(self, kind: RunKind, scheduled: int | None) -> Process:
        def work(tx: Tx, writer: Any) -> None:
            at = None if scheduled is None else instant(scheduled)
            run = Run(
                self.world.ids("run"), kind, writer.at, writer.at.date(), at, OPEN, writer.at, None
            )
            running.open_run(tx, run, [])

        yield from self.step("open_run", work)
        self.world.ring()


class Listener(Clerk):
    """Takes in what the provider tells of its own accord. What is not acknowledged is told again."""

    def take(self, event_id: str, answer: Answer, refund: str | None) -> None:
        """A webhook came."""
        self.clock.spawn(self, self._take(event_id, answer, refund))

    def _take(self, event_id: str, answer: Answer, refund: str | None) -> Process:
        for n in range(40):
            try:
                if (
                    yield from self.step(
                        "notice", lambda tx, w: self.note(tx, w, event_id, answer, refund)
                    )
                ):
                    return
            except LostError:
                pass
            yield min(2**n * MINUTE, 12 * HOUR)

    def note(self, tx: Tx, writer: Any, event_id: str, answer: Answer, refund: str | None) -> bool:
        """Writes the event down, once, and what follows from it; False when it has to be told again."""
        tables = tx.tables
        if self.is_known(tx, event_id):
            return True
        tx.put(tables.notices, ("psp", event_id), True)
        if refund is not None:
            payment_id = tables.externals.get(("psp", refund))
            if payment_id is None:
                tx.roll_back()
                tx.undo.clear()
                return False
            give_back_there(tx, payment_id, answer.amount or 0)
            return True
        stage = self.world.by_reference.get(answer.reference)
        if stage is not None:
            said = evidence_of(answer, Source.NOTICE, notice=event_id)
            after = operations.hear(tx, [operations.Heard(stage, said)], self.terms_of, writer)
            operations.book(tx, after, writer)
        return True

    def is_known(self, tx: Tx, event_id: str) -> bool:
        """Whether the event was told before."""
        return ("psp", event_id) in tx.tables.notices

    def terms_of(self, attempt: Attempt) -> Any:
        """By which promises and policy a provider is dealt with."""
        return self.world.terms


def give_back_there(tx: Tx, payment_id: UUID, amount: int) -> None:
    """What was given back in the provider's pages: out of what is left first, then off the invoice."""
    tables = tx.tables
    payment, standing = tables.payments[payment_id]
    parts, missing = [], amount - standing.left
    for document, pays in tables.pays.get(payment_id, ()):
        share = min(missing, pays)
        if share > 0:
            parts.append(Part(tables.opens[document], -share))
            missing -= share
    moves, settles, standing = paid.applied(standing, parts)
    last, _ = paid.moved(standing, MoveKind.REFUND_THERE, amount)
    memory.put_moved(tx, Moved(payment, (*moves, last), tuple(settles)))


class Person(Clerk):
    """Does something now and then. A person who says what became of a payment has looked into the
    provider's books, and not before nothing can come any more."""

    next_transfer: UUID | None = None

    def life(self, habits: list[str]) -> Process:
        """What is done while things go wrong."""
        while habits and self.world.is_rough:
            yield self.rng.randrange(MINUTE, 9 * HOUR)
            yield from self.do(self.rng.choice(habits))

    def do(self, habit: str) -> Process:
        """One of the habits, once."""
        self.clock.note(self.name, habit)
        try:
            yield from self.step(habit, getattr(self, habit))
        except LostError:
            yield SECOND

    def _invoice(self, tx: Tx) -> UUID:
        return self.rng.choice(list(tx.tables.invoices))

    def transfer(self, tx: Tx, writer: Any) -> None:
        """The customer pays an invoice by bank, or a part of it, whatever else is under way."""
        invoice_id = self.next_transfer or self._invoice(tx)
        self.next_transfer = None
        found, invoice = tx.tables.opens[invoice_id], tx.tables.invoices[invoice_id]
        if found.left <= 0:
            return
        amount = self.rng.choice((found.left, self.rng.randrange(1, found.left + 1)))
        payment = Payment(
            self.world.ids("transfer"), invoice.customer_id, invoice.currency, amount, Way.TRANSFER,
            "bank", f"transfer {self.world.ids('')}", writer.at.date(),
        )  # fmt: skip
        first, standing = paid.received(payment)
        moves, settles, _ = paid.applied(standing, paid.spread(amount, [found]))
        memory.put_moved(tx, Moved(payment, (first, *moves), tuple(settles)))

    def refund(self, tx: Tx, _: Any) -> None:
        """Gives money back in the provider's pages."""
        charges = [
            one
            for one in self.world.bank.charges.values()
            if one.state == banks.CAPTURED and one.amount > one.back
        ]
        if charges:
            charge = self.rng.choice(charges)
            rest = charge.amount - charge.back
            amount = self.rng.choice((rest, self.rng.randrange(1, rest + 1)))
            if charge.currency == "EUR":
                self.world.judge.taken[charge.invoice] -= amount
            self.world.bank.refund(charge, amount)

    def requeue(self, tx: Tx, writer: Any) -> None:
        """Puts an invoice in the queue again, with a new method where none is left; not while something is
        under way, and not while money that was taken for it pays nothing yet."""
        invoice_id = self._invoice(tx)
        tables, invoice = tx.tables, tx.tables.invoices[invoice_id]
        if memory.is_under_way(tables, invoice_id) or tables.opens[invoice_id].left <= 0:
            return
        if self._taken_as_something_else(tx, invoice_id):
            return  # also where all of it went back: the database has one success per step
        if memory.best_method(tables, invoice.customer_id) is None:
            method = self.world.method(
                invoice.customer_id, len(tables.methods[invoice.customer_id]) + 1
            )
            tx.put(
                tables.methods, invoice.customer_id, (*tables.methods[invoice.customer_id], method)
            )
        tx.put(tables.collection, invoice_id, Collected(0, writer.at, False))
        self.world.judge.requeued.add(invoice_id)

    def _taken_as_something_else(self, tx: Tx, invoice_id: UUID) -> bool:
        """Whether money was taken for the invoice as it stands that pays nothing of it."""
        step = tx.tables.opens[invoice_id].step
        made = [tx.tables.attempts[one] for one in tx.tables.of_invoice.get(invoice_id, ())]
        paid_ones = [one for one in made if one.state.status is Status.SUCCEEDED]
        return any(
            one.attempt.step == step
            or tx.tables.payments[tx.tables.paid_by[one.attempt.attempt_id]][1].left > 0
            for one in paid_ones
        )

    def apply(self, tx: Tx, _: Any) -> None:
        """Lets money that was taken as something else pay its invoice after all."""
        for payment, standing in list(tx.tables.payments.values()):
            if payment.attempt_id is None or standing.left <= 0 or payment.currency != "EUR":
                continue
            found = tx.tables.opens[tx.tables.attempts[payment.attempt_id].attempt.invoice_id]
            parts = paid.spread(standing.left, [found])
            if parts:
                moves, settles, _ = paid.applied(standing, parts)
                memory.put_moved(tx, Moved(payment, tuple(moves), tuple(settles)))

    def new_method(self, tx: Tx, _: Any) -> None:
        """The customer gives another method."""
        customer_id = tx.tables.invoices[self._invoice(tx)].customer_id
        methods: tuple[Method, ...] = tx.tables.methods[customer_id]
        tx.put(
            tx.tables.methods,
            customer_id,
            (*methods, self.world.method(customer_id, len(methods) + 1)),
        )

    def resolve(self, tx: Tx, writer: Any) -> None:
        """Says what became of open payments, as the provider's books have it."""
        for stage in list(tx.tables.attempts.values()):
            said = self._found(stage)
            if said is not None:
                by = writer._replace(by=writer.by.__class__(UUID(int=0), self.name))
                heard = [operations.Heard(stage, said)]
                after = operations.hear(tx, heard, lambda _: self.world.terms, by)
                operations.book(tx, after, by)

    def _found(self, stage: Any) -> Evidence | None:
        if stage.state.status not in (Status.UNKNOWN, Status.PENDING, Status.MISMATCHED):
            return None
        charges = self.world.bank.by_reference.get(stage.attempt.reference, [])
        if not charges:
            since = course.absent_counts_from(stage, self.world.terms)
            if since is None or instant(self.clock.now) < since + timedelta(minutes=1):
                return None
            return Evidence(Source.PERSON, Outcome.ABSENT, reason="not in the provider's books")
        charge = charges[0]
        if charge.state == banks.PENDING:
            return None
        outcome = Outcome.DONE if charge.state == banks.CAPTURED else Outcome.FAILED
        return Evidence(
            Source.PERSON, outcome, charge.failure, charge.charge_id, charge.reference, charge.amount,
            charge.currency, reason="seen in the provider's books",
        )  # fmt: skip

    def pause(self, tx: Tx, writer: Any) -> None:
        """Pauses a run, or aborts it, or lets it go on."""
        runs = [run for run in tx.tables.runs.values() if run.state not in (FINISHED, ABORTED)]
        if runs:
            run = self.rng.choice(runs)
            to = OPEN if run.state == PAUSED else self.rng.choice((PAUSED, PAUSED, ABORTED))
            running.switch_run(tx, run, to, writer.at)

    def run_now(self, tx: Tx, writer: Any) -> None:
        """Opens a run by hand."""
        run = Run(
            self.world.ids("run"),
            RunKind.DEMAND,
            writer.at,
            writer.at.date(),
            None,
            OPEN,
            writer.at,
            None,
        )
        running.open_run(tx, run, [])
        self.world.ring()

    def resume_all(self, tx: Tx, writer: Any) -> None:
        """Lets every paused run go on."""
        for run in list(tx.tables.runs.values()):
            if run.state == PAUSED:
                running.switch_run(tx, run, OPEN, writer.at)


HABITS = ("transfer", "refund", "requeue", "new_method", "resolve", "apply", "pause", "run_now")
