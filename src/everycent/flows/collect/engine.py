"""Engine: charges a collection run. Claims go in batches and ahead of the places at the providers; what is
begun is sent, written down and booked by the sender."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from uuid import UUID

from everycent.charging import operations as charging
from everycent.charging.attempt import Stage
from everycent.flows.collect import offset
from everycent.flows.collect.sender import Sender, together
from everycent.payments.provider import Provider

_BATCH = 256
_FEW = 8
_TICK = 0.004
_IDLE = 0.2


class Engine:
    """One process's charges of one run. `on_idle` is called now and then while claims wait for places at a
    provider: those who hold them may be gone. A provider that is full, or left alone for a while, keeps no
    other one waiting."""

    def __init__(
        self, sender: Sender, run_id: UUID, on_idle: Callable[[], object] = lambda: None
    ) -> None:
        self.sender = sender
        self.desk = sender.desk
        self.run_id = run_id
        self.on_idle = on_idle
        self.ready: dict[str, deque[Stage]] = {name: deque() for name in self.desk.providers}
        self.is_claimed_out = False

    async def work(self) -> None:
        """Claims and begins until nothing of the run is left that can be charged now, or the sender is to
        stop. What is claimed and not sent then goes back on the list."""
        await together(self.sender, self._claim_ahead(), self._send_ready())
        await self._give_back(list(self.ready))

    # --- S0, S1 -------------------------------------------------------------------------------------

    async def _claim_ahead(self) -> None:
        """Keeps as many claims ready as each provider takes calls at once."""
        sender = self.sender
        while not sender.is_stopping:
            without = self._passed_over()
            if self.ready and len(without) == len(self.ready):
                if all(map(sender.is_shut, without)):
                    break
                await asyncio.sleep(_TICK)
                continue
            limit = min(_BATCH, max(_FEW, sum(map(self._ahead, self.ready.keys() - set(without)))))
            async with sender.claiming:
                claimed = await sender.persistently(partial(self._claim, limit, without))
                if claimed is not None:
                    self._take_up(claimed[0])
            if claimed is None:
                await self._adopt()
            elif not claimed[1]:
                if all(map(sender.is_shut, without)):
                    break
                await asyncio.sleep(_IDLE)
        self.is_claimed_out = True
        sender.tell()

    def _ahead(self, name: str) -> int:
        return min(_BATCH, max(_FEW, self.desk.providers[name].traits.concurrency))

    def _passed_over(self) -> list[str]:
        """Providers for which nothing is claimed now: enough is, or they are left alone."""
        return [
            name
            for name, ready in self.ready.items()
            if len(ready) > self._ahead(name) or self.sender.is_shut(name)
        ]

    def _take_up(self, stages: Sequence[Stage]) -> None:
        self.sender.know(stages)
        for stage in stages:
            self.ready[stage.attempt.provider].append(stage)
        self.sender.tell()

    def _claim(self, limit: int, without: Sequence[str]) -> tuple[list[Stage], int]:
        desk = self.desk
        with desk.step("claim") as tx:
            taken = charging.take(tx, self.run_id, limit, without)
            offset.use(tx, taken, desk.writer.of_payments)
            return charging.claim(tx, self.run_id, taken, desk.names, desk.writer), len(taken)

    async def _adopt(self) -> None:
        self._take_up(await self.sender.adopt(with_claims=True))

    # --- S2 -----------------------------------------------------------------------------------------

    async def _send_ready(self) -> None:
        sender = self.sender
        while not sender.is_stopping:
            change = sender.change()
            await asyncio.sleep(sender.moment(_TICK))
            begun = [await self._send_some(name) for name in self.ready]
            await self._give_back([name for name in self.ready if sender.is_shut(name)])
            is_waiting = any(self.ready.values())
            if not is_waiting and self.is_claimed_out:
                return
            if not any(begun):
                try:
                    await asyncio.wait_for(change.wait(), _IDLE if is_waiting else None)
                except TimeoutError:
                    await sender.persistently(self.on_idle)

    async def _send_some(self, name: str) -> bool:
        """Begins to send what there are places for at a provider; whether anything was."""
        sender, ready = self.sender, self.ready[name]
        batch = [ready.popleft() for _ in range(min(sender.free(name), _BATCH, len(ready)))]
        if not batch:
            return False
        until = sender.until()
        begin = partial(self._begin, batch, self.desk.providers[name], sender.over(name))
        result = await sender.persistently(begin)
        if result is None:
            sender.forget(batch)
            await self._adopt()
            return False
        begun, later = result
        ready.extendleft(reversed(later))
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

    async def _give_back(self, names: Iterable[str]) -> None:
        """Claims that will not be sent by us now go back on the list."""
        stages = [stage for name in names for stage in self.ready[name]]

        def write() -> None:
            with self.desk.step("give_back") as tx:
                charging.give_back(tx, stages, self.desk.writer)

        if stages:
            for name in names:
                self.ready[name].clear()
            await self.sender.persistently(write)
            self.sender.forget(stages)
