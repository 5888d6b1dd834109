"""Make batches, claim what is to be handed over, and write down what the ERP said. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from everycent.db.connection import Tx
from everycent.erp import batch as batches
from everycent.erp import compared, handed, projection, queries, store
from everycent.erp.batch import BATCHED, Batch
from everycent.erp.compared import COMPARED, Compared
from everycent.erp.handed import (
    LOST,
    REQUEUED,
    Difference,
    Handed,
    Said,
    State,
    Status,
    Trouble,
)
from everycent.erp.port import RAW_LIMIT, Reply
from everycent.erp.queries import Unit
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.journal.types import EventType
from everycent.kernel import ids as shown
from everycent.kernel.errors import Conflict
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text


class Writer(NamedTuple):
    """Who writes to the way into which ERP, when, and where ids come from. `holder` is the process that
    takes work."""

    erp: str
    at: datetime
    actor: str
    ids: IdSource
    holder: str = ""


def make_batch(
    tx: Tx,
    writer: Writer,
    seller: str,
    *,
    since: date,
    most: int,
    without: Collection[UUID] = (),
) -> Batch | None:
    """A batch of documents that are final and not handed over, if there are any `without` some."""
    store.lock_batches(tx, writer.erp)
    found = store.list_waiting(tx, writer.erp, since, most + len(without))
    waiting = [one for one in found if one[0] not in without][:most]
    if not waiting:
        return None
    made = queries.documents(tx, seller, dict(waiting))
    number, previous = store.find_last_batch(tx, writer.erp) or (0, None)
    some = [(document_id, made[document_id]) for document_id, _ in waiting]
    batch = batches.batch_of(writer.erp, number + 1, previous, some, writer.at)
    event_id = writer.ids(f"erp.batched/{writer.erp}/{batch.number}")
    stream = batches.stream(writer.erp)
    draft = Draft(event_id, stream, BATCHED, writer.at, writer.actor, batch)
    journal.record(tx, [draft], writer.at, projection.any_of)
    return batch


def take(tx: Tx, writer: Writer, *, lease: timedelta, limit: int) -> list[Unit]:
    """What can be handed over now, which nobody else gets until the lease is over."""
    due = [Unit(*row) for row in store.list_due(tx, writer.erp, writer.at, limit)]
    taken = (
        store.claim(tx, writer.erp, [unit.what for unit in due], lease, writer.holder)
        if due
        else set()
    )
    return [unit for unit in due if unit.what in taken]


def take_to_ask(tx: Tx, writer: Writer, *, lease: timedelta, limit: int) -> list[UUID]:
    """Documents to ask about now, which nobody else gets until the lease is over."""
    due = store.list_to_ask(tx, writer.erp, writer.at, limit)
    names = {f"ask {document_id}": document_id for document_id in due}
    taken = store.claim(tx, writer.erp, names, lease, writer.holder) if due else set()
    return [document_id for name, document_id in names.items() if name in taken]


def is_taken(tx: Tx, writer: Writer, what: Iterable[str]) -> bool:
    """Whether the writer's process still has any of it."""
    return store.is_claimed(tx, writer.erp, what, writer.holder)


def give_all_back(tx: Tx, writer: Writer) -> None:
    """All that the writer's process has taken may be taken by anybody."""
    store.release_held(tx, writer.erp, writer.holder)


def give_back(tx: Tx, erp: str, what: Iterable[str]) -> None:
    """What was taken may be taken by anybody."""
    store.release(tx, erp, what)


def record(
    tx: Tx, writer: Writer, said: Mapping[UUID, Said], reply: Reply, what: str
) -> dict[UUID, State]:
    """Writes down what the ERP said, word for word, and what follows for documents. Returns where those
    stand of which it says something new."""
    states = store.lock_states(tx, writer.erp, sorted(said))
    said = _without_foreign_bills(tx, writer.erp, said)
    came_to = {
        document_id: after
        for document_id, state in states.items()
        if (after := handed.after(state, said[document_id], writer.at)) is not None
    }
    if came_to:
        answer_id = keep(tx, writer, reply, what)
        _write(tx, writer, came_to, answer_id)
    return {document_id: state for document_id, (_, state) in came_to.items()}


def keep(tx: Tx, writer: Writer, reply: Reply, what: str) -> UUID:
    """Keeps what the ERP said, word for word. Returns its id."""
    answer_id = writer.ids(f"erp.answer/{what}/{instant_text(writer.at)}")
    store.insert_answer(
        tx, answer_id=answer_id, erp=writer.erp, what=what, status=reply.status,
        raw=(reply.evidence or reply.raw)[:RAW_LIMIT], why=reply.why, at=writer.at,
    )  # fmt: skip
    return answer_id


def requeue(tx: Tx, writer: Writer, document_id: UUID, name: str, reason: str) -> State:
    """Hands a document over anew that was parked or refused. Raises Conflict `erp.not_stuck`."""
    state = store.lock_states(tx, writer.erp, [document_id]).get(document_id)
    if state is None or state.status not in (Status.PARKED, Status.ABORTED):
        stands = "not handed over yet" if state is None else state.status.value
        raise Conflict(
            "erp.not_stuck",
            f"{name} is {stands}: it needs nobody",
            field="document",
            value=name,
            hint="only what is parked or aborted is handed over anew",
        )
    after = handed.requeued(state, writer.at, reason)
    _write(tx, writer, {document_id: (REQUEUED, after)}, None)
    return after


def found(tx: Tx, writer: Writer, findings: Compared) -> None:
    """Writes down what a comparison has found."""
    key = f"erp.compared/{writer.erp}/{instant_text(writer.at)}"
    stream = compared.stream(writer.erp)
    draft = Draft(writer.ids(key), stream, COMPARED, writer.at, writer.actor, findings)
    journal.record(tx, [draft], writer.at, projection.compared)


def send_lost(
    tx: Tx,
    writer: Writer,
    document_ids: Sequence[UUID],
    before: Mapping[UUID, State],
    reason: str,
) -> list[UUID]:
    """Documents that the ERP had and has no more go there again, if they still stand where they stood
    `before` it was asked. Returns those."""
    states = store.lock_states(tx, writer.erp, sorted(document_ids))
    gone = {
        key: (LOST, handed.lost(state, writer.at, reason))
        for key, state in states.items()
        if state.status in (Status.REGISTERED, Status.ACKNOWLEDGED) and before.get(key) == state
    }
    _write(tx, writer, gone, None)
    return list(gone)


def _without_foreign_bills(tx: Tx, erp: str, said: Mapping[UUID, Said]) -> dict[UUID, Said]:
    """What is said, unless it gives a document an id that another one has."""
    bills = [one.bill for one in said.values() if one.bill is not None]
    owners = store.owners_of(tx, erp, bills) if bills else {}
    checked = dict(said)
    for document_id, one in said.items():
        owner = None if one.bill is None else owners.setdefault(one.bill, document_id)
        if owner is not None and owner != document_id:
            name = shown.show(shown.INVOICE, owner)
            differs = Difference("bill", "an id of its own", f"{one.bill}, which {name} has")
            reason = "it says another document's id"
            checked[document_id] = Said(None, None, reason, Trouble.MISMATCH, (differs,))
    return checked


def _write(
    tx: Tx,
    writer: Writer,
    came_to: Mapping[UUID, tuple[EventType, State]],
    answer_id: UUID | None,
) -> None:
    drafts = []
    for document_id, (event_type, state) in came_to.items():
        key = f"{event_type.name}/{document_id}/{state.tries}/{instant_text(writer.at)}"
        told = Handed(writer.erp, document_id, state, answer_id)
        stream = handed.stream(document_id)
        drafts.append(Draft(writer.ids(key), stream, event_type, writer.at, writer.actor, told))
    if drafts:
        journal.record(tx, drafts, writer.at, projection.any_of)
