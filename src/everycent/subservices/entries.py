"""What is told to compute and storage, by the admin API or a file: resources, events, levels.

{"resource": {"resource": "vm-1", "customer": "acme", "kind": "machine", "name": "web", "since": "…"}}
{"event": {"event": "e-1", "at": "…", "resource": "vm-1", "item": "jobs", "quantity": "3"}}
{"level": {"at": "…", "resource": "vm-1", "item": "vm_time", "level": "1"}}
{"end": {"resource": "vm-1", "at": "…"}}
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from everycent.kernel.errors import Conflict, Invalid
from everycent.kernel.near import meant
from everycent.subservices.accounts import Event, Resource
from everycent.subservices.book import Book, Level
from everycent.subservices.contract import Wrong, instant, quantity

_FIELDS: dict[str, tuple[set[str], set[str]]] = {
    "resource": ({"resource", "customer", "kind", "name", "since"}, {"until", "item"}),
    "event": ({"event", "at", "resource", "item", "quantity"}, set()),
    "level": ({"at", "resource", "item", "level"}, set()),
    "end": ({"resource", "at"}, set()),
}


class Entry(NamedTuple):
    """Checked fields of one entry, and which kind it is."""

    kind: str
    fields: dict[str, str]

    @classmethod
    def of(cls, told: Any) -> Entry:
        """An entry as it was told: an object with one of the four kinds. Raises Invalid."""
        if not isinstance(told, dict) or len(told) != 1:
            raise _bad("an entry is an object with one of " + ", ".join(_FIELDS))
        kind, fields = next(iter(told.items()))
        if kind not in _FIELDS:
            raise _bad(f"{kind} is none of {', '.join(_FIELDS)}", meant(str(kind), _FIELDS))
        if not isinstance(fields, dict):
            raise _bad(f"{kind} is no object")
        needed, more = _FIELDS[kind]
        known = {name: value for name, value in fields.items() if value is not None}
        for name in sorted(needed - set(known)):
            raise _bad(f"{kind} has no {name}")
        for name, value in known.items():
            if name not in needed | more:
                raise _bad(f"{kind} has no field {name}", meant(str(name), needed | more))
            if isinstance(value, bool | dict | list):
                raise _bad(f"{name} is no text")
        return cls(kind, {name: str(value) for name, value in known.items()})


def take(book: Book, items: Sequence[str], level: str, entry: Entry) -> None:
    """Takes an entry into a book; only the item `level` has levels.

    Raises Invalid `subservice.bad_entry`, Conflict `subservice.known`.
    """
    kind, told = entry
    item = told.get("item")
    if item is not None and item not in items:
        raise _bad(f"{item} is none of our items: {', '.join(items)}", meant(item, items))
    if kind == "resource":
        _resource(book, told)
        return
    at = _instant(told["at"], "at")
    known = book.resource(told["resource"])
    if known is None:
        raise _bad(f"there is no resource {told['resource']}", "tell the resource first")
    if at < known.since or (known.until is not None and at > known.until):
        raise _bad(f"{known.resource} was not there at {told['at']}")
    if kind == "event":
        if known.until == at:
            raise _bad(f"{known.resource} was not there any more at {told['at']}")
        _event(book, told, at)
    elif kind == "level":
        if item != level:
            raise _bad(f"{item} has no levels, only {level} has", "tell it as events")
        amount = _quantity(told["level"])
        book.level([Level(at, known.resource, told["item"], amount)])
    else:
        if at == known.since:
            raise _bad("a resource can't end when it begins")
        if book.is_used_from(known.resource, at):
            raise _bad(f"{known.resource} was used after that")
        book.end(known.resource, at)


def _resource(book: Book, told: dict[str, str]) -> None:
    until = told.get("until")
    made = Resource(
        told["resource"],
        told["customer"],
        told["kind"],
        told["name"],
        _instant(told["since"], "since"),
        None if until is None else _instant(until, "until"),
        told.get("item"),
    )
    if made.until is not None and made.until <= made.since:
        raise _bad("until is not after since")
    if book.resource(made.resource) not in (None, made):
        raise _known("resource", made.resource)
    book.keep([made], [])


def _event(book: Book, told: dict[str, str], at: datetime) -> None:
    made = Event(told["event"], at, told["resource"], told["item"], _quantity(told["quantity"]))
    before = book.event(made.event)
    if before is not None and before != made:
        raise _known("event", made.event)
    book.keep([], [made])


def _instant(text: str, field: str) -> datetime:
    try:
        return instant(text, field)
    except Wrong as wrong:
        raise _bad(str(wrong)) from wrong


def _quantity(text: str) -> Decimal:
    try:
        return quantity(text)
    except (ValueError, ArithmeticError) as error:
        raise _bad(f"{text[:40]} is no quantity, such as 0.5") from error


def _bad(message: str, hint: str = "") -> Invalid:
    return Invalid(
        "subservice.bad_entry", message, hint=hint or "docs/sub-services.md shows what can be told"
    )


def _known(kind: str, key: str) -> Conflict:
    return Conflict(
        "subservice.known", f"{kind} {key} is known with other content", field=kind, value=key
    )
