"""Answers that are not quite true: each mutation takes a true answer of the fake ERP and spoils one thing.

The document that is spoiled is the one that the fault names, otherwise the first. An answer without
documents gets one that nobody asked for, so that there is something to spoil.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from typing import Any, NamedTuple

from everycent.fakes.erp_words import FOUND, SCHEMA, Record

_HOLE = "@literal@"
_STRANGER: Record = {
    "reference": "nobody/INV-1", "customer": "nobody", "currency": "EUR", "net": "1.00",
    "tax": "0.00", "gross": "1.00", "state": "registered", "bill": "B-999998", "reason": None,
}  # fmt: skip


class Draft:
    """A true answer that is about to be spoiled: all of it, one document of it, and another one."""

    def __init__(self, answer: Record, only: str | None) -> None:
        self.answer = deepcopy(answer)
        self.documents: list[Any] = self.answer["documents"]
        if not self.documents:
            self.documents.append(dict(_STRANGER))
        named = [one for one in self.documents if one["reference"] == only]
        self.one: Record = (named or self.documents)[0]
        others = [one for one in self.documents if one is not self.one]
        self.other: Record | None = others[0] if others else None


class Mutation(NamedTuple):
    """What is spoiled, in words, and how: in place, or by giving the bytes that are sent instead."""

    what: str
    change: Callable[[Draft], bytes | None]


def mutated(name: str, answer: Record, only: str | None = None) -> bytes:
    """The answer, spoiled by the mutation of this name."""
    draft = Draft(answer, only)
    instead = MUTATIONS[name].change(draft)
    return _json(draft.answer) if instead is None else instead


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _set(**values: Any) -> Callable[[Draft], None]:
    return lambda draft: draft.one.update(values)


def _head(**values: Any) -> Callable[[Draft], None]:
    return lambda draft: draft.answer.update(values)


def _turned(name: str, turn: Callable[[str], str]) -> Callable[[Draft], None]:
    """One text of the document made into another."""
    return lambda draft: draft.one.update({name: turn(draft.one[name])})


def _literal(name: str, turn: Callable[[Any], str], place: str = "one") -> Callable[[Draft], bytes]:
    """A field of the document, or of the head, with something that need not be JSON as its value."""

    def change(draft: Draft) -> bytes:
        owner = draft.one if place == "one" else draft.answer
        text = turn(owner.get(name))
        owner[name] = _HOLE
        return _json(draft.answer).replace(f'"{_HOLE}"'.encode(), text.encode())

    return change


def _without(name: str) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        draft.one.pop(name, None)

    return change


def _head_without(name: str) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        draft.answer.pop(name, None)

    return change


def _bytes(turn: Callable[[bytes], bytes]) -> Callable[[Draft], bytes]:
    """The bytes of the true answer made into others."""
    return lambda draft: turn(_json(draft.answer))


def _off(amount: str) -> str:
    """An amount and one of its last digit: a cent where it has cents."""
    value = Decimal(amount)
    return f"{value + Decimal((0, (1,), int(value.as_tuple().exponent))):f}"


def _together(draft: Draft) -> None:
    draft.one |= {"net": _off(draft.one["net"]), "gross": _off(draft.one["gross"])}


def _grouped(amount: str) -> str:
    whole, point, rest = amount.lstrip("-").rpartition(".") if "." in amount else (amount, "", "")
    whole = whole.lstrip("-").zfill(4)
    return f"{whole[:-3]},{whole[-3:]}{point}{rest}"


def _with_point(amount: str) -> str:
    return amount if "." in amount else amount + ".00"


def _another(draft: Draft) -> None:
    other = draft.other or {"reference": draft.one["reference"] + "0"}
    draft.one["reference"] = other["reference"]


def _registered(one: Record) -> Record:
    return one | {"state": "registered", "bill": one["bill"] or "B-999999", "reason": None}


def _swap_bills(draft: Draft) -> None:
    other = draft.other or {"bill": "B-999997", "state": "", "reason": None}
    mine, theirs = _registered(draft.one)["bill"], _registered(other)["bill"]
    draft.one |= {"state": "registered", "bill": theirs, "reason": None}
    other |= {"state": "registered", "bill": mine, "reason": None}


def _bills_alike(draft: Draft) -> None:
    draft.one |= _registered(draft.one)
    if draft.other is None:
        reference = draft.one["reference"] + "0"
        draft.documents.append(draft.one | {"reference": reference})
    else:
        draft.other |= {"state": "registered", "bill": draft.one["bill"], "reason": None}


def _drop(draft: Draft) -> None:
    draft.documents.remove(draft.one)


def _twice_in_list(draft: Draft) -> None:
    draft.documents.append(dict(draft.one))


def _arabic(amount: str) -> str:
    return amount.translate({ord("0") + digit: chr(0x0660 + digit) for digit in range(10)})


def _registered_with(bill: Any) -> Callable[[Draft], None]:
    return _set(state="registered", bill=bill, reason=None)


def _in_bytes(before: str, after: str) -> Callable[[Draft], bytes]:
    """A field's opening doubled: a key that stands twice in one object."""
    return _bytes(lambda body: body.replace(before.encode(), after.encode(), 1))


def _latin(draft: Draft) -> bytes:
    draft.one["customer"] = str(draft.one["customer"]) + "é"
    return json.dumps(draft.answer, ensure_ascii=False).encode("latin-1", "replace")


def _quoted_once(body: bytes) -> bytes:
    return body.replace(b'"', b"'")


_AMOUNTS = {
    "gross_negative": ("the gross below nothing", _turned("gross", lambda a: "-" + a.lstrip("-"))),
    "gross_as_number": ("the gross as a JSON number", _literal("gross", str)),
    "gross_as_float": (
        "the gross as a binary fraction shows it",
        _literal("gross", lambda a: _with_point(a) + "00000000000001"),
    ),
    "gross_thousands": ("the gross with a thousands separator", _turned("gross", _grouped)),
    "gross_comma": (
        "the gross with a decimal comma",
        _turned("gross", lambda a: _with_point(a).replace(".", ",")),
    ),
    "gross_exponent": (
        "the gross with an exponent",
        _turned("gross", lambda a: f"{Decimal(a):.3E}"),
    ),
    "gross_trailing_zeros": (
        "the gross with two more zeros: the same amount, written otherwise",
        _turned("gross", lambda a: _with_point(a) + "00"),
    ),
    "gross_leading_zero": ("the gross with a zero before it", _turned("gross", "0{}".format)),
    "gross_plus": ("the gross with a plus before it", _turned("gross", "+{}".format)),
    "gross_blanks": ("the gross with blanks around it", _turned("gross", " {} ".format)),
    "gross_underscore": (
        "the gross with an underscore after its first digit",
        _turned("gross", lambda a: _grouped(a).replace(",", "_")),
    ),
    "gross_arabic_digits": ("the gross in other digits than 0 to 9", _turned("gross", _arabic)),
    "gross_nan": ("the gross as the text NaN", _set(gross="NaN")),
    "gross_nan_literal": ("the gross as the word NaN", _literal("gross", lambda _: "NaN")),
    "gross_infinity": ("the gross as the text Infinity", _set(gross="Infinity")),
    "gross_null": ("the gross null", _set(gross=None)),
    "gross_empty": ("the gross an empty text", _set(gross="")),
    "gross_huge": ("the gross with 10,000 digits", _set(gross="9" * 10_000)),
    "gross_true": ("true in place of the gross", _set(gross=True)),
    "gross_list": ("the gross inside a list", lambda d: d.one.update(gross=[d.one["gross"]])),
    "net_off": ("the net off by a cent", _turned("net", _off)),
    "tax_off": ("the tax off by a cent", _turned("tax", _off)),
    "gross_off": ("the gross off by a cent", _turned("gross", _off)),
    "amounts_off_together": ("net and gross off by a cent, so that they add up", _together),
}

_DOCUMENTS = {
    "wrong_reference": ("another reference", _turned("reference", "{}x".format)),
    "reference_of_another": (
        "the reference of another document of the answer; with one: of another that never was sent",
        _another,
    ),
    "reference_upper": ("the reference in capitals", _turned("reference", str.upper)),
    "reference_as_number": ("a number in place of the reference", _set(reference=1)),
    "true_for_text": ("true in place of the reference", _set(reference=True)),
    "false_for_text": ("false in place of the customer", _set(customer=False)),
    "swapped_bills": (
        "two documents with each other's bill; with one: a bill that is not its own",
        _swap_bills,
    ),
    "bills_alike": (
        "one bill for two documents; with one: also for another that never was sent",
        _bills_alike,
    ),
    "wrong_customer": ("another customer", _turned("customer", "{}x".format)),
    "customer_null": ("the customer null", _set(customer=None)),
    "wrong_currency": (
        "another currency",
        _turned("currency", lambda told: "USD" if told != "USD" else "EUR"),
    ),
    "currency_lower": ("the currency in small letters", _turned("currency", str.lower)),
    "extra_field": ("a field of a document that nobody knows", _set(due="2026-01-31")),
    "bill_null": ("registered, the bill null", _registered_with(None)),
    "bill_empty": ("registered, the bill an empty text", _registered_with("")),
    "bill_blank": ("registered, the bill a blank", _registered_with(" ")),
    "bill_long": ("registered, the bill of 101 characters", _registered_with("B" * 101)),
    "bill_control": ("registered, a line feed in the bill", _registered_with("B-000001\n")),
    "bill_as_number": ("registered, the bill a number", _registered_with(1)),
    "bill_on_received": ("received, and yet a bill", _set(state="received", bill="B-999999")),
    "bill_on_rejected": (
        "rejected, and yet a bill",
        _set(state="rejected", bill="B-999999", reason="no"),
    ),
    "reason_on_registered": (
        "registered with a reason",
        lambda d: d.one.update(_registered(d.one), reason="because"),
    ),
    "reason_on_received": (
        "received with a reason",
        _set(state="received", bill=None, reason="because"),
    ),
    "rejected_without_reason": (
        "rejected, no reason",
        _set(state="rejected", bill=None, reason=None),
    ),
    "reason_empty": ("rejected, an empty reason", _set(state="rejected", bill=None, reason="")),
    "reason_as_number": (
        "rejected, a number as reason",
        _set(state="rejected", bill=None, reason=7),
    ),
    "state_unknown": ("a state that there is not", _set(state="posted")),
    "state_null": ("the state null", _set(state=None)),
    "state_empty": ("the state an empty text", _set(state="")),
    "state_capitals": ("the state in capitals", _turned("state", str.upper)),
    "nul_in_text": ("registered, a NUL in the bill", _registered_with("B-\0")),
    "lone_surrogate": (
        "registered, half a character in the bill, escaped",
        lambda d: _literal("bill", lambda _: '"B-\\ud800"')(_now_registered(d)),
    ),
}


def _now_registered(draft: Draft) -> Draft:
    draft.one |= _registered(draft.one)
    return draft


_LISTS = {
    "missing_document": ("a document less", _drop),
    "extra_document": (
        "a document more, which never was sent",
        lambda d: d.documents.append(dict(_STRANGER, reference="nobody/INV-2")),
    ),
    "document_twice": ("the document twice in the list", _twice_in_list),
    "empty_list": ("no documents at all", _head(documents=[])),
    "documents_as_object": (
        "the documents as an object, by reference",
        lambda d: d.answer.update(documents={one["reference"]: one for one in d.documents}),
    ),
    "documents_null": ("null in place of the documents", _head(documents=None)),
    "document_null": ("null in place of the first document", lambda d: d.documents.insert(0, None)),
    "document_as_text": (
        "the document as a text",
        lambda d: d.answer.update(documents=[str(one["reference"]) for one in d.documents]),
    ),
    "next_loops": ("a list whose end says that it goes on at its beginning", _head(next="0")),
    "next_as_number": ("the next page as a number", _head(next=500)),
    "next_empty": ("the next page an empty text", _head(next="")),
    "count_off": (
        "a document more in the count",
        lambda d: d.answer.update(count=d.answer.get("count", 0) + 1),
    ),
    "count_as_text": ("the count as a text", _head(count="1")),
}

_HEADS = {
    "extra_field_in_head": ("a field of the head that nobody knows", _head(version=2)),
    "batch_wrong": ("another batch", lambda d: d.answer.update(batch=d.answer.get("batch", 0) + 1)),
    "batch_as_text": (
        "the batch as a text",
        lambda d: d.answer.update(batch=str(d.answer.get("batch"))),
    ),
    "batch_null": ("the batch null", _head(batch=None)),
    "batch_true": ("true in place of the batch", _head(batch=True)),
    "batch_as_float": (
        "the batch with a point and a zero",
        _literal("batch", lambda told: f"{told or 0}.0", "head"),
    ),
    "batch_huge": (
        "a batch of 10,000 digits",
        _literal("batch", lambda _: "9" * 10_000, "head"),
    ),
    "control_wrong": ("another control digest", _head(control="f" * 64)),
    "control_upper": (
        "the control digest in capitals",
        lambda d: d.answer.update(control=str(d.answer.get("control")).upper()),
    ),
    "control_null": ("the control digest null", _head(control=None)),
    "schema_older": ("the schema before this one", _head(schema="everycent-erp/0")),
    "schema_newer": ("the schema after this one", _head(schema="everycent-erp/2")),
    "schema_as_number": ("the schema as a number", _head(schema=1)),
}

_BYTES: dict[str, tuple[str, Callable[[Draft], bytes]]] = {
    "gross_key_twice": (
        "the gross twice in one document, at first another one",
        _in_bytes('"gross": ', '"gross": "0.01", "gross": '),
    ),
    "documents_key_twice": (
        "the documents twice, at first an empty list",
        _in_bytes('"documents": ', '"documents": [], "documents": '),
    ),
    "latin_1": ("an é in the customer, as Latin-1", _latin),
    "utf_16": ("UTF-16", _bytes(lambda body: body.decode().encode("utf-16"))),
    "byte_order_mark": ("a byte order mark before it", _bytes(b"\xef\xbb\xbf".__add__)),
    "trailing_garbage": ("a bracket after it", _bytes(lambda body: body + b"}")),
    "json_lines": ("the answer on two lines", _bytes(lambda body: body + b"\n" + body)),
    "truncated_json": (
        "half the JSON, with a length that fits",
        _bytes(lambda body: body[: len(body) // 2]),
    ),
    "trailing_comma": ("a comma before the last bracket", _bytes(lambda b: b[:-1] + b",}")),
    "deep_nesting": (
        "100,000 brackets in one another",
        _bytes(lambda _: b"[" * 100_000 + b"]" * 100_000),
    ),
    "deep_field": (
        "100,000 brackets in one another, in a field that nobody knows",
        _bytes(lambda b: b[:-1] + b', "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ),
    "top_level_list": ("the answer inside a list", _bytes(lambda body: b"[" + body + b"]")),
    "top_level_null": ("null", _bytes(lambda _: b"null")),
    "top_level_text": ("the answer inside a text", _bytes(lambda body: _json(body.decode()))),
    "single_quotes": ("apostrophes for quotation marks", _bytes(_quoted_once)),
    "comment": ("a comment in the JSON", _bytes(lambda body: b"/* ok */ " + body)),
    "whitespace": ("blanks only", _bytes(lambda _: b" \n\t ")),
    "empty_body": ("nothing", _bytes(lambda _: b"")),
    "html_as_json": (
        "a page that says it is JSON",
        _bytes(lambda _: b"<!doctype html><title>ok</title>"),
    ),
    "error_in_200": (
        "a refusal with the status of a success",
        _bytes(lambda _: _json({"schema": SCHEMA, "error": {"code": "internal", "message": "no"}})),
    ),
}

MUTATIONS: dict[str, Mutation] = {
    name: Mutation(what, change)
    for table in (_DOCUMENTS, _AMOUNTS, _LISTS, _HEADS, _BYTES)
    for name, (what, change) in table.items()
}
MUTATIONS |= {
    f"missing_{name}": Mutation(f"a document without {name}", _without(name)) for name in FOUND
}
MUTATIONS |= {
    f"head_without_{name}": Mutation(f"the head without {name}", _head_without(name))
    for name in ("schema", "batch", "control", "documents", "next", "count")
}
"""Every mutation by its name. docs/fake-erp.md lists them."""
OF_DELIVERIES = frozenset(
    name for name in MUTATIONS if name.startswith(("batch_", "control_", "head_without_batch"))
) | {"head_without_control"}  # fmt: skip
"""Mutations of what only the answer to a delivery has."""
OF_LISTS = frozenset(
    name for name in MUTATIONS if name.startswith(("next_", "count_"))
) | {"head_without_next", "head_without_count"}  # fmt: skip
"""Mutations of what only a page of the list has."""
UNSEEN = frozenset({"swapped_bills"})
"""Mutations that no single answer gives away: only another answer contradicts them."""
