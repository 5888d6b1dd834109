"""/v1/erp: where documents stand on their way into the ERP, what it said, and one handed over anew.

The ERP is the one of the instance's `erp.yaml`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from everycent.api.operation import Asked, changing, doing, reading
from everycent.api.shapes import Amount, Body, Currency, Page, Paged, Query, Reason, Shown
from everycent.app import erps
from everycent.db.connection import Tx
from everycent.erp import operations, queries
from everycent.erp.handed import Status, Trouble
from everycent.erp.operations import Writer
from everycent.erp.queries import Standing
from everycent.flows import erp_compare
from everycent.flows.erp_told import (
    answer_data,
    batch_data,
    compared_data,
    document_data,
    status_data,
    step_data,
)
from everycent.invoicing import queries as invoicing
from everycent.invoicing.invoice import name_of
from everycent.kernel.errors import Invalid

_MOST_BATCHES = 2**31 - 1
_MOST_IN_TROUBLE = 20
ErpState = Literal["initiated", "acknowledged", "registered", "aborted", "parked"]
_PLACE = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})", re.ASCII)


class ErpDifference(Shown):
    """What the ERP says of a field, and what it has to say."""

    field: str
    sent: str
    answered: str


class ErpDocument(Shown):
    """A document on its way into the ERP, and where it stands."""

    reference: Annotated[str, Meta(description="What names it in the ERP, for ever.")]
    customer: str
    issued_on: str
    currency: Currency
    gross: Amount
    batch: int
    place: int
    state: ErpState
    tries: int
    next_at: str | None
    bill: Annotated[str | None, Meta(description="The ERP's id of it.")]
    trouble: Trouble | None
    reason: str
    differences: list[ErpDifference]
    changed_at: str


class NamedErpDocument(ErpDocument):
    """The same, with the ERP that it is handed over to."""

    erp: str


class ErpStep(Shown):
    """Something that happened on a document's way, and where it stood then."""

    at: str
    event: str
    state: ErpState
    bill: str | None
    trouble: Trouble | None
    reason: str
    differences: list[ErpDifference]
    answer: Annotated[str | None, Meta(description="What the ERP said, to be asked for.")]
    actor: str


class TrailedErpDocument(NamedErpDocument):
    """The same, with everything that happened, the oldest first."""

    trail: list[ErpStep]


class ErpTotal(Shown):
    """What documents in one currency come to."""

    currency: Currency
    documents: int
    net: Amount
    tax: Amount
    gross: Amount


class ErpBatch(Shown):
    """A batch as it was made; `previous` is the digest of the one before."""

    batch: int
    documents: int
    totals: list[ErpTotal]
    digest: str
    previous: str | None
    at: str


class ErpAnswer(Shown):
    """What the ERP said, word for word."""

    answer: str
    what: str
    status: int | None
    at: str
    why: str
    raw: str


class ErpStatus(Shown):
    """How many documents stand where, and those that are in trouble, twenty at most."""

    erp: str
    documents: dict[str, int]
    in_trouble: list[ErpDocument]


class ErpFinding(Shown):
    """Something that is not the same on both sides."""

    what: Literal["lost", "doubled", "changed", "unknown", "late"]
    reference: str
    document_id: UUID | UnsetType = UNSET
    differences: list[ErpDifference] | UnsetType = UNSET


class ErpComparison(Shown):
    """How many documents are here and there, and what differs."""

    here: int
    there: int
    findings: list[ErpFinding]


class DocumentsWanted(Paged):
    """Which documents are wanted."""

    state: Status | None = None


class WhyAgain(Body):
    """Why it will go well this time."""

    reason: Reason


def get_erp_status(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """How many documents stand where on their way into the ERP, and which are in trouble."""
    erp = _erp(asked)
    return status_data(erp, queries.counts(tx, erp), queries.stuck(tx, erp, _MOST_IN_TROUBLE))


def list_erp_documents(tx: Tx, asked: Asked[DocumentsWanted, None]) -> Page[dict[str, Any]]:
    """Documents that were handed over, in order of their batches."""
    wanted = asked.query
    found = queries.listed(
        tx, _erp(asked), status=wanted.state, after=_after(wanted.after), limit=wanted.size + 1
    )
    return asked.page(
        [document_data(one) for one in found], lambda last: f"{last['batch']}.{last['place']}"
    )


def get_erp_document(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One document with its trail: everything that happened on its way, the oldest first."""
    erp = _erp(asked)
    found = _standing(tx, erp, asked.path["document"])
    trail = [step_data(step) for step in queries.trail(tx, found)]
    return document_data(found) | {"erp": erp, "trail": trail}


def requeue_erp_document(tx: Tx, asked: Asked[Query, WhyAgain]) -> dict[str, Any]:
    """Hands a document over anew, which the ERP has refused or which was tried too often. What is on its
    way again is refused with `erp.not_stuck`."""
    erp, name = _erp(asked), asked.path["document"]
    found = _standing(tx, erp, name)
    writer = Writer(erp, asked.now, asked.who.actor, asked.app.ids)
    operations.requeue(tx, writer, found.document_id, found.reference, asked.body.reason.strip())
    return document_data(_standing(tx, erp, name)) | {"erp": erp}


def list_erp_batches(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Batches, the newest first, with what they come to."""
    wanted = asked.query
    found = queries.batches(tx, _erp(asked), wanted.size + 1, before=_before(wanted.after))
    return asked.page([batch_data(one) for one in found], lambda last: str(last["batch"]))


def get_erp_answer(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """What the ERP said, word for word. Bytes that are no UTF-8 stand there as `\\x00`."""
    answer_id = _answer_id(asked.path["answer"])
    return {"answer": str(answer_id)} | answer_data(queries.answer(tx, answer_id))


def compare_with_erp(asked: Asked[Query, None]) -> dict[str, Any]:
    """Compares all that the ERP has with all that it was told. What it has lost is handed over again. All
    of its documents are read, page by page, before anything is believed."""
    desk = erps.desk(asked.app, asked.who.tenant_id)._replace(actor=asked.who.actor)
    return compared_data(erp_compare.compare(desk))


OPERATIONS = [
    reading("/v1/erp/status", "erp:read", get_erp_status, ErpStatus),
    reading(
        "/v1/erp/documents", "erp:read", list_erp_documents, Page[ErpDocument], DocumentsWanted
    ),
    reading("/v1/erp/documents/{document}", "erp:read", get_erp_document, TrailedErpDocument),
    changing(
        "POST", "/v1/erp/documents/{document}/requeue", "erp:write", requeue_erp_document,
        NamedErpDocument, WhyAgain,
    ),
    reading("/v1/erp/batches", "erp:read", list_erp_batches, Page[ErpBatch], Paged),
    reading("/v1/erp/answers/{answer}", "erp:read", get_erp_answer, ErpAnswer),
    doing("POST", "/v1/erp/compare", "erp:write", compare_with_erp, ErpComparison),
]  # fmt: skip


def _erp(asked: Asked[Any, Any]) -> str:
    return erps.name(asked.app.settings)


def _standing(tx: Tx, erp: str, name: str) -> Standing:
    row = invoicing.document(tx, name)
    return queries.of_document(tx, erp, row.invoice_id, name_of(row.series, row.number))


def _answer_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(
            "id.malformed",
            f"{text[:60]!r} is not the id of an answer",
            field="answer",
            value=text,
            hint="a document's trail names the answers",
        ) from None


def _after(text: str | None) -> tuple[int, int]:
    match = _PLACE.fullmatch("0.0" if text is None else text)
    if match is None:
        raise _bad_place("a batch and a place in it, such as 7.12", text)
    return int(match[1]), int(match[2])


def _before(text: str | None) -> int | None:
    if text is None:
        return None
    if text.isascii() and text.isdecimal() and len(text) <= 10 and 0 < int(text) <= _MOST_BATCHES:
        return int(text)
    raise _bad_place("the number of a batch", text)


def _bad_place(what: str, text: str | None) -> Invalid:
    return Invalid(
        "request.bad_parameter", f"after is {what}", field="after", value=text,
        hint="follow `next` of the page before",
    )  # fmt: skip
