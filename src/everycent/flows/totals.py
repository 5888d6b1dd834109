"""Totals: what everybody used of everything in a period, or one series split by a dimension.

Everything that was acknowledged counts, folded or not.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from everycent.catalog.meter import Aggregation, Series
from everycent.consumption import queries as consumption
from everycent.consumption.answers import Group
from everycent.consumption.usage import Request
from everycent.db.connection import Tx
from everycent.flows import unseen
from everycent.flows.unseen import Unseen
from everycent.kernel.errors import Invalid
from everycent.kernel.money import EXACT
from everycent.kernel.period import Period
from everycent.kernel.quantity import plain
from everycent.metering import queries as metering


class SeriesTotal(NamedTuple):
    """All records of a subject and a meter in a period."""

    subject: str
    meter: str
    records: int
    total: Decimal


class MeterTotal(NamedTuple):
    """All records of a meter in a period, of however many subjects."""

    meter: str
    subjects: int
    records: int
    total: Decimal


def check_named(subject: str | None, meter: str | None, dimension: str | None) -> None:
    """Refuses a split that names only a part of what it needs, with Invalid `totals.incomplete`."""
    if (subject is None) != (dimension is None) or (subject is not None and meter is None):
        missing = {"subject": subject, "meter": meter, "dimension": dimension}
        raise Invalid(
            "totals.incomplete",
            "one series is named by its subject and meter and split by a dimension",
            field=next(name for name, told in missing.items() if told is None),
            hint="name all three, or neither a subject nor a dimension",
        )


class Split(NamedTuple):
    """One series by the values of a dimension, and what was asked for of which there is no usage."""

    groups: list[Group]
    unseen: list[Unseen]


def of_everybody(tx: Tx, period: Period, *, from_records: bool = False) -> list[SeriesTotal]:
    """Every series with records in the period, in order of meter and subject; what no fold has counted
    yet is in it. Call it in a `snapshot`, so that no fold comes between the statements.

    From the roll-ups of days, or from the records alone with `from_records`.
    """
    found = consumption.totals(tx, period, from_records=from_records)
    numbers = {number for subject, meter, _, _ in found for number in (subject, meter)}
    names = metering.names(tx, sorted(numbers))
    rows = [
        SeriesTotal(names[subject], names[meter], records, total)
        for subject, meter, records, total in found
    ]
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


def by_dimension(tx: Tx, subject: str, meter: str, period: Period, dimension: str) -> Split:
    """One subject's records of a meter, for each value of a dimension apart ('' for records without
    it); every record is in exactly one group, and what is not folded yet counts too.

    Raises Invalid `period.unaligned` for a period that does not lie on quarter hours, Unavailable
    `usage.archived`.
    """
    for field, at in zip(("from", "to"), period, strict=True):
        if at.minute % 15 or at.second or at.microsecond:
            raise Invalid(
                "period.unaligned",
                f"{at.isoformat()} does not lie on a quarter hour",
                field=field,
                value=at.isoformat(),
            )
    names = [("subject", subject), ("meter", meter)]
    if len(metering.known_numbers(tx, names)) < len(names):
        return Split([], unseen.of_series(tx, [(subject, meter)]))
    asked = [Request(subject, Series(meter, "", Aggregation.SUM), period)]
    groups = [g for _, g in consumption.by_dimension(tx, asked, dimension, is_live=True)]
    if not groups:
        return Split([], unseen.of_series(tx, [(subject, meter)]))
    if any(group.value for group in groups):
        return Split(groups, [])
    return Split(groups, unseen.of_dimension(tx, dimension, asked))


def split_data(split: Split) -> dict[str, Any]:
    """The groups as a program gets them: numbers as plain decimal text."""
    return {
        "groups": [
            {
                "value": group.value,
                "records": group.records,
                "total": plain(group.total),
                "low": plain(group.low),
                "high": plain(group.high),
                "latest": plain(group.latest),
            }
            for group in split.groups
        ],
        "unseen": unseen.as_data(split.unseen),
    }


class Summed(NamedTuple):
    """Everybody's usage by meter, and what was asked for of which there is no usage."""

    meters: list[MeterTotal]
    unseen: list[Unseen]


def summed(tx: Tx, rows: list[SeriesTotal], meter: str | None) -> Summed:
    """The rows, of one meter when it is named, summed up by meter."""
    found = by_meter([row for row in rows if meter in (None, row.meter)])
    if found or meter is None:
        return Summed(found, [])
    return Summed([], unseen.of_meter(tx, meter))


def summed_data(answer: Summed) -> dict[str, Any]:
    """The same as a program gets it."""
    return {
        "meters": [
            {
                "meter": row.meter,
                "subjects": row.subjects,
                "records": row.records,
                "total": plain(row.total),
            }
            for row in answer.meters
        ],
        "unseen": unseen.as_data(answer.unseen),
    }
