"""What all sections of the catalogue file share: strict shapes, checks, and refusals with their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import msgspec

from everycent.kernel.errors import Invalid
from everycent.kernel.quantity import parse_decimal

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}")
_MAX_TEXT = 200
_T = TypeVar("_T")


class Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A shape in the file; fields that it does not know are refused."""


def wrong_shape(message: str, place: str) -> Invalid:
    """The refusal of something of another shape than the file has there."""
    return Invalid(
        "catalog.wrong_shape",
        f"{place or 'the file'}: {message}",
        field=place or None,
        hint="docs/catalog.md lists every field",
    )


def unknown(place: str, kind: str, name: str) -> Invalid:
    """The refusal of a name that points nowhere."""
    return Invalid(
        "catalog.unknown_name",
        f"{place}: there is no {kind} {name!r} in this file",
        field=place,
        value=name,
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
        raise wrong_shape(message, f"{place}{inner.rstrip('`')}".lstrip(".")) from error


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


def part_of(
    sets: Mapping[str, _T], names: Callable[[_T], Collection[str]], told: str, place: str, kind: str
) -> tuple[_T, str]:
    """The set and the name in it that `SET.NAME` means, e.g. a band. Keys may hold dots themselves."""
    meant = [
        (held, name) for held_key, held in sets.items() for name in names(held)
        if told == f"{held_key}.{name}"
    ]  # fmt: skip
    if not meant:
        raise unknown(place, kind, told)
    if len(meant) > 1:
        raise wrong(
            place,
            f"{told!r} can mean more than one {kind}",
            "give one of the sets a key without a dot",
        )
    return meant[0]
