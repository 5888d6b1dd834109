"""What two OpenAPI documents differ in, and what of it breaks programs written for the first; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

REF = "#/components/schemas/"
TEXTS = ("summary", "description", "tags")
NULL, ANYTHING = {"type": "null"}, "anything"
LEAST, MOST = ("minimum", "minLength", "minItems"), ("maximum", "maxLength", "maxItems")
EXACT = ("format", "pattern")
PARTS = ("items", "additionalProperties", "propertyNames")
PLANNED, PLAN = ("query", "plan"), {"$ref": f"{REF}Plan"}
UNIONS = ("anyOf", "oneOf")

Schema = Mapping[str, Any]


class Change(NamedTuple):
    """A difference: of what, what it is, and whether programs break that know only the first document."""

    is_breaking: bool
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def changes(old: Schema, new: Schema) -> list[Change]:
    """What the second document says otherwise than the first: all of it once, in order of the places.

    What is sent may be taken more freely, and answers may say more and promise more; the other way round it
    breaks. An enum of an answer that gets a value breaks too: programs know no such value.
    """
    return sorted(set(_Documents(old, new).all()), key=lambda one: (not one.is_breaking, one))


class _Documents:
    """Both documents, and which schemas were compared already, as sent or as answered."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self.old, self.new = old, new
        self.seen: set[tuple[str, str, bool]] = set()

    def all(self) -> Iterator[Change]:
        before, after = _operations(self.old), _operations(self.new)
        for place in sorted({*before, *after}):
            if place not in after:
                yield _breaks(before[place]["at"], "the operation is gone")
            elif place not in before:
                yield _spares(after[place]["at"], "a new operation")
            else:
                yield from self.operation(before[place], after[place])

    def operation(self, old: Schema, new: Schema) -> Iterator[Change]:
        where = old["at"]
        if old["operationId"] != new["operationId"]:
            yield _breaks(where, f"is called {new['operationId']} now")
        scopes = _scope(self.old, old), _scope(self.new, new)
        if scopes[0] != scopes[1]:
            is_free = scopes[1] == "nobody's" or (scopes[1] == "any" and scopes[0] != "nobody's")
            yield Change(not is_free, where, f"needs the scope {scopes[1]}, not {scopes[0]}")
        if any(old.get(text) != new.get(text) for text in TEXTS):
            yield _spares(where, "its texts are others")
        yield from self.parameters(where, old, new)
        yield from self.body(where, old, new)
        told = new["responses"]
        if PLANNED in _parameters(new).keys() - _parameters(old).keys():
            told = _unplanned(told)  # nobody is told a plan who does not ask for it
        yield from self.answers(where, old["responses"], told)

    def parameters(self, where: str, old: Schema, new: Schema) -> Iterator[Change]:
        before, after = _parameters(old), _parameters(new)
        for place in sorted({*before, *after}):
            told = f"{where} {place[0]} {place[1]}"
            if place not in after:
                yield _breaks(told, "is gone")
                continue
            is_needed = after[place].get("required", False)
            if place not in before:
                yield Change(is_needed, told, "is new" + " and has to be sent" * is_needed)
                continue
            was_needed = before[place].get("required", False)
            if is_needed != was_needed:
                yield Change(is_needed, told, _needed(is_needed))
            if before[place].get("description") != after[place].get("description"):
                yield _spares(told, "its texts are others")
            yield from self.schema(
                told, before[place]["schema"], after[place]["schema"], is_sent=True
            )

    def body(self, where: str, old: Schema, new: Schema) -> Iterator[Change]:
        before, after = (one.get("requestBody", {}).get("content", {}) for one in (old, new))
        told = f"{where} body"
        if not before:
            for kind, content in sorted(after.items()):  # nothing sent is read as an empty object
                is_needed = bool(_resolved(self.new, content["schema"]).get("required"))
                yield Change(is_needed, told, f"{kind} is new" + " and has to be sent" * is_needed)
            return
        yield from self.contents(told, before, after, is_sent=True)

    def answers(self, where: str, old: Schema, new: Schema) -> Iterator[Change]:
        for status in sorted({*old, *new}):
            told = f"{where} {status}"
            is_success = status.startswith("2")
            if status not in old:
                yield Change(is_success, told, "is a new status")
            elif status not in new:
                yield _spares(told, "is a status no longer")
            else:
                before, after = (one[status].get("content", {}) for one in (old, new))
                yield from self.contents(told, before, after, is_sent=False)

    def contents(self, where: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[Change]:
        for kind in sorted({*old, *new}):
            if kind not in new:
                yield _breaks(where, f"{kind} is gone")
            elif kind not in old:
                yield _spares(where, f"{kind} is new")
            else:
                yield from self.schema(
                    where, old[kind]["schema"], new[kind]["schema"], is_sent=is_sent
                )

    def schema(self, where: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[Change]:
        """Differences of schemas; a component is told by its name, once as sent and once as answered."""
        names = old.get("$ref", "").removeprefix(REF), new.get("$ref", "").removeprefix(REF)
        if all(names):
            if (*names, is_sent) in self.seen:
                return
            self.seen.add((*names, is_sent))
            where = f"{names[0]} ({'sent' if is_sent else 'answered'})"
        before, after = _choices(self.old, old), _choices(self.new, new)
        if (ANYTHING in before) != (ANYTHING in after):
            is_narrower = ANYTHING in before
            what = "may not be anything now" if is_narrower else "may be anything now"
            yield Change(is_narrower == is_sent, where, what)
            return
        lost, found = before.keys() - after.keys(), after.keys() - before.keys()
        lost, found = lost - {"null"}, found - {"null"}
        if len(lost) == len(found) == 1:
            (own,), (other,) = lost, found
            a, b = _resolved(self.old, before[own]), _resolved(self.new, after[other])
            if a.get("type") == b.get("type"):  # one thing, whatever it is called
                after = {own if key == other else key: told for key, told in after.items()}
        for key in sorted({*before, *after}):
            if key not in after:
                yield Change(
                    is_sent, where, f"{key} is {'taken' if is_sent else 'answered'} no longer"
                )
            elif key not in before:
                yield Change(
                    not is_sent, where, f"{key} is {'taken' if is_sent else 'answered'} too"
                )
            elif all("$ref" in one[key] for one in (before, after)) and "$ref" not in old:
                yield from self.schema(where, before[key], after[key], is_sent=is_sent)
            else:
                a, b = _resolved(self.old, before[key]), _resolved(self.new, after[key])
                yield from self.one(where, a, b, is_sent=is_sent)

    def one(self, where: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[Change]:
        """Differences of schemas of one type that are no unions and no names of others."""
        yield from _limits(where, old, new, is_sent=is_sent)
        if any(old.get(text) != new.get(text) for text in ("description", "examples")):
            yield _spares(where, "its texts are others")
        yield from self.properties(where, old, new, is_sent=is_sent)
        for part in PARTS:
            before, after = old.get(part, True), new.get(part, True)
            if isinstance(before, bool) or isinstance(after, bool):
                if _freedom(before) != _freedom(after):
                    is_narrower = _freedom(after) < _freedom(before)
                    # Answers may get new fields anyway: programs pass over those that they don't know.
                    is_known = (
                        part == "additionalProperties" and not is_sent and "properties" in old
                    )
                    yield Change(
                        is_narrower == is_sent and not is_known, where, f"its {part} are others"
                    )
            else:
                told = where if part == "propertyNames" else f"{where}{_STEPS[part]}"
                yield from self.schema(told, before, after, is_sent=is_sent)
        before, after = old.get("prefixItems", []), new.get("prefixItems", [])
        if len(before) != len(after):
            yield _breaks(where, f"has {len(after)} parts, not {len(before)}")
        for number, (a, b) in enumerate(zip(before, after, strict=False)):
            yield from self.schema(f"{where}[{number}]", a, b, is_sent=is_sent)

    def properties(
        self, where: str, old: Schema, new: Schema, *, is_sent: bool
    ) -> Iterator[Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted({*before, *after}):
            told = f"{where}.{name}"
            was, is_ = (name in one for one in needed)
            if name not in after:
                yield _breaks(told, "is gone")
            elif name not in before:
                yield Change(
                    is_sent and is_, told, "is new" + " and has to be sent" * (is_sent and is_)
                )
            else:
                if was != is_:
                    what = _needed(is_) if is_sent else _always(is_)
                    yield Change(is_ == is_sent, told, what)
                yield from self.schema(told, before[name], after[name], is_sent=is_sent)


def _breaks(where: str, what: str) -> Change:
    return Change(is_breaking=True, where=where, what=what)


def _spares(where: str, what: str) -> Change:
    return Change(is_breaking=False, where=where, what=what)


_STEPS = {"items": "[]", "additionalProperties": ".*"}


def _operations(document: Schema) -> dict[tuple[str, str], Schema]:
    """Operations by method and path, whatever the parts of paths are called."""
    return {
        (re.sub(r"\{\w+\}", "{}", path), method): {**told, "at": f"{method.upper()} {path}"}
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    }


def _scope(document: Schema, operation: Schema) -> str:
    if not operation.get("security", document.get("security")):
        return "nobody's"
    return str(operation.get("x-scope", "any"))


def _parameters(operation: Schema) -> dict[tuple[str, str], Schema]:
    """Parameters by place and name; those of the path are told by the path."""
    return {(one["in"], one["name"]): one for one in operation["parameters"] if one["in"] != "path"}


def _unplanned(responses: Schema) -> dict[str, Any]:
    """Answers without the plans that are told instead of some, or under a status of their own."""

    def contents(told: Schema) -> dict[str, Any]:
        rest: dict[str, Any] = {}
        for kind, content in told.get("content", {}).items():
            parts = content["schema"].get("anyOf", [content["schema"]])
            kept = [part for part in parts if part != PLAN]
            if kept:
                rest[kind] = {"schema": kept[0] if len(kept) == 1 else {"anyOf": kept}}
        return rest

    kept = {status: (told, contents(told)) for status, told in responses.items()}
    return {
        status: {**told, "content": rest}
        for status, (told, rest) in kept.items()
        if rest or not told.get("content")
    }


def _resolved(document: Schema, schema: Schema) -> Schema:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].removeprefix(REF)]
    return schema


def _choices(document: Schema, schema: Schema) -> dict[str, Schema]:
    """What a schema leaves to choose from, by what it is told apart by: a tag, a name, or else a type."""
    found: dict[str, Schema] = {}
    for one in _alternatives(document, schema):
        told = _resolved(document, one)
        tag = told.get("properties", {}).get("type", {}).get("enum", ())
        key = told.get("type", ANYTHING)
        if len(tag) == 1:
            key = f"type={tag[0]}"
        elif key == "object" and "$ref" in one:
            key = one["$ref"].removeprefix(REF)
        while key in found:
            key += "+"
        found[key] = one
    return found


def _alternatives(document: Schema, schema: Schema) -> Iterator[Schema]:
    told = _resolved(document, schema)
    parts = [part for word in UNIONS for part in told.get(word, ())]
    if parts:
        for part in parts:
            yield from _alternatives(document, part)
    elif isinstance(told.get("type"), list):
        for kind in told["type"]:
            yield {**told, "type": kind} if kind != "null" else NULL
    elif "type" not in told and None in told.get("enum", ()):
        yield {**told, "type": "string", "enum": [one for one in told["enum"] if one is not None]}
        yield NULL
    elif "type" not in told and "enum" in told:
        # An enum says no type.
        yield {**told, "type": "string" if isinstance(told["enum"][0], str) else "integer"}
    else:
        yield schema


def _limits(where: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[Change]:
    """What values may be. As sent it breaks to narrow it, as answered to widen it."""

    def change(word: str, is_narrower: bool) -> Change:
        before, after = (one.get(word, "nothing") for one in (old, new))
        return Change(is_narrower == is_sent, where, f"{word} is {after}, not {before}")

    for word in (*LEAST, *MOST):
        a, b = old.get(word), new.get(word)
        if a != b:
            is_narrower = a is None or (b is not None and (b > a) == (word in LEAST))
            yield change(word, is_narrower)
    for word in EXACT:
        a, b = old.get(word), new.get(word)
        if a is None or b is None:
            if a != b:
                yield change(word, a is None)
        elif a != b:
            yield _breaks(where, f"{word} is {b}, not {a}")
    if is_sent and old.get("default") != new.get("default"):
        told = (json.dumps(one.get("default")) for one in (new, old))
        yield Change("default" in old, where, "left out it is {}, not {}".format(*told))
    yield from _values(where, old.get("enum"), new.get("enum"), is_sent=is_sent)


def _values(
    where: str, old: Sequence[Any] | None, new: Sequence[Any] | None, *, is_sent: bool
) -> Iterator[Change]:
    if old is None or new is None:
        if old is not new:
            is_narrower = old is None
            what = "has only some values now" if is_narrower else "may have any value now"
            yield Change(is_narrower == is_sent, where, what)
        return
    for value in sorted({*old, *new}, key=str):
        if value not in new:
            yield Change(is_sent, where, f"has the value {value} no longer")
        elif value not in old:
            yield Change(not is_sent, where, f"has the value {value} too")


def _freedom(part: Any) -> int:
    """How much a part may be: nothing, something, or anything."""
    return 0 if part is False else 2 if part is True or part == {} else 1


def _needed(is_needed: bool) -> str:
    return "has to be sent now" if is_needed else "may be left out now"


def _always(is_there: bool) -> str:
    return "is always there now" if is_there else "may be missing now"
