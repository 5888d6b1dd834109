"""Build a report: pull what was used in a period from every sub-service; all of it, or no report.

    begin (committed) ─► resources and lines of all sub-services, side by side ─► the report (committed)
                                        one of them fails in any way ─► what was wrong (committed)

Nothing is asked inside a transaction. Whoever dies leaves a claim that runs out, and the next one pulls
everything again; whoever comes late finds that it is no longer his to write.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import NamedTuple

from everycent.alarms.operations import Channel
from everycent.alarms.operations import Writer as AlarmWriter
from everycent.db.connection import AWAY, Database
from everycent.flows import report_alarms, shapes
from everycent.kernel import points
from everycent.kernel.clock import Clock
from everycent.kernel.errors import Refusal, Unavailable
from everycent.kernel.ids import IdSource
from everycent.kernel.period import Period
from everycent.metering.operations import Names
from everycent.reports import changes, judge, operations, queries, report
from everycent.reports.changes import Change
from everycent.reports.config import Config, Service
from everycent.reports.contract import SHAPES, Call, Line
from everycent.reports.judge import Gathered, Gathering, WrongError
from everycent.reports.operations import Attempt, Writer
from everycent.reports.port import Reply, SubService, Trouble
from everycent.reports.report import Compared, Converted, Part, Problem

_IDLE_SECONDS = 60
_MARGIN = timedelta(seconds=10)
_NOTHING = timedelta(0)
SECOND = 1_000_000_000

Reached = Callable[[Service], SubService]
"""The adapter to a sub-service of a configuration."""


class Desk(NamedTuple):
    """What a process needs to build reports. `monotonic` counts nanoseconds for deadlines."""

    database: Database
    tenant_id: int
    reached: Reached
    clock: Clock
    ids: IdSource
    actor: str
    channels: tuple[Channel, ...] = ()
    monotonic: Callable[[], int] = time.monotonic_ns

    @property
    def writer(self) -> Writer:
        """This process, writing now."""
        return Writer(self.clock(), self.actor, self.ids)

    @property
    def alarms(self) -> AlarmWriter:
        """This process, raising alarms now."""
        return AlarmWriter(self.clock(), self.actor, self.ids, self.channels)


class Outcome(NamedTuple):
    """What came of it: `built`, `refused` with the problems, `there` (somebody has built it before) or
    `elsewhere` (somebody else pulls it now)."""

    name: str
    what: str
    problems: tuple[Problem, ...] = ()


class Pulled(NamedTuple):
    """What a sub-service gave, or what was wrong with it, with what it answered."""

    part: Part | None
    lines: list[Converted]
    problem: Problem | None = None
    reply: Reply | None = None


class Comparison(NamedTuple):
    """What came of comparing a report with what is said now: as it is recorded, and line by line."""

    told: Compared
    changes: tuple[Change, ...]


OnPulled = Callable[[str, Call, int], None]
"""Is told of every page: the sub-service, what was asked, and how many rows there are so far."""


def _quietly(service: str, call: Call, rows: int) -> None:
    """Tells nobody."""


def build(desk: Desk, name: str, on_pulled: OnPulled = _quietly) -> Outcome:
    """Builds the report of a period, if there is none. Raises NotFound `config.none_active`, Invalid
    `report.bad_period`, `report.too_early`."""
    points.reach("report_begin.begin")
    with desk.database.transaction(desk.tenant_id, idle_seconds=_IDLE_SECONDS) as tx:
        config = queries.active(tx)
        lease = timedelta(seconds=config.deadline) + _MARGIN
        attempt = operations.begin(tx, config, name, desk.writer, lease=lease)
        is_there = attempt is None and queries.find(tx, name) is not None
        points.reach("report_begin.commit")
    points.reach("report_begin.committed")
    if attempt is None:
        return Outcome(name, "there" if is_there else "elsewhere")
    try:
        return _pulled_and_written(desk, attempt, on_pulled)
    except BaseException:  # Ctrl-C too
        with suppress(*AWAY), desk.database.transaction(desk.tenant_id) as tx:
            operations.give_back(tx, attempt)  # else it is somebody's until the claim runs out
        raise


def _pulled_and_written(desk: Desk, attempt: Attempt, on_pulled: OnPulled) -> Outcome:
    config = attempt.config
    pulled = pull(desk, config, attempt.span.period, on_pulled)
    points.reach("report_pulled")
    if all(one.part is not None for one in pulled.values()):
        try:
            return _write(desk, attempt, pulled)
        except Refusal as refusal:
            problem = Problem("", "report", Trouble.UNKNOWN, refusal.message)
            return _refuse(desk, attempt, pulled, [(problem, None)])
    wrong = [(one.problem, one.reply) for one in pulled.values() if one.problem is not None]
    return _refuse(desk, attempt, pulled, wrong)


def compare(desk: Desk, name: str, on_pulled: OnPulled = _quietly) -> Comparison:
    """Pulls a report again that there is, under the configuration that it began with, and says what differs
    now, with every line that does. The report stays as it is. Raises NotFound `report.not_built`."""
    with desk.database.snapshot(desk.tenant_id) as tx:
        found = queries.get(tx, name)
        config = queries.config(tx, found.config)
    pulled = pull(desk, config, found.period, on_pulled)
    problems = tuple(one.problem for one in pulled.values() if one.problem is not None)
    parts = [one.part for one in pulled.values() if one.part is not None]
    told = Compared(name, found.digest, report.differing(found.parts, parts), problems)
    with desk.database.transaction(desk.tenant_id, idle_seconds=_IDLE_SECONDS) as tx:
        operations.compare(tx, told, desk.writer)
        report_alarms.reflect_compared(tx, told, desk.alarms)
    otherwise: list[Change] = []
    for service in told.differing:
        now = [each.line for each in pulled[service].lines]
        with desk.database.snapshot(desk.tenant_id) as tx:
            otherwise += changes.between(service, queries.told_lines(tx, name, service), now)
    return Comparison(told, tuple(otherwise))


def pull(
    desk: Desk, config: Config, period: Period, on_pulled: OnPulled = _quietly
) -> dict[str, Pulled]:
    """What all sub-services give, side by side, each within its own deadline and the one of all."""
    shapes.prepare(SHAPES.values())
    until = desk.monotonic() + config.deadline * SECOND

    def one(service: Service) -> Pulled:
        try:
            return _pull(desk, service, period, until, on_pulled)
        except Exception as error:  # noqa: BLE001 - a bug met with one of them is told, like any other fault
            if isinstance(error, Unavailable) and error.code == "report.secret_missing":
                return Pulled(
                    None, [], Problem(service.name, "report", Trouble.NO_KEY, error.message)
                )
            said = f"{type(error).__name__}: {error}"
            return Pulled(None, [], Problem(service.name, "report", Trouble.UNKNOWN, said[:200]))

    with ThreadPoolExecutor(len(config.services), "report") as threads:
        found = list(threads.map(one, config.services))
    return {service.name: one for service, one in zip(config.services, found, strict=True)}


def _pull(desk: Desk, service: Service, period: Period, until: int, on_pulled: OnPulled) -> Pulled:
    until = min(until, desk.monotonic() + service.deadline * SECOND)
    there = desk.reached(service)
    gathering = Gathering(service.name, Call.RESOURCES, period)
    reply: Reply | None = None
    call = Call.RESOURCES
    try:
        resources, reply = gathered(desk, there, gathering, call, until, on_pulled)
        judge.check_resources(resources.rows, period)
        call = Call.REPORT
        gathering = Gathering(service.name, call, period)
        reply = None
        lines, reply = gathered(desk, there, gathering, call, until, on_pulled)
        told: list[Line] = lines.rows
        judge.check_lines(service, resources.rows, told, period)
        made = report.converted(service, told)
        return Pulled(report.part_of(service.name, resources, lines), made)
    except _PageError as error:
        problem = Problem(service.name, call, error.trouble, error.what, gathering.page)
        return Pulled(None, [], problem, error.reply)
    except WrongError as error:
        problem = Problem(service.name, call, error.trouble, error.what)
        return Pulled(None, [], problem, reply)
    except Refusal as refusal:
        return Pulled(None, [], Problem(service.name, call, Trouble.WRONG, refusal.message), reply)


class _PageError(WrongError):
    """A page that can't be believed, as it came."""

    def __init__(self, error: WrongError, reply: Reply) -> None:
        super().__init__(error.trouble, error.what)
        self.reply = reply


def gathered(
    desk: Desk,
    there: SubService,
    gathering: Gathering,
    call: Call,
    until: int,
    on_pulled: OnPulled = _quietly,
) -> tuple[Gathered, Reply]:
    """All pages of an answer, and the last of them. Raises WrongError."""
    while True:
        left = _left_until(desk, until)
        if left <= _NOTHING:
            reply = Reply(b"", None, Trouble.TIMED_OUT, "its time was over before it had told all")
        else:
            reply = there.get(call, gathering.parameters, left)
        try:
            whole = gathering.take(reply)
        except WrongError as error:
            raise _PageError(error, reply) from None
        on_pulled(there.name, call, gathering.rows)
        if whole is not None:
            return whole, reply


def _left_until(desk: Desk, until: int) -> timedelta:
    """How long it is until an instant of the desk's clock for deadlines; nothing where it is over."""
    return timedelta(microseconds=max(until - desk.monotonic(), 0) // 1000)


def _write(desk: Desk, attempt: Attempt, pulled: Mapping[str, Pulled]) -> Outcome:
    """The report."""
    names = Names()
    lines = {service: one.lines for service, one in pulled.items()}
    records = [
        record
        for service, own in lines.items()
        for record in operations.records_of(attempt, service, own)
    ]
    if records:
        names.learn(desk.database, desk.tenant_id, records)
    parts = [one.part for one in pulled.values() if one.part is not None]
    points.reach("report_write.begin")
    with desk.database.transaction(desk.tenant_id, idle_seconds=_IDLE_SECONDS) as tx:
        made = operations.build(tx, attempt, parts, lines, names, desk.writer)
        if made is not None:
            report_alarms.reflect(tx, attempt.name, (), pulled, desk.alarms)
        points.reach("report_write.commit")
    points.reach("report_write.committed")
    return Outcome(attempt.name, "built" if made is not None else "elsewhere")


def _refuse(
    desk: Desk,
    attempt: Attempt,
    pulled: Mapping[str, Pulled],
    wrong: Sequence[tuple[Problem, Reply | None]],
) -> Outcome:
    """No report."""
    parts = [one.part for one in pulled.values() if one.part is not None]
    points.reach("report_refuse.begin")
    with desk.database.transaction(desk.tenant_id, idle_seconds=_IDLE_SECONDS) as tx:
        refused = operations.refuse(tx, attempt, wrong, parts, desk.writer)
        if refused is not None:
            report_alarms.reflect(tx, attempt.name, refused.problems, pulled, desk.alarms)
        points.reach("report_refuse.commit")
    points.reach("report_refuse.committed")
    if refused is None:
        return Outcome(attempt.name, "elsewhere")
    return Outcome(attempt.name, "refused", refused.problems)


def build_due(desk: Desk, *, is_stopped: Callable[[], bool] = lambda: False) -> list[Outcome]:
    """Builds every report whose time has come, the oldest period first. One that is refused holds up none
    of those that follow."""
    with desk.database.snapshot(desk.tenant_id) as tx:
        names = queries.due(tx, desk.clock())
    outcomes = []
    broken: list[Exception] = []
    for name in names:
        if is_stopped():
            break
        with desk.database.snapshot(desk.tenant_id) as tx:
            if name not in queries.due(tx, desk.clock()):
                continue  # somebody else has pulled it meanwhile
        try:
            outcomes.append(build(desk, name))
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - one period holds up none that follow
            broken.append(error)
    if broken:
        raise broken[0]
    return outcomes
