"""Worker: a process that charges, as flows/collect/{engine,recover,work}.py have it, step by step. At every
step it may be killed or stopped, and every transaction may be lost before or after its commit."""

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
from tests.simulation.clockwork import DAY, HOUR, SECOND, Box, Owner, Process, instant, since_epoch
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
            wait = self.world.spell()
            self.wakes_at = self.clock.now + wait
        else:
            self.offset = self.world.skew()
        return wait

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
        self.calls = 0
        self.answers: deque[Any] = deque()
        self.is_recording = False
        self.idle: Box | None = None
        self.is_stopping = False

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
                did = yield from self.recovered()
                for run_id in [one for one, run in tables.runs.items() if run.state == OPEN]:
                    did += yield from self.engine(run_id)
                    now = self.at()
                    finish = partial(running.finish_run, run_id=run_id, at=now)
                    yield from self.step("finish_run", lambda tx, _, finish=finish: finish(tx))
                if self.is_stopping or self.world.chance("stop_politely"):
                    break
                pause = SECOND if did else min(pause * 4, HOUR)
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

    # --- recover.py ---------------------------------------------------------------------------------

    def recovered(self) -> Process:
        """Ends what others left, books what is answered, and asks about what is unknown."""
        did = yield from self._take_over()
        did += yield from self._book_late()
        did += yield from self._ask()
        return did

    def _take_over(self) -> Process:
        did = 0
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
            did += len(stages)
        return did

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
        return len(booked)

    def _ask(self) -> Process:
        asked: set[UUID] = set()
        while True:
            at = self.at()
            found = yield from self.step(
                "due", lambda tx, _, at=at: operations.due_looks(tx, at, sorted(PROVIDERS), 200)
            )
            due = [one for one in found if one.attempt.attempt_id not in asked]
            if not due:
                return len(asked)
            asked.update(one.attempt.attempt_id for one in due)
            heard, again = yield from self._seen(due)
            heard += yield from self._sent_again(again)
            yield from self.step(
                "hear_late",
                lambda tx, writer, heard=heard: operations.hear(tx, heard, self.terms_of, writer),
            )
            yield from self._book_late()

    def _seen(self, due: list[Stage]) -> Process:
        if not self.world.terms.traits.looks_up:
            return [], due
        heard = yield from self._looked_up(due)
        absent = [one.stage for one in heard if one.said.outcome is Outcome.ABSENT]
        again = [stage for stage in absent if self._is_again(stage)]
        ids = {stage.attempt.attempt_id for stage in again}
        return [one for one in heard if one.stage.attempt.attempt_id not in ids], again

    def _is_again(self, stage: Stage) -> bool:
        return course.may_send_again(stage, self.at(), self.world.terms)

    def _sent_again(self, stages: list[Stage]) -> Process:
        if not stages:
            return []
        until = self.monotonic() + PATIENCE
        begun = yield from self.step(
            "send_again",
            lambda tx, writer: operations.send_again(
                tx, stages, timedelta(milliseconds=PATIENCE), self.terms_of, writer
            ),
        )
        late, boxes = [], []
        for stage in begun:
            yield from self.boundary("call.begin")
            if self.is_too_late(stage, until):
                late.append(stage)
                continue
            yield from self.boundary("wire.sending")
            boxes.append((stage, self._sent(stage)))
        heard = []
        for stage, box in boxes:
            said, is_over = yield box
            heard.append(operations.Heard(stage, said, is_over))
        if late:
            yield from self.step(
                "unsent_again",
                lambda tx, writer: operations.not_sent(
                    tx, late, Failure.DEFECT, self.terms_of, writer
                ),
            )
        return heard

    def _sent(self, stage: Stage) -> Box:
        begun_at = since_epoch(stage.state.changed_at)
        return self.world.network.send(self, stage.attempt.ask, begun_at)

    def _looked_up(self, stages: Iterable[Stage]) -> Process:
        heard = []
        for stage in stages:
            yield from self.boundary("look.begin")
            said = yield self.world.network.look_up(stage.attempt.ask, self.at())
            yield from self.boundary("look.end")
            if self.world.chance("slow_batch"):
                yield self.world.spell()  # others of the batch are waited for
            heard.append(operations.Heard(stage, said))
        return heard

    # --- engine.py ----------------------------------------------------------------------------------

    def monotonic(self) -> int:
        """A clock that only goes forward."""
        return self.clock.now

    def is_too_late(self, stage: Stage, until: int) -> bool:
        """Whether it was held up since the stage was stored."""
        return self.monotonic() >= until

    def engine(self, run_id: UUID) -> Process:
        """Works on one run until nothing of it is left to claim, and what was begun is written down."""
        did, wait, is_claimed_out = 0, 200, False
        while True:
            if not is_claimed_out and len(self.ready) < _BATCH:
                is_claimed_out = yield from self._claim(run_id)
            if not self.ready and is_claimed_out:
                break
            if self.world.chance("give_back"):
                self.is_stopping = True
                yield from self._give_back()
                break
            begun = (yield from self._send()) if self.ready else 0
            did += begun
            wait = 200 if begun else min(wait * 2, 20 * SECOND)
            if not begun:
                yield wait
        while self.calls or self.is_recording:
            yield 100
        return did

    def _claim(self, run_id: UUID) -> Process:
        claimed = yield from self.persistently(
            "claim", lambda tx, writer: self._taken(tx, run_id, writer)
        )
        if claimed is None:
            yield from self._adopt()
            return False
        self._take_up(claimed[0])
        return not claimed[1]

    def _taken(self, tx: Tx, run_id: UUID, writer: Any) -> tuple[list[Stage], int]:
        taken = operations.take(tx, run_id, _BATCH)
        return operations.claim(tx, run_id, taken, PROVIDERS, writer), len(taken)

    def _take_up(self, stages: Iterable[Stage]) -> None:
        self.ready.extend(stages)
        self.known.update(one.attempt.attempt_id for one in stages)

    def _forget(self, stages: Iterable[Stage]) -> None:
        self.known.difference_update(one.attempt.attempt_id for one in stages)

    def _send(self) -> Process:
        traits = self.world.terms.traits
        free = max(0, traits.concurrency - self.calls)
        batch = [self.ready.popleft() for _ in range(min(free, len(self.ready)))]
        if not batch:
            return 0
        until = self.monotonic() + PATIENCE
        result = yield from self.persistently(
            "send",
            lambda tx, writer: operations.begin_sending(
                tx, batch, traits.concurrency, timedelta(milliseconds=PATIENCE), writer
            ),
        )
        if result is None:
            self._forget(batch)
            yield from self._adopt()
            return 0
        begun, later = result
        self.ready.extendleft(reversed(later))
        kept = {one.attempt.attempt_id for one in (*begun, *later)}
        self._forget([one for one in batch if one.attempt.attempt_id not in kept])
        for stage in begun:
            self.calls += 1
            self.clock.spawn(self, self._call(stage, until))
        return len(begun)

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
        self.answers.append(operations.Heard(stage, said, is_over))
        self.calls -= 1
        if not self.is_recording:
            self.is_recording = True
            self.clock.spawn(self, self._record_answers())

    def _record_answers(self) -> Process:
        while self.answers:
            yield 4
            batch = list(self.answers)
            self.answers.clear()
            yield from self._record_all(batch)
        self.is_recording = False

    def _record_all(self, batch: list[Any]) -> Process:
        try:
            yield from self._record(batch)
        except RefusedError as refused:
            if len(batch) == 1:
                self.world.judge.refused(self, str(refused))
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
        answered = [one for one in stages if one.state.status is Status.ANSWERED]
        booked = None
        while booked is None and answered:
            booked = yield from self.persistently(
                "book", lambda tx, writer: operations.book(tx, answered, writer)
            )
        self._forget(stages)

    def _give_back(self) -> Process:
        stages = list(self.ready)
        self.ready.clear()
        yield from self.persistently(
            "give_back", lambda tx, writer: operations.give_back(tx, stages, writer)
        )
        self._forget(stages)

    def _adopt(self) -> Process:
        """After a commit of which nobody knows whether it happened."""

        def find(tx: Tx, writer: Any) -> list[Stage]:
            mine = operations.of_worker(tx, self.worker_id)
            lost = [one for one in mine if one.attempt.attempt_id not in self.known]
            unsent = [one for one in lost if one.state.status is Status.SENDING]
            operations.not_sent(tx, unsent, Failure.DEFECT, self.terms_of, writer)
            return [one for one in lost if one.state.status is Status.CLAIMED]

        found = None
        while found is None:
            found = yield from self.persistently("adopt", find)
        self._take_up(found)
