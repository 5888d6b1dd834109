"""Where a price gets its quantity, and when it is due: what goes together, checked."""

from __future__ import annotations

from enum import StrEnum

from everycent.catalog.document_refusals import Strict, check_text, not_negative, placed, wrong
from everycent.catalog.document_schemes import Terms
from everycent.catalog.plan import Agreed
from everycent.catalog.price import Commitment, Flat, takes_quantity
from everycent.kernel import calendar
from everycent.kernel.quantity import parse_decimal, plain

_MAX_UNIT = 40


class Timing(StrEnum):
    """When a price is due: as its period begins, when it has ended, or once, as it is agreed."""

    IN_ADVANCE = "in_advance"
    IN_ARREARS = "in_arrears"
    ONCE = "once"


class AgreedShape(Strict):
    """A price's `agreed`: the quantity that contracts agree on."""

    unit: str
    quantity: str | None = None
    least: str = "0"
    most: str | None = None


def agreed(given: AgreedShape | None, place: str) -> Agreed | None:
    """The quantity that contracts agree on. Raises Invalid with the place of what is wrong."""
    if given is None:
        return None
    check_text(given.unit, f"{place}.unit", "a unit")
    if len(given.unit) > _MAX_UNIT:
        raise wrong(f"{place}.unit", f"a unit has up to {_MAX_UNIT} characters")
    least, most, quantity = (
        None if text is None else plain(parse_decimal(not_negative(text, spot), spot))
        for text, spot in (
            (given.least, f"{place}.least"),
            (given.most, f"{place}.most"),
            (given.quantity, f"{place}.quantity"),
        )
    )
    found = Agreed(given.unit, None, least or "0", most)
    if most is not None and not within(found, most):
        raise wrong(f"{place}.most", f"it is less than the least, {found.least}")
    if quantity is not None and not within(found, quantity):
        raise wrong(f"{place}.quantity", f"{quantity} is not {bounds_text(found)}")
    return Agreed(given.unit, quantity, found.least, most)


def within(agreed: Agreed, quantity: str) -> bool:
    """Whether a quantity is one that may be agreed."""
    value = parse_decimal(quantity, "quantity")
    if agreed.most is not None and value > parse_decimal(agreed.most, "most"):
        return False
    return value >= parse_decimal(agreed.least, "least")


def bounds_text(agreed: Agreed) -> str:
    """'at least 1', 'from 1 to 500'."""
    if agreed.most is None:
        return f"at least {agreed.least}"
    return f"from {agreed.least} to {agreed.most}"


def check_source(told: Terms, place: str, *, is_metered: bool, is_agreed: bool) -> None:
    """Refuses a price that has no quantity, or two, or one that it can't use."""
    if is_metered and is_agreed:
        raise wrong(
            f"{place}.agreed", "the quantity is metered already", "leave one of the two out"
        )
    if isinstance(told.scheme, Flat | Commitment):
        field = "meter" if is_metered else "agreed"
        if is_metered or is_agreed:
            raise wrong(
                f"{place}.{field}", f"a {told.name} price has no quantity and takes no {field}"
            )
    elif is_agreed:
        if not takes_quantity(told.scheme):
            raise wrong(f"{place}.agreed", f"{told.name} looks at records, not at a quantity")
    elif not is_metered:
        raise wrong(
            f"{place}.meter",
            f"{told.name} needs a meter that gives the quantity",
            "or let contracts agree on one: agreed: {unit: seat}" * takes_quantity(told.scheme),
        )


def check_timing(
    told: Terms, timing: str, interval: str | None, meter: str | None, place: str
) -> Timing:
    """When the price is due. Raises Invalid with the place of what is wrong."""
    if timing not in list(Timing):
        raise wrong(f"{place}.timing", f"it is one of {', '.join(Timing)}")
    if timing != Timing.IN_ARREARS and meter is not None:
        raise wrong(f"{place}.timing", "usage is known when the period has ended: in_arrears")
    if timing != Timing.IN_ARREARS and isinstance(told.scheme, Commitment):
        raise wrong(
            f"{place}.timing", "what is missing is known when the period has ended: in_arrears"
        )
    if interval is not None:
        placed(f"{place}.interval", calendar.parse_interval, interval)
        if timing == Timing.ONCE:
            raise wrong(f"{place}.interval", "what is sold once does not come again")
    return Timing(timing)
