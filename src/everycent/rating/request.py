"""Rating without a contract: JSON that holds a price and what was used becomes amounts with their trace.

The price has the shape that it has in the catalogue file, and the same checks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec

from everycent.catalog.document import CONTROL
from everycent.catalog.document_refusals import Strict, check_key, converted, placed
from everycent.catalog.document_schemes import TermsShape, terms
from everycent.catalog.document_sources import AgreedShape
from everycent.catalog.price import Flat, Price, needs_events
from everycent.consumption.usage import Event
from everycent.kernel import currency as currencies
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, Rounding, rounded
from everycent.kernel.period import parse_instant
from everycent.kernel.quantity import parse_decimal
from everycent.rating.marginal import Used
from everycent.rating.prorated import is_prorated

_MAX_CHARS = 50_000_000
_SHARE = re.compile(r"([0-9]{1,6})/([0-9]{1,6})", re.ASCII)
_ONE = Decimal(1)


class RatedPriceShape(TermsShape):
    """A price as in a plan; what only a contract needs is read over."""

    key: str = "price"
    product: str | None = None
    description: str | None = None
    meter: str | None = None
    timing: str = "in_arrears"
    agreed: AgreedShape | None = None
    interval: str | None = None


class EventShape(Strict):
    """Something that was used: how much, when, and in which dimensions."""

    value: str = "1"
    at: str | None = None
    id: str | None = None
    prorated: str | None = None
    dimensions: dict[str, str] = msgspec.field(default_factory=dict)


class RequestShape(Strict):
    """A price as in a catalogue file, its currency, and what was used: a quantity or events. `before` is
    what was used in the same period already, and `billed` what was charged for it; `share` is a part of a
    period, such as 15/30."""

    price: RatedPriceShape
    currency: str
    quantity: str | None = None
    events: list[str | EventShape] | None = None
    before: str | list[str | EventShape] | None = None
    billed: str | None = None
    share: str | None = None
    is_last: bool = True


class Request(NamedTuple):
    """One price and what was used: `used` in this bill, `before` it in the same period (None: nothing),
    and what was `billed` for the period, where that is told (None: what the use before comes to).
    Quantities are as measured, before a conversion."""

    price: Price
    currency: str
    used: Used
    before: Used | None
    billed: Money | None
    share: Fraction
    is_last: bool
    place: str


def parse(text: str) -> list[Request]:
    """The requests in a JSON text: an object, or a list of them. Every number is read as text, exactly.

    Raises Invalid `rate.unreadable`, `rate.wrong_request` and what the catalogue raises, with the field.
    """
    if len(text) > _MAX_CHARS:
        raise Invalid("rate.unreadable", "the text is longer than 50 million characters")
    try:
        data = json.loads(
            text,
            parse_int=str,
            parse_float=str,
            parse_constant=_refuse_constant,
            object_pairs_hook=_once,
        )
        _check_texts(data)
    except (ValueError, RecursionError) as error:
        raise Invalid(
            "rate.unreadable",
            f"this is not JSON: {' '.join(str(error).split())[:200]}",
            hint='write {"price": {…}, "currency": "EUR", "quantity": "1"}, or a list of such',
        ) from error
    if isinstance(data, list):
        return [_request(entry, f"[{number}].") for number, entry in enumerate(data, start=1)]
    return [_request(data, "")]


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number that can be billed")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice[:40]!r} stands twice in an object")
    return found


def _check_texts(data: Any) -> None:
    """Refuses characters that no text on an invoice may have, with ValueError."""
    if isinstance(data, str):
        if CONTROL.search(data):
            raise ValueError(f"the text {data[:40]!a} has a control character")
        return
    inner = [*data.keys(), *data.values()] if isinstance(data, dict) else data
    if isinstance(inner, list):
        for part in inner:
            _check_texts(part)


def _wrong(field: str, why: str, hint: str) -> Invalid:
    return Invalid("rate.wrong_request", f"{field}: {why}", field=field, hint=hint)


def _request(data: Any, place: str) -> Request:
    return request_of(converted(data, RequestShape, place.rstrip(".")), place)


def request_of(given: RequestShape, place: str = "") -> Request:
    """A request that was read already. Raises Invalid as `parse`."""
    check_key(given.price.key, f"{place}price.key")
    told = terms(given.price, f"{place}price")
    placed(f"{place}currency", currencies.exponent, given.currency)
    price = Price(
        given.price.key,
        told.scheme,
        given.price.description or given.price.key,
        given.price.amount_rounding,
        quantity_rounding=told.quantity_rounding,
        minimum=told.minimum,
        maximum=told.maximum,
        prorate_limits=given.price.prorate_limits,
    )
    used = _used(given, price, place)
    before = None if given.before is None else _before(given.before, used, f"{place}before")
    billed = (
        None if given.billed is None else _billed(given.billed, given.currency, f"{place}billed")
    )
    share = _share(given.share, f"{place}share")
    return Request(price, given.currency, used, before, billed, share, given.is_last, place)


def _used(given: RequestShape, price: Price, place: str) -> Used:
    told = [name for name in ("quantity", "events") if getattr(given, name) is not None]
    if isinstance(price.scheme, Flat):
        if told or given.before is not None:
            field = told[0] if told else "before"
            raise _wrong(f"{place}{field}", "a flat price has no quantity", "leave it out")
        return _ONE
    if len(told) != 1:
        raise _wrong(
            f"{place}{told[1] if told else 'quantity'}",
            "a quantity or events are needed, one of them",
            'such as "quantity": "12.5", or "events": ["10", {"value": "2.5"}]',
        )
    if given.quantity is not None:
        if needs_events(price.scheme):
            raise Invalid(
                "price.needs_events",
                f"{place}quantity: this price looks at each event, not at what they add up to",
                field=f"{place}quantity",
                hint="give `events`, in the order in which they happened",
            )
        return parse_decimal(given.quantity, f"{place}quantity")
    found = _events(given.events or [], f"{place}events")
    if is_prorated(found) and price.quantity_rounding is not None:
        raise _wrong(
            f"{place}price.quantity_rounding",
            "units that are prorated one by one make no quantity to round",
            "leave it out, or give the events without `prorated`",
        )
    return found


def _before(given: str | list[str | EventShape], used: Used, place: str) -> Used:
    if isinstance(given, str):
        if not isinstance(used, Decimal):
            raise _wrong(place, "it needs events too", "give the events billed before, as a list")
        return parse_decimal(given, place)
    if isinstance(used, Decimal):
        raise _wrong(place, "it needs a quantity too", "give what was used before as a number")
    return _events(given, place)


def _events(given: Iterable[str | EventShape], place: str) -> tuple[Event, ...]:
    found: list[tuple[datetime | None, str, Event]] = []
    for number, entry in enumerate(given, start=1):
        spot = f"{place}[{number}]"
        told = EventShape(entry) if isinstance(entry, str) else entry
        at = None if told.at is None else placed(f"{spot}.at", parse_instant, told.at, "at")
        value = parse_decimal(told.value, spot if isinstance(entry, str) else f"{spot}.value")
        part = None if told.prorated is None else parse_decimal(told.prorated, f"{spot}.prorated")
        found.append((at, told.id or "", Event(at, spot, value, told.dimensions, part)))
    if any((at is None) is not (found[0][0] is None) for at, _, _ in found):
        raise _wrong(place, "some events have an instant and some have none", "tell all, or none")
    found.sort(key=lambda one: (one[0] or datetime.min.replace(tzinfo=UTC), one[1]))
    return tuple(event for _, _, event in found)


def _billed(text: str, currency: str, place: str) -> Money:
    amount = parse_decimal(text, place)
    money = placed(place, rounded, amount, currency, Rounding.DOWN)
    if Fraction(money.minor, 10 ** currencies.exponent(currency)) != Fraction(amount):
        raise _wrong(place, f"{text} has more places than {currency}", "give what was billed")
    return money


def _share(text: str | None, place: str) -> Fraction:
    if text is None:
        return Fraction(1)
    match = _SHARE.fullmatch(text)
    share = Fraction(int(match[1]), int(match[2])) if match and int(match[2]) else Fraction(0)
    if not 0 < share <= 1:
        raise _wrong(place, f"{text[:40]!r} is no part of a period", 'write days of days: "15/30"')
    return share
