"""How texts of a request have to be written, beyond what their schema says: checked where they are read, so
that all that is wrong is told at once and under the name of the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from everycent.api import parameters
from everycent.api.shapes import Amount, Currency, Day, Instant, Zone
from everycent.kernel import calendar, currency
from everycent.kernel.errors import Invalid
from everycent.kernel.quantity import parse_decimal

Check = Callable[[str, str], Any]


_CHECKS: list[tuple[Any, Check]] = [
    (Amount, parse_decimal),
    (Zone, calendar.zone),
    (Currency, currency.exponent),
    (Day, parameters.day),
    (Instant, lambda text, field: parameters.instant(text, "UTC", field)),
]


def fault_of(value: Any, type_: Any, field: str) -> Invalid | None:
    """What is wrong with a text that is an amount, a day, a zone or the like; of several the first."""
    check, by_name = _check_of(type_)
    if check is None:
        return None
    told = value if by_name and isinstance(value, Mapping) else {"": value}
    for name, text in told.items():
        if not isinstance(text, str):
            continue
        try:
            check(text, f"{field}.{name[:80]}" if by_name else field)
        except Invalid as error:
            return error
    return None


@cache
def _check_of(type_: Any) -> tuple[Check | None, bool]:
    """How texts of a type are checked, and whether it holds them by name."""
    if get_origin(type_) is Annotated:
        for shape, check in _CHECKS:
            if any(mark is get_args(shape)[1] for mark in get_args(type_)[1:]):
                return check, False
        return _check_of(get_args(type_)[0])
    if get_origin(type_) is dict:
        return _check_of(get_args(type_)[1])[0], True
    for part in get_args(type_) if get_origin(type_) is not list else ():
        found = _check_of(part)
        if found[0] is not None:
            return found
    return None, False
