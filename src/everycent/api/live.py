"""GET /v1/usage/…: what is used and owed at present, and how much was used when."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from everycent.api.operation import Answer, Asked, reading
from everycent.api.parameters import instant
from everycent.api.shapes import Amount, Currency, Instant, Query, Shown, Zone
from everycent.api.usage_shown import UnseenUsage, WhyNot
from everycent.consumption.slots import By
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.flows import chart as charts
from everycent.flows import outstanding as flow
from everycent.flows import totals as total_flow
from everycent.integrations import usage_chart
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period
from everycent.metering.record import check_name

_SCOPE = "usage:read"
_SVG = "image/svg+xml"


class OfCustomer(Query):
    """Whose running cost is wanted."""

    customer: Annotated[str, Meta(description="Key or id.")]
    subscription: Annotated[str | None, Meta(description="Only this one.")] = None
    at: Annotated[
        Instant | None, Meta(description="An instant or a date of the past; now when not told.")
    ] = None


class RunningLine(Shown):
    """A price of a subscription in a period that is not billed yet."""

    subscription: str
    item_no: int
    price: str
    product: str
    state: Literal["running", "due", "billed", "late"]
    paid_by: Annotated[str | None, Meta(description="Who pays, when it is somebody else.")]
    starts_at: str
    ends_at: str
    quantity: str | None
    unit: str | None
    records: int
    net: Amount
    currency: Currency


class RunningTotal(Shown):
    """What is not billed yet in a currency, net of taxes."""

    currency: Currency
    net: Amount


class RefusedSubscription(WhyNot, kw_only=True):
    """Why a subscription can't be worked out."""

    subscription: str


class RunningCost(Shown):
    """What a customer has used and would owe. It is no invoice."""

    customer: str
    as_of: str
    lines: list[RunningLine]
    totals: list[RunningTotal]
    refused: list[RefusedSubscription]
    unseen: list[UnseenUsage]
    is_invoice: Literal[False]
    note: str


def get_running(tx: Tx, asked: Asked[OfCustomer, None]) -> dict[str, Any]:
    """Current usage and running cost of a customer, of every period that is not billed yet. It is what the
    next invoice comes to, before discounts and without taxes that come on top."""
    wanted = asked.query
    found = customers.by_name(tx, check_name(wanted.customer, "customer"))
    if wanted.subscription is not None:
        check_name(wanted.subscription, "subscription")
    at = wanted.at
    as_of = asked.now if at is None else instant(at, found.time_zone, "at")
    if as_of > asked.now:
        raise Invalid("date.in_the_future", f"{at} has not come yet", field="at", value=at)
    answer = flow.of_customer(tx, found, as_of, key=wanted.subscription, is_now=at is None)
    return flow.as_data(answer, found.key, flow.unseen_in(tx, answer))


class OfSlots(Query):
    """What a chart is of, and from when to when."""

    subject: str
    meter: str
    from_: Instant = msgspec.field(name="from")
    to: Instant
    by: Annotated[By, Meta(description="How long a slot is.")] = By.DAY
    dimension: Annotated[str | None, Meta(description="Splits the slots by its values.")] = None
    zone: Annotated[
        Zone | None, Meta(description="The clock of the slots; the customer's when not told.")
    ] = None


class ChartSlot(Shown):
    """A time of the chart."""

    label: str
    starts_at: str
    ends_at: str


class ChartSeries(Shown):
    """The values of one row in every slot; null where there are no records."""

    kind: Literal["all", "value", "none", "other"]
    name: str
    values: list[str | None]


class UsageChart(Shown):
    """What was used in every slot."""

    subject: str
    meter: str
    what: str
    unit: str
    by: Literal["hour", "day", "month"]
    time_zone: str
    dimension: str | None
    total: str | None
    slots: list[ChartSlot]
    series: list[ChartSeries]
    unseen: list[UnseenUsage]


def get_chart(tx: Tx, asked: Asked[OfSlots, None]) -> Any:
    """Usage of a subject and a meter by hour, day or month. A picture for whoever accepts image/svg+xml,
    numbers for everybody else."""
    told = asked.query
    subject, meter = check_name(told.subject, "subject"), check_name(told.meter, "meter")
    clock = _clock(told.zone) or charts.zone_of(tx, subject)
    start, end = instant(told.from_, clock, "from"), instant(told.to, clock, "to")
    dimension = None if told.dimension is None else check_name(told.dimension, "dimension")
    wanted = charts.Wanted(subject, meter, told.by, start, end, dimension)
    found = charts.chart(tx, wanted, clock)
    if _SVG in asked.accepts:
        return Answer(usage_chart.svg(found.chart), 200, media=_SVG)
    return charts.as_data(found)


class OfPeriod(Query):
    """Of what the totals are, and from when to when."""

    from_: Instant = msgspec.field(name="from")
    to: Instant
    zone: Annotated[Zone, Meta(description="Where days begin.")] = "UTC"
    meter: str | None = None
    subject: str | None = None
    dimension: Annotated[
        str | None, Meta(description="Splits what `subject` and `meter` name by its values.")
    ] = None


class MeterTotal(Shown):
    """All records of a meter, and the sum of their values."""

    meter: str
    subjects: int
    records: int
    total: str


class DimensionTotal(Shown):
    """All records that have a value of the dimension; `value` is empty for those without it."""

    value: str
    records: int
    total: str
    low: str
    high: str
    latest: str


class UsageTotals(Shown, kw_only=True):
    """Sums by meter, or by the values of a dimension when one is named."""

    meters: list[MeterTotal] | None = None
    groups: list[DimensionTotal] | None = None
    unseen: list[UnseenUsage]


def get_totals(tx: Tx, asked: Asked[OfPeriod, None]) -> dict[str, Any]:
    """What was used in a period by meter: of all, or of the subject and meter that are named. With a
    dimension it is what both name by the values of it."""
    told = asked.query
    clock = _clock(told.zone) or "UTC"
    start, end = instant(told.from_, clock, "from"), instant(told.to, clock, "to")
    if end <= start:
        raise Invalid(
            "period.empty", f"{told.to} is not after {told.from_}", field="to", value=told.to
        )
    meter, subject, dimension = (
        None if text is None else check_name(text, name)
        for name, text in (
            ("meter", told.meter), ("subject", told.subject), ("dimension", told.dimension),
        )
    )  # fmt: skip
    total_flow.check_named(subject, meter, dimension)
    period = Period(start, end)
    if subject is not None and meter is not None and dimension is not None:
        return total_flow.split_data(total_flow.by_dimension(tx, subject, meter, period, dimension))
    rows = total_flow.of_named(tx, period, subject, meter)
    return total_flow.summed_data(total_flow.summed(tx, rows, subject, meter))


def _clock(zone: str | None) -> str | None:
    """The zone, if there is one of this name. Raises Invalid `zone.unknown`."""
    if zone is not None:
        known_zone(zone)
    return zone


OPERATIONS = [
    reading("/v1/usage/running", _SCOPE, get_running, RunningCost, OfCustomer),
    reading("/v1/usage/chart", _SCOPE, get_chart, UsageChart, OfSlots, pictures=(_SVG,)),
    reading("/v1/usage/totals", _SCOPE, get_totals, UsageTotals, OfPeriod),
]
