"""Worker: a process that charges, as flows/collect/{work,recover,engine,sender}.py have it, step by step.
At every step it may be killed or stopped, and every transaction may be lost before or after its commit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from everycent.charging import course
from everycent.charging.attempt import Attempt, By, Stage, Status
from everycent.charging.course import Terms
from everycent.charging.run import OPEN
from everycent.payments.failure import Failure
from everycent.payments.provider import Outcome
from tests.simulation.clockwork import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Box,
    Owner,
    Process,
    instant,
    since_epoch,
)
from tests.simulation.memory import LostError, RefusedError, Tx
from tests.simulation.product import operations, running, writing

LEASE = 30 * SECOND
PATIENCE = 10 * SECOND
PROVIDERS = frozenset({"psp"})
_BATCH = 4


class Clerk(Owner):
    """Whoever works with the database: a clock of its own, and steps."""

    def __init__(self, world: Any, name: str, number: int) -> None:
        super().__init__(name)
        self.world = world
        self.clock = world.clock
        self.worker_id = UUID(int=number)
        self.offset = world.skew()
        self.rng = world.clock.stream(f"worker {number}")
        self.draw = self.rng.random
        self.is_mortal = False
        self.silent_from = 0
        self.held_from = 0

    def at(self) -> datetime:
        """The time of day, as its clock has it."""
        return instant(self.clock.now + self.offset)

    def writer(self) -> Any:
        """This process, writing now."""
        by = By(self.worker_id, self.name)
        return writing.Writer(by, self.name, self.at(), self.world.ids)

    def terms_of(self, attempt: Attempt) -> Terms:
        """By which promises and policy a provider is dealt with."""
        return self.world.terms

    def boundary(self, name: str) -> Process:
        """A point at which it may be killed, or stopped and go on much later."""
        wait = 1 + int(self.draw() * 11)
        if self.is_mortal and self.draw() < self.world.danger:
            wait = self._struck(name, wait)
        yield wait

    def _struck(self, name: str, wait: int) -> int:
        self.silent_from = self.clock.now
        what = self.world.which_danger()
        self.clock.note(self.name, what, "at", name)
        if what == "kill":
            self.die()
        elif what == "stall":
            wait = self._held(self.world.spell())
            self.wakes_at = self.clock.now + wait
        else:
            self.offset = self.world.skew()
        return wait

    def _held(self, wait: int) -> int:
        """Spells that follow one another are together shorter than a quarantine, too: what was checked
        before the first of them may leave after the last."""
        if self.clock.now - self.wakes_at > MINUTE:
            self.held_from = self.clock.now
        return max(1, min(wait, self.held_from + 11 * HOUR - self.clock.now))

    def die(self) -> None:
        """It is gone."""
        self.alive = False

    def step(self, name: str, work: Callable[[Tx, Any], Any]) -> Process:
        """A transaction. Raises LostError where the database went away, before or after the commit, and
        RefusedError where it stood in the way."""
        world, writer = self.world, self.writer()
        yield from self.boundary(f"{name}.begin")
        tx = Tx(world.tables)
        try:
            result = work(tx, writer)
        except Exception:
            tx.roll_back()
            raise
        if world.chance("commit_lost"):
            tx.roll_back()
            yield 500
            raise LostError(name)
        world.committed(self, name, tx)
        if world.chance("commit_unheard"):
            yield 500
            raise LostError(name)
        if self.is_mortal and self.draw() < world.danger:
            yield self._struck(f"{name}.committed", 1)
        return result

    def persistently(self, name: str, work: Callable[[Tx, Any], Any]) -> Process:
        """The result of a transaction; None where the database broke it off."""
        try:
            return (yield from self.step(name, work))
        except LostError:
            yield 500
            return None


class Worker(Clerk):
    """A process that charges. What it holds in memory dies with it."""

    def __init__(self, world: Any, name: str, number: int, host: int) -> None:
        super().__init__(world, name, number)
        self.host = host
        self.is_mortal = True
        self.ready: deque[Stage] = deque()
        self.known: set[UUID] = set()
        self.called: set[UUID] = set()
        self.over: set[UUID] = set()
        self.calls = 0
        self.did = 0
        self.answers: deque[Any] = deque()
        self.answered: deque[Stage] = deque()
        self.is_recording = False
        self.is_booking = False
        self.is_claiming = False
        self.is_ending = False
        self.is_stopping = False
        self.idle: Box | None = None

    def die(self) -> None:
        """It is gone, and started anew after a while under another id."""
        super().die()
        self.world.gone(self)

    @property
    def lease_until(self) -> int:
        """Until when it counts as alive: a running process has always just said that it is."""
        if not self.alive:
            return self.silent_from + LEASE
        return (self.clock.now if self.wakes_at <= self.clock.now else self.silent_from) + LEASE

    # --- work.py ------------------------------------------------------------------------------------

    def life(self) -> Process:
        """What it does, over and over, until it is killed."""
        tables = self.world.tables
        pause = SECOND
        try:
            yield from self.step("register", self._register)
            while True:
                did = self.did
                yield from self.recovered(self.ask())
                for run_id in [one for one, run in tables.runs.items() if run.state == OPEN]:
                    yield from self.recovered(self.ask(), self.engine(run_id))
                    now = self.at()
                    finish = partial(running.finish_run, run_id=run_id, at=now)
                    yield from self.step("finish_run", lambda tx, _, finish=finish: finish(tx))
                if self.is_ending or self.world.chance("stop_politely"):
                    break
                pause = SECOND if self.did > did else min(pause * 4, HOUR)
                yield from self.rest(pause)
        except LostError:
            self.clock.note(self.name, "ends: the database was away")
        except RefusedError as refused:
            self.world.judge.refused(self, str(refused))
        self.die()
        yield 0

    def _register(self, tx: Tx, _: Any) -> None:
        tx.put(tx.tables.workers, self.worker_id, self)

    def rest(self, pause: int) -> Process:
        """Sleeps until something is due, or somebody opens a run."""
        box = Box(self.clock)
        self.idle = box
        wait = max(pause, min(DAY, self.world.next_due() - self.clock.now))
        self.clock.after(wait + self.rng.randrange(2 * SECOND), box.put, None)
        yield box
        self.idle = None

    def recovered(self, *work: Process) -> Process:
        """Ends what is left, books what is answered, and then works on several things side by side, until
        everything that was begun is written down."""
        yield from self.step("settle_own", self._settle_own)
        yield from self._take_over()
        yield from self._book_late()
        self.is_stopping = self.is_ending
        self.called.clear()  # of a sender of its own
        boxes = [Box(self.clock) for _ in work]
        for part, box in zip(work, boxes, strict=True):
            self.clock.spawn(self, self._guarded(part, box))
        failures = []
        for box in boxes:
            failures.append((yield box))
        self.is_stopping = True
        while self.calls or self.answers or self.answered or self.is_recording or self.is_booking:
            yield 100
        for failure in failures:
            if failure is not None:
                raise failure

    def _guarded(self, part: Process, box: Box) -> Process:
        try:
            yield from part
        except (LostError, RefusedError) as failure:
            self.is_stopping = True
            box.put(failure)
        else:
            box.put(None)

    # --- recover.py ---------------------------------------------------------------------------------

    def _settle_own(self, tx: Tx, writer: Any) -> None:
        mine = operations.of_worker(tx, self.worker_id)
        operations.give_back(tx, mine, writer)
        operations.lose(tx, mine, self.terms_of, writer)

    def _take_over(self) -> Process:
        others = yield from self.step("look_around", self._workers_on)
        for worker, is_silent in others:
            is_proven = self._is_gone(worker, is_silent)
            if not is_proven and not is_silent:
                continue
            stages = yield from self.step(
                "take_over",
                lambda tx, writer, one=worker, proven=is_proven: operations.take_over(
                    tx, [one.worker_id], self.terms_of, writer, is_proven=proven
                ),
            )
            self.did += len(stages)

    def _workers_on(self, tx: Tx, _: Any) -> list[tuple[Worker, bool]]:
        busy = {
            one.state.by.worker_id
            for one in tx.tables.attempts.values()
            if one.state.status in (Status.CLAIMED, Status.SENDING)
        }
        found = [one for one in tx.tables.workers.values() if one.worker_id in busy]
        return [(one, one.lease_until < self.clock.now) for one in found if one is not self]

    def _is_gone(self, worker: Worker, may_end: bool) -> bool:
        """app/processes.py: of this machine it can be proved, and brought about."""
        if worker.host != self.host:
            return False
        if worker.alive and may_end:
            self.clock.note(self.name, "kills", worker.name)
            worker.die()
        return not worker.alive

    def _book_late(self) -> Process:
        booked = yield from self.step(
            "book_late",
            lambda tx, writer: operations.book(tx, operations.unbooked(tx, None, 200), writer),
        )
        self.did += len(booked)

    def ask(self) -> Process:
        """Asks about what is unknown, and sends again what may be."""
        asked: set[UUID] = set()
        while not self.is_stopping:
            at = self.at()
            found = yield from self.persistently(
                "due", lambda tx, _, at=at: operations.due_looks(tx, at, sorted(PROVIDERS), 200)
            )
            due = [one for one in found or () if one.attempt.attempt_id not in asked]
            if not due:
                return
            asked.update(one.attempt.attempt_id for one in due)
            again = yield from self._seen(due)
            yield from self._sent_again(again)

    def _seen(self, due: list[Stage]) -> Process:
        if not self.world.terms.traits.looks_up:
            return due
        again = []
        for stage in due:
            yield from self.boundary("look.begin")
            said = yield self.world.network.look_up(stage.attempt.ask, self.at())
            yield from self.boundary("look.end")
            if self.world.chance("slow_batch"):
                yield self.world.spell()  # others are waited for
            if said.outcome is Outcome.ABSENT and self._is_again(stage):
                again.append(stage)
            else:
                self._hear(operations.Heard(stage, said))
        return again

    def _is_again(self, stage: Stage) -> bool:
        return course.may_send_again(stage, self.at(), self.world.terms)

    def _sent_again(self, stages: list[Stage]) -> Process:
        rest = deque(stages)
        while rest and not self.is_stopping:
            free = self.free()
            if not free:
                if not self.calls:
                    return
                yield 100
                continue
            batch = [rest.popleft() for _ in range(min(free, len(rest)))]
            over = list(self.over)
            yield from self._begin(
                "send_again",
                lambda tx, writer, batch=batch, over=over: operations.send_again(
                    tx, batch, timedelta(milliseconds=PATIENCE), self.terms_of, writer, over
                ),
            )

    # --- engine.py ----------------------------------------------------------------------------------

    def engine(self, run_id: UUID) -> Process:
        """Works on one run until nothing of it is left to claim and to begin."""
        wait, is_claimed_out = 200, False
        while True:
            if not is_claimed_out and not self.is_stopping and len(self.ready) < _BATCH:
                is_claimed_out = yield from self._claim(run_id)
            if not self.ready and (is_claimed_out or self.is_stopping):
                return
            if self.world.chance("give_back"):
                self.is_ending = self.is_stopping = True
            if self.is_stopping:
                yield from self._give_back()
                return
            begun = (yield from self._send()) if self.ready else 0
            wait = 200 if begun else min(wait * 2, 20 * SECOND)
            if not begun:
                yield wait

    def _claim(self, run_id: UUID) -> Process:
        yield from self._lock()
        try:
            claimed = yield from self.persistently(
                "claim", lambda tx, writer: self._taken(tx, run_id, writer)
            )
            if claimed is not None:
                self._take_up(claimed[0])
        finally:
            self.is_claiming = False
        if claimed is None:
            self._take_up((yield from self._adopt(with_claims=True)))
            return False
        return not claimed[1]

    def _taken(self, tx: Tx, run_id: UUID, writer: Any) -> tuple[list[Stage], int]:
        taken = operations.take(tx, run_id, _BATCH)
        return operations.claim(tx, run_id, taken, PROVIDERS, writer), len(taken)

    def _take_up(self, stages: Iterable[Stage]) -> None:
        self.ready.extend(stages)
        self.known.update(one.attempt.attempt_id for one in stages)

    def _send(self) -> Process:
        traits = self.world.terms.traits
        batch = [self.ready.popleft() for _ in range(min(self.free(), len(self.ready)))]
        if not batch:
            return 0
        until = self.monotonic() + PATIENCE
        over = list(self.over)
        result = yield from self.persistently(
            "send",
            lambda tx, writer: operations.begin_sending(
                tx, batch, traits.concurrency, timedelta(milliseconds=PATIENCE), writer, over
            ),
        )
        if result is None:
            self._forget(batch)
            self._take_up((yield from self._adopt(with_claims=True)))
            return 0
        begun, later = result
        self.ready.extendleft(reversed(later))
        kept = {one.attempt.attempt_id for one in (*begun, *later)}
        self._forget([one for one in batch if one.attempt.attempt_id not in kept])
        self._dispatch(begun, until)
        return len(begun)

    def _give_back(self) -> Process:
        stages = list(self.ready)
        self.ready.clear()
        yield from self.persistently(
            "give_back", lambda tx, writer: operations.give_back(tx, stages, writer)
        )
        self._forget(stages)

    # --- sender.py ----------------------------------------------------------------------------------

    def monotonic(self) -> int:
        """A clock that only goes forward."""
        return self.clock.now

    def is_too_late(self, stage: Stage, until: int) -> bool:
        """Whether it was held up since the stage was stored."""
        return self.monotonic() >= until

    def free(self) -> int:
        """How many calls may be begun now."""
        most = int(self.world.terms.traits.concurrency)
        return max(0, min(most - self.calls, 2 * most - self.calls - len(self.over)))

    def _lock(self) -> Process:
        while self.is_claiming:
            yield 1
        self.is_claiming = True

    def _begin(self, name: str, write: Callable[[Tx, Any], list[Stage]]) -> Process:
        until = self.monotonic() + PATIENCE
        yield from self._lock()
        try:
            begun = yield from self.persistently(name, write)
            self._dispatch(begun or (), until)
        finally:
            self.is_claiming = False
        if begun is None:
            yield from self._adopt()

    def _adopt(self, *, with_claims: bool = False) -> Process:
        """After a commit of which nobody knows whether it happened."""

        def find(tx: Tx, writer: Any) -> list[Stage]:
            mine = operations.of_worker(tx, self.worker_id)
            lost = [one for one in mine if one.attempt.attempt_id not in self.known]
            sending = [one for one in lost if one.state.status is Status.SENDING]
            unsent = [one for one in sending if one.attempt.attempt_id not in self.called]
            forgotten = [one for one in sending if one.attempt.attempt_id in self.called]
            operations.lose(tx, forgotten, self.terms_of, writer)
            operations.not_sent(tx, unsent, Failure.DEFECT, self.terms_of, writer)
            return [one for one in lost if with_claims and one.state.status is Status.CLAIMED]

        yield from self._lock()
        try:
            found = None
            while found is None:
                found = yield from self.persistently("adopt", find)
            self.known.update(one.attempt.attempt_id for one in found)
        finally:
            self.is_claiming = False
        return found

    def _forget(self, stages: Iterable[Stage]) -> None:
        self.known.difference_update(one.attempt.attempt_id for one in stages)

    def _dispatch(self, begun: Iterable[Stage], until: int) -> None:
        for stage in begun:
            self.known.add(stage.attempt.attempt_id)
            self.called.add(stage.attempt.attempt_id)
            self.calls += 1
            self.did += 1
            self.clock.spawn(self, self._call(stage, until))

    def _call(self, stage: Stage, until: int) -> Process:
        yield from self.boundary("call.begin")
        if self.is_too_late(stage, until):
            written = None
            while written is None:
                written = yield from self.persistently(
                    "unsent",
                    lambda tx, writer: operations.not_sent(
                        tx, [stage], Failure.DEFECT, self.terms_of, writer
                    ),
                )
            self._forget([stage])
            self.calls -= 1
            return
        yield from self.boundary("wire.sending")
        said, is_over = yield self._sent(stage)
        yield from self.boundary("call.end")
        if is_over:
            self.over.add(stage.attempt.attempt_id)
        self._hear(operations.Heard(stage, said, is_over))
        self.calls -= 1

    def _sent(self, stage: Stage) -> Box:
        begun_at = since_epoch(stage.state.changed_at)
        return self.world.network.send(self, stage.attempt.ask, begun_at)

    def _hear(self, heard: Any) -> None:
        self.did += 1
        self.answers.append(heard)
        if not self.is_recording:
            self.is_recording = True
            self.clock.spawn(self, self._record_answers())

    def _record_answers(self) -> Process:
        while self.answers:
            yield 4
            batch = list(self.answers)
            self.answers.clear()
            yield from self._record_all(batch)
            self.over.difference_update(one.stage.attempt.attempt_id for one in batch)
        self.is_recording = False

    def _record_all(self, batch: list[Any]) -> Process:
        try:
            yield from self._record(batch)
        except RefusedError as refused:
            if len(batch) == 1:
                self.world.judge.refused(self, str(refused))
                yield from self.persistently(
                    "lose",
                    lambda tx, writer: operations.lose(tx, [batch[0].stage], self.terms_of, writer),
                )
                self._forget([batch[0].stage])
                return
            for one in batch:
                yield from self._record_all([one])

    def _record(self, batch: list[Any]) -> Process:
        stages = None
        while stages is None:
            stages = yield from self.persistently(
                "hear", lambda tx, writer: operations.hear(tx, batch, self.terms_of, writer)
            )
        self.answered.extend(one for one in stages if one.state.status is Status.ANSWERED)
        self._forget(one for one in stages if one.state.status is not Status.ANSWERED)
        if self.answered and not self.is_booking:
            self.is_booking = True
            self.clock.spawn(self, self._book_answered())

    def _book_answered(self) -> Process:
        while self.answered:
            yield 8
            batch = list(self.answered)
            self.answered.clear()
            booked = None
            while booked is None:
                booked = yield from self.persistently(
                    "book", lambda tx, writer, batch=batch: operations.book(tx, batch, writer)
                )
            self._forget(batch)
        self.is_booking = False
