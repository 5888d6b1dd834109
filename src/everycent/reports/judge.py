"""Judge: whether what a sub-service answers is whole, and about what was asked. If in doubt it is not.

Pages are gathered one by one; anything that is missing, doubled, moved, or of another state of the data
ends it. The rows are believed once the trailer of the last page says the same of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from everycent.kernel import strict_json
from everycent.kernel.errors import Invalid
from everycent.kernel.money import EXACT
from everycent.kernel.period import Period, instant_text, parse_instant
from everycent.kernel.quantity import parse_decimal, plain
from everycent.kernel.strict_json import UnreadableError, shown
from everycent.reports import units
from everycent.reports.config import Item, Service
from everycent.reports.contract import (
    SHAPES,
    Call,
    ChartAnswer,
    Line,
    RawEvent,
    Resource,
    Row,
    Sum,
    Trailer,
    UsageAnswer,
    digest_of,
)
from everycent.reports.port import Reply, Trouble

_MOST_ROWS = 5_000_000
_LONGEST_NAME = 200
_ZERO = Decimal(0)
_INSTANT = timedelta(microseconds=1)


class WrongError(Exception):
    """What a sub-service answers can't be believed; `what` is for people."""

    def __init__(self, trouble: Trouble, what: str) -> None:
        super().__init__(what)
        self.trouble = trouble
        self.what = what


class Gathered(NamedTuple):
    """All rows of an answer, of one state of the data."""

    rows: list[Any]
    snapshot: str
    pages: int
    digest: str


class Gathering:
    """An answer that comes in pages. `parameters` are those of the next one; `take` adds it and says
    whether that was the last."""

    def __init__(
        self, service: str, call: Call, period: Period, more: Mapping[str, str] | None = None
    ) -> None:
        self._service = service
        self._call = call
        self._asked = {
            "from": instant_text(period.start),
            "to": instant_text(period.end),
            **(more or {}),
        }
        self._rows: list[Any] = []
        self._pages = 0
        self._snapshot = ""
        self._cursors: set[str] = set()
        self._after: str | None = None

    @property
    def page(self) -> int:
        """The number of the page that is asked for."""
        return self._pages + 1

    @property
    def rows(self) -> int:
        """How many rows there are so far."""
        return len(self._rows)

    @property
    def parameters(self) -> dict[str, str]:
        """What the next page is asked for with."""
        if self._after is None:
            return dict(self._asked)
        return self._asked | {"after": self._after, "snapshot": self._snapshot}

    def take(self, reply: Reply) -> Gathered | None:
        """Adds a page; what was gathered, if it was the last. Raises WrongError."""
        page = read(reply, self._service, self._call)
        if (page.from_, page.to) != (self._asked["from"], self._asked["to"]):
            told = f"{shown(page.from_)} to {shown(page.to)}"
            raise WrongError(Trouble.OTHER, f"it answers for another period: {told}")
        self._pages += 1
        if page.page != self._pages:
            said = f"page {page.page} came where page {self._pages} was asked for"
            raise WrongError(Trouble.INCOMPLETE, said)
        _name(page.snapshot, "snapshot")
        if self._pages > 1 and page.snapshot != self._snapshot:
            raise WrongError(Trouble.INCOMPLETE, "the data changed between two pages")
        self._snapshot = page.snapshot
        rows = rows_of(page)
        if page.next is not None and not rows:
            raise WrongError(Trouble.INCOMPLETE, "a page that is not the last has no rows")
        self._add(rows)
        return self._ended(page.next, page.trailer)

    def _add(self, rows: Sequence[Row]) -> None:
        for row in rows:
            wanted = len(self._rows) + 1
            number = row.line if isinstance(row, Line) else row.number
            if number != wanted:
                said = f"row {number} came where row {wanted} was to come (page {self._pages})"
                raise WrongError(Trouble.INCOMPLETE, said)
            self._rows.append(row)
        if len(self._rows) > _MOST_ROWS:
            raise WrongError(Trouble.INCOMPLETE, f"it has more than {_MOST_ROWS:,} rows")

    def _ended(self, following: str | None, trailer: Trailer | None) -> Gathered | None:
        if following is not None:
            if trailer is not None:
                raise WrongError(Trouble.INCOMPLETE, "a page has a trailer and one that follows")
            if not following or following in self._cursors:
                raise WrongError(Trouble.INCOMPLETE, "its pages go round in a circle")
            self._cursors.add(following)
            self._after = following
            return None
        if trailer is None:
            raise WrongError(Trouble.INCOMPLETE, "the last page has no trailer: it may be a part")
        if trailer.rows != len(self._rows):
            said = f"{len(self._rows)} rows came, and it says that there are {trailer.rows}"
            raise WrongError(Trouble.INCOMPLETE, said)
        digest = digest_of(self._rows)
        if trailer.digest != digest:
            raise WrongError(Trouble.INCOMPLETE, "the rows that came have another digest")
        if trailer.sums != sums_of(self._rows):
            raise WrongError(Trouble.INCOMPLETE, "the rows that came come to something else")
        return Gathered(self._rows, self._snapshot, self._pages, digest)


def read(reply: Reply, service: str, call: Call) -> Any:
    """An answer in the shape of its call. Raises WrongError."""
    if reply.trouble is not None:
        raise WrongError(reply.trouble, shown(reply.why))
    try:
        answer = strict_json.read(reply.raw, SHAPES[call])
    except UnreadableError as error:
        raise WrongError(Trouble.MALFORMED, shown(str(error))) from None
    if answer.service != service:
        said = f"it is {shown(answer.service)} and not {service}"
        raise WrongError(Trouble.OTHER, said)
    if answer.call != call:
        raise WrongError(Trouble.OTHER, f"it answers {shown(answer.call)} and not {call}")
    return answer


def rows_of(page: Any) -> Sequence[Row]:
    """The rows of a page."""
    if hasattr(page, "lines"):
        return list(page.lines)
    return list(page.resources if hasattr(page, "resources") else page.events)


def sums_of(rows: Sequence[Row]) -> list[Sum]:
    """What lines come to, by item; nothing for other rows. Raises WrongError for what is no quantity."""
    found: dict[tuple[str, str], list[Decimal]] = {}
    for row in rows:
        if isinstance(row, Line):
            into = found.setdefault((row.item, row.unit), [_ZERO] * 3)
            for place, text in enumerate((row.used, row.included, row.billable)):
                into[place] = EXACT.add(into[place], quantity(text, f"line {row.line}"))
    return [Sum(*key, *map(plain, sums)) for key, sums in sorted(found.items())]


def quantity(text: str, where: str) -> Decimal:
    """A quantity as it is told. Raises WrongError."""
    try:
        found = parse_decimal(text, "quantity")
    except Invalid:
        raise WrongError(Trouble.WRONG, f"{where}: {shown(text)} is no quantity") from None
    if text.startswith("-") or "e" in text.lower():
        raise WrongError(Trouble.WRONG, f"{where}: {shown(text)} is no plain quantity")
    return found


def check_resources(resources: Sequence[Resource], period: Period) -> None:
    """Each is there once, and at some time of the period. Raises WrongError."""
    seen: set[str] = set()
    for one in resources:
        where = f"resource {one.number}"
        for text in (one.resource, one.customer, one.kind):
            _name(text, where)
        if one.resource in seen:
            raise WrongError(Trouble.INCOMPLETE, f"{where}: {one.resource} is there twice")
        seen.add(one.resource)
        since = _instant(one.since, where)
        until = None if one.until is None else _instant(one.until, where)
        if since >= period.end or (until is not None and until <= period.start):
            raise WrongError(Trouble.OTHER, f"{where}: {one.resource} was not there in the period")


def check_lines(
    service: Service, resources: Sequence[Resource], lines: Sequence[Line], period: Period
) -> None:
    """Every line is about a resource and an item that there is, in the unit that was agreed, and adds up;
    and no resource is left out. Raises WrongError."""
    owners = {one.resource: one.customer for one in resources}
    items = {one.item: one for one in service.items}
    seen: set[tuple[str, str]] = set()
    for line in lines:
        where = f"line {line.line}"
        item = items.get(line.item)
        if item is None:
            said = f"{where}: nothing says what becomes of {shown(line.item)}"
            raise WrongError(Trouble.WRONG, said)
        if line.unit != item.unit:
            said = f"{where}: {line.item} is in {shown(line.unit)} and not in {item.unit}"
            raise WrongError(Trouble.WRONG, said)
        if line.resource not in owners:
            said = f"{where}: {shown(line.resource)} is not among its resources"
            raise WrongError(Trouble.INCOMPLETE, said)
        if owners[line.resource] != line.customer:
            said = f"{where}: {line.resource} is not {shown(line.customer)}'s"
            raise WrongError(Trouble.WRONG, said)
        if (line.resource, line.item) in seen:
            said = f"{where}: {line.item} of {line.resource} is there twice"
            raise WrongError(Trouble.INCOMPLETE, said)
        seen.add((line.resource, line.item))
        _check_sums(line, where)
        if not period.contains(_instant(line.at, where)):
            raise WrongError(Trouble.WRONG, f"{where}: {shown(line.at)} is not in the period")
    missing = sorted(owners.keys() - {resource for resource, _ in seen})
    if missing:
        said = f"{len(missing)} resources have no line, the first is {shown(missing[0])}"
        raise WrongError(Trouble.INCOMPLETE, said)


def check_events(events: Sequence[RawEvent], period: Period, customer: str, item: Item) -> None:
    """Events are about what was asked, in the unit that was agreed, each once. Raises WrongError."""
    seen: set[str] = set()
    for one in events:
        where = f"event {one.number}"
        quantity(one.quantity, where)
        _name(one.event, where)
        _name(one.resource, where)
        if (one.customer, one.item, one.unit) != (customer, item.item, item.unit):
            raise WrongError(Trouble.OTHER, f"{where}: it is about something else")
        if one.event in seen:
            raise WrongError(Trouble.INCOMPLETE, f"{where}: {one.event} is there twice")
        seen.add(one.event)
        if not period.contains(_instant(one.at, where)):
            raise WrongError(Trouble.OTHER, f"{where}: {shown(one.at)} is not in the period")


def check_answer(answer: UsageAnswer | ChartAnswer, asked: Mapping[str, str]) -> None:
    """It answers what was asked, and says what can be so. Raises WrongError."""
    for name, text in asked.items():
        told = getattr(answer, {"from": "from_"}.get(name, name), text)
        if told != text:
            raise WrongError(Trouble.OTHER, f"it answers for another {name}: {shown(told)}")
    if isinstance(answer, UsageAnswer):
        _check_usage(answer)
    else:
        _check_chart(answer)


def _check_usage(answer: UsageAnswer) -> None:
    if _instant(answer.from_, "from") > _instant(answer.at, "at"):
        raise WrongError(Trouble.WRONG, "the month that runs begins later than now")
    seen: set[tuple[str, str]] = set()
    for one in answer.usage:
        where = f"{shown(one.item)} of {shown(one.resource)}"
        _name(one.resource, "usage")
        _unit(one.unit, where)
        if (one.resource, one.item) in seen:
            raise WrongError(Trouble.INCOMPLETE, f"{where} is there twice")
        seen.add((one.resource, one.item))
        used, included, billable = (
            quantity(text, where) for text in (one.used, one.included, one.billable)
        )
        if used != EXACT.add(included, billable):
            raise WrongError(Trouble.WRONG, f"{where} does not add up")


def _check_chart(answer: ChartAnswer) -> None:
    _unit(answer.unit, "chart")
    last = _instant(answer.from_, "from") - _INSTANT
    end = _instant(answer.to, "to")
    for point in answer.points:
        at = _instant(point.at, "chart")
        if not last < at < end:
            said = f"{shown(point.at)} is out of order, or not in the period"
            raise WrongError(Trouble.WRONG, said)
        last = at
        quantity(point.used, point.at)


def _unit(text: str, where: str) -> None:
    try:
        units.parse(text)
    except Invalid:
        raise WrongError(Trouble.WRONG, f"{where}: {shown(text)} is no unit") from None


def _check_sums(line: Line, where: str) -> None:
    used, included, billable = (
        quantity(text, where) for text in (line.used, line.included, line.billable)
    )
    if used != EXACT.add(included, billable):
        said = (
            f"{where}: {line.used} used is not {line.included} included + {line.billable} billable"
        )
        raise WrongError(Trouble.WRONG, said)
    if not 0 <= line.events <= _MOST_ROWS * 1000 or (used and not line.events):
        raise WrongError(Trouble.WRONG, f"{where}: {line.events} events can't be behind it")


def _name(text: str, where: str) -> None:
    if not 0 < len(text) <= _LONGEST_NAME or not text.isprintable():
        raise WrongError(Trouble.WRONG, f"{where}: {shown(text)} is no name")


def _instant(text: str, where: str) -> datetime:
    try:
        found = parse_instant(text, "at")
    except Invalid:
        found = None
    if found is None or not text.endswith("Z"):
        raise WrongError(Trouble.MALFORMED, f"{where}: {shown(text)} is no instant in UTC")
    return found
