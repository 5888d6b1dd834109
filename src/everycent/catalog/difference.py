"""What applying a catalogue file would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from everycent.catalog.document import Entity
from everycent.catalog.feature import Feature
from everycent.kernel.canonical import encode
from everycent.kernel.errors import Conflict


class Verb(StrEnum):
    """What happens to an entity."""

    CREATE = "create"
    CHANGE = "change"
    KEEP = "keep"


class Change(NamedTuple):
    """One entity's fate: the version it will have, its content, and which fields differ."""

    verb: Verb
    kind: str
    key: str
    version: int
    content: bytes
    fields: tuple[str, ...]


class Known(NamedTuple):
    """The newest version of an entity that is recorded."""

    version: int
    content: bytes


def changes(wanted: Sequence[Entity], known: Mapping[tuple[str, str], Known]) -> list[Change]:
    """Compares a file with what is recorded. What the file does not mention stays as it is.

    Raises Conflict `catalog.feature_changed`.
    """
    found = []
    for entity in wanted:
        content = encode(entity.content)
        before = known.get((entity.kind, entity.key))
        if before is None:
            found.append(Change(Verb.CREATE, entity.kind, entity.key, 1, content, ()))
        elif before.content == content:
            found.append(Change(Verb.KEEP, entity.kind, entity.key, before.version, content, ()))
        else:
            if entity.kind == "feature":
                _check_feature(entity.content, msgspec.json.decode(before.content, type=Feature))
            fields = tuple(_differences("", _plain(before.content), _plain(content)))
            found.append(
                Change(Verb.CHANGE, entity.kind, entity.key, before.version + 1, content, fields)
            )
    return found


def fields_between(before: Any, after: Any) -> list[str]:
    """What differs between two versions of a thing, a line for each field."""
    return list(_differences("", _plain(encode(before)), _plain(encode(after))))


def _check_feature(wanted: Feature, before: Feature) -> None:
    """Limits of plans that were sold and of new ones add up, so they must be of one thing."""
    was, now = _counted(before), _counted(wanted)
    if was != now:
        raise Conflict(
            "catalog.feature_changed",
            f"features.{wanted.key}: it is {was} and can't become {now}",
            field=f"features.{wanted.key}",
            value=wanted.key,
            hint="plans that were sold include it as it was; give the new one a key of its own",
        )


def _counted(feature: Feature) -> str:
    """'a switch', 'metered in GB'."""
    return f"a {feature.kind}" if feature.measure is None else f"metered in {feature.measure.unit}"


def _plain(content: bytes) -> Any:
    return msgspec.json.decode(content)


def _differences(path: str, before: Any, after: Any) -> list[str]:
    """Lines such as `items[grid].price.scheme.unit_amount: 0.03 → 0.04`."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = list(dict.fromkeys([*before, *after]))
        found = []
        for name in names:
            at = f"{path}.{name}" if path else name
            found.extend(_differences(at, before.get(name), after.get(name)))
        return found
    if isinstance(before, list) and isinstance(after, list):
        if not any(isinstance(entry, dict | list) for entry in (*before, *after)):
            return _exchanged(path, before, after)
        old, new = _named(before), _named(after)
        found = []
        for name in dict.fromkeys([*old, *new]):
            found.extend(_differences(f"{path}[{name}]", old.get(name), new.get(name)))
        if not found and list(old) != list(new):
            found.append(f"{path}: {', '.join(old)} → {', '.join(new)}")
        return found
    if before == after:
        return []
    return [f"{path}: {_shown(before)} → {_shown(after)}"]


def _exchanged(path: str, before: list[Any], after: list[Any]) -> list[str]:
    """What is in one list of plain values only: `rules[eu].dimensions[region]: + eu-3, − eu-1`."""
    if before == after:
        return []
    told = [f"+ {_shown(value)}" for value in after if value not in before]
    told += [f"− {_shown(value)}" for value in before if value not in after]
    return [f"{path}: {', '.join(told) or f'{_shown(before)} → {_shown(after)}'}"]


def _named(entries: list[Any]) -> dict[str, Any]:
    """The entries by what people call them; a name that comes again is numbered."""
    named: dict[str, Any] = {}
    counts: dict[str, int] = {}
    for number, entry in enumerate(entries, start=1):
        name, value = _name_and_value(entry)
        if name is None:
            named[str(number)] = entry
            continue
        counts[name] = counts.get(name, 0) + 1
        named[name if counts[name] == 1 else f"{name} {counts[name]}"] = value
    return named


def _name_and_value(entry: Any) -> tuple[str | None, Any]:
    match entry:
        case (
            {"price": {"key": str(name)}}
            | {"feature": {"key": str(name)}}
            | {"segment": str(name)}
            | {"band": str(name)}
        ):
            return name, entry
        case {"currency": str(name), "prices": _} | {"key": str(name), "scheme": _}:
            return name, entry  # prices in a further currency, and one of them
        case [str(name), list(values)]:  # a dimension and its values
            return name, values
    return None, entry


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else encode(value).decode()
    return text if len(text) <= 60 else text[:57] + "…"
