"""Look up where documents stand on their way into the ERP, and what is to be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.db.connection import Tx
from everycent.erp import handed, store, told
from everycent.erp.handed import Handed, State, Status
from everycent.erp.port import Parcel
from everycent.erp.told import Document, Total
from everycent.invoicing.invoice import CREDITED, ISSUED, name_of
from everycent.invoicing.line_note import LINES_CREDITED
from everycent.journal import queries as journal
from everycent.journal.types import decode
from everycent.kernel.errors import Broken, NotFound

_TOLD: Mapping[str, tuple[Any, Any]] = {
    ISSUED.name: (ISSUED, told.of_invoice),
    CREDITED.name: (CREDITED, told.of_credit_note),
    LINES_CREDITED.name: (LINES_CREDITED, told.of_line_note),
}


_BY_NAME = {event_type.name: event_type for event_type in handed.TYPES}
_TOTALS = msgspec.json.Decoder(tuple[tuple[Total, ...], str])


class Standing(NamedTuple):
    """A document on its way, and where it stands."""

    erp: str
    document_id: UUID
    reference: str
    batch_no: int
    place: int
    customer: str
    issued_on: date
    currency: str
    gross: int
    state: State
    changed_at: datetime


class Unit(NamedTuple):
    """What is handed over by one request: a batch, or one document of it. `what` is its name."""

    batch_no: int
    document_id: UUID | None
    what: str


def next_ones(tx: Tx, erp: str, since: date, most: int) -> list[tuple[UUID, UUID]]:
    """The documents that are put into a batch next, with the events that issued them."""
    return store.list_waiting(tx, erp, since, most)


def documents(tx: Tx, seller: str, events: Mapping[UUID, UUID]) -> dict[UUID, Document]:
    """What the ERP is told of documents, by id; `events` says which event issued which."""
    found = {row.event_id: row for row in store.list_issued(tx, list(events.values()))}
    made = {}
    for document_id, event_id in events.items():
        row = found[event_id]
        event_type, tell = _TOLD[row.type]
        made[document_id] = tell(decode(event_type, row.schema_version, row.payload), seller)
    return made


def parcel(tx: Tx, erp: str, seller: str, unit: Unit) -> tuple[Parcel, dict[str, UUID]]:
    """What is sent for a unit, and the documents by reference. Raises Broken `erp.told_otherwise` when a
    document does not say any more what it said when its batch was made."""
    (batch,) = store.list_batches(tx, erp, batch_no=unit.batch_no)
    wanted = None if unit.document_id is None else [unit.document_id]
    rows = [row for row, _ in store.list_documents(tx, erp, batch_no=unit.batch_no, ids=wanted)]
    made = documents(tx, seller, {row.document_id: row.event_id for row in rows})
    for row in rows:
        if told.digest_of(made[row.document_id]) != row.digest:
            raise Broken(
                "erp.told_otherwise",
                f"{row.reference} is told otherwise than when batch {unit.batch_no} was made",
            )
    some = tuple(made[row.document_id] for row in rows)
    control = told.digest_of_all([row.digest for row in rows])
    sent = Parcel(unit.batch_no, batch.digest, batch.previous, some, told.totals_of(some), control)
    return sent, {row.reference: row.document_id for row in rows}


def of_unit(tx: Tx, erp: str, unit: Unit) -> list[UUID]:
    """The documents of a unit."""
    wanted = None if unit.document_id is None else [unit.document_id]
    found = store.list_documents(tx, erp, batch_no=unit.batch_no, ids=wanted)
    return [row.document_id for row, _ in found]


def asked_about(tx: Tx, erp: str, seller: str, ids: Sequence[UUID]) -> dict[UUID, Document]:
    """What documents say, by id."""
    rows = [row for row, _ in store.list_documents(tx, erp, ids=ids)]
    return documents(tx, seller, {row.document_id: row.event_id for row in rows})


def listed(
    tx: Tx,
    erp: str,
    *,
    status: str | None = None,
    after: tuple[int, int] = (0, 0),
    limit: int = 100,
) -> list[Standing]:
    """Documents with where they stand, in order of batches and places, of those `after` one."""
    found = store.list_documents(tx, erp, status=status, after=after, limit=limit)
    return [_standing(row, state) for row, state in found]


def stuck(
    tx: Tx, erp: str, limit: int = 100, *, slow_before: datetime | None = None
) -> list[Standing]:
    """Documents with which something is wrong: in trouble, parked, or refused by the ERP; and those that
    are acknowledged since before an instant."""
    return [_standing(row, state) for row, state in store.list_stuck(tx, erp, slow_before, limit)]


class HeldUp(NamedTuple):
    """A credit note that waits for an invoice with which the ERP needs a person."""

    name: str
    invoice: str
    status: Status


def held_up(tx: Tx, erp: str, limit: int = 100) -> list[HeldUp]:
    """Credit notes that wait for an invoice that is aborted or parked."""
    return [
        HeldUp(name_of(row.series, row.number), row.reference, Status(row.status))
        for row in store.list_held_up(tx, erp, limit)
    ]


def of_document(tx: Tx, erp: str, document_id: UUID, name: str) -> Standing:
    """Where a document stands. Raises NotFound `erp.not_handed_over`."""
    found = store.list_documents(tx, erp, ids=[document_id])
    if not found:
        raise NotFound(
            "erp.not_handed_over",
            f"{name} was not handed over yet",
            field="document",
            value=name,
            hint="`everycent erp work --once` hands over what is final",
        )
    return _standing(*found[0])


def counts(tx: Tx, erp: str) -> list[Any]:
    """How many documents stand where, with how many of them in trouble."""
    return store.list_counts(tx, erp)


class Step(NamedTuple):
    """Something that happened on a document's way, and where it stood then."""

    at: datetime
    event: str
    state: State
    answer_id: UUID | None
    actor: str


def trail(tx: Tx, standing: Standing) -> list[Step]:
    """Everything that happened on a document's way, in order."""
    (batch,) = store.list_batches(tx, standing.erp, batch_no=standing.batch_no)
    began = journal.event(tx, batch.event_id)
    steps = [
        Step(began.at, "batched", handed.initiated(standing.batch_no, began.at), None, began.actor)
    ]
    for row in journal.stream(tx, handed.stream(standing.document_id), limit=100_000):
        told: Handed = decode(_BY_NAME[row.type], row.schema_version, row.payload)
        if told.erp == standing.erp:
            event = row.type.partition(".")[2]
            steps.append(Step(row.at, event, told.state, told.answer_id, row.actor))
    return steps


class BatchMade(NamedTuple):
    """A batch as it was made."""

    number: int
    documents: int
    totals: tuple[Total, ...]
    digest: str
    previous: str
    at: datetime


def batches(tx: Tx, erp: str, limit: int = 100, *, before: int | None = None) -> list[BatchMade]:
    """Batches, the newest first, of those `before` a number."""
    return [
        BatchMade(
            row.batch_no,
            row.documents,
            _TOTALS.decode(row.told)[0],
            row.digest,
            row.previous,
            row.at,
        )
        for row in store.list_batches(tx, erp, before=before, limit=limit)
    ]


def answer(tx: Tx, answer_id: UUID) -> Any:
    """What the ERP said, word for word. Raises NotFound `erp.no_answer`."""
    found = store.find_answer(tx, answer_id)
    if found is None:
        raise NotFound("erp.no_answer", f"there is no answer {answer_id}", field="answer")
    return found


def _standing(row: Any, state: State) -> Standing:
    return Standing(
        row.erp, row.document_id, row.reference, row.batch_no, row.place, row.customer, row.issued_on,
        row.currency, row.gross, state, row.changed_at,
    )  # fmt: skip
