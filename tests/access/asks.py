"""What each operation is asked: its address, its parameters and its body, about somebody's object.

An operation with a name in its path is asked about the object of that name; what its body or its parameters
name besides is the tenant's own. One without is asked about what its body or its parameters name, if they
do. A name stands in braces here, and is what `seeds` made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from everycent.api.operation import Kind, Operation
from tests.access.seeds import NAMES, OTHERS, OWN, RANDOM, Objects

OBJECTS = (*NAMES, RANDOM)
MIXED = ("another tenant's in one's own", "random in one's own")
PLANNED = ("another tenant's, planned", "random, planned")
IN_PATH = re.compile(r"\{(\w+)(?::\w+)?\}")
_NAMED = re.compile(r"\{([\w/{}.:-]+?)\}(?!\})")
_RANDOM_ID = "07zq3c5v8n1m2k4j6h9g0f7d5s"
_WHY = {"reason": "x"}
_RECORD = {
    "source": "gw", "id": "{record}", "subject": "{subject}", "meter": "{meter}",
    "at": "2026-01-05T11:00:00Z", "value": "7",
}  # fmt: skip
_VOID = {"source": "gw", "ids": ["{record}"], "reason": "x"}
_REPLACE = {"records": [_RECORD], "reason": "x"}
_LATER = _RECORD | {"id": "{record}-again", "at": "2026-01-06T11:00:00Z"}
_BACKFILL = {
    "records": [_LATER], "from": "2026-01-06", "to": "2026-01-07", "subjects": ["{subject}"],
    "meters": ["{meter}"], "source": None, "reason": "x",
}  # fmt: skip
_PAID = {"customer": "{customer}", "amount": "1.00", "reference": "by {customer}"}
_JANUARY = {"from": "2026-01-01", "to": "2026-02-01"}
_VERSION = "{/v1/report-configs/versions/version}"
_USED = {"service": "compute", "customer": "{customer}", "item": "time"}

BODIES: dict[str, Any] = {
    "PUT /v1/usage/thresholds/{threshold}": {"value": "6", "customer": "{customer}"},
    "POST /v1/usage/corrections/void": _VOID,
    "POST /v1/usage/corrections/void/preview": _VOID,
    "POST /v1/usage/corrections/replace": _REPLACE,
    "POST /v1/usage/corrections/replace/preview": _REPLACE,
    "POST /v1/usage/corrections/backfill": _BACKFILL,
    "POST /v1/usage/corrections/backfill/preview": _BACKFILL,
    "POST /v1/collections": {"invoices": ["{document}"]},
    "POST /v1/payments": _PAID,
    "POST /v1/payments/{payment}/assign": {"customer": "{customer}"},
    "POST /v1/payments/{payment}/split": {"file": "{file}", "reason": "x"},
    "POST /v1/payments/{payment}/apply": {"invoices": [{"invoice": "{document}"}]},
    "POST /v1/payment-attempts/{attempt}/resolve": {"reason": "x", "not_charged": True},
    "PUT /v1/invoices/{invoice}/instalments": {"parts": [{"due_on": "2026-03-01", "amount": "{open}"}]},
    "POST /v1/wallets": {"customer": "{customer}", "key": "{customer}-second"},
    "POST /v1/wallets/{wallet}/top-ups": {"reference": "x", "amount": "5", "owed": True},
    "POST /v1/customers/{customer}/payment-methods": {"token": "tok_x", "provider": "psp"},
    "POST /v1/customers/{customer}/payers": {"payer": "{customer}", "from": "2027-03-01"},
    "POST /v1/customers/{customer}/preview": {},
    "POST /v1/reports/usage": {"customer": "{customer}"},
    "POST /v1/reports/chart": {**_USED, **_JANUARY},
    "POST /v1/reports/{period}/events": _USED,
    "POST /v1/reports/{period}/resources": {"service": "compute"},
    "POST /v1/subscriptions": {
        "customer": "{customer}", "plan": "{plan}", "starts_on": "2027-01-01", "key": "{customer}-2",
    },
    "POST /v1/sales": {"customer": "{customer}", "plan": "{once}"},
    "POST /v1/subscriptions/{subscription}/switch": {"plan": "{plan}", "on": "2027-04-01"},
    "POST /v1/subscriptions/{subscription}/quantities": {"quantities": {"seats": "3"}},
    "POST /v1/subscriptions/{subscription}/add-ons": {"plan": "{more}", "name": "more", "on": "2027-01-01"},
    "POST /v1/subscriptions/{subscription}/resume": {"on": "2027-06-01"},
    "POST /v1/coupons": {"coupon": "{gift}", "customer": "{customer}"},
    "POST /v1/webhooks/{webhook}/replay": {"from": 1},
    "POST /v1/report-configs/versions/{version}/activate": {},
}  # fmt: skip
"""What is sent where the least that the document asks for would be refused, whoever asks about what."""

QUERIES: dict[str, dict[str, str]] = {
    "GET /v1/usage/running": {"customer": "{customer}"},
    "GET /v1/usage/chart": {"subject": "{subject}", "meter": "{meter}", **_JANUARY},
    "GET /v1/usage/totals": {"subject": "{subject}", **_JANUARY},
    "GET /v1/usage/records": {"source": "gw", "record_id": "{record}"},
    "GET /v1/usage/crossings": {"threshold": "{threshold}"},
    "GET /v1/entitlements": {"customer": "{customer}"},
    "GET /v1/entitlements/{feature}": {"customer": "{customer}"},
    "GET /v1/invoices": {"customer": "{customer}"},
    "GET /v1/invoices/{invoice}/records": {"line": "{line}"},
    "GET /v1/payments": {"customer": "{customer}"},
    "GET /v1/dunning/steps": {"customer": "{customer}"},
    "GET /v1/wallets": {"customer": "{customer}"},
    "GET /v1/coupons": {"customer": "{customer}"},
    "GET /v1/subscriptions": {"customer": "{customer}"},
    "GET /v1/ledger/accounts/{account}/statement": {"currency": "EUR"},
    "GET /v1/ledger/entries": {"document": "{document}"},
    "GET /v1/report-configs/diff": {"before": _VERSION, "after": _VERSION},
    "GET /v1/exchange": {"pair": "EUR/USD"},
}  # fmt: skip

NO_OBJECT = {
    "GET /rest/v1/invoices/status/{status}": "a word for a state, the same for all tenants",
    "GET /v1/ledger/accounts/{account}/statement": "the chart of accounts is the same for all tenants",
    "POST /hooks/{tenant}/{provider}": "the signature is looked at first; the notice names the objects",
}  # fmt: skip
"""Operations with a name in their path that is nobody's, and why."""

_COUNTED = {"line", "open"}
"""Names of no object, but of a part of one or of what it comes to."""

BY_NAME = {
    "PUT /v1/usage/thresholds/{threshold}": "sets what a tenant calls so: its own, whatever others call so",
    "POST /v1/reports/{period}/build": "makes the tenant's own report of the month, whoever else has one",
    "POST /v1/reports/{period}/resources": "asks the tenant's own sub-service about a month",
}
"""Operations that make what they are asked about where it is not there, so that they are let in."""

NOT_COMPARED = {"POST /v1/reports/{period}/build": "the months differ, and what was used in them"}
"""Operations whose answers about two names differ by more than the name, and why."""


class Ask(NamedTuple):
    """What is sent, and the names in it that are asked about."""

    path: str
    query: dict[str, str]
    body: Any
    called: tuple[str, ...]


def label_of(one: Operation) -> str:
    return f"{one.method} {one.path}"


def asks(one: Operation, objects: Objects) -> Iterator[tuple[str, Ask]]:
    """Everything that the operation is asked about, with whose it is."""
    label = label_of(one)
    names, besides = IN_PATH.findall(one.path), placeholders(one)
    if label in NO_OBJECT or not (names or besides):
        yield OWN, _ask(one, objects, dict.fromkeys(names, OWN), OWN)
        return
    for whose, kind in (*zip((OTHERS, RANDOM), PLANNED, strict=True), (OWN, "own, planned")):
        if one.is_planned:
            ask = _ask(one, objects, dict.fromkeys(names, whose), OWN if names else whose)
            yield kind, ask._replace(query={**ask.query, "plan": "show"})
    for whose in OBJECTS:
        yield whose, _ask(one, objects, dict.fromkeys(names, whose), OWN if names else whose)
    for whose, kind in zip((OTHERS, RANDOM), MIXED, strict=True):
        if len(names) > 1:
            mixed = dict.fromkeys(names, OWN) | {names[-1]: whose}
            yield kind, _ask(one, objects, mixed, OWN)
        elif names and besides - _COUNTED:
            yield kind, _ask(one, objects, dict.fromkeys(names, OWN), whose)


def placeholders(one: Operation) -> set[str]:
    """The names that stand in its parameters and its body."""
    label = label_of(one)
    return _named((QUERIES.get(label, {}), BODIES.get(label, {})))


def _ask(one: Operation, objects: Objects, whose_of: dict[str, str], besides: str) -> Ask:
    label, path, called = label_of(one), one.path, []
    for name, whose in whose_of.items():
        text = named(objects, one.path, name, whose)
        called.append(text)
        path = re.sub(rf"\{{{name}(?::\w+)?\}}", text, path)
    query = _filled(QUERIES.get(label, {}), objects, besides)
    body = _filled(BODIES[label] if label in BODIES else least(one), objects, besides)
    for name in sorted(placeholders(one)):
        if not whose_of or besides != OWN:
            called.append(_spoken(objects, name, besides))
    return Ask(path, query, body, tuple(called))


def known(objects: Objects, path: str, name: str) -> dict[str, str]:
    """The objects under a name in a path, or under this name anywhere."""
    return objects.get(f"{path.partition(f'{{{name}')[0]}{{{name}}}") or objects.get(name) or {}


def named(objects: Objects, path: str, name: str, whose: str) -> str:
    """What an object of somebody's is called."""
    found = known(objects, path, name)
    if whose == RANDOM and RANDOM not in found:
        return random_like(found.get(OWN, ""), name)
    return found.get(whose, "nothing")


def random_like(sample: str, name: str = "") -> str:
    """A name of the same form that nothing has."""
    if name == "kind":
        return sample
    if re.fullmatch(r"[a-z]+_[0-9a-z]{26}", sample):
        return f"{sample.partition('_')[0]}_{_RANDOM_ID}"
    if sample.isdecimal():
        return "777"
    found = re.sub(r"^(ann|bob|zoe)\b", "moe", sample)
    return found if found != sample else re.sub(r"\d", "7", sample)


def _named(told: Any) -> set[str]:
    if isinstance(told, str):
        return set(_NAMED.findall(told))
    parts = (
        told.values() if isinstance(told, dict) else told if isinstance(told, list | tuple) else ()
    )
    return {name for part in parts for name in _named(part)}


def _filled(told: Any, objects: Objects, whose: str) -> Any:
    if isinstance(told, str):
        return _NAMED.sub(lambda found: _spoken(objects, found[1], whose), told)
    if isinstance(told, dict):
        return {name: _filled(part, objects, whose) for name, part in told.items()}
    return [_filled(part, objects, whose) for part in told] if isinstance(told, list) else told


def _spoken(objects: Objects, name: str, whose: str) -> str:
    return named(objects, *address_of(name), whose)


def address_of(name: str) -> tuple[str, str]:
    """The path that a name in braces stands for, where it has one, and the name alone."""
    start, _, last = name.rpartition("/")
    return f"{start}/{{{last}}}" if start else "", last


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
