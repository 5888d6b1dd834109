"""What all sections of the catalogue file share: strict shapes, checks, and refusals with their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from everycent.kernel.errors import Invalid
from everycent.kernel.near import meant
from everycent.kernel.quantity import parse_decimal

_STEP = re.compile(r"\[[^\]]*\]|\.[^.\[]+")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}")
_DURATION = re.compile(r"(0|[1-9][0-9]{0,3})(s|m|h|d)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST = 366 * 86_400
_MAX_TEXT = 200
_MAX_MONEY = 10**12
_FIELDS = "docs/catalog.md lists every field"
_SAME_FILE = (
    "a name must be defined in the same file, also when the catalogue has it already: add it there"
)
_T = TypeVar("_T")


class Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A shape in the file; fields that it does not know are refused."""


def wrong_shape(message: str, place: str, hint: str = "") -> Invalid:
    """The refusal of something of another shape than the file has there."""
    return Invalid(
        "catalog.wrong_shape",
        f"{place or 'the file'}: {message}",
        field=place or None,
        hint=f"{hint}; {_FIELDS}" if hint else _FIELDS,
    )


def unknown(place: str, kind: str, name: str, known: Iterable[str] = ()) -> Invalid:
    """The refusal of a name that points nowhere; `known` are those that it could have been."""
    asked = meant(name, known)
    return Invalid(
        "catalog.unknown_name",
        f"{place}: there is no {kind} {name!r} in this file",
        field=place,
        value=name,
        hint=f"{asked} " * bool(asked) + _SAME_FILE,
    )


def wrong(place: str, why: str, hint: str | None = None) -> Invalid:
    """The refusal of a value that makes no sense where it stands."""
    return Invalid("catalog.wrong_value", f"{place}: {why}", field=place, hint=hint)


def check_key(key: str, place: str) -> None:
    """Refuses what can't be a key, with Invalid `catalog.bad_key`."""
    if not _KEY.fullmatch(key):
        raise Invalid(
            "catalog.bad_key",
            f"{place}: {key[:60]!r} can't be a key",
            field=place,
            value=key,
            hint="use up to 80 letters, digits, dots, dashes, colons and underscores",
        )


def check_text(text: str, place: str, what: str) -> None:
    """Refuses a name or value of a dimension that no record could have, and empty ones."""
    if not 0 < len(text) <= _MAX_TEXT or "\n" in text or "\t" in text:
        raise wrong(place, f"{what} has 1 to {_MAX_TEXT} characters on one line")


def converted(data: Any, shape: Any, place: str) -> Any:
    """The data in this shape. Raises Invalid `catalog.wrong_shape`."""
    try:
        return msgspec.convert(data, shape, strict=False)
    except msgspec.ValidationError as error:
        message, _, inner = str(error).partition(" - at `$")
        inner = inner.rstrip("`")
        raise wrong_shape(
            message, f"{place}{inner}".lstrip("."), _choices(message, shape, inner)
        ) from error


def _choices(message: str, shape: Any, path: str) -> str:
    """What may stand where something else did: the names of an enumeration, the fields of a shape."""
    expected = _shape_at(shape, path)
    if not isinstance(expected, type):
        return ""
    told = message.partition("`")[2].rstrip("`") or message.partition("'")[2].rstrip("'")
    if issubclass(expected, StrEnum):
        listed, names = "one of", [member.value for member in expected]
    elif issubclass(expected, Strict) and "field" in message:
        listed, names = "its fields are", list(expected.__struct_fields__)
    else:
        return ""
    asked = "" if told in names else meant(told, names)
    return f"{asked} " * bool(asked) + f"{listed} {', '.join(names)}"


def _shape_at(shape: Any, path: str) -> Any:
    """The type that a path such as `.rates[0].rounding` leads to; None where that is not one type."""
    for step in _STEP.findall(path):
        shape = _only(shape)
        if step.startswith("["):
            inner = get_args(shape)
            shape = inner[-1] if get_origin(shape) is dict else inner[0] if inner else None
        else:
            shape = get_type_hints(shape).get(step[1:]) if isinstance(shape, type) else None
    return _only(shape)


def _only(shape: Any) -> Any:
    """The type of an optional value."""
    given = [part for part in get_args(shape) if part is not type(None)]
    is_optional = len(given) == 1 and type(None) in get_args(shape)
    return given[0] if is_optional else shape


def placed(place: str, check: Callable[..., _T], *given: Any) -> _T:
    """What `check` makes of its arguments; a refusal of it is told with the place in the file."""
    try:
        return check(*given)
    except Invalid as refusal:
        refusal.field, refusal.message = place, f"{place}: {refusal.message}"
        raise


def amount(text: str, place: str) -> str:
    """The text of a plain decimal number, as it is written. Raises what `parse_decimal` raises."""
    parse_decimal(text, place)
    return text


def money_amount(text: str, place: str) -> str:
    """The text of an amount of money in major units, at most 10^12 either way, or of a percentage.

    Raises Invalid `catalog.amount_too_large` and what `parse_decimal` raises.
    """
    if abs(parse_decimal(text, place)) > _MAX_MONEY:
        raise Invalid(
            "catalog.amount_too_large",
            f"{place}: {text} is more than a price can be",
            field=place,
            value=text,
            hint="amounts are in major units (4.99 is four euro ninety-nine), up to 10^12",
        )
    return text


def not_negative(text: str, place: str) -> str:
    """The text of a number that is not below zero. Raises Invalid `catalog.wrong_value`."""
    if parse_decimal(text, place) < 0:
        raise wrong(place, "it can't be negative")
    return text


def seconds(text: str, place: str) -> int:
    """A duration such as `30s`, `5m`, `2h` or `3d` in seconds. Raises Invalid `catalog.wrong_value`."""
    match = _DURATION.fullmatch(text)
    found = -1 if match is None else int(match[1]) * _SECONDS[match[2]]
    if not 0 <= found <= _LONGEST:
        raise wrong(
            place,
            f"{text[:20]!r} is not a duration",
            "write it like 30s, 5m, 2h or 3d; 366d at most",
        )
    return found


def part_of(
    sets: Mapping[str, _T], names: Callable[[_T], Collection[str]], told: str, place: str, kind: str
) -> tuple[_T, str]:
    """The set and the name in it that `SET.NAME` means, e.g. a band. Keys may hold dots themselves."""
    meant = [
        (held, name) for held_key, held in sets.items() for name in names(held)
        if told == f"{held_key}.{name}"
    ]  # fmt: skip
    if not meant:
        known = [f"{key}.{name}" for key, held in sets.items() for name in sorted(names(held))]
        raise unknown(place, kind, told, known)
    if len(meant) > 1:
        raise wrong(
            place,
            f"{told!r} can mean more than one {kind}",
            "give one of the sets a key without a dot",
        )
    return meant[0]
