"""The words of the protocol `everycent-erp/1`: what a delivery looks like, what is none, refusals."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from fractions import Fraction
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

SCHEMA = "everycent-erp/1"
NOTHING_BEFORE = "0" * 64
"""What the first batch of a seller names as the one before it."""
FOUND = (
    "reference", "customer", "currency", "net", "tax", "gross", "state", "bill", "reason",
)  # fmt: skip
"""What is told of a document, in this order."""
Record = dict[str, Any]

Amount = Annotated[str, Meta(pattern=r"\A-?(0|[1-9][0-9]*)(\.[0-9]+)?\Z", max_length=40)]
Digest = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Name = Annotated[str, Meta(pattern=r"\A[^\x00-\x1f\x7f]{1,200}\Z")]
Currency = Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
Kind = Annotated[str, Meta(pattern=r"\A(invoice|credit_note)\Z")]
Positive = Annotated[int, Meta(ge=1, le=2**53)]


class Customer(Struct, forbid_unknown_fields=True):
    """Whom a document is for."""

    key: Name
    name: str
    address: str | list[str] | dict[str, str] | UnsetType = UNSET
    tax_id: str | UnsetType = UNSET


class Tax(Struct, forbid_unknown_fields=True):
    """One rate of tax on a document."""

    category: str
    percent: str
    base: Amount
    amount: Amount
    reason: str | UnsetType = UNSET


class Line(Struct, forbid_unknown_fields=True):
    """One line of a document."""

    number: Positive
    product: str
    text: str
    net: Amount
    tax: str | UnsetType = UNSET


class Document(Struct, forbid_unknown_fields=True):
    """An invoice or a credit note."""

    reference: Name
    kind: Kind
    number: Name
    issued_on: date
    customer: Customer
    currency: Currency
    net: Amount
    tax: Amount
    gross: Amount
    payable: Amount
    taxes: list[Tax]
    lines: list[Line]
    due_on: date | UnsetType = UNSET
    corrects: Name | UnsetType = UNSET


class Batch(Struct, forbid_unknown_fields=True):
    """Which batch the documents belong to, and which came before it."""

    number: Positive
    digest: Digest
    previous: Digest


class Total(Struct, forbid_unknown_fields=True):
    """What the documents in one currency come to."""

    currency: Currency
    documents: Positive
    net: Amount
    tax: Amount
    gross: Amount


class Control(Struct, forbid_unknown_fields=True):
    """Counts and sums over the documents of one request, and a digest over all of them."""

    documents: Positive
    totals: list[Total]
    digest: Digest


class Delivery(Struct, forbid_unknown_fields=True):
    """One request to take documents in."""

    schema: str
    seller: Name
    batch: Batch
    control: Control
    documents: Annotated[list[Document], Meta(min_length=1)]


class Wrong(Exception):  # noqa: N818 - an answer of the protocol, not an error of ours
    """A request that is answered with a refusal."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"schema": SCHEMA, "error": {"code": code, "message": message}}


class Asked(NamedTuple):
    """A delivery that is well formed, with the digest of each of its documents as they were sent."""

    delivery: Delivery
    sent: list[Record]
    digests: list[str]


def read(content: bytes) -> Asked:
    """The delivery in a request's body. Raises Wrong 400 `bad_request`, 422 `bad_control`, `bad_sum`."""
    try:
        told = json.loads(
            content.decode(), object_pairs_hook=_once, parse_float=_no, parse_constant=_no
        )
        digests = [digest(one) for one in told["documents"]]
        json.dumps(told, ensure_ascii=False).encode()  # halves of characters are no text
        delivery = msgspec.convert(told, Delivery)
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise Wrong(400, "bad_request", f"this is no delivery: {error}") from error
    if delivery.schema != SCHEMA:
        raise Wrong(400, "bad_request", f"the schema is not {SCHEMA}")
    if len({document.reference for document in delivery.documents}) < len(digests):
        raise Wrong(400, "bad_request", "a reference stands twice in one request")
    _check_control(delivery, digests)
    for document in delivery.documents:
        if Fraction(document.net) + Fraction(document.tax) != Fraction(document.gross):
            raise Wrong(422, "bad_sum", f"{document.reference}: net and tax are not the gross")
    return Asked(delivery, told["documents"], digests)


def digest(document: Any) -> str:
    """SHA-256 over a document as JSON without spaces, its fields in the order in which they came."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_all(digests: list[str]) -> str:
    """The digest over the documents of one request."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _check_control(delivery: Delivery, digests: list[str]) -> None:
    control = delivery.control
    if control.documents != len(digests):
        raise _bad_control(f"{control.documents} documents are told, {len(digests)} came")
    if control.digest != digest_of_all(digests):
        raise _bad_control("the digest is not that of the documents that came")
    sums: dict[str, list[Fraction]] = {}
    for one in delivery.documents:
        found = sums.setdefault(one.currency, [Fraction(0)] * 4)
        figures = (Fraction(1), Fraction(one.net), Fraction(one.tax), Fraction(one.gross))
        sums[one.currency] = [a + b for a, b in zip(found, figures, strict=True)]
    told = {
        total.currency: [Fraction(t) for t in (total.documents, total.net, total.tax, total.gross)]
        for total in control.totals
    }
    if len(told) < len(control.totals) or told != sums:
        raise _bad_control("the totals are not those of the documents that came")


def _bad_control(message: str) -> Wrong:
    return Wrong(422, "bad_control", message)


def _once(pairs: list[tuple[str, Any]]) -> Record:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field stands twice in one object")
    return found


def _no(text: str) -> Any:
    raise ValueError(f"{text} is no number of this protocol")
