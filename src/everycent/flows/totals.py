"""Totals: what everybody used of everything in a period, or one series split by a dimension."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from everycent.catalog.meter import Aggregation, Series
from everycent.consumption import queries
from everycent.consumption.queries import Group
from everycent.consumption.usage import Request
from everycent.db.connection import Tx
from everycent.kernel.errors import Invalid, NotFound
from everycent.kernel.money import EXACT
from everycent.kernel.period import Period
from everycent.metering import queries as metering


class SeriesTotal(NamedTuple):
    """All records of a subject and a meter in a period."""

    subject: str
    meter: str
    records: int
    total: Decimal
    low: Decimal
    high: Decimal


class MeterTotal(NamedTuple):
    """All records of a meter in a period, of however many subjects."""

    meter: str
    subjects: int
    records: int
    total: Decimal


def of_everybody(tx: Tx, period: Period, *, from_records: bool = False) -> list[SeriesTotal]:
    """Every series with records in the period, in order of meter and subject.

    As far as they are folded; from the roll-ups of days, or from the records alone with `from_records`.
    """
    found = queries.totals(tx, period, from_records=from_records)
    numbers = {number for total in found for number in (total.subject_id, total.meter_id)}
    names = metering.names(tx, sorted(numbers))
    rows = [SeriesTotal(names[t.subject_id], names[t.meter_id], *t[2:]) for t in found]
    return sorted(rows, key=lambda row: (row.meter, row.subject))


def by_meter(rows: list[SeriesTotal]) -> list[MeterTotal]:
    """The same summed up by meter."""
    found: dict[str, MeterTotal] = {}
    for row in rows:
        so_far = found.get(row.meter, MeterTotal(row.meter, 0, 0, Decimal(0)))
        found[row.meter] = MeterTotal(
            row.meter,
            so_far.subjects + 1,
            so_far.records + row.records,
            EXACT.add(so_far.total, row.total),
        )
    return list(found.values())


def by_dimension(tx: Tx, subject: str, meter: str, period: Period, dimension: str) -> list[Group]:
    """One subject's records of a meter, for each value of a dimension apart ('' for records without
    it); every record is in exactly one group, and what is not folded yet counts too.

    Raises NotFound `usage.nothing_known` where there are no records of that name, Invalid
    `period.unaligned` for a period that does not lie on quarter hours.
    """
    for at in period:
        if at.minute % 15 or at.second or at.microsecond:
            raise Invalid(
                "period.unaligned",
                f"{at.isoformat()} does not lie on a quarter hour",
                field="period",
                value=at.isoformat(),
            )
    named = [("subject", subject), ("meter", meter)]
    known = metering.known_numbers(tx, named)
    for kind, name in named:
        if (kind, name) not in known:
            raise NotFound(
                "usage.nothing_known",
                f"there is no record of the {kind} {name!r}",
                field=kind,
                value=name,
            )
    series = Series(meter, "", Aggregation.SUM)
    return queries.by_dimension(tx, Request(subject, series, period), dimension, is_live=True)
