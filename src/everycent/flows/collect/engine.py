"""Engine: charges a collection run. Claims go in batches and ahead of the places at the providers; what is
begun is sent, written down and booked by the sender."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

from everycent.charging import operations as charging
from everycent.charging.attempt import Stage
from everycent.flows.collect import offset
from everycent.flows.collect.sender import Sender, together
from everycent.payments.provider import Provider

_BATCH = 256
_TICK = 0.004
_IDLE = 0.2


class Engine:
    """One process's charges of one run. `on_idle` is called now and then while claims wait for places at a
    provider: those who hold them may be gone."""

    def __init__(
        self, sender: Sender, run_id: UUID, on_idle: Callable[[], object] = lambda: None
    ) -> None:
        self.sender = sender
        self.desk = sender.desk
        self.run_id = run_id
        self.on_idle = on_idle
        self.ready: deque[Stage] = deque()
        self.is_claimed_out = False

    async def work(self) -> None:
        """Claims and begins until nothing of the run is left to claim, or the sender is to stop: then what
        is claimed and not sent goes back on the list."""
        await together(self.sender, self._claim_ahead(), self._send_ready())
        await self._give_back()

    # --- S0, S1 -------------------------------------------------------------------------------------

    async def _claim_ahead(self) -> None:
        """Keeps as many claims ready as the providers take calls at once."""
        ahead = min(_BATCH, max(8, sum(p.traits.concurrency for p in self.desk.providers.values())))
        while not self.sender.is_stopping:
            if len(self.ready) > ahead:
                await asyncio.sleep(_TICK)
                continue
            async with self.sender.claiming:
                claimed = await self.sender.persistently(partial(self._claim, ahead))
                if claimed is not None:
                    self.sender.know(claimed[0])
                    self.ready.extend(claimed[0])
                    self.sender.tell()
            if claimed is None:
                await self._adopt()
            elif not claimed[1]:
                break
        self.is_claimed_out = True
        self.sender.tell()

    def _claim(self, limit: int) -> tuple[list[Stage], int]:
        desk = self.desk
        with desk.step("claim") as tx:
            taken = charging.take(tx, self.run_id, limit)
            offset.use(tx, taken, desk.writer.of_payments)
            return charging.claim(tx, self.run_id, taken, desk.names, desk.writer), len(taken)

    async def _adopt(self, doubtful: Sequence[Stage] = ()) -> None:
        self.ready.extend(await self.sender.adopt(doubtful, with_claims=True))
        self.sender.tell()

    # --- S2 -----------------------------------------------------------------------------------------

    async def _send_ready(self) -> None:
        sender = self.sender
        while True:
            change = sender.change()
            if sender.is_stopping:
                return
            await asyncio.sleep(sender.moment(_TICK))
            begun = await self._send_some()
            if not self.ready and self.is_claimed_out:
                return
            if not begun:
                try:
                    await asyncio.wait_for(change.wait(), _IDLE if self.ready else None)
                except TimeoutError:
                    await sender.persistently(self.on_idle)

    async def _send_some(self) -> bool:
        """Begins to send what there are places for; whether anything was."""
        free = {name: min(self.sender.free(name), _BATCH) for name in self.desk.providers}
        chosen: dict[str, list[Stage]] = {name: [] for name in free}
        rest: deque[Stage] = deque()
        for stage in self.ready:
            name = stage.attempt.provider
            batch = chosen[name]
            (batch if len(batch) < free[name] else rest).append(stage)
        self.ready = rest
        begun = False
        for name, batch in chosen.items():
            begun |= bool(batch) and await self._send_batch(name, batch)
        return begun

    async def _send_batch(self, name: str, batch: list[Stage]) -> bool:
        sender = self.sender
        until = sender.until()
        over = sender.over(name)
        begin = partial(self._begin, batch, self.desk.providers[name], over)
        result = await sender.persistently(begin)
        if result is None:
            await self._adopt(batch)
            return False
        begun, later = result
        self.ready.extendleft(reversed(later))
        kept = {stage.attempt.attempt_id for stage in (*begun, *later)}
        sender.forget([one for one in batch if one.attempt.attempt_id not in kept])
        sender.dispatch(begun, until)
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
            await self.sender.persistently(write)
            self.sender.forget(stages)
