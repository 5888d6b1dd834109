"""Hand over: brings every final document into the ERP, once, however often one of the two falls over.

    make a batch (committed) ─► take (committed) ─► send ─► write down what was said (committed)
                                take (committed) ─► ask  ─► write down

Nothing is sent inside a transaction. Whoever dies between sending and writing down leaves a claim that runs
out; the same is sent again then, under the same references, and the ERP says that it has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

import psycopg

from everycent.alarms.operations import Channel
from everycent.alarms.operations import Writer as AlarmWriter
from everycent.db.connection import AWAY as AWAY_DATABASE
from everycent.db.connection import Database
from everycent.erp import judge, operations, queries
from everycent.erp.handed import AWAY, Said, State, Status, Trouble
from everycent.erp.operations import Writer
from everycent.erp.port import Erp, Reply
from everycent.erp.queries import Unit
from everycent.flows import erp_alarms
from everycent.flows.broken import unforeseen
from everycent.flows.erp_alarms import Watched
from everycent.kernel import points
from everycent.kernel.clock import Clock
from everycent.kernel.errors import Broken
from everycent.kernel.ids import INVOICE, IdSource, show

LEASE = timedelta(minutes=5)
"""After how long what somebody took who says nothing any more is taken over, unless told otherwise."""
SLOW = timedelta(days=1)
"""How long an ERP may say that it has received a document before somebody is told."""
_IDLE_SECONDS = (
    60  # a process that is stopped keeps no locks; a batch of long documents takes seconds
)
_MAY_BE_ITS_FAULT = (Trouble.TIMED_OUT, Trouble.LOST)


class Desk(NamedTuple):
    """What a process needs to hand documents over: `seller` is the tenant's name in the ERP, `since` from
    which day on documents are handed over. A call to the ERP ends well within the `lease`. When the
    database breaks something off, a desk that `can_wait` does so, writes down what the ERP said, and gives
    back what it has taken as a `holder` of its own."""

    database: Database
    tenant_id: int
    seller: str
    erp: Erp
    since: date
    clock: Clock
    ids: IdSource
    actor: str
    channels: tuple[Channel, ...] = ()
    lease: timedelta = LEASE
    slow: timedelta = SLOW
    holder: str = ""
    can_wait: Callable[[], bool] = lambda: False

    @property
    def writer(self) -> Writer:
        """This process, writing now."""
        return Writer(self.erp.name, self.clock(), self.actor, self.ids, self.holder)

    @property
    def watched(self) -> Watched:
        """What alarms are about."""
        return Watched(self.erp.name, self.seller, self.slow)

    @property
    def alarms(self) -> AlarmWriter:
        """This process, raising alarms now."""
        return AlarmWriter(self.clock(), self.actor, self.ids, self.channels)


def hand_over(desk: Desk, *, is_stopped: Callable[[], bool] = lambda: False) -> Counter[str]:
    """Does what can be done now: makes batches, sends what is due, and asks about what is acknowledged.
    Stops at the first sign that the ERP is away. Returns how many documents came to what."""
    counts: Counter[str] = Counter()
    try:
        _do(desk, is_stopped, counts)
    except AWAY_DATABASE:
        if not _gave_all_back(desk):
            raise  # the claims run out
    return counts


def _gave_all_back(desk: Desk) -> bool:
    """Waits until the database is there, and gives back what was taken, also where we were not told that it
    was. False when it can't be waited for."""
    while desk.can_wait():
        try:
            with desk.database.transaction(desk.tenant_id, idle_seconds=_IDLE_SECONDS) as tx:
                operations.give_all_back(tx, desk.writer)
            return True
        except AWAY_DATABASE:
            continue
    return False


def _do(desk: Desk, is_stopped: Callable[[], bool], counts: Counter[str]) -> None:
    _make_batches(desk, is_stopped, counts)
    is_there = True
    while is_there and not is_stopped():
        unit = _take(desk)
        if unit is None:
            break
        is_there = _send(desk, unit, counts)
    while is_there and not is_stopped():
        documents = _take_to_ask(desk)
        if not documents:
            break
        is_there = _ask(desk, documents, counts)


def _make_batches(desk: Desk, is_stopped: Callable[[], bool], counts: Counter[str]) -> None:
    """Makes batches of all but what can't be read, of which there is an alarm."""
    unreadable: dict[UUID, tuple[str, str]] = {}
    while not is_stopped():
        try:
            if not _make_batch(desk, unreadable.keys()):
                break
            counts["batches"] += 1
        except AWAY_DATABASE:
            raise
        except Exception:
            found = _unreadable(desk, unreadable.keys())
            if not found:
                raise
            unreadable |= found
    with desk.database.transaction(desk.tenant_id, idle_seconds=_IDLE_SECONDS) as tx:
        told = dict(unreadable.values())
        erp_alarms.reflect_unreadable(tx, desk.erp.name, told, desk.alarms)


def _unreadable(desk: Desk, known: Collection[UUID]) -> dict[UUID, tuple[str, str]]:
    """Of the next documents those at which we fail, with their names and why."""
    found = {}
    with desk.database.snapshot(desk.tenant_id) as tx:
        most = desk.erp.batch + len(known)
        for document_id, event_id in queries.next_ones(tx, desk.erp.name, desk.since, most):
            try:
                queries.documents(tx, desk.seller, {document_id: event_id})
            except psycopg.Error:
                raise
            except Exception as error:  # noqa: BLE001 - the others are handed over
                found[document_id] = (show(INVOICE, document_id), unforeseen(error))
    return {key: told for key, told in found.items() if key not in known}


def _make_batch(desk: Desk, without: Collection[UUID]) -> bool:
    points.reach("erp_batch.begin")
    with desk.database.transaction(desk.tenant_id, idle_seconds=_IDLE_SECONDS) as tx:
        batch = operations.make_batch(
            tx, desk.writer, desk.seller, since=desk.since, most=desk.erp.batch,
            without=without,
        )  # fmt: skip
        if batch is None:  # what is not heard of, but found: a credit note that can't go
            erp_alarms.reflect(tx, desk.watched, desk.alarms)
        points.reach("erp_batch.commit")
    points.reach("erp_batch.committed")
    return batch is not None


def _take(desk: Desk) -> Unit | None:
    points.reach("erp_take.begin")
    with desk.database.transaction(desk.tenant_id, idle_seconds=_IDLE_SECONDS) as tx:
        taken = operations.take(tx, desk.writer, lease=desk.lease, limit=1)
        points.reach("erp_take.commit")
    points.reach("erp_take.committed")
    return taken[0] if taken else None


def _send(desk: Desk, unit: Unit, counts: Counter[str]) -> bool:
    try:
        return _sent(desk, unit, counts)
    except AWAY_DATABASE:
        raise
    except Exception as error:  # noqa: BLE001 - of this unit: it is tried later, and stops no other
        why = error.message if isinstance(error, Broken) else unforeseen(error)
    with desk.database.snapshot(desk.tenant_id) as tx:
        documents = queries.of_unit(tx, desk.erp.name, unit)
    return _give_up(desk, documents, why, unit.what, [unit.what], counts)


def _sent(desk: Desk, unit: Unit, counts: Counter[str]) -> bool:
    with desk.database.snapshot(desk.tenant_id) as tx:
        parcel, names = queries.parcel(tx, desk.erp.name, desk.seller, unit)
    points.reach("erp_send.call")
    reply = desk.erp.send(desk.seller, parcel)
    points.reach("erp_send.called")
    said = {names[name]: one for name, one in judge.of_sent(parcel, reply).items()}
    is_there = _write(desk, said, reply, unit.what, [unit.what], counts)
    # One document at which the ERP hangs does not say that it is away.
    return is_there or (unit.document_id is not None and reply.trouble in _MAY_BE_ITS_FAULT)


def _give_up(
    desk: Desk,
    documents: Sequence[UUID],
    why: str,
    what: str,
    claims: Sequence[str],
    counts: Counter[str],
) -> bool:
    """A try that came to nothing because we failed at it."""
    reply = Reply(b"", None, Trouble.BROKEN, why)
    said = dict.fromkeys(documents, Said(None, None, why, Trouble.BROKEN))
    return _write(desk, said, reply, what, claims, counts)


def _take_to_ask(desk: Desk) -> list[UUID]:
    points.reach("erp_take.begin")
    with desk.database.transaction(desk.tenant_id, idle_seconds=_IDLE_SECONDS) as tx:
        taken = operations.take_to_ask(tx, desk.writer, lease=desk.lease, limit=desk.erp.page)
        points.reach("erp_take.commit")
    points.reach("erp_take.committed")
    return taken


def _ask(desk: Desk, documents: Sequence[UUID], counts: Counter[str]) -> bool:
    """Asks about documents together, or one by one when we fail at it: that is one's fault."""
    try:
        return _asked(desk, documents, counts)
    except AWAY_DATABASE:
        raise
    except Exception as error:  # noqa: BLE001 - the others are asked about
        why = unforeseen(error)
    if len(documents) == 1:
        return _give_up(desk, documents, why, "ask", [f"ask {documents[0]}"], counts)
    return all(_ask(desk, [one], counts) for one in documents)


def _asked(desk: Desk, documents: Sequence[UUID], counts: Counter[str]) -> bool:
    with desk.database.snapshot(desk.tenant_id) as tx:
        asked = queries.asked_about(tx, desk.erp.name, desk.seller, documents)
    names = {document.reference: key for key, document in asked.items()}
    points.reach("erp_ask.call")
    reply = desk.erp.ask(list(names))
    points.reach("erp_ask.called")
    told = judge.of_asked({one.reference: one for one in asked.values()}, reply)
    said = {names[name]: one for name, one in told.items()}
    return _write(desk, said, reply, "ask", [f"ask {key}" for key in documents], counts)


def _write(
    desk: Desk,
    said: Mapping[UUID, Said],
    reply: Reply,
    what: str,
    claims: Sequence[str],
    counts: Counter[str],
) -> bool:
    """Writes down what was said; whether the ERP is there."""
    is_again = False
    while True:
        try:
            counts.update(map(_what_came, _written(desk, said, reply, what, claims, is_again)))
            return not any(one.trouble in AWAY for one in said.values())
        except AWAY_DATABASE:
            if not desk.can_wait():
                raise  # the claims run out, and somebody asks the ERP again
            is_again = True


def _written(
    desk: Desk,
    said: Mapping[UUID, Said],
    reply: Reply,
    what: str,
    claims: Sequence[str],
    is_again: bool,
) -> list[State]:
    points.reach("erp_hear.begin")
    with desk.database.transaction(desk.tenant_id, idle_seconds=_IDLE_SECONDS) as tx:
        if is_again and not operations.is_taken(tx, desk.writer, claims):
            return []  # it was committed, and we were not told so
        states = operations.record(tx, desk.writer, said, reply, what)
        operations.give_back(tx, desk.erp.name, claims)
        erp_alarms.reflect(tx, desk.watched, desk.alarms)
        points.reach("erp_hear.commit")
    points.reach("erp_hear.committed")
    return list(states.values())


def _what_came(state: State) -> str:
    if state.trouble is not None and state.status is not Status.PARKED:
        return str(state.trouble)
    return str(state.status)
