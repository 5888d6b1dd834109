"""Where the first data of compute and storage come from: a cloud bill in FOCUS 1.0 format, or JSON lines.

Nothing is dropped silently: what belongs to the other sub-service and what can't be mapped is counted,
with the reason.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

from everycent.kernel.errors import Conflict, Invalid
from everycent.kernel.money import EXACT
from everycent.subservices.accounts import Event, Resource
from everycent.subservices.book import Book
from everycent.subservices.contract import Record
from everycent.subservices.entries import Entry, take

_HOUR = timedelta(hours=1)
_GB_HOURS = Decimal(10**9)
_KEPT_CHARS = 120
_NEEDED = (
    "Id", "ChargeCategory", "ConsumedQuantity", "ConsumedUnit", "ProviderName", "ResourceId",
    "ResourceName", "ResourceType", "ServiceName", "SubAccountId", "ChargePeriodStart", "ChargePeriodEnd",
)  # fmt: skip
UNITS: dict[str, tuple[str, str, Decimal]] = (
    dict.fromkeys(
        ("Hours", "vCPU-Hours", "OCPU Hours", "ACU-Hours", "LCU-Hours", "WriteCapacityUnit-Hours"),
        ("compute", "vm_time", Decimal(3600)),
    )
    | {"Seconds": ("compute", "vm_time", Decimal(1))}
    | dict.fromkeys(
        ("Requests", "API Requests", "Events", "Queries", "IOs", "StateTransitions", "Metrics",
         "Security Checks", "ReadRequestUnits", "WriteRequestUnits"),
        ("compute", "jobs", Decimal(1)),
    )
    | dict.fromkeys(("GB-Months", "GB Months", "GB/Month"), ("storage", "storage", _GB_HOURS))
    | {"GB Hours": ("storage", "storage", _GB_HOURS), "GB": ("storage", "moved", Decimal(10**9))}
)  # fmt: skip
"""What the units of a FOCUS file become: service, item, and by how much they are multiplied. GB-months are
GB-hours times the hours of their own month."""
_MONTHLY = frozenset({"GB-Months", "GB Months", "GB/Month"})


class Filled(NamedTuple):
    """What came of filling: new resources and events, and what was left out, by reason."""

    rows: int
    taken: int
    resources: int
    events: int
    of_another: int
    left_out: dict[str, int]
    month: str | None

    def as_data(self) -> Record:
        """As plain data."""
        return self._asdict()

    def told(self) -> str:
        """In sentences."""
        moved = f", moved to {self.month}" if self.month else ""
        first = (
            f"{self.rows} rows: {self.taken} taken as {self.events} new events on {self.resources} new"
            f" resources{moved}; {self.of_another} belong to another sub-service"
        )
        return "\n".join([first, *(f"{n} left out: {why}" for why, n in self.left_out.items())])


class _Row(NamedTuple):
    resource: Resource
    events: list[Event]


def from_focus(book: Book, service: str, path: Path, month: str | None = None) -> Filled:
    """Fills a service's book from a bill; with a month (`2026-01`) as if it had been that month's.

    What is in the book already stays and is not taken twice. Raises Invalid `subservice.unreadable`
    and `subservice.bad_month`.
    """
    first = None if month is None else _first_of(month)
    rows: list[_Row] = []
    left_out: Counter[str] = Counter()
    read = of_another = 0
    for told in _read(path):
        read += 1
        why = _why_not(told)
        if why is not None:
            left_out[why] += 1
        elif UNITS[told["ConsumedUnit"]][0] != service:
            of_another += 1
        else:
            rows.append(_row(told, first))
    resources = _together(row.resource for row in rows)
    new = book.keep(resources, [event for row in rows for event in row.events])
    ordered = dict(sorted(left_out.items(), key=lambda item: (-item[1], item[0])))
    return Filled(read, len(rows), *new, of_another, ordered, month)


def from_lines(book: Book, items: Iterable[str], level: str, path: Path) -> Filled:
    """Fills a book from JSON lines as the admin API takes them, all or none of them.

    Raises Invalid `subservice.unreadable` and what `take` raises, with the number of the line.
    """
    entries: list[Any] = []
    try:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            if line.strip():
                entries.append((number, json.loads(line, parse_float=str, parse_int=str)))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, f"is no JSON lines file: {error}") from error
    before = book.counts()
    known = tuple(items)
    with book.writing():
        for number, told in entries:
            try:
                take(book, known, level, Entry.of(told))
            except (Invalid, Conflict) as refusal:
                raise _unreadable(path, f"line {number}: {refusal.message}") from refusal
    after = book.counts()
    resources, events = (after[name] - before[name] for name in ("resources", "events"))
    return Filled(len(entries), len(entries), resources, events, 0, {}, None)


def _read(path: Path) -> Iterator[dict[str, str]]:
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _NEEDED if name not in (reader.fieldnames or [])]
            if missing:
                raise _unreadable(path, f"has no column {missing[0]}: it is no FOCUS 1.0 file")
            yield from reader
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, f"can't be read: {error}") from error


def _why_not(told: dict[str, str]) -> str | None:
    """Why a row can't be mapped to any of our items, if it can't."""
    if told["ChargeCategory"] != "Usage":
        return f"not usage but {told['ChargeCategory'].lower()}"
    if told["ConsumedUnit"] not in UNITS:
        return f"unit {told['ConsumedUnit']} is neither time, a count, nor bytes"
    try:
        amount = Decimal(told["ConsumedQuantity"])
    except InvalidOperation:
        return "its quantity is no number"
    return "its quantity is below nothing" if amount < 0 else None


def _row(told: dict[str, str], month: datetime | None) -> _Row:
    _, item, factor = UNITS[told["ConsumedUnit"]]
    start, end = (_utc(told[name]) for name in ("ChargePeriodStart", "ChargePeriodEnd"))
    if told["ConsumedUnit"] in _MONTHLY:
        factor *= 24 * monthrange(start.year, start.month)[1]
    amount = EXACT.multiply(Decimal(told["ConsumedQuantity"]), factor)
    hours = 1 if item in ("jobs", "moved") else max(1, (end - start) // _HOUR)
    begun = start if month is None else _moved(start, month)
    key = _resource(told)
    name = f"row-{told['Id']}" if month is None else f"row-{told['Id']}-{month:%Y-%m}"
    events = [
        Event(name if hours == 1 else f"{name}-{n + 1}", begun + n * _HOUR, key, item, part)
        for n, part in enumerate(_parts(amount, hours))
    ]
    title = (
        told["ResourceName"] if told["ResourceName"] not in ("", "NULL") else told["ServiceName"]
    )
    kind = told["ResourceType"] if told["ResourceType"] not in ("", "NULL") else told["ServiceName"]
    account = told["SubAccountId"]
    return _Row(Resource(key, account, kind.lower(), title, begun, None, item), events)


def _resource(told: dict[str, str]) -> str:
    """A resource's name, short enough to be shown; rows without one share the service's."""
    key = told["ResourceId"]
    if key in ("", "NULL"):
        key = f"{told['ProviderName']}/{told['ServiceName']}/{told['SubAccountId']}"
    if len(key) <= _KEPT_CHARS:
        return key
    return f"{key[:80]}~{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _parts(amount: Decimal, hours: int) -> list[Decimal]:
    """An amount over several hours: whole numbers, and the first hour has what is left over."""
    part = amount // hours
    return [EXACT.subtract(amount, EXACT.multiply(part, Decimal(hours - 1))), *[part] * (hours - 1)]


def _together(resources: Iterable[Resource]) -> list[Resource]:
    """Each resource once, since the first of its rows."""
    found: dict[str, Resource] = {}
    for one in resources:
        known = found.setdefault(one.resource, one)
        if one.since < known.since:
            found[one.resource] = known._replace(since=one.since)
    return list(found.values())


def _moved(at: datetime, month: datetime) -> datetime:
    """The same day and time of another month; days that it doesn't have become its last."""
    last = monthrange(month.year, month.month)[1]
    return at.replace(year=month.year, month=month.month, day=min(at.day, last))


def _first_of(month: str) -> datetime:
    try:
        return datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    except ValueError as error:
        raise Invalid(
            "subservice.bad_month", f"{month!r} is no month", field="month", value=month,
            hint="write it like 2026-01",
        ) from error  # fmt: skip


def _utc(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _unreadable(path: Path, why: str) -> Invalid:
    return Invalid("subservice.unreadable", f"{path.name} {why}", field="fill", value=path)
