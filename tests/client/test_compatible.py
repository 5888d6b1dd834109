"""What two OpenAPI documents differ in, and whether it breaks programs; nothing breaks unannounced."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripts import compatible
from scripts.compared import changes

REF = "#/components/schemas/"
JSON = "application/json"


def document() -> dict[str, Any]:
    """A small document with one of each."""
    thing: dict[str, Any] = {
        "type": "object",
        "required": ["key", "state"],
        "properties": {
            "key": {"type": "string", "maxLength": 20, "format": "uuid"},
            "state": {"enum": ["new", "done"]},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "size": {"type": "integer", "minimum": 1, "default": 5},
            "parts": {"type": "array", "items": {"$ref": f"{REF}Part"}},
            "price": {"anyOf": [{"$ref": f"{REF}Flat"}, {"$ref": f"{REF}Tiers"}]},
            "within": {"anyOf": [{"$ref": f"{REF}Thing"}, {"type": "null"}]},
        },
        "additionalProperties": False,
    }
    new = copy.deepcopy(thing)
    new["properties"]["within"] = {"anyOf": [{"$ref": f"{REF}NewThing"}, {"type": "null"}]}
    tagged = {"type": "object", "required": ["type"]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "0.1.0"},
        "security": [{"key": []}],
        "paths": {
            "/things": {"post": change(), "get": question()},
            "/things/{key}": {"get": question() | {"operationId": "get_thing"}},
        },
        "components": {
            "schemas": {
                "Thing": thing,
                "NewThing": new,
                "Part": {"type": "object", "properties": {"n": {"type": "integer"}}},
                "Flat": {**tagged, "properties": {"type": {"enum": ["flat"]}}},
                "Tiers": {**tagged, "properties": {"type": {"enum": ["tiers"]}}},
                "Problem": {"type": "object", "properties": {"code": {"type": "string"}}},
            }
        },
    }


def question() -> dict[str, Any]:
    return {
        "operationId": "list_things",
        "summary": "Things",
        "x-scope": "things:read",
        "parameters": [
            {"name": "state", "in": "query", "schema": {"enum": ["new", "done"]}},
            {"name": "day", "in": "query", "required": True, "schema": {"type": "string"}},
        ],
        "responses": {
            "200": {"content": {JSON: {"schema": {"$ref": f"{REF}Thing"}}}},
            "4XX": {"content": {JSON: {"schema": {"$ref": f"{REF}Problem"}}}},
        },
    }


def change() -> dict[str, Any]:
    return {
        "operationId": "create_thing",
        "summary": "Makes a thing",
        "x-scope": "things:write",
        "parameters": [],
        "requestBody": {"content": {JSON: {"schema": {"$ref": f"{REF}NewThing"}}}},
        "responses": {"201": {"content": {JSON: {"schema": {"$ref": f"{REF}Thing"}}}}},
    }


Edit = Callable[[Any], Any]


def at(*steps: str | int) -> Edit:
    """What is at a place of a document."""

    def found(told: Any) -> Any:
        for step in steps:
            told = told[step]
        return told

    return found


def put(value: Any, *steps: str | int) -> Edit:
    return lambda told: at(*steps[:-1])(told).__setitem__(steps[-1], value)


def without(*steps: str | int) -> Edit:
    return lambda told: at(*steps[:-1])(told).__delitem__(steps[-1])


GET, POST = ("paths", "/things", "get"), ("paths", "/things", "post")
SHAPES = ("components", "schemas")
SENT, ANSWERED = (*SHAPES, "NewThing"), (*SHAPES, "Thing")
STATE, DAY = (*GET, "parameters", 0), (*GET, "parameters", 1)
NEW = {"name": "new", "in": "query", "schema": {"type": "string"}}
NOTE = {"type": "string"}
NULLABLE = {"anyOf": [{"type": "string"}, {"type": "null"}]}
G, P = "GET /things", "POST /things"
S, A = "NewThing (sent)", "Thing (answered)"


def of(place: tuple[str | int, ...], name: str, *more: str) -> tuple[str | int, ...]:
    return (*place, "properties", name, *more)


def renamed(told: Any) -> None:
    told["components"]["schemas"]["Other"] = told["components"]["schemas"].pop("Part")
    for one in ("Thing", "NewThing"):
        parts = told["components"]["schemas"][one]["properties"]["parts"]
        parts["items"] = {"$ref": f"{REF}Other"}


def path_part_renamed(told: Any) -> None:
    told["paths"]["/things/{name}"] = told["paths"].pop("/things/{key}")


def planned(told: Any) -> None:
    plan = {"$ref": f"{REF}Plan"}
    told["components"]["schemas"]["Plan"] = {"type": "object", "properties": {}}
    post = at(*POST)(told)
    post["parameters"].append({**NEW, "name": "plan"})
    post["responses"]["200"] = {"content": {JSON: {"schema": plan}}}
    put(
        {"anyOf": [{"$ref": f"{REF}Thing"}, plan]},
        *POST,
        "responses",
        "201",
        "content",
        JSON,
        "schema",
    )(told)


BROKEN, FINE = True, False
KINDS: list[tuple[str, Edit, bool, str]] = [
    # what is done, whether it breaks, and what is told
    ("a path is gone", without("paths", "/things/{key}"), BROKEN,
     "GET /things/{key}: the operation is gone"),
    ("a method is gone", without(*GET), BROKEN, f"{G}: the operation is gone"),
    ("an operation is new", put({"get": question() | {"operationId": "x"}}, "paths", "/x"), FINE,
     "GET /x: a new operation"),
    ("a part of a path has another name", path_part_renamed, FINE, ""),
    ("an operation has another name", put("all", *GET, "operationId"), BROKEN, f"{G}: is called all now"),
    ("another scope is needed", put("a:b", *GET, "x-scope"), BROKEN,
     f"{G}: needs the scope a:b, not things:read"),
    ("no scope is needed", without(*GET, "x-scope"), FINE,
     f"{G}: needs the scope any, not things:read"),
    ("nobody is asked who they are", put([], *GET, "security"), FINE,
     f"{G}: needs the scope nobody's, not things:read"),
    ("texts are others", put("All things", *GET, "summary"), FINE, f"{G}: its texts are others"),
    ("a text of a field", put("A word.", *of(SENT, "key"), "description"), FINE,
     f"{S}.key: its texts are others"),
    ("a parameter is gone", without(*STATE), BROKEN, f"{G} query state: is gone"),
    ("a parameter is new", lambda t: at(*GET)(t)["parameters"].append(NEW), FINE,
     f"{G} query new: is new"),
    ("a parameter is new and required",
     lambda t: at(*GET)(t)["parameters"].append({**NEW, "required": True}), BROKEN,
     f"{G} query new: is new and has to be sent"),
    ("a parameter becomes required", put(True, *STATE, "required"), BROKEN,
     f"{G} query state: has to be sent now"),
    ("a parameter becomes optional", put(False, *DAY, "required"), FINE,
     f"{G} query day: may be left out now"),
    ("a parameter takes less", put(["new"], *STATE, "schema", "enum"), BROKEN,
     f"{G} query state: has the value done no longer"),
    ("a parameter takes more", put(["new", "done", "x"], *STATE, "schema", "enum"), FINE,
     f"{G} query state: has the value x too"),
    ("a body is gone", without(*POST, "requestBody"), BROKEN, f"{P} body: {JSON} is gone"),
    ("a body is new and has required fields",
     put({"content": {JSON: {"schema": {"$ref": f"{REF}NewThing"}}}}, *GET, "requestBody"), BROKEN,
     f"{G} body: {JSON} is new and has to be sent"),
    ("a body is new and may be empty",
     put({"content": {JSON: {"schema": {"$ref": f"{REF}Part"}}}}, *GET, "requestBody"), FINE,
     f"{G} body: {JSON} is new"),
    ("a body has a further type",
     put({"schema": {"type": "string"}}, *POST, "requestBody", "content", "text/plain"), FINE,
     f"{P} body: text/plain is new"),
    ("a field that is sent is gone", without(*of(SENT, "note")), BROKEN, f"{S}.note: is gone"),
    ("a field that is sent is new", put(NOTE, *of(SENT, "more")), FINE, f"{S}.more: is new"),
    ("a field that is sent becomes required", put(["key", "state", "note"], *SENT, "required"), BROKEN,
     f"{S}.note: has to be sent now"),
    ("a field that is sent becomes optional", put(["state"], *SENT, "required"), FINE,
     f"{S}.key: may be left out now"),
    ("null is sent no more", put(NOTE, *of(SENT, "note")), BROKEN, f"{S}.note: null is taken no longer"),
    ("null may be sent", put(NULLABLE, *of(SENT, "key")), FINE, f"{S}.key: null is taken too"),
    ("another type is sent", put({"type": "integer"}, *of(SENT, "key")), BROKEN,
     f"{S}.key: string is taken no longer"),
    ("what is sent has another format", put("date", *of(SENT, "key", "format")), BROKEN,
     f"{S}.key: format is date, not uuid"),
    ("what is sent needs no format", without(*of(SENT, "key", "format")), FINE,
     f"{S}.key: format is nothing, not uuid"),
    ("what is sent needs a pattern", put("^a", *of(SENT, "key", "pattern")), BROKEN,
     f"{S}.key: pattern is ^a, not nothing"),
    ("what is sent has fewer values", put(["new"], *of(SENT, "state", "enum")), BROKEN,
     f"{S}.state: has the value done no longer"),
    ("what is sent has more values", put(["new", "done", "x"], *of(SENT, "state", "enum")), FINE,
     f"{S}.state: has the value x too"),
    ("what is sent is shorter", put(10, *of(SENT, "key", "maxLength")), BROKEN,
     f"{S}.key: maxLength is 10, not 20"),
    ("what is sent may be longer", put(30, *of(SENT, "key", "maxLength")), FINE,
     f"{S}.key: maxLength is 30, not 20"),
    ("what is sent is larger", put(2, *of(SENT, "size", "minimum")), BROKEN,
     f"{S}.size: minimum is 2, not 1"),
    ("what is left out means another", put(6, *of(SENT, "size", "default")), BROKEN,
     f"{S}.size: left out it is 6, not 5"),
    ("one of several is sent no more", put({"$ref": f"{REF}Flat"}, *of(SENT, "price")), BROKEN,
     f"{S}.price: type=tiers is taken no longer"),
    ("anything may be sent", put({}, *of(SENT, "key")), FINE, f"{S}.key: may be anything now"),
    ("anything may be answered", put({}, *of(ANSWERED, "key")), BROKEN,
     f"{A}.key: may be anything now"),
    ("others may be sent beside", put(NOTE, *SENT, "additionalProperties"), FINE,
     f"{S}: its additionalProperties are others"),
    ("others may be answered beside", put(True, *ANSWERED, "additionalProperties"), FINE,
     f"{A}: its additionalProperties are others"),
    ("others may not be sent beside", put(False, *SHAPES, "Part", "additionalProperties"), BROKEN,
     "Part (sent): its additionalProperties are others"),
    ("an answer has another status",
     lambda t: at(*POST, "responses")(t).update({"200": at(*POST, "responses")(t).pop("201")}), BROKEN,
     f"{P} 200: is a new status"),
    ("a change can be planned", planned, FINE, f"{P} query plan: is new"),
    ("something else is answered too",
     put({"anyOf": [{"$ref": f"{REF}Thing"}, {"$ref": f"{REF}Part"}]},
         *GET, "responses", "200", "content", JSON, "schema"), BROKEN,
     f"{G} 200: Part is answered too"),
    ("an answer has another type",
     put({"text/plain": {"schema": NOTE}}, *GET, "responses", "200", "content"), BROKEN,
     f"{G} 200: {JSON} is gone"),
    ("an answer has a further type",
     put({"schema": NOTE}, *GET, "responses", "200", "content", "text/csv"), FINE,
     f"{G} 200: text/csv is new"),
    ("a refusal loses a field", put({}, *SHAPES, "Problem", "properties"), BROKEN,
     "Problem (answered).code: is gone"),
    ("a field that is answered is gone", without(*of(ANSWERED, "note")), BROKEN, f"{A}.note: is gone"),
    ("a field that is answered is new", put(NOTE, *of(ANSWERED, "more")), FINE, f"{A}.more: is new"),
    ("a field that is answered may be missing", put(["state"], *ANSWERED, "required"), BROKEN,
     f"{A}.key: may be missing now"),
    ("a field that is answered is always there", put(["key", "state", "note"], *ANSWERED, "required"),
     FINE, f"{A}.note: is always there now"),
    ("null may be answered", put(NULLABLE, *of(ANSWERED, "key")), BROKEN,
     f"{A}.key: null is answered too"),
    ("null is answered no more", put(NOTE, *of(ANSWERED, "note")), FINE,
     f"{A}.note: null is answered no longer"),
    ("another type is answered", put({"type": "integer"}, *of(ANSWERED, "key")), BROKEN,
     f"{A}.key: integer is answered too"),
    ("an answer has a value more", put(["new", "done", "x"], *of(ANSWERED, "state", "enum")), BROKEN,
     f"{A}.state: has the value x too"),
    ("an answer has a value less", put(["new"], *of(ANSWERED, "state", "enum")), FINE,
     f"{A}.state: has the value done no longer"),
    ("an answer may have any value", put({"type": "string"}, *of(ANSWERED, "state")), BROKEN,
     f"{A}.state: may have any value now"),
    ("an answer has no format", without(*of(ANSWERED, "key", "format")), BROKEN,
     f"{A}.key: format is nothing, not uuid"),
    ("an answer may be longer", put(30, *of(ANSWERED, "key", "maxLength")), BROKEN,
     f"{A}.key: maxLength is 30, not 20"),
    ("an answer is shorter", put(10, *of(ANSWERED, "key", "maxLength")), FINE,
     f"{A}.key: maxLength is 10, not 20"),
    ("one more of several is answered",
     lambda t: (put({**at(*SHAPES, "Flat")(t), "properties": {"type": {"enum": ["x"]}}},
                    *SHAPES, "Third")(t),
                at(*of(ANSWERED, "price"), "anyOf")(t).append({"$ref": f"{REF}Third"})), BROKEN,
     f"{A}.price: type=x is answered too"),
    ("what is in a list is another", put({"type": "string"}, *SHAPES, "Part", "properties", "n"), BROKEN,
     "Part (answered).n: string is answered too"),
    ("a schema has another name", renamed, FINE, ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "is_breaking", "told"), [one[1:] for one in KINDS], ids=[one[0] for one in KINDS]
)
def test_a_change_is_known_for_what_it_does_to_programs(edit: Edit, is_breaking: bool, told: str):
    new = document()
    edit(new)
    found = changes(document(), new)
    assert any(one.is_breaking for one in found) == is_breaking, [*map(str, found)]
    if told:
        assert told in {str(one) for one in found if one.is_breaking == is_breaking}


def test_the_same_document_has_no_changes():
    assert changes(document(), document()) == []


VERSIONS = [
    ("0.1.0", "0.1.0", False),
    ("0.1.0", "0.1.9", False),
    ("0.1.0", "0.2.0", True),
    ("0.9.3", "1.0.0", True),
    ("1.0.0", "1.9.0", False),
    ("1.9.0", "2.0.0", True),
    ("0.2.0", "0.1.0", False),
]


@pytest.mark.parametrize(("old", "new", "expected"), VERSIONS)
def test_a_version_may_break_what_is_older_when_its_first_number_was_raised(
    old: str, new: str, expected: bool
):
    assert compatible.may_break(old, new) == expected


def test_what_breaks_is_told_apart_and_needs_a_version():
    new = document()
    without(*GET)(new)
    put(NOTE, *of(SENT, "more"))(new)
    told = [
        "1 changes break what was written for 0.1.0:",
        f"  {G}: the operation is gone",
        "1 changes break nothing:",
        f"  {S}.more: is new",
    ]
    last = "0.1.0 may not break anything: raise the version, see docs/rest.md"
    assert compatible.check(document(), new) == ([*told, last], False)
    new["info"]["version"] = "0.2.0"
    assert compatible.check(document(), new) == (told, True)


def test_nothing_breaks_what_was_written_for_the_released_version():
    document = json.loads(compatible.DOCUMENT.read_text("utf-8"))
    told, is_fine = compatible.check(compatible.released(), document)
    assert is_fine, "\n".join(told)


def test_what_was_released_is_kept_and_not_replaced_once_it_has_a_tag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(compatible, "ROOT", tmp_path)
    monkeypatch.setattr(compatible, "RELEASED", tmp_path / "released.json.gz")
    for words in (
        ["init", "--quiet"],
        [
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@t",
            "commit",
            "--quiet",
            "--allow-empty",
            "-m",
            "t",
        ],
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    assert compatible.keep(document()) == ""
    assert compatible.released() == document()
    subprocess.run(["git", "tag", "v0.1.0"], cwd=tmp_path, check=True)
    assert compatible.keep(document()) == "v0.1.0 is released: raise the version in pyproject.toml"
    assert compatible.keep(document() | {"info": {"version": "0.1.1"}}) == ""
