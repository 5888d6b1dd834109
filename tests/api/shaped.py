"""What an operation takes, made out of its shapes: something to send, and every place in it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect as mi

from everycent.api.operation import Operation

_TEXTS = {
    "at": "2026-01-05", "from": "2026-01-05", "to": "2026-01-06", "currency": "EUR", "zone": "UTC",
    "time_zone": "UTC", "amount": "1.00", "value": "1", "quantity": "1", "e_mail": "a@example.com",
    "email": "a@example.com", "url": "https://example.com/hook", "country": "DE",
}  # fmt: skip
_DEEPEST = 6


class Place(NamedTuple):
    """A place of a body or a parameter: how to get there, and whether a number is expected."""

    path: tuple[str | int, ...]
    is_number: bool

    @property
    def name(self) -> str:
        return ".".join(map(str, self.path))


def fields_of(shape: Any) -> dict[str, mi.Field]:
    """The fields of a shape by the names that are sent."""
    found = mi.type_info(shape)
    return (
        {one.encode_name: one for one in found.fields} if isinstance(found, mi.StructType) else {}
    )


def body_of(one: Operation) -> Any:
    """A body with everything that has to be told, of the right form; it may name what is not there."""
    return None if one.body is None else _sample(mi.type_info(one.body), "", 0)


def query_of(one: Operation) -> dict[str, str]:
    """The parameters that have to be told."""
    return {
        name: str(_sample(field.type, name, 0))
        for name, field in fields_of(one.query).items()
        if field.required
    }


def places_of(shape: Any) -> list[Place]:
    """Every place of a text, a number or a choice that the shape has, inside lists and objects too."""
    return [] if shape is None else list(_places(mi.type_info(shape), (), 0))


def with_at(body: Any, place: Place, value: Any) -> Any:
    """The body with a value at a place; what has to be on the way there is made."""
    whole = copy.deepcopy([body] if isinstance(place.path[0], int) else body)
    at = whole
    for step, after in zip(place.path, place.path[1:], strict=False):
        missing: Any = [] if isinstance(after, int) else {}
        if isinstance(step, int):
            at.extend([missing] if not at else [])
        elif not isinstance(at.get(step), dict | list):
            at[step] = missing
        at = at[step]
    last = place.path[-1]
    if isinstance(last, int):
        at[:] = [value]
    else:
        at[last] = value
    return whole


def _plain(found: mi.Type) -> tuple[mi.Type, str]:
    """A type without what is said about it, and its description."""
    told = ""
    while isinstance(found, mi.Metadata):
        told = told or str((found.extra_json_schema or {}).get("description", ""))
        found = found.type
    return found, told


def _choices(found: mi.UnionType) -> list[mi.Type]:
    return [one for one in found.types if not isinstance(one, mi.NoneType)]


def _sample(told: mi.Type, name: str, deep: int) -> Any:
    found, description = _plain(told)
    if isinstance(found, mi.UnionType):
        return _sample(_choices(found)[0], name, deep)
    if isinstance(found, mi.StructType):
        return {
            one.encode_name: _sample(one.type, one.encode_name, deep + 1)
            for one in found.fields
            if one.required
        }
    if isinstance(found, mi.ListType | mi.VarTupleType):
        return [_sample(found.item_type, name, deep + 1)]
    if isinstance(found, mi.DictType):
        return {}
    if isinstance(found, mi.EnumType):
        return next(iter(found.cls)).value
    if isinstance(found, mi.LiteralType):
        return found.values[0]
    if isinstance(found, mi.BoolType):
        return False
    if isinstance(found, mi.IntType | mi.FloatType):
        return 1
    for known, text in _TEXTS.items():
        if name == known or name.endswith(f"_{known}"):
            return text
    return "1" if "decimal" in description else "acme"


def _places(told: mi.Type, path: tuple[str | int, ...], deep: int) -> Iterator[Place]:
    found, description = _plain(told)
    if deep > _DEEPEST:
        return
    if isinstance(found, mi.UnionType):
        for one in _choices(found):
            yield from _places(one, path, deep + 1)
    elif isinstance(found, mi.StructType):
        for field in found.fields:
            yield from _places(field.type, (*path, field.encode_name), deep + 1)
    elif isinstance(found, mi.ListType | mi.VarTupleType):
        yield from _places(found.item_type, (*path, 0), deep + 1)
    elif isinstance(found, mi.DictType):
        yield from _places(found.value_type, (*path, "key"), deep + 1)
    elif path:
        is_number = isinstance(found, mi.IntType | mi.FloatType) or "decimal" in description.lower()
        yield Place(path, is_number)


def structs_of(shape: Any) -> set[type[msgspec.Struct]]:
    """The shape and all that it is made of."""
    found: set[type[msgspec.Struct]] = set()

    def look(told: mi.Type) -> None:
        one, _ = _plain(told)
        if isinstance(one, mi.StructType) and one.cls not in found:
            found.add(one.cls)
            for field in one.fields:
                look(field.type)
        elif isinstance(one, mi.UnionType):
            for part in one.types:
                look(part)
        elif isinstance(one, mi.ListType | mi.VarTupleType):
            look(one.item_type)
        elif isinstance(one, mi.DictType):
            look(one.value_type)

    if shape is not None:
        look(mi.type_info(shape))
    return found
