"""Recover: ends what processes that are gone have left, books what is answered, and asks about outcomes
that are unknown until there is evidence."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from uuid import UUID

import psycopg

from everycent.charging import course
from everycent.charging import operations as charging
from everycent.charging import operations_runs as running
from everycent.charging.attempt import Stage
from everycent.charging.operations import Heard
from everycent.charging.run import Worker
from everycent.flows.collect import calls
from everycent.flows.collect.desk import Desk
from everycent.payments.failure import Failure
from everycent.payments.provider import Outcome

IsGone = Callable[[Worker, bool], bool]
"""Whether a process is provably gone; it may be ended to make sure where the second argument says so."""

_BATCH = 200
_LOG = logging.getLogger("everycent.collect")


def take_over(desk: Desk, is_gone: IsGone) -> Counter[str]:
    """Ends what processes have left that are gone, or silent for longer than their lease: those of this
    machine are made sure to be gone first. Elsewhere a silent process may still be about to send, and is
    given time."""
    counts: Counter[str] = Counter()
    with desk.step("look_around") as tx:
        others = running.workers_on(tx, desk.worker.worker_id)
    for worker, is_silent in others:
        is_proven = is_gone(worker, is_silent)
        if not is_proven and not is_silent:
            continue
        with desk.step("take_over") as tx:
            stages = charging.take_over(
                tx, [worker.worker_id], desk.terms_of, desk.writer, is_proven=is_proven
            )
        counts.update(str(stage.state.status) for stage in stages)
    return counts


def settle_own(desk: Desk) -> None:
    """Settles what this process itself has left: nothing of it is under way when this is called. Claims go
    back on the list; what was sent and could not be written down is unknown."""
    with desk.step("settle_own") as tx:
        mine = charging.of_worker(tx, desk.worker.worker_id)
        charging.give_back(tx, mine, desk.writer)
        charging.lose(tx, mine, desk.terms_of, desk.writer)


def book(desk: Desk) -> int:
    """Books what was answered and not booked; no provider is asked."""
    booked = 0
    after: UUID | None = None
    while True:
        with desk.step("book_late") as tx:
            stages = charging.unbooked(tx, after, _BATCH)
            booked += len(charging.book(tx, stages, desk.writer))
        if len(stages) < _BATCH:
            return booked
        after = stages[-1].attempt.attempt_id  # what can't be booked stands in nobody's way


async def ask(desk: Desk) -> Counter[str]:
    """Asks about every open outcome whose time has come: looks up where that is possible, and sends again
    where that is safe. Returns what they came to."""
    counts: Counter[str] = Counter()
    asked: set[UUID] = set()
    while True:
        with desk.step("due") as tx:
            due = [
                stage
                for stage in charging.due_looks(tx, desk.clock(), sorted(desk.names), _BATCH)
                if stage.attempt.attempt_id not in asked
            ]
        if not due:
            return counts
        asked.update(stage.attempt.attempt_id for stage in due)
        heard, again = await _seen(desk, due)
        heard += await _sent_again(desk, again)
        stages = _heard(desk, heard)
        counts.update(str(stage.state.status) for stage in stages)
        book(desk)


def _heard(desk: Desk, heard: list[Heard]) -> list[Stage]:
    """Writes down what was said; what can't be written stops none of the others and stays open."""
    try:
        with desk.step("hear_late") as tx:
            return charging.hear(tx, heard, desk.terms_of, desk.writer)
    except psycopg.OperationalError:
        raise
    except Exception:  # noqa: BLE001 - a defect of ours concerns one attempt and not a batch
        if len(heard) > 1:
            return [one for each in heard for one in _heard(desk, [each])]
        _LOG.exception("what was said about %s can't be written", heard[0].stage.attempt.reference)
        return []


def _is_again(desk: Desk, stage: Stage) -> bool:
    return course.may_send_again(stage, desk.clock(), desk.terms_of(stage.attempt.provider))


async def _seen(desk: Desk, due: list[Stage]) -> tuple[list[Heard], list[Stage]]:
    """What the providers say that can be asked, and what may have to be sent again: what nobody can be
    asked about, or is not there, at a provider that charges a reference once."""
    blind = [one for one in due if not desk.providers[one.attempt.provider].traits.looks_up]
    seeing = [one for one in due if desk.providers[one.attempt.provider].traits.looks_up]
    heard = await _looked_up(desk, seeing)
    absent = [one.stage for one in heard if one.said.outcome is Outcome.ABSENT]
    again = [*blind, *(stage for stage in absent if _is_again(desk, stage))]
    ids = {stage.attempt.attempt_id for stage in again}
    return [one for one in heard if one.stage.attempt.attempt_id not in ids], again


async def _sent_again(desk: Desk, stages: list[Stage]) -> list[Heard]:
    if not stages:
        return []
    until = time.monotonic() + desk.pace.patience.total_seconds()
    with desk.step("send_again") as tx:
        begun = charging.send_again(tx, stages, desk.pace.patience, desk.terms_of, desk.writer)
    late: list[Stage] = []
    places = _places(desk)

    async def send(stage: Stage) -> Heard | None:
        async with places[stage.attempt.provider]:
            if time.monotonic() >= until:
                late.append(stage)
                return None
            provider = desk.providers[stage.attempt.provider]
            said, is_over = await calls.send(provider, stage.attempt)
            return Heard(stage, said, is_over)

    heard = [one for one in await asyncio.gather(*map(send, begun)) if one is not None]
    if late:
        with desk.step("unsent_again") as tx:
            charging.not_sent(tx, late, Failure.DEFECT, desk.terms_of, desk.writer)
    return heard


async def _looked_up(desk: Desk, stages: list[Stage]) -> list[Heard]:
    places = _places(desk)

    async def look(stage: Stage) -> Heard:
        provider = desk.providers[stage.attempt.provider]
        async with places[stage.attempt.provider]:
            return Heard(stage, await calls.look_up(provider, stage.attempt, desk.clock()))

    return list(await asyncio.gather(*map(look, stages)))


def _places(desk: Desk) -> dict[str, asyncio.Semaphore]:
    return {
        name: asyncio.Semaphore(max(1, provider.traits.concurrency // 4))
        for name, provider in desk.providers.items()
    }
