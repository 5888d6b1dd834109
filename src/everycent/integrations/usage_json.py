"""Lines of JSON as rows of text cells: the members that are wanted of an object, and the names of others.

Numbers keep the text they are written in. A key that stands twice is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from everycent.kernel.errors import Invalid
from everycent.metering.header import DIMENSIONS
from everycent.metering.mapping import OBJECT
from everycent.metering.members import placed_text

_TOLD = 100  # names of members that nothing reads; beyond that they are hardly names


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def reader(
    columns: Sequence[str], is_unread: Callable[[str], bool], unread: set[str]
) -> Callable[[str], list[str]]:
    """Reads the wanted columns out of a JSON object; `a.b` is `b` in the object `a`, unless there is
    a member of that name. What is missing or null is an empty cell.

    `is_unread` is asked about every other member; those that are to be told are added to `unread`. The
    function raises Invalid `file.…`, `usage.no_object` and what `is_unread` does.
    """
    decode = json.JSONDecoder(
        object_pairs_hook=_refuse_twice,
        parse_float=_Number,
        parse_int=_Number,
        parse_constant=_refuse_constant,
    ).decode
    paths = [(column, column.split(".")) for column in columns]
    whole = {DIMENSIONS if column == OBJECT else column for column in columns}
    opened = {".".join(path[:n]) for _, path in paths for n in range(1, len(path))}
    fine: set[str] = set()  # members that nothing reads and that were asked about

    def look_at(name: str) -> None:
        is_told = is_unread(name)
        if len(fine) < _TOLD:
            fine.add(name)
            if is_told:
                unread.add(name)

    def read(line: str) -> list[str]:
        try:
            found = decode(line)
        except json.JSONDecodeError as error:
            raise Invalid("file.bad_json", f"the line is not JSON: {placed_text(error)}") from None
        except RecursionError:
            raise Invalid("file.bad_json", "the line is nested too deeply") from None
        if not isinstance(found, dict):
            raise Invalid("usage.no_object", "the line is JSON, and not an object")
        if not found.keys() <= whole:
            for name in _others(found, whole, opened):
                if name not in fine:
                    look_at(name)
        return [
            _object(found.get(DIMENSIONS))
            if column == OBJECT
            else _cell(column, found[column] if column in found else _walk(found, path))
            for column, path in paths
        ]

    return read


def _others(
    found: dict[str, Any], whole: Collection[str], opened: Collection[str], prefix: str = ""
) -> Iterator[str]:
    """The members that no column names, those inside of objects that are partly read included."""
    for key, value in found.items():
        name = prefix + key
        if name in whole:
            continue
        if name in opened and isinstance(value, dict):
            yield from _others(value, whole, opened, f"{name}.")
        elif value is not None:
            yield name


def _refuse_constant(text: str) -> None:
    raise Invalid("file.bad_json", f"{text} is not a number in JSON")


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Invalid("file.key_twice", f"the key {twice[:60]!r} stands twice")
    return found


def _walk(found: Any, path: Sequence[str]) -> Any:
    for name in path:
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found


def _cell(column: str, value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    raise Invalid(
        "file.nested",
        f"the field {column!r} holds a list or an object, not one value",
        field=column,
        hint=f"name the member that is meant: {column}.NAME",
    )


def _object(value: Any) -> str:
    """The member `dimensions` as JSON again, numbers as they were written."""
    if value is None:
        return ""
    if not isinstance(value, dict):
        return _json(value)
    return "{" + ",".join(f"{json.dumps(key)}:{_json(inner)}" for key, inner in value.items()) + "}"


def _json(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"  # refused later, whatever is inside
    return json.dumps(value)
