"""Who may do what: every operation, asked by everybody, about everything.

The operations come from the server's own list, so that one which is added is tried from its first day; what
each answer has to be follows from its scope and from the roles.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

import httpx2
import msgspec
import pytest

from everycent.access import keys as api_keys
from everycent.access import operations
from everycent.access.roles import ALL_SCOPES, ROLES, SCOPES
from everycent.api.operation import Member, Open, Operation
from everycent.api.server import OPERATIONS
from everycent.kernel import ids
from everycent.kernel.errors import Refusal
from everycent.tenants import operations as tenants
from tests.access import seeds
from tests.access.asks import (
    BODIES,
    BY_NAME,
    IN_PATH,
    MIXED,
    NO_OBJECT,
    NOT_COMPARED,
    PLANNED,
    QUERIES,
    Ask,
    address_of,
    asks,
    known,
    label_of,
    placeholders,
)
from tests.access.seeds import COLLEAGUES, OTHERS, OWN, RANDOM
from tests.access.written import is_written, write
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.api.signing import Signing, member, signing
from tests.cli.test_debits import FILE as PROVIDERS
from tests.conftest import NOW, Place
from tests.reports.services import KEY as SUB_KEY

ENVIRONMENT = {
    "EVERYCENT_REFUSED_PER_SECOND": "0",
    "EVERYCENT_RATE_PER_SECOND": "0",
    "EVERYCENT_SECRET_KEY": seeds.SECRET,
    "EVERYCENT_WEBHOOK_ALLOW": "127.0.0.1:9",
    "SUB_KEY": SUB_KEY,
}
ERP = "erp: {name: books, kind: file, folder: unused, since: 2026-01-01}\n"
ROLE_NAMES = tuple(ROLES)
NOBODY = (
    "no credential", "unknown key", "revoked key", "expired key", "expired token", "no member",
)  # fmt: skip
KEYS = ("key with the scope", "key with all others")
CALLERS = (*ROLE_NAMES, *NOBODY, *KEYS)
STATE = (409,)
_HARM = (
    "withdraw", "void", "undo", "drop", "revoke", "abort", "remove", "grants", "top-ups", "add-ons",
    "switch", "pause", "resume", "requeue", "stop", "cancel", "build", "{threshold}",
)  # fmt: skip
"""Ends of addresses whose operations leave less to ask about, or make more, the first of them first."""


class World(NamedTuple):
    """A server with two tenants; what exists in each, by the names of path parameters."""

    api: Asking
    tokens: dict[str, str]
    objects: seeds.Objects


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
def world(
    module_place: Place, provider: Signing, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    place = module_place
    home = tmp_path_factory.mktemp("home")
    (home / "providers.yaml").write_text(json.dumps(PROVIDERS))
    (home / "erp.yaml").write_text(ERP)
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
    told = {**provider.environment, **ENVIRONMENT, "EVERYCENT_HOME": str(home)}
    with asking(place, **told) as api:
        tokens["revoked key"] = ended(api, "revoked")
        tokens["expired key"] = ended(api, "expired")
        for scope in ALL_SCOPES:
            name = scope.replace(":", "-")
            others = [one for one in ALL_SCOPES if one != scope]
            tokens[f"only {scope}"] = make_key(place.database, place.tenant_id, name, [scope])
            tokens[f"not {scope}"] = make_key(
                place.database, place.tenant_id, f"not-{name}", others
            )
        second = place._replace(tenant_id=other, ids=lambda key: ids.derived(f"2/{key}"))
        owners = {OWN: tokens["owner"], COLLEAGUES: api.key, OTHERS: theirs}
        with seeds.made(api, owners, second, tmp_path_factory.mktemp("erp")) as objects:
            yield World(api, tokens, objects)


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


def asked(api: Asking, one: Operation, ask: Ask, credential: str | None) -> Answer:
    """What is answered; of answers that have no end only the beginning."""
    headers = {} if credential is None else {"authorization": f"Bearer {credential}"}
    body = ask.body if one.method != "GET" else None
    with api.client.stream(
        one.method, ask.path, headers=headers, json=body, params=ask.query or None
    ) as answer:
        has_end = "content-length" in answer.headers or "content-encoding" in answer.headers
        text = answer.read().decode() if has_end or answer.status_code >= 400 else ""
    code = msgspec.json.decode(text)["code"] if answer.status_code >= 400 else ""
    return Answer(answer.status_code, code, text)


def is_sampled(caller: str, whose: str, number: int, *, may: bool) -> bool:
    """Whether a run of the suite asks this; `python -m tests.access` asks everything."""
    if caller in NOBODY:
        return whose == OWN and NOBODY.index(caller) in (0, 1 + number % (len(NOBODY) - 1))
    if whose == OWN or not may:
        return whose == OWN
    return caller == (ROLE_NAMES[0], KEYS[0])[number % 2]


def in_order(operations: Sequence[Operation]) -> list[Operation]:
    """Those that only look first, and last those that leave less to look at."""

    def harm(one: Operation) -> tuple[bool, bool, int]:
        last = one.path.rpartition("/")[2]
        place = _HARM.index(last) if last in _HARM else -1
        return not one.is_reading, not one.is_question, -2 if last == "instalments" else place

    return sorted(operations, key=harm)


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
    is_named = "{" in one.path and label_of(one) not in BY_NAME
    if whose in (OTHERS, RANDOM, *MIXED, *PLANNED) and is_named and answer.status != 404:
        return "what is not there or somebody else's is not simply unknown"
    return None


def without(text: str, called: tuple[str, ...]) -> str:
    """An answer without the names that were asked for, in whatever form they are shown."""
    for name in sorted(called, key=len, reverse=True):
        with suppress(Refusal):
            text = text.replace(str(ids.parse(name.partition("_")[0], name, "id")), "ID")
        text = re.sub(rf"(?<![\w-])(?:INV-0*)?{re.escape(name)}(?![\w-])", "ID", text)
    return text


def test_every_operation_answers_everybody_by_the_rules(world: World):
    counts: Counter[str] = Counter()
    faults: list[str] = []
    table: dict[str, dict[str, set[int]]] = {}
    is_all = is_written()
    for number, one in enumerate(in_order(OPERATIONS)):
        label = label_of(one)
        wanted = list(asks(one, world.objects))
        let_in: set[tuple[int, str]] = set()
        for caller, credential, may in callers(world, one):
            seen: dict[str, str] = {}
            for whose, ask in wanted:
                if not (is_all or is_sampled(caller, whose, number, may=may)):
                    continue
                try:
                    answer = asked(world.api, one, ask, credential)
                except httpx2.HTTPError as error:
                    faults.append(f"{label}, {caller}, {whose}: {error!r}")
                    continue
                counts["answers"] += 1
                seen[whose] = f"{answer.status} {without(answer.text, ask.called)}"
                table.setdefault(label, {}).setdefault(caller, set()).add(answer.status)
                if may and whose in (OWN, COLLEAGUES):
                    let_in.add((answer.status, answer.code))
                fault = wrong(answer, caller, one, whose, may=may)
                if fault is not None:
                    faults.append(
                        f"{label}, {caller}, {whose}: {answer.status} {answer.code}: {fault}"
                    )
            for left, right in ((OTHERS, RANDOM), MIXED, PLANNED):
                if {left, right} <= seen.keys() and label not in NOT_COMPARED:
                    counts["compared"] += 1
                    if seen[left] != seen[right]:
                        faults.append(
                            f"{label}, {caller}: {left} and random differ:"
                            f" {seen[left][:600]} | {seen[right][:600]}"
                        )
        if (
            wanted[0][1].called
            and label not in NO_OBJECT
            and not any(s < 400 or s in STATE for s, _ in let_in)
        ):
            faults.append(f"{label}: nobody is let in about the tenant's own: {let_in}")
    text = page(counts, faults, table)
    print(text)
    write("matrix", text)
    assert faults == []


def test_whatever_an_operation_names_is_there_to_ask_about(world: World):
    missing = []
    for one in OPERATIONS:
        if label_of(one) in NO_OBJECT:
            continue
        addresses = [(one.path, name) for name in IN_PATH.findall(one.path)]
        addresses += [address_of(name) for name in placeholders(one)]
        for path, name in addresses:
            found = known(world.objects, path, name)
            if not found.keys() >= {OWN, COLLEAGUES, OTHERS}:
                missing.append(f"{label_of(one)}: {name}: {sorted(found)}")
    assert missing == [], (
        "seed it in tests/access/seeds.py, or say in asks.NO_OBJECT why it can't be"
    )


def test_what_is_said_of_operations_is_said_of_ones_that_are_there():
    labels = {label_of(one) for one in OPERATIONS}
    for told in (BODIES, QUERIES, NO_OBJECT, BY_NAME, NOT_COMPARED):
        assert told.keys() <= labels


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)
def test_an_operation_has_a_permission(one: Operation):
    is_told = isinstance(one.scope, Open | Member) and len(one.scope) > 10
    assert is_told or one.scope in ALL_SCOPES


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
) -> str:
    """The matrix as a part of the page."""
    lines = [
        "## Every operation, asked by everybody",
        "",
        f"""{len(OPERATIONS)} operations, {len(CALLERS)} kinds of callers, {counts["answers"]} answers,
**{len(faults)} failures**. In {counts["compared"]} pairs another tenant's object and one that never
was are told apart by nothing but the id that was asked for.

Statuses below are those that were answered about the tenant's own objects, a colleague's, another tenant's
and random names. Another tenant's is answered as a random one is: 404, or with nothing where a list is
asked for. About the tenant's own somebody is let in, with 2xx or with 409 for the state that it is in. Of a
path with several names the last is also another tenant's below one's own; where a body or a parameter names
something besides, so is that. What can be planned is also asked for its effect alone. A body without names
is the least that the operation takes: 400 means let in, and then refused for what was asked. `key` has the
operation's scope and no other, `others` all but that. Keys that are unknown, revoked or expired and expired
tokens are answered 401 everywhere, and people who are no members 403.
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
    for title, listed in (
        ("Nothing of a tenant's is named by", NO_OBJECT),
        ("Let in whatever others call so", BY_NAME),
        ("Not compared", NOT_COMPARED),
    ):
        lines += [
            "",
            f"{title}:",
            "",
            *(f"- `{label}`: {why}" for label, why in sorted(listed.items())),
        ]
    return "\n".join([*lines, ""])
