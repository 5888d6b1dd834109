"""/v1/usage/thresholds, /crossings and /gaps: what is watched, and what was noticed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from everycent.api.operation import Asked, changing, doing, reading
from everycent.api.parameters import instant
from everycent.api.shapes import Amount, Body, Instant, Page, Paged, Query, Reason, Shown
from everycent.api.usage_shown import cursor_of, parts_of
from everycent.api.writing import writing
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.flows import gaps as gap_flow
from everycent.flows import watch
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text, parse_instant
from everycent.metering.record import check_name
from everycent.watching import operations, queries
from everycent.watching.gap import Place
from everycent.watching.threshold import checked, checked_key

_READ, _WRITE = "usage:read", "usage:write"
_VERSION_DIGITS = 9


class Threshold(Shown):
    """A value of usage or cost that is told once in every billing period."""

    key: str
    version: Annotated[int, Meta(description="How often it was set; each may be crossed once.")]
    customer: str | None
    subject: str | None
    meter: Annotated[str | None, Meta(description="Null where the running cost is watched.")]
    value: Amount


class NewThreshold(Body):
    """What is to be watched: of a customer or a subject, a meter or (without one) the running cost."""

    value: Annotated[Amount, Meta(description="In the meter's unit, or the customer's currency.")]
    customer: Annotated[str | None, Meta(description="Everything it has subscribed to.")] = None
    subject: str | None = None
    meter: Annotated[str | None, Meta(description="A meter of the catalogue, raw or derived.")] = (
        None
    )


class RemovedThreshold(Shown):
    """A threshold that is watched no longer."""

    key: str
    is_removed: bool


class ThresholdCrossing(Shown):
    """A threshold that was reached in a period: its `value`, and what was `reached` by then."""

    key: str
    version: int
    starts_at: str
    ends_at: str
    value: Amount
    reached: str
    unit: str
    as_of: str


class WantedCrossings(Paged):
    """Of which threshold."""

    threshold: Annotated[str | None, Meta(description="Only of this one.")] = None


def list_thresholds(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """What is watched, in order of the keys."""
    found = queries.thresholds(tx, asked.query.after, asked.query.size + 1)
    names = watch.customer_names(tx, found)
    told = [watch.threshold_data(one, names) for one in found]
    return asked.page(told, lambda last: str(last["key"]))


def get_threshold(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One threshold."""
    found = queries.threshold(tx, asked.path["threshold"])
    return watch.threshold_data(found, watch.customer_names(tx, [found]))


def set_threshold(tx: Tx, asked: Asked[Query, NewThreshold]) -> dict[str, Any]:
    """Sets a threshold, or sets it anew: it may then be crossed anew. The same again changes nothing."""
    told = asked.body
    owner = None
    key = checked_key(asked.path["threshold"])
    if told.customer is not None:
        owner = customers.by_name(tx, told.customer).customer_id
    subject = None if told.subject is None else check_name(told.subject, "subject")
    wanted = checked(key, told.value, told.meter, subject, owner)
    made = watch.define(tx, wanted, writing(asked))
    return watch.threshold_data(made, watch.customer_names(tx, [made]))


def remove_threshold(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """Watches a threshold no longer. Its crossings stay."""
    key = asked.path["threshold"]
    operations.remove_threshold(tx, key, **writing(asked))
    return {"key": key, "is_removed": True}


def list_crossings(tx: Tx, asked: Asked[WantedCrossings, None]) -> Page[dict[str, Any]]:
    """When thresholds were crossed, the newest first."""
    after = None
    if asked.query.after is not None:
        at, key, version, start = parts_of(asked.query.after, 4)
        if not (version.isascii() and version.isdecimal() and len(version) <= _VERSION_DIGITS):
            raise Invalid("page.bad_cursor", "this is not a cursor", field="after")
        after = (parse_instant(at, "after"), key, int(version), parse_instant(start, "after"))
    size, threshold = asked.query.size, asked.query.threshold
    if threshold is not None:
        checked_key(threshold)
    found = queries.crossings(tx, threshold, size + 1, after)
    page = asked.page(
        found,
        lambda last: cursor_of(
            instant_text(last.as_of), last.key, str(last.version), instant_text(last.starts_at)
        ),
    )
    return Page(items=[msgspec.to_builtins(one) for one in page.items], next=page.next)


class WantedGaps(Paged):
    """Which gaps are wanted."""

    state: Annotated[
        Literal["open", "all"],
        Meta(description="Only those that are open, or all there ever were."),
    ] = "open"


class UsageGap(Shown):
    """A time in which no records came, though the meter's policy and a contract ask for them."""

    subject: str
    meter: str
    starts_at: Annotated[
        str, Meta(description="The last record before it, or when the term began.")
    ]
    noticed_at: str
    closed_at: str | None
    outcome: Literal["open", "filled", "accepted", "not_expected", "begins_earlier"]
    ends_at: Annotated[str | None, Meta(description="The first record after its beginning.")]
    ends_by: Annotated[
        str | None, Meta(description="The same, where the archive alone knows it exactly.")
    ]


class AcceptedGap(Body):
    """A gap for which no records will come, and why."""

    subject: str
    meter: str
    starts_at: Instant
    reason: Reason


class ClosedGap(Shown):
    """A gap that is closed for good."""

    subject: str
    meter: str
    starts_at: str
    outcome: Literal["accepted"]


class CheckedGaps(Shown):
    """How many gaps were opened and closed by the look."""

    opened: int
    closed: int


def list_gaps(tx: Tx, asked: Asked[WantedGaps, None]) -> Page[dict[str, Any]]:
    """Gaps as they were noticed last, the open ones first, then the newest."""
    told = asked.query
    after = None
    if told.after is not None:
        subject, meter, start = parts_of(told.after, 3)
        after = Place(subject, meter, parse_instant(start, "after"))
    found = queries.gaps(tx, only_open=told.state == "open", limit=told.size + 1, after=after)
    page = asked.page(found, lambda last: cursor_of(*_texts(last[0].place)))
    items = [gap_flow.gap_data(gap) | gap_flow.end_data(end) for gap, end in page.items]
    return Page(items=items, next=page.next)


def check_gaps(asked: Asked[Query, None]) -> dict[str, Any]:
    """Looks for meters that stopped sending, or have a hole. Twice is once."""
    found = gap_flow.check(asked.app.database, asked.who.tenant_id, asked.now, writing(asked))
    return {"opened": len(found.opened), "closed": len(found.closed)}


def accept_gap(tx: Tx, asked: Asked[Query, AcceptedGap]) -> dict[str, Any]:
    """Closes a gap for good: no records will come."""
    told = asked.body
    place = Place(
        check_name(told.subject, "subject"),
        check_name(told.meter, "meter"),
        instant(told.starts_at, "UTC", "starts_at"),
    )
    operations.accept_gap(tx, place, told.reason, **writing(asked))
    subject, meter, start = _texts(place)
    return {"subject": subject, "meter": meter, "starts_at": start, "outcome": "accepted"}


def _texts(place: Place) -> tuple[str, str, str]:
    return place.subject, place.meter, instant_text(place.starts_at)


_THRESHOLD = "/v1/usage/thresholds/{threshold}"
OPERATIONS = [
    reading("/v1/usage/thresholds", _READ, list_thresholds, Page[Threshold], Paged),
    reading(_THRESHOLD, _READ, get_threshold, Threshold),
    changing("PUT", _THRESHOLD, _WRITE, set_threshold, Threshold, NewThreshold),
    changing("POST", f"{_THRESHOLD}/remove", _WRITE, remove_threshold, RemovedThreshold),
    reading("/v1/usage/crossings", _READ, list_crossings, Page[ThresholdCrossing], WantedCrossings),
    reading("/v1/usage/gaps", _READ, list_gaps, Page[UsageGap], WantedGaps),
    doing("POST", "/v1/usage/gaps/check", _WRITE, check_gaps, CheckedGaps),
    changing("POST", "/v1/usage/gaps/accept", _WRITE, accept_gap, ClosedGap, AcceptedGap),
]
