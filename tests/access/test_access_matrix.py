"""Who may do what: every operation, asked by everybody, about everything.

The operations come from the server's own list, so that one which is added is tried from its first day; what
each answer has to be follows from its scope and from the roles.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import httpx2
import msgspec
import pytest

from everycent.access import keys as api_keys
from everycent.access import operations
from everycent.access.roles import ROLES, SCOPES
from everycent.alarms.alarm import Condition, Severity
from everycent.alarms.operations import Writer, reflect, take_turn
from everycent.api.operation import Kind, Member, Open, Operation
from everycent.api.server import OPERATIONS
from everycent.kernel import ids
from everycent.kernel.errors import Refusal
from everycent.tenants import operations as tenants
from tests.access.written import write
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.api.signing import Signing, member, signing
from tests.collecting import shop
from tests.conftest import NOW, Place

WITHOUT_LIMITS = {"EVERYCENT_REFUSED_PER_SECOND": "0", "EVERYCENT_RATE_PER_SECOND": "0"}
ROLE_NAMES = tuple(ROLES)
NOBODY = (
    "no credential",
    "unknown key",
    "revoked key",
    "expired key",
    "expired token",
    "no member",
)
KEYS = ("key with the scope", "key with all others")
CALLERS = (*ROLE_NAMES, *NOBODY, *KEYS)
OBJECTS = ("own", "a colleague's", "another tenant's", "random")
_IN_PATH = re.compile(r"\{(\w+)(?::\w+)?\}")
_RANDOM = "07zq3c5v8n1m2k4j6h9g0f7d5s"


class World(NamedTuple):
    """A server with two tenants; what exists in each, by the names of path parameters."""

    api: Asking
    tokens: dict[str, str]
    theirs: str
    objects: dict[str, dict[str, str]]


class Answer(NamedTuple):
    """What came."""

    status: int
    code: str
    text: str


@pytest.fixture(scope="module")
def provider() -> Iterator[Signing]:
    with signing("--algorithm", "ES256") as found:
        yield found


@pytest.fixture(scope="module")
def world(module_place: Place, provider: Signing) -> Iterator[World]:
    place = module_place
    other = tenants.create(place.database, "other", "Other", NOW)
    theirs = make_key(place.database, other, "theirs", SCOPES)
    for role in ROLE_NAMES:
        one = {"subject": f"p-{role}", "name": role, "email": f"{role}@example.com"}
        provider.admin("people", **one)
        member(place, provider.issuer, f"p-{role}", role)
    for name, tenant_id in (("left", place.tenant_id), ("stranger", other)):
        member(place, provider.issuer, f"p-{name}", "owner", tenant_id)
    tokens = {role: provider.token(f"p-{role}") for role in ROLE_NAMES}
    tokens["no member"] = provider.token("p-nemo")
    tokens["expired token"] = provider.token("p-owner", lie="expired")
    tokens["unknown key"] = api_keys.text_of("unknown".rjust(43, "x"))
    with asking(place, **provider.environment, **WITHOUT_LIMITS) as api:
        tokens["revoked key"] = ended(api, "revoked")
        tokens["expired key"] = ended(api, "expired")
        for scope in SCOPES:
            name = scope.replace(":", "-")
            others = [one for one in SCOPES if one != scope]
            tokens[f"only {scope}"] = make_key(place.database, place.tenant_id, name, [scope])
            tokens[f"not {scope}"] = make_key(
                place.database, place.tenant_id, f"not-{name}", others
            )
        yield World(api, tokens, theirs, existing(api, tokens, theirs))


def ended(api: Asking, name: str) -> str:
    """A key that opens nothing any more."""
    place = api.place
    with place.database.transaction(place.tenant_id) as tx:
        until = NOW.replace(year=2026, day=2) if name == "expired" else None
        text = api_keys.text_of(name.rjust(43, "q"))
        digest = api_keys.digest_of(text)
        assert digest is not None
        made = api_keys.ApiKey(ids.derived(name), name, digest, SCOPES, NOW, None, until)
        operations.create_key(tx, made, **place.writing)
        if name == "revoked":
            operations.revoke_key(tx, made.key_id, **place.writing)
    return text


def existing(api: Asking, tokens: dict[str, str], theirs: str) -> dict[str, dict[str, str]]:
    """For each parameter of a path, what exists: made by an owner, by a colleague, in another tenant.

    Keys and members are made for it; anything else is what its list shows, where anything is."""
    found: dict[str, dict[str, str]] = {}
    body = {"name": "matrix", "scopes": ["usage:read"]}
    invitation = {"role": "read-only"}
    for number, (whose, key) in enumerate(
        (("own", tokens["owner"]), ("a colleague's", api.key), ("another tenant's", theirs))
    ):
        made = api.send("POST", "/v1/keys", json=body, key=key).json()
        found.setdefault("key", {})[whose] = made["key_id"]
        told = invitation | {"email": f"m{number}@example.com"}
        added = api.send("POST", "/v1/members", json=told, key=key).json()
        found.setdefault("member", {})[whose] = added["member"]
    found |= sold(api.place)
    for one in OPERATIONS:
        for name in _IN_PATH.findall(one.path)[:1]:
            parent = one.path.partition("/{")[0]
            if name in found or not any(o.path == parent and o.method == "GET" for o in OPERATIONS):
                continue
            ours: set[str] = set()
            for whose, key in (("own", api.key), ("another tenant's", theirs)):
                answer = api.client.get(parent, headers={"authorization": f"Bearer {key}"})
                items = answer.json().get("items") if answer.status_code == 200 else None
                named = [
                    str(item[told])
                    for item in items or ()
                    if isinstance(item, dict)
                    for told in [t for t in (name, f"{name}_id", "key", "name", "id") if t in item][
                        :1
                    ]
                ]
                only = [told for told in named if told not in ours]
                ours |= set(named)
                if only:
                    found.setdefault(name, {})[whose] = only[0]
    return found


def sold(place: Place) -> dict[str, dict[str, str]]:
    """Alarms, invoices and customers; the other tenant has one more, whose name is free here."""
    other = place._replace(tenant_id=place.tenant_id + 1, ids=lambda key: ids.derived(f"2/{key}"))
    alarms = []
    for at, count in ((place, 2), (other, 3)):
        shop.open_shop(at, count)
        for number in range(2 if at is place else 1):
            wrong = Condition("test.wrong", str(number), Severity.WARNING, "wrong")
            with at.database.transaction(at.tenant_id) as tx:
                take_turn(tx, f"test/{number}")
                writer = Writer(NOW, "test", at.ids, ())
                alarms += reflect(tx, f"test/{number}", [wrong], writer)
    named = [one.name for one in alarms]
    whose = OBJECTS[:3]
    return {
        "alarm": dict(zip(whose, named, strict=True)),
        "invoice": dict(zip(whose, ("1", "2", "3"), strict=True)),
        "document": dict(zip(whose, ("INV-000001", "INV-000002", "INV-000003"), strict=True)),
        "subscription": dict(zip(whose, ("c0000", "c0001", "c0002"), strict=True)),
        "customer": dict(zip(whose, ("c0000", "c0001", "c0002"), strict=True)),
    }


def callers(world: World, one: Operation) -> Iterator[tuple[str, str | None, bool]]:
    """Everybody who asks, with what they show, and whether they may."""
    is_open, is_for_members = isinstance(one.scope, Open), isinstance(one.scope, Member)
    for role in ROLE_NAMES:
        yield role, world.tokens[role], is_open or is_for_members or one.scope in ROLES[role]
    for name in NOBODY:
        yield name, world.tokens.get(name), is_open
    if not is_open and not is_for_members:
        yield KEYS[0], world.tokens[f"only {one.scope}"], True
        yield KEYS[1], world.tokens[f"not {one.scope}"], False


def asked(api: Asking, one: Operation, path: str, credential: str | None, body: Any) -> Answer:
    """What is answered; of answers that have no end only the beginning."""
    headers = {} if credential is None else {"authorization": f"Bearer {credential}"}
    json = body if one.method != "GET" else None
    with api.client.stream(one.method, path, headers=headers, json=json) as answer:
        if answer.status_code < 400:
            return Answer(answer.status_code, "", "")
        text = answer.read().decode()
    return Answer(answer.status_code, msgspec.json.decode(text)["code"], text)


def path_of(world: World, one: Operation, whose: str) -> tuple[str, str] | None:
    """The address about somebody's object, and what it is called; None where there is none."""
    names = _IN_PATH.findall(one.path)
    path, called = one.path, ""
    for name in names:
        known = world.objects.get(name, {})
        text = known.get(whose)
        if whose == "random":
            sample = next(iter(known.values()), "")
            text = random_like(sample)
        if text is None:
            return None
        called = called or text
        path = re.sub(rf"\{{{name}(?::\w+)?\}}", text, path)
    return path, called


def random_like(sample: str) -> str:
    """A name of the same form that nothing has."""
    if "_" in sample:
        return f"{sample.partition('_')[0]}_{_RANDOM}"
    found = re.sub(r"\d", "7", sample)
    return "nowhere" if found == sample else found


def least(one: Operation) -> Any:
    """The least that the operation takes, by the document."""
    if one.body is None or one.kind is Kind.RAW:
        return {}
    (schema,), parts = msgspec.json.schema_components([one.body], ref_template="{name}")
    return _least(schema, parts)


def _least(schema: dict[str, Any], parts: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _least(parts[schema["$ref"]], parts)
    if "anyOf" in schema:
        return _least(schema["anyOf"][0], parts)
    if schema.get("examples"):
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: _least(fields[name], parts) for name in schema.get("required", ())}
    if kind == "array":
        return [_least(schema["items"], parts)] * schema.get("minItems", 0)
    return {"integer": schema.get("minimum", 1), "boolean": False}.get(str(kind), "x")


def wrong(answer: Answer, caller: str, one: Operation, whose: str, *, may: bool) -> str | None:
    """What is wrong with an answer, by the rules; None where nothing is."""
    if answer.status >= 500 and answer.status not in (501, 503):
        return "a failure of ours"
    if isinstance(one.scope, Open):
        return None
    if caller in NOBODY:
        wanted = (403,) if caller == "no member" else (401,)
        return None if answer.status in wanted else "somebody unknown is answered"
    refused = answer.status == 403 and answer.code in ("key.missing_scope", "member.may_not")
    if not may:
        return None if refused else "what is not allowed is not refused"
    if refused or answer.status == 401:
        return "what is allowed is refused"
    if whose in OBJECTS[2:] and answer.status < 400 and "{" in one.path:
        return "something is told of what is not there or somebody else's"
    return None


def without(text: str, called: str) -> str:
    """An answer without the name that was asked for, in whatever form it is shown."""
    with suppress(Refusal):
        text = text.replace(str(ids.parse(called.partition("_")[0], called, "id")), "ID")
    return re.sub(rf"(?<![\w-])(?:INV-0*)?{re.escape(called)}(?![\w-])", "ID", text)


def test_every_operation_answers_everybody_by_the_rules(world: World):
    counts: Counter[str] = Counter()
    faults: list[str] = []
    table: dict[str, dict[str, set[int]]] = {}
    uncovered = set()
    for one in OPERATIONS:
        label = f"{one.method} {one.path}"
        body = least(one)
        objects = OBJECTS if "{" in one.path else OBJECTS[:1]
        for caller, credential, may in callers(world, one):
            seen: dict[str, tuple[Answer, str]] = {}
            for whose in objects:
                about = path_of(world, one, whose)
                if about is None:
                    uncovered.add(label)
                    continue
                try:
                    answer = asked(world.api, one, about[0], credential, body)
                except httpx2.HTTPError as error:
                    faults.append(f"{label}, {caller}, {whose}: {error!r}")
                    continue
                counts["answers"] += 1
                seen[whose] = answer, about[1]
                table.setdefault(label, {}).setdefault(caller, set()).add(answer.status)
                fault = wrong(answer, caller, one, whose, may=may)
                if fault is not None:
                    faults.append(
                        f"{label}, {caller}, {whose}: {answer.status} {answer.code}: {fault}"
                    )
            if "random" in seen and "another tenant's" in seen:
                counts["compared"] += 1
                pair = [
                    (a.status, without(a.text, called)) for a, called in list(seen.values())[-2:]
                ]
                if pair[0] != pair[1]:
                    faults.append(f"{label}, {caller}: other tenant's and random differ: {pair}")
    text = page(counts, faults, table, uncovered)
    print(text)
    write("matrix", text)
    assert faults == []


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)
def test_an_operation_has_a_permission(one: Operation):
    is_told = isinstance(one.scope, Open | Member) and len(one.scope) > 10
    assert is_told or one.scope in SCOPES


def test_there_is_no_route_beside_the_operations(world: World):
    from everycent.api.server import make_app

    known = {(one.method, one.path) for one in OPERATIONS}
    more = {
        ("GET", "/v1/healthz"),
        ("GET", "/rest/health"),
        ("GET", "/v1/openapi.json"),
        ("GET", "/v1/docs"),
    }
    found = {
        (method, route.path)
        for route in make_app(None).routes
        for method in route.methods - {"HEAD"}
    }
    assert found == known | more


def page(
    counts: Counter[str],
    faults: list[str],
    table: dict[str, dict[str, set[int]]],
    uncovered: set[str],
) -> str:
    """The matrix as a part of the page."""
    lines = [
        "## Every operation, asked by everybody",
        "",
        f"""{len(OPERATIONS)} operations, {len(CALLERS)} kinds of callers, {counts["answers"]} answers,
**{len(faults)} failures**. In {counts["compared"]} pairs another tenant's object and one that never
was are told apart by nothing but the id that was asked for.

Statuses below are those that were answered about the tenant's own objects, a colleague's, another tenant's
and random ids; the body is the least that the operation takes, so that 400, 404 and 409 mean: let in, and
then refused for what was asked. `key` has the operation's scope and no other, `others` all but that. Keys
that are unknown, revoked or expired and expired tokens are answered 401 everywhere, and people who are no
members 403.
""",
        "| operation | scope | "
        + " | ".join((*ROLE_NAMES, "no credential", "key", "others"))
        + " |",
        "| --- | --- |" + " --- |" * (len(ROLE_NAMES) + 3),
    ]
    scopes = {f"{one.method} {one.path}": one.scope for one in OPERATIONS}
    for label, told in sorted(table.items(), key=lambda item: item[0].partition(" ")[2]):
        scope = scopes[label]
        name = (
            "everybody"
            if isinstance(scope, Open)
            else "who is known"
            if isinstance(scope, Member)
            else scope
        )
        cells = [
            " ".join(map(str, sorted(told.get(caller, ()))))
            for caller in (*ROLE_NAMES, "no credential", *KEYS)
        ]
        lines.append(f"| `{label}` | {name} | " + " | ".join(cells) + " |")
    if uncovered:
        lines += ["", "Nothing of one's own or of another tenant existed to ask about for: "]
        lines[-1] += ", ".join(f"`{one}`" for one in sorted(uncovered)) + "."
    return "\n".join([*lines, ""])
