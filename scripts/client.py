"""Writes what follows from the operations of the API: docs/reference/openapi.json, and in client/ the
models, the calls, and the methods of both clients. `--check` only says whether they are up to date."""

from __future__ import annotations

import json
import keyword
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from everycent.api.server import openapi

ROOT = Path(__file__).parent.parent
CLIENT = ROOT / "client" / "src" / "everycent_client"
DOCUMENT = ROOT / "docs" / "reference" / "openapi.json"
REF = "#/components/schemas/"
PLAIN = {"string": "str", "integer": "int", "boolean": "bool", "number": "float", "null": "None"}
JSON = "application/json"
NOT_WRITTEN = frozenset({"Problem", "Fault"})
WIDTH = 92
USAGE = "/v1/usage"
TAG = "type"


def written() -> dict[Path, str]:
    """What each file should hold."""
    document = openapi()
    operations = list(operations_of(document))
    return {
        DOCUMENT: json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n",
        CLIENT / "models.py": formatted(models(document["components"]["schemas"])),
        CLIENT / "calls.py": formatted(calls(operations)),
        CLIENT / "clients.py": formatted(clients(operations)),
    }


class Call:
    """An operation as it is called: its parts, and names that Python can have."""

    def __init__(self, method: str, path: str, told: Mapping[str, Any]) -> None:
        self.method, self.path, self.told = method.upper(), path, told
        self.name = told["operationId"]
        parameters = told["parameters"]
        self.in_path = [one["name"] for one in parameters if one["in"] == "path"]
        self.query = [one for one in parameters if one["in"] == "query" and one["name"] != "plan"]
        self.is_planned = any(one["name"] == "plan" for one in parameters)
        self.has_key = any(one["in"] == "header" for one in parameters)
        self.body = self._body()
        self.result = self._result()

    @property
    def item(self) -> str | None:
        """What is listed, when it answers a page."""
        found = re.fullmatch(r"Page\[(.+)\]", self.result)
        return found[1] if found and self.method == "GET" else None

    def _body(self) -> Mapping[str, Any] | None:
        content = self.told.get("requestBody", {}).get("content", {})
        return content.get(JSON, {}).get("schema")

    def _result(self) -> str:
        for status, answer in sorted(self.told["responses"].items()):
            if status.startswith("2") and JSON in answer.get("content", {}):
                schema = answer["content"][JSON]["schema"]
                if "anyOf" in schema and self.is_planned:
                    schema = schema["anyOf"][0]
                if schema == {"$ref": f"{REF}Plan"} and self.is_planned:
                    continue
                return type_of(schema)
        return "Any"


def operations_of(document: Mapping[str, Any]) -> Iterator[Call]:
    """The operations that a client has, in order of their names."""
    found = [
        Call(method, path, told)
        for path, methods in document["paths"].items()
        for method, told in methods.items()
        if path.startswith("/v1/")
    ]
    yield from sorted(found, key=lambda one: one.name)


def type_of(schema: Mapping[str, Any]) -> str:
    """A schema as a type."""
    if "$ref" in schema:
        return model_name(schema["$ref"].removeprefix(REF))
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " | ".join(dict.fromkeys(type_of(one) for one in schema[word]))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return f"Literal[{', '.join(map(repr, values))}]"
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(PLAIN[one] for one in kind)
    if "prefixItems" in schema:
        return f"tuple[{', '.join(map(type_of, schema['prefixItems']))}]"
    if kind == "array":
        return f"list[{type_of(schema.get('items', {}))}]"
    if kind == "object":
        return f"dict[str, {type_of(schema.get('additionalProperties') or {})}]"
    return PLAIN.get(kind or "", "Any")


def model_name(name: str) -> str:
    """'Page_Alarm_' is Page[Alarm]."""
    found = re.fullmatch(r"Page_(.+)_", name)
    return f"Page[{model_name(found[1])}]" if found else name


def python_name(name: str, taken: Iterable[str] = ()) -> str:
    """A name that Python can have, and that is not taken."""
    clean = re.sub(r"\W", "_", name)
    while keyword.iskeyword(clean) or clean in taken:
        clean += "_"
    return clean


def models(schemas: Mapping[str, Any]) -> str:
    """The module of models."""
    head = (
        '"""What the API takes and answers. Written by scripts/client.py out of the operations."""\n\n'
        "from __future__ import annotations\n\nfrom typing import Any, Literal\n\n"
        "import msgspec\nfrom msgspec import UNSET, UnsetType\n\n"
    )
    aliases, classes = [], []
    for name, schema in sorted(schemas.items()):
        if name in NOT_WRITTEN or name.startswith("Page_"):
            continue
        if schema.get("type") != "object" or "properties" not in schema:
            aliases.append(f"{name} = {type_of(schema)}\n")
        else:
            classes.append(model(name, schema))
    return "".join([head, *aliases, *classes])


def model(name: str, schema: Mapping[str, Any]) -> str:
    """One model. One of several that are told apart by their `type` has that as its tag."""
    tag = schema["properties"].get(TAG, {}).get("enum", ())
    tagged = f", tag={tag[0]!r}" if len(tag) == 1 else ""
    lines = [f"\n\nclass {name}(msgspec.Struct, kw_only=True, omit_defaults=True{tagged}):"]
    lines.append(docstring(schema.get("description", name), 4))
    for field, told in schema["properties"].items():
        if tagged and field == TAG:
            continue
        clean, type_ = python_name(field), type_of(told)
        if field in schema.get("required", ()):
            default = "" if clean == field else f" = msgspec.field(name={field!r})"
        else:
            type_ += " | UnsetType"
            default = " = UNSET"
            if clean != field:
                default = f" = msgspec.field(default=UNSET, name={field!r})"
        lines.append(f"    {clean}: {type_}{default}")
    return "\n".join(lines) + "\n"


def calls(operations: list[Call]) -> str:
    """The module of calls."""
    words = {word for one in operations for word in re.findall(r"\w+", signature(one))}
    used = sorted({"Plan"} | words & {n for n in SCHEMAS if not n.startswith("Page_")})
    head = (
        '"""One function for each operation of the API: what is asked, as a Call. Written by'
        ' scripts/client.py."""\n\n'
        "from __future__ import annotations\n\nfrom typing import Any, Literal\n"
        "from urllib.parse import quote\n\nfrom msgspec import UNSET, UnsetType\n\n"
        "from everycent_client.core import Call, Page, Pages, call\n"
        f"from everycent_client.models import {', '.join(used)}\n"
    )
    return head + "".join(function(one) for one in operations)


def signature(one: Call) -> str:
    """Parameters and result."""
    taken = set(one.in_path)
    required, others = [], []
    for parameter in one.query:
        clean = python_name(parameter["name"], taken)
        type_ = type_of(parameter["schema"])
        (required if parameter.get("required") else others).append((clean, type_))
    for name, told, is_needed in fields(one):
        (required if is_needed else others).append((python_name(name, taken), type_of(told)))
    parts = [f"{python_name(name)}: str" for name in one.in_path]
    if parts:
        parts.append("/")
    named = [f"{name}: {type_}" for name, type_ in required]
    named += [f"{name}: {type_} | UnsetType = UNSET" for name, type_ in others]
    if one.is_planned:
        named.append(f"{token_name(one)}: str | UnsetType = UNSET")
    if one.has_key:
        named.append("idempotency_key: str | None = None")
    if named:
        parts += ["*", *named]
    result = f"Pages[{one.item}]" if one.item else f"Call[{one.result}]"
    return f"({', '.join(parts)}) -> {result}"


def token_name(one: Call) -> str:
    """What the token of a plan is called: `plan`, unless something that is sent is."""
    return python_name("plan", [*one.in_path, *(name for name, _, _ in fields(one))])


def fields(one: Call) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """The fields of the body: name, schema, whether it must be there."""
    if one.body is None or one.path == USAGE:
        return
    schema = SCHEMAS[one.body["$ref"].removeprefix(REF)]
    for name, told in schema.get("properties", {}).items():
        yield name, told, name in schema.get("required", ())


def function(one: Call, *, plan: bool = False) -> str:
    """One call, and the one for its plan."""
    taken = set(one.in_path)
    text = one.told["summary"] + "."
    if one.told.get("description"):
        text += " " + one.told["description"]
    path = re.sub(r"\{(\w+)\}", lambda m: "{quote(" + python_name(m[1]) + ", safe='')}", one.path)
    shown = f'f"{path}"' if "{" in path else f'"{path}"'
    head, arrow, result = signature(one).rpartition(" -> ")
    name = one.name
    if plan:
        name, result = f"plan_{one.name}", "Call[Plan]"
        head = head.replace(f"{token_name(one)}: str | UnsetType = UNSET", "").replace(", , ", ", ")
        head = head.replace("idempotency_key: str | None = None", "").replace(", )", ")")
        head = head.replace("*, )", ")").replace(", *)", ")").replace("(*)", "()")
        text = f"The exact effect that `{one.name}` would have now, and the token to do just that."
    query = [f"{p['name']!r}: {python_name(p['name'], taken)}" for p in one.query]
    if one.is_planned:
        query.append("'plan': 'show'" if plan else f"'plan': {token_name(one)}")
    told = ""
    if query:
        told += f", query={{{', '.join(query)}}}"
    body = [f"{n!r}: {python_name(n, taken)}" for n, _, _ in fields(one)]
    if body:
        told += f", body={{{', '.join(body)}}}"
    if one.path == USAGE:
        told += ", body=records"
        head = (
            head.replace("()", "(records: Any)")
            if "()" in head
            else head.replace("(*", "(records: Any, *")
        )
    if one.has_key and not plan:
        told += ", idempotency_key=idempotency_key"
    kind = "Plan" if plan else (f"Page[{one.item}]" if one.item else one.result)
    made = f'call("{one.method}", {shown}, {kind}{told})'
    if one.item:
        made = f"Pages({made})"
    found = f"\n\ndef {name}{head}{arrow}{result}:\n{docstring(text, 4)}\n    return {made}\n"
    if one.is_planned and not plan:
        found += function(one, plan=True)
    return found


def clients(operations: list[Call]) -> str:
    """The module of the two clients."""
    head = (
        '"""Client and AsyncClient: a method for each operation. Written by scripts/client.py."""\n\n'
        "from __future__ import annotations\n\n"
        "from everycent_client import asynchronous, calls, sync\n"
    )
    parts = [head]
    for name, base, module in (
        ("Client", "sync.Sender", "sync"),
        ("AsyncClient", "asynchronous.AsyncSender", "asynchronous"),
    ):
        parts.append(
            f'\n\nclass {name}({base}):\n    """Asks a server; see the module `calls`."""\n\n'
        )
        for one in operations:
            how = "listing" if one.item else "method"
            parts.append(f"    {one.name} = {module}.{how}(calls.{one.name})\n")
            if one.is_planned:
                parts.append(f"    plan_{one.name} = {module}.method(calls.plan_{one.name})\n")
    return "".join(parts)


def docstring(text: str, indent: int) -> str:
    """Text as a docstring."""
    clean = text.replace("\\", "\\\\").replace('"""', "'''")
    if clean.endswith('"'):
        clean += " "
    blank = " " * indent
    lines = textwrap.wrap(f'"""{clean}"""', WIDTH - indent, break_long_words=False)
    return "\n".join(blank + line for line in lines)


def formatted(text: str) -> str:
    """As ruff formats it."""
    ruff = Path(sys.executable).with_name("ruff")
    for words in (["check", "--fix-only", "-q"], ["format", "-q"]):
        done = subprocess.run(
            [ruff, *words, "--stdin-filename", str(CLIENT / "x.py"), "-"],
            input=text, capture_output=True, text=True, check=False, cwd=ROOT,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + text
        text = done.stdout
    return text


SCHEMAS: Mapping[str, Any] = openapi()["components"]["schemas"]


def main() -> int:
    """Writes or checks; 1 when something is not as it should be."""
    wrong = [
        path
        for path, text in written().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        for path in wrong:
            print(f"{path.relative_to(ROOT)} is not what scripts/client.py writes")
        return bool(wrong)
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")
    print(f"{len(list(operations_of(openapi())))} operations")
    return 0


if __name__ == "__main__":
    sys.exit(main())
