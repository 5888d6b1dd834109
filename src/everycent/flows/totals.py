"""Totals: what everybody or one subject used in a period, or one series split by a dimension.

Everything that was acknowledged counts, folded or not.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from everycent.catalog.meter import Aggregation, Series, series_of
from everycent.consumption import queries as consumption
from everycent.consumption.answers import Group
from everycent.consumption.usage import Request
from everycent.db.connection import Tx
from everycent.flows import meters, unseen
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


def check_named(
    subject: str | None, meter: str | None, dimension: str | None, *, from_records: bool = False
) -> None:
    """Refuses a split that does not name its series, with Invalid `totals.incomplete`, and one from the
    records alone, with Invalid `totals.split_of_records`."""
    if dimension is None:
        return
    if subject is None or meter is None:
        raise Invalid(
            "totals.incomplete",
            "a dimension splits one series, which is named by its subject and meter",
            field="subject" if subject is None else "meter",
            hint="name all three, or no dimension",
        )
    if from_records:
        raise Invalid(
            "totals.split_of_records",
            "a split by a dimension is not made from the records alone",
            field="from_records",
            hint="leave out --from-records, or --dimension",
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


def of_named(
    tx: Tx, period: Period, subject: str | None, meter: str | None, *, from_records: bool = False
) -> list[SeriesTotal]:
    """The same of one subject, one meter or both, where they are named.

    For a subject only its own series are read; the period must then lie on quarter hours, unless it is
    `from_records`. Raises Invalid `period.unaligned`, Unavailable `usage.archived`.
    """
    if subject is not None and not from_records:
        return _of_subject(tx, subject, meter, period)
    return [
        row
        for row in of_everybody(tx, period, from_records=from_records)
        if subject in (None, row.subject) and meter in (None, row.meter)
    ]


def _of_subject(tx: Tx, subject: str, meter: str | None, period: Period) -> list[SeriesTotal]:
    _check_aligned(period)
    wanted = sorted(meters.measures(tx)) if meter is None else [meter]
    names = [("subject", subject), *(("meter", key) for key in wanted)]
    known = metering.known_numbers(tx, names)
    keys = [key for key in wanted if ("meter", key) in known]
    if ("subject", subject) not in known or not keys:
        return []
    asked = [_whole(subject, key, period) for key in keys]
    found = consumption.by_dimension(tx, asked, None, is_live=True)
    return [SeriesTotal(subject, keys[n], group.records, group.total) for n, group in found]


def _whole(subject: str, meter: str, period: Period) -> Request:
    return Request(subject, Series(meter, "", Aggregation.SUM), period)


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

    Raises Invalid `period.unaligned` for a period that does not lie on quarter hours, Invalid
    `totals.derived_meter`, Unavailable `usage.archived`.
    """
    _check_aligned(period)
    names = [("subject", subject), ("meter", meter)]
    if len(metering.known_numbers(tx, names)) < len(names):
        return Split([], _nothing(tx, subject, meter))
    asked = [_whole(subject, meter, period)]
    groups = [g for _, g in consumption.by_dimension(tx, asked, dimension, is_live=True)]
    if not groups:
        return Split([], _nothing(tx, subject, meter))
    if any(group.value for group in groups):
        return Split(groups, [])
    return Split(groups, unseen.of_dimension(tx, dimension, asked))


def _check_aligned(period: Period) -> None:
    for field, at in zip(("from", "to"), period, strict=True):
        if at.minute % 15 or at.second or at.microsecond:
            raise Invalid(
                "period.unaligned",
                f"{at.isoformat()} does not lie on a quarter hour",
                field=field,
                value=at.isoformat(),
            )


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
    """Usage by meter, and what was asked for of which there is no usage."""

    meters: list[MeterTotal]
    unseen: list[Unseen]


def summed(
    tx: Tx, rows: list[SeriesTotal], subject: str | None = None, meter: str | None = None
) -> Summed:
    """The rows of the subject and meter that were named, summed up by meter. Raises Invalid
    `totals.derived_meter` when there are none because the meter takes no records."""
    return Summed(by_meter(rows), [] if rows else _nothing(tx, subject, meter))


def _nothing(tx: Tx, subject: str | None, meter: str | None) -> list[Unseen]:
    """Why there may be nothing of what was named."""
    if meter is not None:
        _refuse_derived(tx, meter)
        if subject is not None:
            return unseen.of_series(tx, [(subject, meter)])
        return unseen.of_name(tx, "meter", meter)
    return [] if subject is None else unseen.of_name(tx, "subject", subject)


def _refuse_derived(tx: Tx, meter: str) -> None:
    measure = meters.measures(tx).get(meter)
    if measure is None:
        return
    taking = sorted({series.meter for _, series in series_of(measure)})
    if meter not in taking:
        raise Invalid(
            "totals.derived_meter",
            f"totals are of meters that take records: {', '.join(taking)}",
            field="meter",
            value=meter,
            hint="name one of those",
        )


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
