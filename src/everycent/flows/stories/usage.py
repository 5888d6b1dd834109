"""What is used in a story: records, and spreads of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from everycent.catalog.document_refusals import Strict
from everycent.flows.stories.document import Form, Moment
from everycent.flows.stories.times import instant, wrong
from everycent.flows.stories.world import Action, Came, World
from everycent.flows.take_in import Intake
from everycent.kernel import calendar, clock
from everycent.kernel.calendar import Repeated, Skipped
from everycent.measurements.schedule import Every, parse_every
from everycent.metering import operations as metering
from everycent.metering.record import UsageRecord, canonical_dimensions, check_time

SOURCE = "story"
_MAX_RECORDS = 50_000
_TOGETHER = 10_000


class Usage(Strict):
    """A record, or a spread of them, as it is written."""

    subject: str
    meter: str
    value: str | None = None
    dimensions: dict[str, str] | None = None
    at: str | None = None
    every: str | None = None
    times: int | None = None
    values: list[str] | None = None
    id: str | None = None


def read_usage(given: Usage | list[Usage], moment: Moment) -> list[UsageRecord]:
    """The records that are written, each with an id. Raises Invalid."""
    records: list[UsageRecord] = []
    for number, one in enumerate(given if isinstance(given, list) else [given], start=1):
        name = one.id or f"{moment.number}-{number}"
        records += _records(one, moment, name)
        if len(records) > _MAX_RECORDS:
            raise wrong(f"a step has at most {_MAX_RECORDS} records")
    return records


def _records(one: Usage, moment: Moment, name: str) -> list[UsageRecord]:
    """The record, or those of a spread, one after the other."""
    if one.values is not None and (one.value is not None or one.times is not None):
        raise wrong("`values` tells both how often and how much", field="values")
    if one.every is None and (one.times is not None or one.values is not None):
        raise wrong("what is used several times needs `every`, such as 1d", field="every")
    if one.every is not None and one.times is None and one.values is None:
        raise wrong("`every` needs `times`, or a list of `values`", field="every")
    times = 1 if one.times is None else one.times
    if not 1 <= times <= _MAX_RECORDS:
        raise wrong(f"it is used 1 to {_MAX_RECORDS} times", field="times")
    values = [one.value or "1"] * times if one.values is None else one.values
    if not values:
        raise wrong("there are no values", field="values")
    first = moment.at if one.at is None else instant(one.at, moment.time_zone)
    every = parse_every(one.every) if one.every is not None else Every(0)
    try:
        check_time(_later(first, every, len(values) - 1, moment.time_zone))
    except (OverflowError, ValueError) as error:
        raise wrong("the last of them would be beyond the end of time", field="every") from error
    told = canonical_dimensions(one.dimensions or {})
    return [
        UsageRecord(
            SOURCE, f"{name}-{n + 1}" if len(values) > 1 else name, one.subject, one.meter,
            _later(first, every, n, moment.time_zone), value, told,
        )
        for n, value in enumerate(values)
    ]  # fmt: skip


def _later(first: datetime, every: Every, n: int, zone: str) -> datetime:
    """The n-th time after the first; days and months go by the clock on the wall."""
    if every.interval is None or n == 0:
        return first + n * timedelta(minutes=every.minutes)
    wall = first.astimezone(calendar.zone(zone)).replace(tzinfo=None)
    to = calendar.Cycle(wall.date(), every.interval, zone).boundary(n)
    return calendar.resolve_wall(
        datetime.combine(to, wall.time()), zone, Skipped.LATER, Repeated.FIRST
    )


def _usage(world: World, given: list[UsageRecord]) -> Came:
    """Records come in at the step's time, or when the last of a spread was used."""
    now = max(world.at, max(record.at for record in given))
    with Intake(world.database, clock.fixed(now)) as door:
        taken = [
            door.take(world.tenant_id, given[start : start + _TOGETHER])
            for start in range(0, len(given), _TOGETHER)
        ]
    metering.fold(world.database, world.tenant_id)
    others = [one for part in taken for one in part.others]
    refusal = next((one.refusal for one in others if one.refusal is not None), None)
    if refusal is not None:
        raise refusal
    return Came({"accepted": sum(part.accepted for part in taken), "duplicates": len(others)})


USAGE: dict[str, Action] = {
    "usage": Action(_usage, Form(Usage | list[Usage], read=read_usage)),
}
"""These actions by name."""
