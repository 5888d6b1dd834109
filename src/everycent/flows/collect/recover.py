"""Recover: ends what processes that are gone have left, books what is answered, and asks about outcomes
that are unknown until there is evidence."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from uuid import UUID

from everycent.charging import course
from everycent.charging import operations as charging
from everycent.charging import operations_runs as running
from everycent.charging.attempt import Stage
from everycent.charging.operations import Heard
from everycent.charging.run import Worker
from everycent.flows.collect.desk import Desk
from everycent.flows.collect.sender import Sender, together
from everycent.payments.provider import Outcome

IsGone = Callable[[Worker, bool], bool]
"""Whether a process is provably gone; it may be ended to make sure where the second argument says so."""

_BATCH = 200


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


async def ask(sender: Sender) -> None:
    """Asks about every open outcome whose time has come: looks up where that is possible, and sends again
    where that is safe. What is found out is written down as it comes."""
    asked: set[UUID] = set()
    while not sender.is_stopping:
        found = await sender.persistently(partial(_due, sender.desk, _BATCH + len(asked)))
        if found is None:
            continue
        due = [stage for stage in found if stage.attempt.attempt_id not in asked]
        if not due:
            return
        asked.update(stage.attempt.attempt_id for stage in due)
        names = sorted({stage.attempt.provider for stage in due})
        await together(
            sender,
            *(
                _ask_at(sender, [one for one in due if one.attempt.provider == name])
                for name in names
            ),
        )


def _due(desk: Desk, limit: int) -> list[Stage]:
    with desk.step("due") as tx:
        return charging.due_looks(tx, desk.clock(), sorted(desk.names), limit)


async def _ask_at(sender: Sender, due: list[Stage]) -> None:
    """Asks one provider, and sends again what may have to be: what is not there, or nobody can be asked
    about, at a provider that charges a reference once."""
    again: deque[Stage] = deque()

    async def look(stage: Stage) -> None:
        said = await sender.look(stage)
        if said is None:
            return
        if said.outcome is Outcome.ABSENT and _is_again(sender.desk, stage):
            again.append(stage)
        else:
            sender.hear(Heard(stage, said))

    name = due[0].attempt.provider
    if sender.desk.providers[name].traits.looks_up:
        await together(sender, *map(look, due))
    else:
        again.extend(due)
    begun: list[Stage] | None = []
    while again and begun is not None:
        begun = await sender.begin(name, partial(_begin, sender.desk, again))


def _is_again(desk: Desk, stage: Stage) -> bool:
    return course.may_send_again(stage, desk.clock(), desk.terms_of(stage.attempt))


def _begin(desk: Desk, waiting: deque[Stage], free: int, over: Sequence[UUID]) -> list[Stage]:
    batch = list(islice(waiting, free))
    with desk.step("send_again") as tx:
        begun = charging.send_again(tx, batch, desk.pace.patience, desk.terms_of, desk.writer, over)
    for _ in batch:  # what was not begun is asked about another time
        waiting.popleft()
    return begun
