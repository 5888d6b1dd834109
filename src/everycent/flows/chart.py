"""Charts of usage: what a subject used of a meter by hour, day or month, as numbers.

Everything that was acknowledged is in them, folded or not. The picture is drawn elsewhere
(`integrations/usage_chart.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from everycent.catalog.meter import Series
from everycent.consumption import queries as consumption
from everycent.consumption.slots import (
    By,
    Chart,
    Held,
    charted,
    label,
    name_of,
    shown_as,
    slots_of,
    total_of,
)
from everycent.consumption.usage import Request
from everycent.db.connection import Tx
from everycent.flows import meters, unseen
from everycent.flows.unseen import Unseen
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period, instant_text
from everycent.kernel.quantity import plain
from everycent.metering import queries as metering
from everycent.subscriptions import queries as subscriptions


class Wanted(NamedTuple):
    """What is to be shown; the slots that touch [start, end) are."""

    subject: str
    meter: str
    by: By
    start: datetime
    end: datetime
    dimension: str | None = None


class Charted(NamedTuple):
    """A chart, and what was asked for of which there is no usage at all."""

    chart: Chart
    unseen: list[Unseen]


def chart(tx: Tx, wanted: Wanted, time_zone: str) -> Charted:
    """The chart, slots on the clock of `time_zone`. Windows are cut where the bill cuts them, on the
    clock of the contract, and each belongs to the slot in which it begins: so slots come to what is
    billed. Call it in a `snapshot`.

    Raises NotFound `meter.unknown`, Invalid `chart.formula`, `chart.does_not_add_up`, `zone.unknown`,
    what `slots_of` raises, and Unavailable `usage.archived`.
    """
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
    if wanted.dimension is not None and not shown.splits:
        raise Invalid(
            "chart.does_not_add_up",
            f"the {shown.what} of {wanted.meter!r} can't be split: its parts don't add up to it",
            field="dimension",
            value=wanted.dimension,
            hint="leave the dimension out",
        )
    slots = slots_of(wanted.by, wanted.start, wanted.end, time_zone)
    held, unseen = _held(tx, wanted, measure, slots)
    return Charted(
        charted(
            wanted.subject, wanted.meter, shown, wanted.by, time_zone, wanted.dimension, slots, held
        ),
        unseen,
    )


def _held(
    tx: Tx, wanted: Wanted, series: Series, slots: Sequence[Period]
) -> tuple[list[Held], list[Unseen]]:
    """What the slots hold, and where that is nothing, or nothing with the dimension, why."""
    subject, dimension = wanted.subject, wanted.dimension
    names = [("subject", subject), ("meter", series.meter)]
    held: list[Held] = []
    if len(metering.known_numbers(tx, names)) == len(names):
        clock = zone_of(tx, subject)
        held = consumption.by_slots(tx, subject, series, slots, clock, dimension, is_live=True)
    if not held:
        return [], unseen.of_series(tx, [(subject, series.meter)])
    if dimension is None or any(one.name for one in held):
        return held, []
    whole = Request(subject, shown_as(series).series, Period(slots[0].start, slots[-1].end))
    return held, unseen.of_dimension(tx, dimension, [whole])


def zone_of(tx: Tx, subject: str) -> str:
    """The clock of whoever is billed for the subject; UTC when nobody is."""
    held = subscriptions.owned(tx, [], [subject])
    return held[-1].time_zone if held else "UTC"


def as_data(answer: Charted) -> dict[str, Any]:
    """The chart as a program gets it: numbers as plain decimal text, null where there are no records."""
    found = answer.chart
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
        "unseen": unseen.as_data(answer.unseen),
    }
