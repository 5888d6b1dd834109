"""Charts of usage: what a subject used of a meter by hour, day or month, as numbers.

Everything that was acknowledged is in them, folded or not. The picture is drawn elsewhere
(`integrations/usage_chart.py`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from everycent.catalog.meter import Series
from everycent.consumption import queries as usage
from everycent.consumption.slots import (
    By,
    Chart,
    charted,
    label,
    name_of,
    shown_as,
    slots_of,
    total_of,
)
from everycent.db.connection import Tx
from everycent.flows import meters
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text
from everycent.kernel.quantity import plain
from everycent.metering import queries as records
from everycent.subscriptions import queries as subscriptions


class Wanted(NamedTuple):
    """What is to be shown; the slots that touch [start, end) are."""

    subject: str
    meter: str
    by: By
    start: datetime
    end: datetime
    dimension: str | None = None


def chart(tx: Tx, wanted: Wanted, time_zone: str) -> Chart:
    """The chart. Call it in a `snapshot`. Raises NotFound `meter.unknown`, Invalid `chart.formula`,
    `chart.does_not_add_up`, `zone.unknown` and what `slots_of` raises."""
    known_zone(time_zone)
    tx.look_up_by_key()
    measure = meters.measure(tx, wanted.meter)
    if not isinstance(measure, Series):
        raise Invalid(
            "chart.formula",
            f"{wanted.meter!r} is computed from other meters over a whole period and has no hours or days",
            field="meter",
            value=wanted.meter,
            hint="chart the meters of its formula",
        )
    shown = shown_as(measure)
    if wanted.dimension is not None and not shown.adds_up:
        raise Invalid(
            "chart.does_not_add_up",
            f"the {shown.what} of {wanted.meter!r} can't be split: its parts don't add up to it",
            field="dimension",
            value=wanted.dimension,
            hint="leave the dimension out",
        )
    slots = slots_of(wanted.by, wanted.start, wanted.end, time_zone)
    names = [("subject", wanted.subject), ("meter", measure.meter)]
    held = []
    if len(records.known_numbers(tx, names)) == len(names):
        held = usage.by_slots(
            tx, wanted.subject, shown.series, slots, wanted.dimension, is_live=True
        )
    return charted(
        wanted.subject, wanted.meter, shown, wanted.by, time_zone, wanted.dimension, slots, held
    )


def zone_of(tx: Tx, subject: str) -> str:
    """The clock of whoever is billed for the subject; UTC when nobody is."""
    held = subscriptions.owned(tx, [], [subject])
    return held[-1].time_zone if held else "UTC"


def as_data(found: Chart) -> dict[str, Any]:
    """The chart as a program gets it: numbers as plain decimal text, null where there are no records."""
    total = total_of(found)
    return {
        "subject": found.subject,
        "meter": found.meter,
        "what": found.what,
        "unit": found.unit,
        "by": found.by.value,
        "time_zone": found.time_zone,
        "dimension": found.dimension,
        "total": None if total is None else plain(total),
        "slots": [
            {
                "label": label(found, slot),
                "starts_at": instant_text(slot.start),
                "ends_at": instant_text(slot.end),
            }
            for slot in found.slots
        ],
        "series": [
            {
                "kind": row.kind.value,
                "name": name_of(row, found.dimension),
                "values": [None if value is None else plain(value) for value in row.values],
            }
            for row in found.rows
        ],
    }
