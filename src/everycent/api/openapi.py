"""The OpenAPI 3.1 document, made of the operations. It is the same for the same operations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from everycent.api.operation import Kind, Member, Open, Operation
from everycent.api.planning import PARAMETER, SHOW, Plan
from everycent.api.shapes import Shown

_IN_PATH = re.compile(r"\{(\w+)(?::\w+)?\}")
_REF = "#/components/schemas/{name}"
_PROBLEM = "application/problem+json"
_TEXT = {"type": "string"}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A new one for each request, the same one when it is sent again: it is done once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


class Fault(Shown):
    """One thing that is wrong with a request."""

    code: str
    message: str
    field: str | None = None
    value: str | None = None
    hint: str | None = None


class Problem(Shown):
    """Why something was not done (RFC 9457). `code` is stable, and listed in docs/reference/errors.md."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: Annotated[str | None, Meta(description="What of the request is wrong.")] = None
    value: str | None = None
    hint: Annotated[str | None, Meta(description="What to do.")] = None
    errors: Annotated[
        list[Fault] | None, Meta(description="All that is wrong, where it is more than one thing.")
    ] = None


def document(operations: Sequence[Operation], version: str) -> dict[str, Any]:
    """The document as plain data."""
    shapes: list[Any] = [Problem, Plan]
    for one in operations:
        own = (one.answer, one.body, *one.others.values(), *one.bodies.values())
        shapes += [shape for shape in own if shape]
    unique = list(dict.fromkeys(shapes))
    found = msgspec.json.schema_components(unique, ref_template=_REF)
    schemas, components = _named(found)
    by_shape = dict(zip(unique, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        path = _IN_PATH.sub(r"{\1}", one.path)
        paths.setdefault(path, {})[one.method.lower()] = _operation(one, by_shape)
    told = {
        "openapi": "3.1.0",
        "info": {
            "title": "everycent",
            "version": version,
            "summary": "Who owes how much, and why.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"key": []}],
        "tags": [{"name": name} for name in sorted({_tag(one) for one in operations})],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key (ec_…), or a person's token from the identity provider.",
                }
            },
        },
    }
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(told))  # defaults too
    _open_answers(plain)
    return plain


def _open_answers(told: dict[str, Any]) -> None:
    """Lets answers have more fields than are told: new ones are added to them. What is sent may not."""
    schemas = told["components"]["schemas"]
    sent = _reached(
        [one["requestBody"] for path in told["paths"].values() for one in path.values()
         if "requestBody" in one],
        schemas,
    )  # fmt: skip
    for name in schemas.keys() - sent:
        if schemas[name].get("additionalProperties") is False:
            del schemas[name]["additionalProperties"]


def _reached(parts: Iterable[Any], schemas: Mapping[str, Any]) -> set[str]:
    """The names of all schemas that some parts of a document refer to, and those refer to, and so on."""
    found: set[str] = set()
    left = list(parts)
    while left:
        part = left.pop()
        if isinstance(part, dict):
            name = str(part.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found.add(name)
                left.append(schemas[name])
            left += part.values()
        elif isinstance(part, list):
            left += part
    return found


def _named(found: Any) -> tuple[list[Any], dict[str, Any]]:
    """Schemas and components with names that programs like: of several shapes of one name those of the API
    keep it, and the others have that of their slice in front. Texts are in one line."""
    schemas, components = found
    names = {name: _short(name, components) for name in components}
    assert len(set(names.values())) == len(names), "two shapes have one name"
    refs = {_REF.format(name=old): _REF.format(name=new) for old, new in names.items()}

    def renamed(part: Any) -> Any:
        if isinstance(part, dict):
            return {
                name: _told(name, inner, refs) or renamed(inner) for name, inner in part.items()
            }
        return [renamed(inner) for inner in part] if isinstance(part, list) else part

    return renamed(list(schemas)), {
        names[old]: renamed(part) | {"title": names[old]} for old, part in components.items()
    }


def _told(name: str, inner: Any, refs: Mapping[str, str]) -> str | None:
    if name == "$ref":
        return refs[inner]
    if name == "description" and isinstance(inner, str):
        return " ".join(inner.split())
    return refs.get(inner) if isinstance(inner, str) else None


def _short(name: str, taken: Iterable[str]) -> str:
    """'everycent.payments.failure.Failure' is PaymentsFailure, 'everycent.api.invoices.Line' is Line."""
    parts = name.split(".")
    if len(parts) == 1:
        return name
    same = [one for one in taken if one.rpartition(".")[2] == parts[-1]]
    if parts[1] == "api" and sum(one.startswith("everycent.api.") for one in same) == 1:
        return parts[-1]
    short = _joined([parts[2 if parts[1] == "api" else 1]]) + parts[-1]
    return short if short not in taken else _joined(parts[1:-1]) + parts[-1]


def _joined(words: Sequence[str]) -> str:
    return "".join(word.capitalize() for word in "_".join(words).split("_"))


def _operation(one: Operation, by_shape: Mapping[Any, Any]) -> dict[str, Any]:
    first, rest = _texts(one)
    told: dict[str, Any] = {
        "operationId": one.name,
        "tags": [_tag(one)],
        "summary": first,
        "parameters": [*_path_parameters(one), *_query_parameters(one)],
        "responses": _responses(one, by_shape),
    }
    if rest:
        told["description"] = rest
    if isinstance(one.scope, Open):
        told["security"] = []
    elif not isinstance(one.scope, Member):
        told["x-scope"] = one.scope
    if one.kind in (Kind.CHANGING, Kind.DOING) and not one.is_question:
        told["parameters"].append(_KEY)
    if one.body is not None:
        told["requestBody"] = {
            **({"required": True} if _needs_body(one) else {}),
            "content": {
                kind: {"schema": _TEXT if shape is None else by_shape[shape]}
                for kind, shape in ((one.body_type, one.body), *one.bodies.items())
            },
        }
    return told


def _needs_body(one: Operation) -> bool:
    """Whether something has to be sent: nothing is as good as an object without fields."""
    is_shape = isinstance(one.body, type) and issubclass(one.body, msgspec.Struct)
    if one.kind is Kind.RAW or not is_shape:
        return True
    return any(field.required for field in msgspec.structs.fields(one.body))


def _texts(one: Operation) -> tuple[str, str]:
    """The first sentence of what it does, and the others."""
    text = " ".join((one.work.__doc__ or "").split())
    first, dot, rest = text.partition(". ")
    return first.rstrip(".:"), rest if dot else ""


def _tag(one: Operation) -> str:
    first, _, rest = one.path.strip("/").partition("/")
    if first == "v1":
        return rest.partition("/")[0]
    return {"rest": "rest/v1", "livez": "health", "readyz": "health"}.get(first, first)


def _path_parameters(one: Operation) -> Iterable[dict[str, Any]]:
    for name in _IN_PATH.findall(one.path):
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
        }


def _query_parameters(one: Operation) -> Iterable[dict[str, Any]]:
    fields = msgspec.structs.fields(one.query)
    for field in fields:
        schema = _inline(field.type)
        told: dict[str, Any] = {"name": field.encode_name, "in": "query"}
        if "anyOf" in schema:  # nothing is said by leaving a parameter out, and not by null
            kept = [part for part in schema["anyOf"] if part != {"type": "null"}]
            if len(kept) == 1:
                schema = {**{k: v for k, v in schema.items() if k != "anyOf"}, **kept[0]}
        if field.required:
            told["required"] = True
        elif field.default is not msgspec.NODEFAULT and field.default is not None:
            schema["default"] = msgspec.to_builtins(field.default)
        if "description" in schema:
            told["description"] = schema.pop("description")
        yield told | {"schema": schema}
    if one.is_planned:
        yield {
            "name": PARAMETER,
            "in": "query",
            "description": f"`{SHOW}` answers the exact effect and does nothing; the token that it answers"
            " lets it be done only if it still has that effect.",
            "schema": {"type": "string", "maxLength": 80},
        }


def _inline(type_: Any) -> dict[str, Any]:
    """A schema that refers to nothing else."""
    (schema,), parts = msgspec.json.schema_components([type_], ref_template="{name}")

    def whole(part: Any) -> Any:
        if isinstance(part, dict):
            return (
                whole(parts[part["$ref"]])
                if "$ref" in part
                else {name: whole(inner) for name, inner in part.items()}
            )
        return [whole(inner) for inner in part] if isinstance(part, list) else part

    found: dict[str, Any] = whole(schema)
    return found


def _responses(one: Operation, by_shape: Mapping[Any, Any]) -> dict[str, Any]:
    problem = {
        "description": "It was refused; the code says why.",
        "content": {_PROBLEM: {"schema": by_shape[Problem]}},
    }
    found: dict[str, Any] = {}
    answer = {**by_shape.get(one.answer, {})} if one.answer else {}
    if one.is_planned:
        answer = {"anyOf": [answer, by_shape[Plan]]}
    for status, schema in {one.status: answer}.items():
        found[str(status)] = _response(status, schema if one.answer else None, one.answer_type)
    if one.is_planned and one.status != HTTPStatus.OK:
        found["200"] = _response(200, by_shape[Plan], one.answer_type)
        found[str(one.status)] = _response(one.status, by_shape[one.answer], one.answer_type)
    for status, shape in one.others.items():
        found[str(status)] = _response(
            status, by_shape[shape] if shape else None, "application/json"
        )
    for kind in one.pictures:
        found[str(one.status)]["content"][kind] = {"schema": _TEXT}
    if one.kind is Kind.READING:
        found["304"] = {"description": "It is as it was when the ETag that is sent was answered."}
    return found | {"4XX": problem, "5XX": problem}


def _response(status: int, schema: Any, kind: str) -> dict[str, Any]:
    told: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if schema is not None:
        told["content"] = {kind: {"schema": schema}}
    return told
