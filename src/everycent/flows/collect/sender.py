"""Sender: the one way in which requests leave and their answers are written down: of charges, of refunds,
and of what is sent again.

    begun (S2, by whoever has it to send) ─► calls (S3-S6), many at once ─► hear (S7) ─► book (S8)

Every stage is committed before the next one begins. The database is worked with in threads of its own, so
that nobody's answer waits for anybody's commit. When the database goes away, what was answered is kept and
written down when it is back: nothing is sent that is not written down first, and nothing that came back is
thrown away.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar
from uuid import UUID

from everycent.charging import operations as charging
from everycent.charging.attempt import Evidence, Stage, Status
from everycent.charging.operations import Heard
from everycent.db.connection import AWAY
from everycent.flows.collect import breaker, calls
from everycent.flows.collect.desk import Desk
from everycent.kernel.errors import Conflict
from everycent.payments.failure import Failure
from everycent.payments.provider import Kind, Provider

_LOG = logging.getLogger("everycent.collect")
_T = TypeVar("_T")
_BATCH = 256
_THREADS = 4  # claims, sends, what was said, bookings
_WHILE = 0.03
_MANY = 128
_PAUSE = 0.5


class Sender:
    """A process's calls. `counts` are attempts by what became of them."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.counts: Counter[str] = Counter()
        self.claiming = asyncio.Lock()  # held while attempts become ours that nobody knows of yet
        self.is_stopping = False
        self._breakers = {name: breaker.of(one) for name, one in desk.providers.items()}
        self._calling: Counter[str] = Counter()
        # Attempts whose call is over, by provider, until what was said is written down.
        self._over: dict[str, set[UUID]] = {name: set() for name in desk.providers}
        self._known: set[UUID] = set()  # attempts of ours that are claimed or under way
        self._called: set[UUID] = set()  # those for which a call was ever begun
        self._answers: asyncio.Queue[Heard] = asyncio.Queue()
        self._answered: asyncio.Queue[Stage] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._change = asyncio.Event()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="collect")

    def stop(self) -> None:
        """From here on nothing new is begun."""
        self.is_stopping = True
        self.tell()

    def change(self) -> asyncio.Event:
        """What is set at the next change: a place is free, there is more to send, or it is to stop. Who
        takes it before looking misses none."""
        return self._change

    def tell(self) -> None:
        """Says that something has changed."""
        self._change.set()
        self._change = asyncio.Event()

    # --- what is to be sent -------------------------------------------------------------------------

    def free(self, provider: str) -> int:
        """How many calls of a provider may be begun now: none when it is left alone for a while, and not
        so many that a slow database could not write down what comes back."""
        most = self.desk.providers[provider].traits.concurrency
        calling = self._calling[provider]
        free = self._breakers[provider].takes(time.monotonic(), calling, most)
        return min(free, 2 * most - calling - len(self._over[provider]))

    def is_shut(self, provider: str) -> bool:
        """Whether a provider is left alone for a while: there is no place, and no call that frees one."""
        return self.free(provider) <= 0 and not self._calling[provider] and not self._over[provider]

    async def places(self, provider: str) -> int:
        """Waits until there are places at a provider: how many. 0 when it is left alone for a while, or
        nothing is to be begun any more."""
        while not self.is_stopping:
            change = self.change()
            free = self.free(provider)
            if free > 0:
                return free
            if self.is_shut(provider):
                return 0
            await change.wait()
        return 0

    def over(self, provider: str) -> list[UUID]:
        """Attempts at a provider of which the call has ended, though that is not written down yet."""
        return list(self._over[provider])

    def until(self) -> float:
        """When a request has to have left (by the monotonic clock) of which the stage is stored now."""
        return time.monotonic() + self.desk.pace.patience.total_seconds()

    def moment(self, longest: float) -> float:
        """How long it is worth to wait for more: the longer, the more calls there are."""
        return longest * min(1.0, self._calling.total() / _MANY)

    def dispatch(self, begun: Iterable[Stage], until: float) -> None:
        """Sends what is stored as being sent, each in a task of its own."""
        for stage in begun:
            attempt = stage.attempt
            self._known.add(attempt.attempt_id)
            self._called.add(attempt.attempt_id)
            self._calling[attempt.provider] += 1
            provider = self.desk.providers[attempt.provider]
            task = asyncio.create_task(self._call(provider, stage, until))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def begin(
        self, provider: str, write: Callable[[int, Sequence[UUID]], list[Stage]]
    ) -> list[Stage] | None:
        """S2 of attempts that become ours with it: sends those that `write` returns, of which there may be
        as many as there are places. Returns them; None when the provider is left alone for a while, or
        nothing is to be begun any more."""
        while free := await self.places(provider):
            until = self.until()
            async with self.claiming:  # until they are known, nobody may take them for lost
                begun = await self.persistently(partial(write, free, self.over(provider)))
                self.dispatch(begun or (), until)
            if begun is not None:
                return begun
            await self.adopt()
        return None

    async def adopt(self, *, with_claims: bool = False) -> list[Stage]:
        """After a commit of which nobody knows whether it happened. What is under way and ours, and not
        known here, provably never left when no call of it was ever begun here: what was left from before is
        settled before anything is sent. Else it was sent, and its outcome is lost. Claims of ours that are
        not known here are returned `with_claims`, to be taken up."""

        def find() -> tuple[list[Stage], list[Stage]]:
            desk = self.desk
            with desk.step("adopt") as tx:
                mine = charging.of_worker(tx, desk.worker.worker_id)
                lost = [one for one in mine if one.attempt.attempt_id not in self._known]
                claimed = [
                    one for one in lost if with_claims and one.state.status is Status.CLAIMED
                ]
                sending = [one for one in lost if one.state.status is Status.SENDING]
                unsent = [one for one in sending if one.attempt.attempt_id not in self._called]
                forgotten = [one for one in sending if one.attempt.attempt_id in self._called]
                charging.lose(tx, forgotten, desk.terms_of, desk.writer)
                return claimed, charging.not_sent(
                    tx, unsent, Failure.DEFECT, desk.terms_of, desk.writer
                )

        async with self.claiming:  # what is being claimed right now is not lost
            claimed, ended = await self.surely(find)
            self.know(claimed)
        self._count(ended)
        return claimed

    def know(self, stages: Iterable[Stage]) -> None:
        """Attempts that are ours from here on."""
        self._known.update(stage.attempt.attempt_id for stage in stages)

    def forget(self, stages: Iterable[Stage]) -> None:
        """Attempts that are not ours any more, or of which we do not know that they are."""
        self._known.difference_update(stage.attempt.attempt_id for stage in stages)

    # --- S3 to S6 -----------------------------------------------------------------------------------

    async def _call(self, provider: Provider, stage: Stage, until: float) -> None:
        try:
            # Held up since the stage was stored: too late to begin. A machine that was suspended has a
            # monotonic clock that knows nothing of it.
            before = stage.state.send_before
            if time.monotonic() >= until or before is None or self.desk.clock() >= before:
                await self._unsent(stage)
                return
            said, is_over = await calls.send(provider, stage.attempt)
            self._breakers[provider.name].note(said, time.monotonic())
            if is_over:
                self._over[provider.name].add(stage.attempt.attempt_id)
            self.hear(Heard(stage, said, is_over))
        except Exception:  # noqa: BLE001 - it stays as it is, and evidence decides
            _LOG.exception("%s met an error of ours", stage.attempt.reference)
            self.counts["defect"] += 1
        finally:
            self._calling[provider.name] -= 1  # nothing was sent, or there is an answer
            self.tell()

    async def _unsent(self, stage: Stage) -> None:
        def write() -> list[Stage]:
            desk = self.desk
            with desk.step("unsent") as tx:
                return charging.not_sent(tx, [stage], Failure.DEFECT, desk.terms_of, desk.writer)

        self._count(await self.surely(write))  # nobody else ends it, and it holds a place
        self.forget([stage])

    async def look(self, stage: Stage) -> Evidence | None:
        """Asks what became of a request that was sent before; a look-up takes a place of this process as a
        call does. None when the provider is left alone, or nothing is to be begun any more."""
        provider = self.desk.providers[stage.attempt.provider]
        if not await self.places(provider.name):
            return None
        self._calling[provider.name] += 1
        try:
            said = await calls.look_up(provider, stage.attempt, self.desk.clock())
            self._breakers[provider.name].note(said, time.monotonic())
            return said
        finally:
            self._calling[provider.name] -= 1
            self.tell()

    # --- S7, S8 -------------------------------------------------------------------------------------

    def hear(self, heard: Heard) -> None:
        """Evidence that is to be written down, and what follows from it booked."""
        self._answers.put_nowait(heard)

    async def settled(self) -> None:
        """Waits until no call is under way and all that was said is written down and booked."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._answers.join()
        await self._answered.join()

    async def record_answers(self) -> None:
        """Writes down what was said, for ever; booking has a line of its own."""
        while True:
            batch = await _drained(self._answers, partial(self.moment, _WHILE))
            try:
                await self._record_all(batch)
            finally:
                for one in batch:
                    attempt = one.stage.attempt
                    self._over[attempt.provider].discard(attempt.attempt_id)
                    self._answers.task_done()
                self.tell()

    async def _record_all(self, batch: list[Heard]) -> None:
        """Writes a batch down; one that can't be written stops none of the others. Of that its outcome is
        unknown, and evidence decides."""
        try:
            await self._record(batch)
        except Exception:  # noqa: BLE001 - a defect of ours concerns one attempt and not a batch
            if len(batch) == 1:
                reference = batch[0].stage.attempt.reference
                _LOG.exception(
                    "what was said about %s can't be written: %s", reference, batch[0].said
                )
                self.counts["defect"] += 1
                await self._lose(batch[0].stage)
                return
            for one in batch:
                await self._record_all([one])

    async def _lose(self, stage: Stage) -> None:
        """Nothing of it is under way any more, and its place is free."""

        def write() -> None:
            desk = self.desk
            with desk.step("lose") as tx:
                charging.lose(tx, [stage], desk.terms_of, desk.writer)

        try:
            await self.surely(write)
        except Exception:  # noqa: BLE001 - it is left to whoever takes over from us
            _LOG.exception("%s stays as it is", stage.attempt.reference)
        self.forget([stage])

    async def _record(self, batch: list[Heard]) -> None:
        def write() -> list[Stage]:
            desk = self.desk
            with desk.step("hear") as tx:
                return charging.hear(tx, batch, desk.terms_of, desk.writer)

        ended = []
        for stage in await self.surely(write):
            if stage.state.status is Status.ANSWERED:
                self._answered.put_nowait(stage)
            else:
                ended.append(stage)
        self.forget(ended)
        self._count(ended)

    async def book_answered(self) -> None:
        """Books what was answered, for ever."""
        while True:
            batch = await _drained(self._answered, partial(self.moment, 2 * _WHILE))
            try:
                self._count(await self.surely(partial(self._book, batch)))
            except Exception:  # noqa: BLE001 - what is stored is booked by whoever recovers
                _LOG.exception("%s answered attempts can't be booked", len(batch))
                self.counts["defect"] += len(batch)
            finally:
                self.forget(batch)
                for _ in batch:
                    self._answered.task_done()

    def _book(self, stages: Sequence[Stage]) -> list[Stage]:
        desk = self.desk
        with desk.step("book") as tx:
            return charging.book(tx, stages, desk.writer)

    # --- beside -------------------------------------------------------------------------------------

    async def persistently(self, work: Callable[[], _T]) -> _T | None:
        """Does the work in a thread; None when the database broke it off, or somebody else was first, after
        a pause. Whether it was committed then is for the caller to find out."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, work)
        except (*AWAY, Conflict):
            await asyncio.sleep(_PAUSE)
            return None

    async def surely(self, work: Callable[[], _T]) -> _T:
        """Does work that may be done twice in a thread, however long the database is away. Raises what is
        in the way for good."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                return await loop.run_in_executor(self._threads, work)
            except (*AWAY, Conflict) as error:
                if isinstance(error, Conflict) and error.code != "journal.concurrent_append":
                    raise
                await asyncio.sleep(_PAUSE)

    def _count(self, stages: Iterable[Stage]) -> None:
        for stage in stages:
            state = stage.state
            failed = state.status is Status.FAILED and state.failure is not None
            what = str(state.failure) if failed else str(state.status)
            self.counts[what if stage.attempt.kind is Kind.CHARGE else f"refund {what}"] += 1

    def close(self) -> None:
        """Ends its threads; nothing is under way any more."""
        self._threads.shutdown(wait=True)


@asynccontextmanager
async def sending(desk: Desk) -> AsyncIterator[Sender]:
    """A sender; in the end everything that was begun is written down."""
    sender = Sender(desk)
    writers = [
        asyncio.create_task(sender.record_answers()),
        asyncio.create_task(sender.book_answered()),
    ]
    try:
        yield sender
    finally:
        sender.stop()
        settled = asyncio.create_task(sender.settled())
        # Writers end when the process is broken off: nothing is settled then, and nobody waits for it.
        await asyncio.wait({settled, *writers}, return_when=asyncio.FIRST_COMPLETED)
        for task in (settled, *writers):
            task.cancel()
        sender.close()


async def together(sender: Sender, *work: Awaitable[None]) -> None:
    """Does work side by side to its end. When a part of it fails the sender is to stop, and the failure is
    raised when all the others have ended: none begins anything behind the sender's back."""

    async def guarded(part: Awaitable[None]) -> None:
        try:
            await part
        except BaseException:
            sender.stop()
            raise

    for ended in await asyncio.gather(*map(guarded, work), return_exceptions=True):
        if ended is not None:
            raise ended


async def _drained(queue: asyncio.Queue[_T], moment: Callable[[], float]) -> list[_T]:
    """What waits in a queue, at least one and at most a batch of it, after a moment for more to come."""
    batch = [await queue.get()]
    await asyncio.sleep(moment())
    while len(batch) < _BATCH and not queue.empty():
        batch.append(queue.get_nowait())
    return batch
