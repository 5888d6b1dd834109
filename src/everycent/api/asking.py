"""Reads the parameters and the body of a request as shapes: every fault is told, all of them at once."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec.structs import FieldInfo
from starlette.requests import Request

from everycent.api.forms import fault_of
from everycent.api.shapes import Body, Query
from everycent.kernel.errors import Invalid
from everycent.kernel.near import meant

Q = TypeVar("Q", bound=Query)
B = TypeVar("B", bound=msgspec.Struct)
_SHOWN = 80
_MOST_FAULTS = 20
_DEEPEST = 32
_MOST_DIGITS = 18
_NO_CHOICE = ("Invalid enum value", "Invalid value")
_NO_TEXT = ("Expected `str`, got `int`", "Expected `str | null`, got `int`")
_QUOTED = re.compile(r"'(.*)'")
_STEP = re.compile(r"\.(\w+)|(\[[^\]]*\])")
_MOST_COMMAS = 30_000  # of a body, beside those in its longest text: it becomes no more objects


class _Pointed(NamedTuple):
    """A number with a point, which is refused with its place."""

    text: str


class _Misplaced(ValueError):  # noqa: N818 - it is caught here and told as a refusal
    """What is wrong in the body, and at which place."""

    place = ""

    def within(self, step: str) -> _Misplaced:
        self.place = step + self.place
        return self


class Faults(Invalid):
    """Several things that are wrong with a request; the first one is what a person is told."""

    def __init__(self, found: Sequence[Invalid]) -> None:
        first = found[0]
        super().__init__(
            first.code, first.message, field=first.field, value=first.value, hint=first.hint
        )
        self.found = list(found)


def query_of(request: Request, shape: type[Q], without: frozenset[str] = frozenset()) -> Q:
    """The parameters, `without` some that are read elsewhere. Raises Invalid `request.unknown_parameter`,
    `request.repeated_parameter`, `request.parameter_missing`, `request.bad_parameter`."""
    told: dict[str, Any] = {}
    faults: list[Invalid] = []
    fields = _fields(shape)
    for name, value in request.query_params.multi_items():
        if len(faults) == _MOST_FAULTS:
            break  # what somebody may have meant takes its time
        if name in without:
            continue
        if name not in fields:
            takes = f"it takes {', '.join(fields)}" if fields else "it takes none"
            asked = meant(name[:_SHOWN], fields)
            faults.append(
                Invalid(
                    "request.unknown_parameter",
                    f"there is no parameter {name[:_SHOWN]!r} here",
                    field=name[:_SHOWN],
                    hint=f"{asked} {takes}".strip(),
                )
            )
        elif name in told:
            faults.append(
                Invalid(
                    "request.repeated_parameter",
                    f"the parameter {name!r} stands there twice",
                    field=name,
                    value=value,
                )
            )
        else:
            told[name] = value
    return _made(shape, told, "parameter", faults, strict=False)


def plain_as(plain: Any, shape: type[B]) -> B:
    """JSON that was read already, as a shape. Raises Invalid `request.bad_body`, `request.unknown_field`,
    `request.field_missing`, `request.bad_field`."""
    if not isinstance(plain, dict):
        raise Invalid("request.bad_body", "the body is no JSON object", hint="send an object: {…}")
    faults: list[Invalid] = []
    fields = _fields(shape)
    for name in plain:
        if len(faults) == _MOST_FAULTS:
            break
        if name not in fields:
            takes = f"it takes {', '.join(fields)}" if fields else "it takes none"
            faults.append(
                Invalid(
                    "request.unknown_field",
                    f"there is no field {name[:_SHOWN]!r} here",
                    field=name[:_SHOWN],
                    hint=f"{meant(name[:_SHOWN], fields)} {takes}".strip(),
                )
            )
    known = {name: value for name, value in plain.items() if name in fields}
    return _made(shape, known, "field", faults, strict=True)


def json_of(raw: bytes, longest: int = Body.LONGEST_TEXT) -> Any:
    """The bytes as JSON that can be read in one way only. Raises Invalid `request.bad_body`.

    No name stands twice in an object, nothing is NaN or has a point (amounts are texts), and nothing is
    deeper, longer or larger than anybody means.
    """
    if not raw.strip():
        return {}
    try:
        if raw.count(b",") > _MOST_COMMAS + longest:
            raise ValueError("it has too many parts; send them in several requests")
        plain = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_once,
            parse_float=_Pointed,
            parse_constant=_no_number,
            parse_int=_whole,
        )
        _check(plain, _DEEPEST, longest)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        place = error.place.lstrip(".")[:_SHOWN] if isinstance(error, _Misplaced) else ""
        raise Invalid(
            "request.bad_body",
            f"the body can't be read: {f'{place}: ' if place else ''}{why}"[:300],
            field=place or None,
            hint="send one JSON object in UTF-8; numbers with a point are sent as texts",
        ) from error
    return plain


@cache
def _fields(shape: type[Any]) -> dict[str, FieldInfo]:
    """The fields of a shape by the names that they are told by; worked out once, as it takes long."""
    return {field.encode_name: field for field in msgspec.structs.fields(shape)}


def _made(
    shape: type[B], told: dict[str, Any], what: str, faults: list[Invalid], *, strict: bool
) -> B:
    made: dict[str, Any] = {}
    for name, field in _fields(shape).items():
        if name not in told:
            if field.required:
                faults.append(_missing(what, name))
            continue
        value = told[name]
        if not strict and value == "" and field.required:
            faults.append(_missing(what, name))
            continue
        if not strict and not _is_sound(value):
            faults.append(_bad(what, name, None, "it has a character that can't be stored", str))
            continue
        try:
            made[field.name] = msgspec.convert(value, field.type, strict=strict)
            fault = fault_of(value, field.type, name)
        except msgspec.ValidationError as error:
            fault = _ill_formed(what, name, value, str(error), field.type)
        if fault is not None:
            faults.append(fault)
    if faults:
        raise Faults(faults[:_MOST_FAULTS])
    return shape(**made)


def _ill_formed(what: str, name: str, value: Any, why: str, type_: Any) -> Invalid:
    """What can't be taken. A text that is no amount, zone or currency is told as that, and what is held by
    name with its name."""
    if isinstance(value, str):
        fault = fault_of(value, type_, name)
        if fault is not None:
            return fault
    reason, at, place = why.partition(" - at `$[...]")
    if at and isinstance(value, dict):
        for key, inner in value.items():
            try:
                msgspec.convert({key: inner}, type_, strict=True)
            except msgspec.ValidationError as error:
                _, _, place = str(error).partition(" - at `$[...]")
                held = f"{name}.{key[:_SHOWN]}"
                return _bad(what, held, inner, f"{reason} - at `${place}", Any)
    return _bad(what, name, value, why, type_)


def _missing(what: str, name: str) -> Invalid:
    if what == "field":
        return Invalid("request.field_missing", f"the field {name!r} is missing", field=name)
    return Invalid("request.parameter_missing", f"the parameter {name!r} is missing", field=name)


def _bad(what: str, name: str, value: Any, why: str, type_: Any) -> Invalid:
    reason, _, place = why.partition(" - at `$")
    field = name + place.rstrip("`")
    choices = _choices(type_, place.rstrip("`")) if reason.startswith(_NO_CHOICE) else []
    hint = None
    if choices:
        word = _QUOTED.search(reason)
        hint = f"{meant(word[1][:_SHOWN], choices) if word else ''} it takes {', '.join(choices)}"
    elif reason.startswith(_NO_TEXT):
        hint = f"write it as text, in quotes{_quoted(value, not place)}"
    shown = value if isinstance(value, str | int | bool) else None
    message = f"{field} can't be taken: {reason[:1].lower()}{reason[1:]}".replace("`", "")
    told: Any = {"field": field, "value": shown, "hint": hint and hint.strip()}
    if what == "field":
        return Invalid("request.bad_field", message, **told)
    return Invalid("request.bad_parameter", message, **told)


def _quoted(value: Any, is_whole: bool) -> str:
    return f': "{value}"' if is_whole and isinstance(value, int) else ""


def _choices(type_: Any, place: str) -> list[str]:
    """What may stand at a place (such as '.rules[0].kind') of a value of the type, where it is one of a few
    words."""
    (whole,), parts = msgspec.json.schema_components([type_], ref_template="{name}")

    def alternatives(schema: Any) -> list[Any]:
        if "$ref" in schema:
            return alternatives(parts[schema["$ref"]])
        return [inner for one in schema.get("anyOf", []) for inner in alternatives(one)] or [schema]

    found = alternatives(whole)
    for name, _ in _STEP.findall(place):
        inner = [one.get("properties", {}).get(name) if name else one.get("items") for one in found]
        inner += [one.get("additionalProperties") for one in found]
        found = [part for one in inner if isinstance(one, dict) for part in alternatives(one)]
    words = [str(word) for one in found for word in one.get("enum", [])]
    return list(dict.fromkeys(words))


def _is_sound(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, count in Counter(n for n, _ in pairs).items() if count > 1)
        raise ValueError(f"{twice[:_SHOWN]!r} stands there twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text[:_SHOWN]} has to be sent as a text")


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"{text[:_SHOWN]} has too many digits for a number; send it as a text")
    return int(text)


def _check(plain: Any, deep: int, longest: int) -> None:
    """Raises ValueError for what is too deep or too long, or holds what can't be stored."""
    if isinstance(plain, str):
        if len(plain) > longest:
            raise _Misplaced(f"a text has more than {longest} characters")
        if not _is_sound(plain):
            raise _Misplaced("a text has a character that can't be stored")
    elif isinstance(plain, _Pointed):
        raise _Misplaced(f"{plain.text[:_SHOWN]} has to be sent as a text")
    elif isinstance(plain, dict | list):
        if not deep:
            raise RecursionError
        if isinstance(plain, dict):
            for name in plain:
                _check(name, deep - 1, longest)
        for name, one in plain.items() if isinstance(plain, dict) else enumerate(plain):
            try:
                _check(one, deep - 1, longest)
            except _Misplaced as error:
                step = f"[{name}]" if isinstance(plain, list) else f".{name}"
                raise error.within(step) from None
