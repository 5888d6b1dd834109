"""Look configurations and reports up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.db.connection import Tx
from everycent.journal import queries as events
from everycent.journal.types import decode
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import NotFound
from everycent.kernel.near import meant
from everycent.kernel.period import Period
from everycent.reports import config as configs
from everycent.reports import report, store
from everycent.reports.config import Config
from everycent.reports.contract import Line
from everycent.reports.report import Part, Problem

_PROBLEMS = msgspec.json.Decoder(tuple[Problem, ...])
_PART = msgspec.json.Decoder(Part)
_BY_NAME = {one.name: one for one in (report.BEGUN, report.REFUSED, report.BUILT, report.COMPARED)}


class Version(NamedTuple):
    """A version of the configuration; `is_active`: it holds now."""

    config: Config
    digest: str
    created_at: datetime
    actor: str
    is_active: bool
    was_active: bool


class State(NamedTuple):
    """Where the pulling of a period stands: `pulling`, `refused` with the problems, or `built`."""

    name: str
    status: str
    attempt_id: UUID
    config: str
    tries: int
    next_at: datetime | None
    problems: tuple[Problem, ...]
    changed_at: datetime


class Report(NamedTuple):
    """A report with its parts."""

    name: str
    period: Period
    config: str
    lines: int
    billed: int
    digest: str
    built_at: datetime
    parts: tuple[Part, ...]


class Step(NamedTuple):
    """One thing that happened on the way to a report."""

    at: datetime
    event: str
    actor: str
    payload: Any


def versions(tx: Tx) -> list[Version]:
    """All versions, the newest first."""
    rows = store.list_configs(tx)
    last = max((row.number for row in rows if row.number is not None), default=None)
    return [
        Version(
            store.config_of(row), row.digest, row.created_at, row.actor,
            row.number is not None and row.number == last, row.number is not None,
        )
        for row in rows
    ]  # fmt: skip


def config(tx: Tx, name: str) -> Config:
    """A version by its name. Raises NotFound `config.unknown`."""
    rows = store.list_configs(tx, name)
    if not rows:
        asked = meant(name, [row.name for row in store.list_configs(tx)])
        raise NotFound(
            "config.unknown", f"there is no version {name!r}", field="name", value=name,
            hint=asked or "list them with `everycent config list`",
        )  # fmt: skip
    return store.config_of(rows[0])


def active(tx: Tx) -> Config:
    """The version that holds. Raises NotFound `config.none_active`."""
    found = store.find_active(tx)
    if found is None:
        raise NotFound(
            "config.none_active",
            "no configuration of reports is active",
            hint="everycent config create FILE, then everycent config activate NAME (docs/reports.md)",
        )
    return found


def is_configured(tx: Tx) -> bool:
    """Whether there is a version that holds."""
    return store.find_active(tx) is not None


def holds(tx: Tx, name: str) -> bool:
    """Whether a version is the one that holds."""
    found = store.find_active(tx)
    return found is not None and found.name == name


def history(tx: Tx, limit: int = 100, *, before: int | None = None) -> list[Any]:
    """Which versions held, the newest first: number, name, name_before, at, actor, reason. Of those before
    a number."""
    return store.list_activations(tx, limit, before=before)


def states(
    tx: Tx, name: str | None = None, limit: int = 100, *, before: str | None = None
) -> list[State]:
    """Where the pulling of periods stands, the newest first, of those before one."""
    return [
        State(
            row.name, row.status, row.attempt_id, row.config, row.tries, row.next_at,
            _PROBLEMS.decode(row.told), row.changed_at,
        )
        for row in store.list_states(tx, name, limit, before=before)
    ]  # fmt: skip


def state(tx: Tx, name: str) -> State:
    """Where a period stands. Raises NotFound `report.unknown`."""
    found = states(tx, name)
    if not found:
        raise NotFound(
            "report.unknown", f"{name} was never pulled", field="period", value=name,
            hint="list what was with `everycent report list`",
        )  # fmt: skip
    return found[0]


def find(tx: Tx, name: str) -> Report | None:
    """The report of a period, or None."""
    rows = store.list_reports(tx, name, 1)
    if not rows:
        return None
    row = rows[0]
    parts = tuple(_PART.decode(one.told) for one in store.list_parts(tx, name))
    period = Period(row.starts_at, row.ends_at)
    return Report(
        row.name, period, row.config, row.lines, row.billed, row.digest, row.built_at, parts
    )


def get(tx: Tx, name: str) -> Report:
    """The report of a period. Raises NotFound `report.unknown`, `report.not_built`."""
    found = find(tx, name)
    if found is None:
        stands = state(tx, name).status
        raise NotFound(
            "report.not_built", f"there is no report of {name}: it is {stands}", field="period",
            value=name, hint=f"everycent report trail {name} says why",
        )  # fmt: skip
    return found


def lines(
    tx: Tx,
    name: str,
    customer: str | None = None,
    limit: int = 100,
    *,
    after: tuple[str, int] = ("", 0),
) -> list[Any]:
    """Lines of a report as rows, by sub-service and number, of those after one."""
    return store.list_lines(tx, name, customer, limit, after=after)


def told_lines(tx: Tx, name: str, service: str) -> Iterable[Line]:
    """The lines of a sub-service in a report, as it told them."""
    return store.told_lines(tx, name, service)


def trail(tx: Tx, name: str) -> list[Step]:
    """Everything that happened on the way to a report. Raises NotFound `report.unknown`."""
    state(tx, name)
    rows = events.stream(tx, report.stream(name), limit=100_000)
    return [
        Step(
            row.at, row.type, row.actor, decode(_BY_NAME[row.type], row.schema_version, row.payload)
        )
        for row in rows
    ]


def answer(tx: Tx, answer_id: UUID) -> Any:
    """An answer that could not be believed, word for word. Raises NotFound `report.no_answer`."""
    found = store.find_answer(tx, answer_id)
    if found is None:
        raise NotFound(
            "report.no_answer", f"there is no answer {answer_id}", field="answer",
            value=str(answer_id),
        )  # fmt: skip
    return found


def due(tx: Tx, at: datetime) -> list[str]:
    """The periods that are to be pulled at an instant, the oldest first; without those that are built, or
    whose next try is later. Nothing where no configuration is active."""
    found = store.find_active(tx)
    if found is None:
        return []
    stand = {one.name: one for one in states(tx, limit=100_000)}
    return [
        name
        for name, _ in configs.over(found, at)
        if (one := stand.get(name)) is None or _is_due(one, at)
    ]


def unbuilt(tx: Tx, config: Config, at: datetime) -> list[str]:
    """The periods that are over under a configuration and have no report."""
    built = {one.name for one in states(tx, limit=100_000) if one.status == "built"}
    return [name for name, _ in configs.over(config, at) if name not in built]


def _is_due(one: State, at: datetime) -> bool:
    if one.status == "pulling":
        return True  # whoever pulled it may have died; the claim says
    return one.next_at is not None and one.next_at <= at


def missing(tx: Tx, wanted: Iterable[tuple[str, Period]]) -> dict[tuple[str, Period], str]:
    """Of meters and periods those for which reports have still to come, with the name of the first that is
    missing: usage of such a meter is not complete without them."""
    found = store.find_active(tx)
    if found is None:
        return {}
    fed = configs.meters_of(found)
    begins = found.cycle.period(0).start
    gaps = {}
    reports: dict[Period, list[tuple[Period, str]]] = {}
    meters: dict[str, set[str]] = {}
    for meter, period in wanted:
        if meter not in fed or period.end <= begins:
            continue
        span = Period(max(period.start, begins), period.end)
        if span not in reports:
            reports[span] = store.reports_within(tx, span)
        for _, name in reports[span]:
            if name not in meters:
                meters[name] = configs.meters_of(config(tx, name))
        # A report says something of the meters that its own configuration fed, and of no other.
        covered = [one for one, name in reports[span] if meter in meters[name]]
        first = _first_gap(span, covered)
        if first is not None:
            day = found.cycle.index(_day(first, found))
            gaps[meter, period] = configs.name_of(found, day)
    return gaps


def _first_gap(span: Period, covered: Iterable[Period]) -> datetime | None:
    """The first instant of a span that nothing covers."""
    at = span.start
    for one in sorted(covered):
        if one.start > at:
            break
        at = max(at, one.end)
    return at if at < span.end else None


def _day(at: datetime, found: Config) -> date:
    return local_date(at, found.time_zone)
