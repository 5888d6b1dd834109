"""World: what a seed stands for. It draws how many take part, what the provider promises, which faults are
switched on and how strong (swarm testing), lets that go on for some days, then a quiet time."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from everycent.charging.attempt import Status
from everycent.charging.course import Terms
from everycent.charging.policy import DEFAULT
from everycent.charging.run import OPEN, WAITING
from everycent.invoicing.settlement import Open
from everycent.kernel.errors import Broken
from everycent.methods.method import Method
from everycent.payments.provider import Traits
from tests.simulation.bank import Bank
from tests.simulation.checks import Judge, ViolatedError
from tests.simulation.clockwork import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Clockwork,
    RestlessError,
    instant,
    since_epoch,
)
from tests.simulation.memory import Invoice, RefusedError, Tables, Tx
from tests.simulation.network import Network
from tests.simulation.people import HABITS, Listener, Person, Scheduler
from tests.simulation.worker import Clerk, Worker

FAULTS = {
    "unreachable": 0.9, "request_lost": 0.3, "request_slow": 0.6, "answer_lost": 0.6,
    "connection_lost": 0.3, "adapter_overdue": 0.2,
    "rate_limited": 0.6, "unavailable": 0.9, "refused": 0.1, "customer_unknown": 0.1,
    "currency_refused": 0.1, "declined": 0.8, "declined_for_good": 0.2, "expired_method": 0.1,
    "authentication": 0.1, "cancelled": 0.1,
    "error_before": 0.3, "error_after": 0.3, "garbage": 0.2, "half_answer": 0.2,
    "other_reference": 0.2, "wrong_amount_said": 0.2, "wrong_amount_taken": 0.2,
    "wrong_currency_taken": 0.1, "parts": 0.3, "pending": 0.3, "late_commit": 0.9,
    "look_up_fails": 0.3,
    "webhook_lost": 0.8, "webhook_twice": 0.5, "webhook_late": 0.5, "webhook_of_another": 0.2,
    "commit_lost": 0.05, "commit_unheard": 0.05,
    "kill": 0.05, "stall": 0.05, "clock_jump": 0.05, "stop_politely": 0.2, "give_back": 0.2,
    "transfer_meanwhile": 0.3, "slow_batch": 0.5,
}  # fmt: skip
"""Each fault, with the highest chance that it gets at each of its places."""
DANGERS = ("kill", "stall", "clock_jump")
"""What happens at the boundaries of steps."""
FAR = 10**15


class Result(NamedTuple):
    """What became of a seed: what was violated (None: nothing), and what happened."""

    seed: int
    violated: str | None
    events: int
    seen: dict[str, int]
    days: int
    digest: str


class World:
    """One seed's world."""

    def __init__(self, seed: int, *, trace: bool = False) -> None:
        self.clock = clock = Clockwork(seed)
        if trace:
            clock.trace = []
        self.draw = draw = clock.stream("world")
        self.rough_until = draw.randrange(6 * HOUR, 6 * DAY)
        self.is_rough = True
        share = draw.choice((0.1, 0.25, 0.4, 0.6))
        self.rates = {
            name: most * draw.choice((1, 0.5, 0.2))
            for name, most in FAULTS.items()
            if draw.random() < share
        }
        self.danger = sum(self.rates.get(name, 0) for name in DANGERS)
        self.habits = [one for one in HABITS if draw.random() < 0.4]
        self.hit = clock.stream("faults").random
        self.skews = draw.choice((0, 0, 4 * SECOND))
        self.tolerance = timedelta(seconds=9)
        self.count = 0
        self.tables = Tables()
        self.by_reference: dict[str | None, Any] = {}
        self.owed: dict[str, int] = {}
        self.terms = Terms(self._traits(), DEFAULT)
        self.judge = Judge(self)
        clock.after_each = self.judge.after_each
        self.bank = Bank(clock, self.terms.traits, clock.stream("bank"), self.chance)
        self.bank.on_capture = self.judge.capture
        self.network = Network(self)
        self.hosts = draw.choice((1, 2, 3))
        self.workers: list[Worker] = []
        for _ in range(draw.randrange(3, 9)):
            self._invoice()
        self.clerks = 0
        self._people()

    def _traits(self) -> Traits:
        draw = self.draw
        idempotent_for = draw.choice((None, None, timedelta(hours=2), timedelta(hours=24)))
        return Traits(
            idempotent_for,
            looks_up=draw.random() < 0.6,
            latest_commit=draw.choice(
                (timedelta(seconds=30), timedelta(minutes=20), timedelta(hours=2))
            ),
            concurrency=draw.choice((1, 2, 8)),
            deadline=timedelta(seconds=5),
            takes_parts=draw.random() < 0.3,
        )

    def _invoice(self) -> None:
        number = len(self.owed) + 1
        invoice_id, customer_id, owed = (
            UUID(int=number),
            UUID(int=100 + number),
            self.draw.randrange(1, 9999),
        )
        name = f"I-{number}"
        self.owed[name] = owed
        self.tables.invoices[invoice_id] = Invoice(invoice_id, name, customer_id, owed, "EUR")
        self.tables.opens[invoice_id] = Open(invoice_id, 0, owed, owed)
        many = self.draw.choice((1, 1, 2))
        self.tables.methods[customer_id] = tuple(
            self.method(customer_id, n + 1) for n in range(many)
        )

    def method(self, customer_id: UUID, rank: int) -> Method:
        """A method of a customer."""
        return Method(self.ids(""), customer_id, "psp", "payer", f"tok_{rank}", "", rank)

    def _people(self) -> None:
        clock, draw = self.clock, self.draw
        listener = Listener(self, "listener", self._number())
        self.bank.on_notice = listener.take
        for n in range(draw.randrange(2, 5)):
            self._start(n)
        for n in range(draw.randrange(1, 4)):
            scheduler = Scheduler(self, f"scheduler {n}", self._number())
            clock.spawn(scheduler, scheduler.life())
        self.person = Person(self, "a person", self._number())
        clock.spawn(self.person, self.person.life(self.habits))

    def _number(self) -> int:
        self.clerks += 1
        return self.clerks

    def _start(self, place: int) -> None:
        number = self._number()
        worker = Worker(self, f"w{place}/{number}", number, place % self.hosts)
        worker.place = place
        self.workers.append(worker)
        self.clock.spawn(worker, worker.life(), self.draw.randrange(2 * SECOND))

    # --- what everybody asks of it ------------------------------------------------------------------

    def ids(self, _: str) -> UUID:
        """A new id."""
        self.count += 1
        return UUID(int=1000 + self.count)

    def chance(self, name: str) -> bool:
        """Whether a fault happens now."""
        rate = self.rates.get(name)
        return rate is not None and self.hit() < rate

    def which_danger(self) -> str:
        """One of those that happen at boundaries."""
        return self.draw.choices(DANGERS, [self.rates.get(name, 0) for name in DANGERS])[0]

    def skew(self) -> int:
        """By how much a clock is wrong: any two together by less than the policy's margin."""
        return self.draw.randrange(-self.skews, self.skews + 1)

    def spell(self) -> int:
        """For how long a process is stopped: longer than a lease, shorter than a quarantine."""
        return self.draw.randrange(SECOND, self.draw.choice((MINUTE, HOUR, 10 * HOUR)))

    def gone(self, worker: Worker) -> None:
        """A worker died: somebody starts it anew."""
        self.clock.after(self.draw.randrange(SECOND, 2 * MINUTE), self._start, worker.place)

    def ring(self) -> None:
        """A run was opened: those that rest look for it."""
        for worker in self.workers:
            if worker.alive and worker.idle is not None:
                worker.idle.put(None)

    def committed(self, who: Clerk, name: str, tx: Tx) -> None:
        """A transaction happened."""
        for _, stage in tx.stages:
            self.by_reference[stage.attempt.reference] = stage
            attempt, state = stage.attempt, stage.state
            came_to = (str(state.status), str(state.failure or state.why))
            self.clock.note(who.name, name, attempt.invoice, attempt.reference[-6:], *came_to)
        if tx.stages or tx.moved:
            self.judge.committed(tx)
        if name in ("claim", "send") and tx.stages and self.chance("transfer_meanwhile"):
            self.person.next_transfer = tx.stages[0][1].attempt.invoice_id
            self.clock.spawn(self.person, self.person.do("transfer"))

    def next_due(self) -> int:
        """When a worker has something to do, as far as anybody knows."""
        due = FAR
        for stage in self.tables.attempts.values():
            state = stage.state
            if state.status is Status.ANSWERED:
                return 0
            if state.status in (Status.CLAIMED, Status.SENDING):
                due = min(due, self.clock.now + 31 * SECOND)
            elif state.look_at is not None:
                due = min(due, since_epoch(state.look_at))
        for run_id, run in self.tables.runs.items():
            if run.state == OPEN and any(
                s == WAITING for s, _ in self.tables.items[run_id].values()
            ):
                return 0
        return due

    # --- its course ---------------------------------------------------------------------------------

    def live(self, until: int | None = None) -> None:
        """Some rough days, then quiet ones until nothing is left to do. Raises ViolatedError."""
        self.clock.run(self.rough_until if until is None else min(until, self.rough_until))
        if until is not None and until <= self.rough_until:
            return
        self.is_rough = False
        self.rates = {}
        self.danger = 0
        self.clock.spawn(self.person, self.person.do("resume_all"))
        left: list[str] = ["nothing was looked at yet"]
        for day in range(24):
            if until is not None and self.clock.now >= until:
                return
            self.clock.run(self.rough_until + (day + 1) * DAY)
            if "resolve" in self.habits:
                self.clock.spawn(self.person, self.person.do("resolve"))
            if day >= 3:
                left = self.judge.unsettled()
                if not left:
                    break
        if left:
            self.judge.fail("after a quiet time: " + "; ".join(left))
        self.judge.books()


def run(seed: int, *, trace: bool = False, until: int | None = None) -> tuple[Result, World]:
    """Lets a seed's world live."""
    world = World(seed, trace=trace)
    violated = None
    try:
        world.live(until)
    except ViolatedError as found:
        violated = str(found)
    except RestlessError as found:
        violated = f"at {instant(world.clock.now):%d %H:%M:%S}: {found}"
    except (RefusedError, Broken) as found:
        violated = (
            f"at {instant(world.clock.now):%d %H:%M:%S}: the database had to stop somebody: {found}"
        )
    digest = hashlib.sha256(repr(world.clock.trace).encode()).hexdigest() if trace else ""
    return (
        Result(
            seed,
            violated,
            world.clock.events,
            dict(world.judge.seen),
            world.clock.now // DAY,
            digest,
        ),
        world,
    )
