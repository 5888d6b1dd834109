"""Engine: works on a collection run. Claims and results go in batches, calls side by side; every stage is
committed before the next one begins.

    claim (S1) ─► queue ─► send (S2) ─► calls (S3-S6), many at once ─► queue ─► hear (S7) ─► book (S8)

The database is worked with in threads of its own, so that nobody's answer waits for anybody's commit. When
the database goes away, what was answered is kept and written down when it is back: nothing is sent that is
not written down first, and nothing that came back is thrown away.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar
from uuid import UUID

import psycopg

from everycent.charging import operations as charging
from everycent.charging.attempt import Stage, Status
from everycent.charging.operations import Heard
from everycent.flows.collect import calls, offset
from everycent.flows.collect.breaker import Breaker
from everycent.flows.collect.desk import Desk
from everycent.kernel.errors import Conflict, Unavailable
from everycent.payments.failure import Failure
from everycent.payments.provider import Provider

_LOG = logging.getLogger("everycent.collect")
_T = TypeVar("_T")
_BATCH = 256
_TICK = 0.004
_WHILE = 0.02
_MANY = 128
_PAUSE = 0.5
_IDLE = 0.2

OnProgress = Callable[[Counter[str]], None]


class Engine:
    """One process's work on one run. `counts` are attempts by what became of them. `on_idle` is called now
    and then while claims wait for places at a provider: those who hold them may be gone."""

    def __init__(
        self,
        desk: Desk,
        run_id: UUID,
        on_progress: OnProgress = lambda _: None,
        on_idle: Callable[[], object] = lambda: None,
    ) -> None:
        self.desk = desk
        self.on_idle = on_idle
        self.run_id = run_id
        self.on_progress = on_progress
        self.counts: Counter[str] = Counter()
        self.ready: deque[Stage] = deque()
        self.calling: Counter[str] = Counter()
        # Attempts whose call is over, by provider, until what was said is written down.
        self.over: dict[str, set[UUID]] = {name: set() for name in desk.providers}
        self.known: set[UUID] = set()  # attempts of ours that are claimed or under way
        self.called: set[UUID] = set()  # those for which a call was ever begun
        self.answers: asyncio.Queue[Heard] = asyncio.Queue()
        self.answered: asyncio.Queue[Stage] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()
        self.breakers = {name: Breaker() for name in desk.providers}
        self.stopping = False
        self.is_claimed_out = False
        self.threads = ThreadPoolExecutor(3, thread_name_prefix="collect")
        self.freed = asyncio.Event()
        self.claiming = asyncio.Lock()

    async def work(self) -> None:
        """Works until nothing of the run is left to claim, or until `stop`, and everything that was begun
        is written down."""
        writers = [
            asyncio.create_task(self._record_answers()),
            asyncio.create_task(self._book_answered()),
        ]
        try:
            await asyncio.gather(self._claim_ahead(), self._send_ready())
        finally:
            self.stop()
            while self.tasks:
                await asyncio.wait(self.tasks)
            await self.answers.join()
            await self.answered.join()
            for writer in writers:
                writer.cancel()
            self.threads.shutdown(wait=True)

    def stop(self) -> None:
        """From here on nothing new is begun."""
        self.stopping = True
        self.freed.set()

    # --- S0, S1 -------------------------------------------------------------------------------------

    async def _claim_ahead(self) -> None:
        """Keeps as many claims ready as the providers take calls at once."""
        ahead = min(_BATCH, max(8, sum(p.traits.concurrency for p in self.desk.providers.values())))
        while not self.stopping:
            if len(self.ready) > ahead:
                await asyncio.sleep(_TICK)
                continue
            async with self.claiming:
                claimed = await self._persistently(partial(self._claim, ahead))
                if claimed is not None:
                    self._take_up(claimed[0])
            if claimed is None:
                await self._adopt()
            elif not claimed[1]:
                break
        self.is_claimed_out = True
        self.freed.set()

    def _take_up(self, stages: Sequence[Stage]) -> None:
        self.ready.extend(stages)
        self.known.update(stage.attempt.attempt_id for stage in stages)
        self.freed.set()

    def _claim(self, limit: int) -> tuple[list[Stage], int]:
        desk = self.desk
        with desk.step("claim") as tx:
            taken = charging.take(tx, self.run_id, limit)
            offset.use(tx, taken, desk.writer.of_payments)
            return charging.claim(tx, self.run_id, taken, desk.names, desk.writer), len(taken)

    # --- S2 -----------------------------------------------------------------------------------------

    async def _send_ready(self) -> None:
        while True:
            self.freed.clear()
            if self.stopping:
                await self._give_back()
                return
            await asyncio.sleep(self._moment(_TICK))
            begun = await self._send_some()
            if not self.ready and self.is_claimed_out:
                return
            if not begun:
                try:
                    await asyncio.wait_for(self.freed.wait(), _IDLE if self.ready else None)
                except TimeoutError:
                    await self._persistently(self.on_idle)

    async def _send_some(self) -> bool:
        """Begins to send what there are places for; whether anything was."""
        now = time.monotonic()
        chosen: dict[str, list[Stage]] = {}
        rest: deque[Stage] = deque()
        for stage in self.ready:
            name = stage.attempt.provider
            most = self.desk.providers[name].traits.concurrency
            free = self.breakers[name].takes(now, self.calling[name], most)
            unwritten = self.calling[name] + len(self.over[name])
            free = min(free, 2 * most - unwritten)  # a slow database holds calls back
            batch = chosen.setdefault(name, [])
            (batch if len(batch) < min(free, _BATCH) else rest).append(stage)
        self.ready = rest
        begun = False
        for name, batch in chosen.items():
            begun |= bool(batch) and await self._send_batch(name, batch)
        return begun

    async def _send_batch(self, name: str, batch: list[Stage]) -> bool:
        provider = self.desk.providers[name]
        until = time.monotonic() + self.desk.pace.patience.total_seconds()
        result = await self._persistently(
            partial(self._begin, batch, provider, list(self.over[name]))
        )
        if result is None:
            self._forget(batch)
            await self._adopt(batch)
            return False
        begun, later = result
        self.ready.extendleft(reversed(later))
        kept = {stage.attempt.attempt_id for stage in (*begun, *later)}
        self._forget([one for one in batch if one.attempt.attempt_id not in kept])
        self.called.update(stage.attempt.attempt_id for stage in begun)
        for stage in begun:
            self.calling[name] += 1
            task = asyncio.create_task(self._call(provider, stage, until))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return bool(begun)

    def _begin(
        self, batch: Sequence[Stage], provider: Provider, over: Sequence[UUID]
    ) -> tuple[list[Stage], list[Stage]]:
        desk = self.desk
        with desk.step("send") as tx:
            return charging.begin_sending(
                tx, batch, provider.traits.concurrency, desk.pace.patience, desk.writer, over
            )

    async def _give_back(self) -> None:
        """Claims that will not be sent by us go back on the list."""
        stages = list(self.ready)
        self.ready.clear()

        def write() -> None:
            with self.desk.step("give_back") as tx:
                charging.give_back(tx, stages, self.desk.writer)

        if stages:
            await self._persistently(write)
            self._forget(stages)

    # --- S3 to S6 -----------------------------------------------------------------------------------

    async def _call(self, provider: Provider, stage: Stage, until: float) -> None:
        try:
            # Held up since the stage was stored: too late to begin. A machine that was suspended has a
            # monotonic clock that knows nothing of it.
            before = stage.state.send_before
            if time.monotonic() >= until or before is None or self.desk.clock() >= before:
                await self._unsent([stage])
                return
            said, is_over = await calls.send(provider, stage.attempt)
            self.breakers[provider.name].note(said, time.monotonic())
            if is_over:
                self.over[provider.name].add(stage.attempt.attempt_id)
            self.answers.put_nowait(Heard(stage, said, is_over))
        finally:
            self.calling[provider.name] -= 1  # nothing was sent, or there is an answer
            self.freed.set()

    async def _unsent(self, stages: Sequence[Stage]) -> None:
        def write() -> list[Stage]:
            desk = self.desk
            with desk.step("unsent") as tx:
                return charging.not_sent(tx, stages, Failure.DEFECT, desk.terms_of, desk.writer)

        written: list[Stage] | None = None
        while written is None:  # nobody else ends it, and it holds a place at the provider
            written = await self._persistently(write)
        self._count(written)
        self._forget(stages)

    # --- S7, S8 -------------------------------------------------------------------------------------

    async def _record_answers(self) -> None:
        """Writes down what was said; booking has a line of its own."""
        while True:
            batch = await _drained(self.answers, partial(self._moment, _WHILE))
            try:
                await self._record_all(batch)
            finally:
                for one in batch:
                    attempt = one.stage.attempt
                    self.over[attempt.provider].discard(attempt.attempt_id)
                    self.answers.task_done()
                self.freed.set()

    async def _book_answered(self) -> None:
        while True:
            batch = await _drained(self.answered, partial(self._moment, 2 * _WHILE))
            booked: list[Stage] | None = None
            try:
                while booked is None:
                    booked = await self._persistently(partial(self._book, batch))
                self._count(booked)
            except Exception:  # noqa: BLE001 - what is stored is booked by whoever recovers
                _LOG.exception("%s answered charges can't be booked", len(batch))
                self.counts["defect"] += len(batch)
            finally:
                self._forget(batch)
                for _ in batch:
                    self.answered.task_done()
            self.on_progress(self.counts)

    async def _record_all(self, batch: list[Heard]) -> None:
        """Writes a batch down; one that can't be written stops none of the others. It stays as it is, and
        what is stored decides what follows."""
        try:
            await self._record(batch)
        except Exception:  # noqa: BLE001 - a defect of ours concerns one attempt and not a batch
            if len(batch) == 1:
                reference = batch[0].stage.attempt.reference
                _LOG.exception("what was said about %s can't be written", reference)
                self.counts["defect"] += 1
                self._forget([batch[0].stage])
                return
            for one in batch:
                await self._record_all([one])

    async def _record(self, batch: list[Heard]) -> None:
        stages = None
        while stages is None:
            stages = await self._persistently(partial(self._hear, batch))
        ended = [stage for stage in stages if stage.state.status is not Status.ANSWERED]
        for stage in stages:
            if stage.state.status is Status.ANSWERED:
                self.answered.put_nowait(stage)
        self._forget(ended)
        self._count(ended)
        self.on_progress(self.counts)

    def _moment(self, longest: float) -> float:
        """How long more is waited for: the more calls there are, the more it is worth."""
        return longest * min(1.0, self.calling.total() / _MANY)

    def _hear(self, batch: Sequence[Heard]) -> list[Stage]:
        desk = self.desk
        with desk.step("hear") as tx:
            return charging.hear(tx, batch, desk.terms_of, desk.writer)

    def _book(self, stages: Sequence[Stage]) -> list[Stage]:
        desk = self.desk
        with desk.step("book") as tx:
            return charging.book(tx, stages, desk.writer)

    # --- beside -------------------------------------------------------------------------------------

    async def _adopt(self, doubtful: Sequence[Stage] = ()) -> None:
        """After a commit of which nobody knows whether it happened: claims of ours that we do not know of
        are taken up. Of the `doubtful`, which were about to be sent, no call was ever begun: they provably
        never left. What else of ours is under way without our knowing was sent, and its outcome is lost."""
        never = {one.attempt.attempt_id for one in doubtful} - self.called

        def find() -> tuple[list[Stage], list[Stage]]:
            desk = self.desk
            with desk.step("adopt") as tx:
                mine = charging.of_worker(tx, desk.worker.worker_id)
                lost = [one for one in mine if one.attempt.attempt_id not in self.known]
                claimed = [one for one in lost if one.state.status is Status.CLAIMED]
                sending = [one for one in lost if one.state.status is Status.SENDING]
                unsent = [one for one in sending if one.attempt.attempt_id in never]
                forgotten = [one for one in sending if one.attempt.attempt_id not in never]
                charging.lose(tx, forgotten, desk.terms_of, desk.writer)
                return claimed, charging.not_sent(
                    tx, unsent, Failure.DEFECT, desk.terms_of, desk.writer
                )

        async with self.claiming:  # what is being claimed right now is not lost
            found = None
            while found is None:
                found = await self._persistently(find)
            self._take_up(found[0])
        self._count(found[1])

    async def _persistently(self, work: Callable[[], _T]) -> _T | None:
        """Does the work in a thread; None when the database broke it off, after a pause. Whether it was
        committed then is for the caller to find out."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self.threads, work)
        except (psycopg.OperationalError, Unavailable, Conflict):
            await asyncio.sleep(_PAUSE)
            return None

    def _forget(self, stages: Iterable[Stage]) -> None:
        self.known.difference_update(stage.attempt.attempt_id for stage in stages)

    def _count(self, stages: Iterable[Stage]) -> None:
        for stage in stages:
            state = stage.state
            failed = state.status is Status.FAILED and state.failure is not None
            self.counts[str(state.failure) if failed else str(state.status)] += 1


async def _drained(queue: asyncio.Queue[_T], moment: Callable[[], float]) -> list[_T]:
    """What waits in a queue, at least one and at most a batch of it, after a moment for more to come."""
    batch = [await queue.get()]
    await asyncio.sleep(moment())
    while len(batch) < _BATCH and not queue.empty():
        batch.append(queue.get_nowait())
    return batch
