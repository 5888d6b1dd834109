"""Network: what becomes of a request on its way, and of its answer. A request that has left goes on alone:
whoever sent it may be dead when it comes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from everycent.charging.attempt import Source
from everycent.charging.judge import evidence_of
from everycent.payments.failure import Failure
from everycent.payments.provider import Answer, Ask, Outcome
from tests.simulation.clockwork import HOUR, SECOND, Box, Owner

_GRACE = 5 * SECOND
"""As in flows/collect/calls.py."""


class Network:
    """The way between processes and the provider."""

    def __init__(self, world: Any) -> None:
        self.clock = world.clock
        self.bank = world.bank
        self.chance = world.chance
        self.judge = world.judge
        self.rng = world.clock.stream("network")
        self.deadline = world.bank.traits.deadline // timedelta(milliseconds=1)

    def send(self, owner: Owner, ask: Ask, begun_at: int) -> Box:
        """A request, of which the stage was stored at `begun_at`; in the box is the evidence, and whether
        its sender has certainly stopped."""
        box = Box(self.clock)
        if self.chance("unreachable"):
            self._fill(box, 5, Answer(Outcome.FAILED, Failure.UNREACHABLE))
            return box
        if self.chance("adapter_overdue"):
            # The adapter does not keep its deadline: it is left alone, and may send later.
            self._fill(
                box,
                self.deadline + _GRACE,
                Answer(Outcome.UNKNOWN, Failure.TIMED_OUT),
                is_over=False,
            )
            wait = max(0, begun_at - self.clock.now + self.rng.randrange(11 * HOUR)) + self.deadline
            self.clock.after(wait, self._leave, owner, ask, Box(self.clock))
            return box
        broken = self.chance("connection_lost")
        wait = self.rng.randrange(1, self.deadline) if broken else self.deadline
        failure = Failure.CONNECTION_LOST if broken else Failure.TIMED_OUT
        self._fill(box, wait, Answer(Outcome.UNKNOWN, failure))
        self._leave(owner, ask, box)
        return box

    def _leave(self, owner: Owner, ask: Ask, box: Box) -> None:
        if not owner.alive:
            return
        self.clock.note(owner.name, "request leaves", ask.reference)
        self.judge.left(ask)
        if self.chance("request_lost"):
            return
        delay = self.rng.randrange(5, 150)
        if self.chance("request_slow"):
            delay = self.rng.randrange(self.bank.latest + 1)
        self.clock.after(
            delay, self.bank.take_in, ask, self.clock.now, lambda a: self._answer(box, a)
        )

    def _answer(self, box: Box, answer: Answer) -> None:
        if not self.chance("answer_lost"):
            self._fill(box, self.rng.randrange(5, 100), answer)

    def _fill(self, box: Box, delay: int, answer: Answer, *, is_over: bool = True) -> None:
        self.clock.after(delay, box.put, (evidence_of(answer, Source.RESPONSE), is_over))

    def look_up(self, ask: Ask, asked_at: datetime) -> Box:
        """A question what became of a request."""
        box = Box(self.clock)

        def arrive() -> None:
            answer = self.bank.look_up(ask)
            said = evidence_of(answer, Source.LOOK_UP, asked_at=asked_at)
            if not self.chance("answer_lost"):
                self.clock.after(self.rng.randrange(5, 100), box.put, said)

        late = Answer(Outcome.UNKNOWN, Failure.TIMED_OUT)
        timed_out = evidence_of(late, Source.LOOK_UP, asked_at=asked_at)
        self.clock.after(self.deadline, box.put, timed_out)
        self.clock.after(self.rng.randrange(5, 100), arrive)
        return box
