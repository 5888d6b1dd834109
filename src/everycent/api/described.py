"""/v1/openapi.json and /v1/docs: what can be asked, for programs and for people. The page is served whole
from here: nothing in it comes from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

_REF = "#/components/schemas/"
_JSON = "application/json"
_DEEPEST = 4
_DEEPEST_FIELD = 4
_PLAN = {"$ref": _REF + "Plan"}


class Field(NamedTuple):
    """A parameter, or a field of a body or an answer; at a level above 0 it is part of a field above."""

    name: str
    type: str
    is_required: bool
    text: str
    level: int = 0


class Shown(NamedTuple):
    """An operation as the page shows it."""

    name: str
    method: str
    path: str
    scope: str
    summary: str
    text: str
    in_path: list[Field]
    query: list[Field]
    body: list[Field]
    answer: str
    answers: list[Field]
    example: str


def page(document: Mapping[str, Any]) -> str:
    """The page for a document."""
    schemas = document["components"]["schemas"]
    by_tag: dict[str, list[Shown]] = {}
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            shown = _shown(path, method.upper(), told, schemas)
            by_tag.setdefault(told["tags"][0], []).append(shown)
    text: str = _template().render(
        version=document["info"]["version"],
        tags=sorted(by_tag.items()),
        count=sum(map(len, by_tag.values())),
        marked=_marked,
    )
    return text


@cache
def _template() -> Any:
    text = resources.files("everycent.api").joinpath("docs.html").read_text("utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(text)


def _marked(text: str) -> Markup:
    """Text in which what stands between backticks is code."""
    parts = [
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(text.split("`"))
    ]
    return Markup("").join(parts)


def _shown(path: str, method: str, told: Mapping[str, Any], schemas: Mapping[str, Any]) -> Shown:
    parameters = told["parameters"]
    bodies = list(told.get("requestBody", {}).get("content", {}).values())
    body_schema = bodies[0]["schema"] if bodies else {}
    answer = _answer_of(told)
    return Shown(
        told["operationId"], method, path, told.get("x-scope", ""), told["summary"],
        told.get("description", ""),
        [_parameter(one) for one in parameters if one["in"] == "path"],
        [_parameter(one) for one in parameters if one["in"] == "query"],
        _fields(body_schema, schemas), _type(answer, schemas), _fields(answer, schemas),
        _example(path, method, parameters, body_schema, schemas),
    )  # fmt: skip


def _answer_of(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """What it answers when it is done: not the plan, which is asked for."""
    found = [
        part
        for status, answer in sorted(told["responses"].items())
        if status.startswith("2") and _JSON in answer.get("content", {})
        for part in _parts(answer["content"][_JSON]["schema"])
    ]
    return next((part for part in found if part != _PLAN), {})


def _parts(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a schema may be one of, null left out."""
    parts = schema.get("anyOf", [schema])
    return [
        inner
        for one in parts
        if one != {"type": "null"}
        for inner in (_parts(one) if "anyOf" in one else [one])
    ]


def _parameter(one: Mapping[str, Any]) -> Field:
    schema = one["schema"]
    text = _with_default(one.get("description", ""), schema)
    return Field(one["name"], _type(schema, {}), one.get("required", False), text)


def _with_default(text: str, schema: Mapping[str, Any]) -> str:
    """The text, and what holds when nothing is told."""
    default = schema.get("default")
    if default in (None, [], {}):
        return text
    told = default if isinstance(default, str) else json.dumps(default)
    return f"{text} `{told}` when left out.".strip()


def _fields(
    schema: Mapping[str, Any],
    schemas: Mapping[str, Any],
    level: int = 0,
    within: tuple[str, ...] = (),
) -> list[Field]:
    """The fields of an object, each followed by those of the objects that it holds."""
    found = _resolved(schema, schemas)
    needed = found.get("required", ())
    rows: list[Field] = []
    for name, told in found.get("properties", {}).items():
        text = _with_default(told.get("description", ""), told)
        rows.append(Field(name, _type(told, schemas), name in needed, text, level))
        if level + 1 < _DEEPEST_FIELD:
            rows += _nested(told, schemas, level + 1, within)
    return rows


def _nested(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], level: int, within: tuple[str, ...]
) -> list[Field]:
    """The fields of what a field holds, one by one or in a list; of several kinds each with its name. What
    holds itself is told once."""
    held = [one for part in _parts(schema) for one in _held(part)]
    rows: list[Field] = []
    for one in held:
        name: str = one["$ref"].removeprefix(_REF)
        if name in within:
            continue
        fields = _fields(one, schemas, level + (len(held) > 1), (*within, name))
        if fields and len(held) > 1:
            text = schemas[name].get("description", "")
            rows.append(Field(name, "", is_required=False, text=text, level=level))
        rows += fields
    return rows


def _held(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a schema refers to, by itself, in a list or by names."""
    inner = schema.get("items") or schema.get("additionalProperties")
    if "$ref" in schema:
        return [schema]
    return [one for part in _parts(inner) for one in _held(part)] if isinstance(inner, dict) else []


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a schema refers to; of a page what stands in it."""
    if "$ref" not in schema:
        return schema
    name: str = schema["$ref"].removeprefix(_REF)
    found: Mapping[str, Any] = schemas[name]
    if name.startswith("Page_"):
        return _resolved(found["properties"]["items"]["items"], schemas)
    return found


def _type(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name: str = schema["$ref"].removeprefix(_REF)
        if name.startswith("Page_"):
            return f"page of {name.removeprefix('Page_').removesuffix('_')}"
        return _type(schemas[name], {}) if "enum" in schemas.get(name, {}) else name
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one, schemas) for one in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"])
    kind = schema.get("type", "")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}), schemas)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        held = _type(schema["additionalProperties"], schemas)
        return f"{held or 'anything'} by name"
    bounds = [
        f"{word} {schema[name]}"
        for name, word in (("minimum", "from"), ("maximum", "to"))
        if name in schema
    ]
    return " ".join([schema.get("format", kind), *bounds])


def _example(
    path: str,
    method: str,
    parameters: list[Mapping[str, Any]],
    body: Mapping[str, Any],
    schemas: Mapping[str, Any],
) -> str:
    needed = [one for one in parameters if one["in"] == "query" and one.get("required")]
    query = "&".join(f"{one['name']}={_sample(one['schema'], schemas, 0)}" for one in needed)
    lines = [f'curl "$URL{path}{"?" + query if query else ""}" -H "Authorization: Bearer $KEY"']
    if method not in ("GET", "POST"):
        lines[0] += f" -X {method}"
    if body or method == "POST":
        sample = _sample(body, schemas, 0) if body else {}
        lines[0] += " \\"
        lines.append(f"  --json '{json.dumps(sample, ensure_ascii=False)}'")
    return "\n".join(lines)


def _sample(schema: Mapping[str, Any], schemas: Mapping[str, Any], deep: int) -> Any:
    """A value of the schema, with what must be there and nothing else; at the top with something."""
    found = _resolved(schema, schemas)
    for name in ("examples", "enum"):
        if found.get(name):
            return found[name][0]
    if "default" in found and found["default"] is not None:
        return found["default"]
    if "anyOf" in found:
        return _sample(found["anyOf"][0], schemas, deep)
    kind = found.get("type")
    if kind == "object" and deep < _DEEPEST:
        known = found.get("properties", {})
        needed = found.get("required", ())
        if not needed and deep == 0:
            typical = [name for name, told in known.items() if "examples" in told]
            needed = (typical or list(known))[:1]
        return {
            name: _sample(told, schemas, deep + 1) for name, told in known.items() if name in needed
        }
    if kind == "array":
        return [_sample(found.get("items", {}), schemas, deep + 1)] if deep < _DEEPEST else []
    return {"integer": 1, "boolean": True, "string": "…", "object": {}}.get(str(kind))
