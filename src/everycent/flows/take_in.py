"""Take usage in record by record: the one door for HTTP and for Python programs.

Many threads offer a few records each. Storing threads gather what has come for one tenant within a few
milliseconds, and while they were busy, into one transaction (group commit), in the order in which it
came. Nobody is answered before their records are durable. What waits is bounded in records and bytes:
an offer that finds the door full is refused at once and may be sent again; nothing is dropped.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import chain
from types import TracebackType
from typing import NamedTuple

import psycopg

from everycent.catalog import queries as catalog
from everycent.catalog.intake import IntakePolicy
from everycent.db.connection import Database, Tx
from everycent.flows.persistence import persistently
from everycent.flows.remembered import Remembered
from everycent.flows.taken import Sorted, Status, Taken, nothing_stored, settled, sort_out, without
from everycent.kernel.clock import Clock
from everycent.kernel.errors import Invalid, Unavailable
from everycent.metering import operations as metering
from everycent.metering.bounds import refusals_of
from everycent.metering.offered import Offered, checked
from everycent.metering.record import UsageRecord

_STORING_THREADS = 2
_GATHER_MS = 2
_ENOUGH = 1000  # records: with so many there is nothing to gain by waiting for more
_TOGETHER = 20_000
_ATTEMPTS = 4
_RECORD_BYTES = 500  # what a record takes beside its longer texts, roughly
_TENANTS_KNOWN = 1000
_TENANTS_NAMED = 8  # whose names are remembered; the numbers of names may take much memory
_AGAIN = "send it again: what is stored already is recognised"


class Limits(NamedTuple):
    """How much may wait to be stored, what is being stored included."""

    records: int = 50_000
    size_bytes: int = 48_000_000


class Catalogue(NamedTuple):
    """What intake needs of a tenant's catalogue."""

    meters: frozenset[str]
    policies: dict[str, IntakePolicy]


class _Turn:
    """Lets groups of a tenant claim their keys in the order in which they were gathered."""

    def __init__(self, before: threading.Event | None) -> None:
        self._before = before
        self.had = threading.Event()

    def __enter__(self) -> None:
        if self._before is not None:
            self._before.wait()

    def __exit__(self, *_: object) -> None:
        self.had.set()


class _Offer(NamedTuple):
    tenant_id: int
    sorted: Sorted
    is_atomic: bool
    size_bytes: int
    future: Future[Taken]


class Intake:
    """The door. Threads share it; use it as a context manager, or `close` it."""

    def __init__(self, database: Database, clock: Clock, *, limits: Limits | None = None) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits or Limits()
        self._catalogues = Remembered(self._read_catalogue, most=_TENANTS_KNOWN)
        self._names: dict[int, metering.Names] = {}
        self._waiting: dict[int, deque[_Offer]] = {}
        self._turns: dict[int, threading.Event] = {}
        self._records = 0
        self._bytes = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, name=f"intake-{n}", daemon=True)
            for n in range(_STORING_THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Intake:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def take(
        self, tenant_id: int, records: Iterable[UsageRecord], *, atomic: bool = False
    ) -> Taken:
        """Stores records that a program made, and waits until they are durable.

        Raises Invalid for the first record that is none, and as `submit` does; Unavailable
        `usage.not_stored` when the database stayed away: the same records may safely be taken again.
        """
        meters = self.catalogue(tenant_id).meters
        offered = [checked(record, meters) for record in records]
        return self.submit(tenant_id, offered, atomic=atomic).result()

    def submit(
        self, tenant_id: int, offered: Sequence[Offered], *, atomic: bool = False
    ) -> Future[Taken]:
        """Queues records that were read from the wire. The result comes when they are durable.

        With `atomic` all are stored or none. Raises Unavailable `usage.busy` when too much is waiting
        already, `usage.closing`, and when the catalogue can't be read; Invalid `usage.too_many_records`.
        """
        offer = sort_out(offered)
        policies = self.catalogue(tenant_id).policies
        if policies:
            offer = without(offer, refusals_of(offer.records, policies, self._clock()))
        future: Future[Taken] = Future()
        future.set_running_or_notify_cancel()  # what was taken is stored, even if nobody waits for it
        if atomic and offer.rejected:
            future.set_result(nothing_stored(offer, offer.rejected))
        elif not offer.records:
            future.set_result(settled([offer], metering.Intake(0, (), ()))[0])
        else:
            self._queue(_Offer(tenant_id, offer, atomic, _size(offer.records), future))
        return future

    def catalogue(self, tenant_id: int) -> Catalogue:
        """The meters and policies of a tenant, at most a second old. Raises Unavailable."""
        return self._catalogues.get(tenant_id)

    def close(self) -> None:
        """Takes nothing in any more, stores what is waiting, and returns when that is done."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _read_catalogue(self, tenant_id: int) -> Catalogue:
        with self._database.snapshot(tenant_id) as tx:
            return Catalogue(frozenset(catalog.raw_meters(tx)), catalog.intake_policies(tx))

    # --- the queue ------------------------------------------------------------------------------

    def _queue(self, offer: _Offer) -> None:
        count = len(offer.sorted.records)
        if count > _TOGETHER:
            raise Invalid(
                "usage.too_many_records",
                f"{count} records were offered together; {_TOGETHER} may be",
                hint="offer them in several calls",
            )
        with self._changed:
            if self._is_closed:
                raise Unavailable(
                    "usage.closing", "usage is not taken in any more: the program ends", hint=_AGAIN
                )
            if (
                self._records + count > self._limits.records
                or self._bytes + offer.size_bytes > self._limits.size_bytes
            ):
                raise Unavailable(
                    "usage.busy",
                    f"{self._records} records are waiting to be stored; no more are taken until some are",
                    hint="send it again in a second; nothing of it was stored",
                )
            self._records += count
            self._bytes += offer.size_bytes
            self._waiting.setdefault(offer.tenant_id, deque()).append(offer)
            self._changed.notify()

    def _gathered(self) -> tuple[list[_Offer], _Turn] | None:
        """The next offers to be stored together, all of one tenant; None when all is done.

        An atomic offer is stored alone. Tenants take turns.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            is_little = self._records < _ENOUGH and not self._is_closed
        if is_little:
            time.sleep(_GATHER_MS / 1000)
        with self._changed:
            if not self._waiting:
                return None  # the other thread took it, or the end has come
            tenant_id = next(iter(self._waiting))
            offers = self._waiting.pop(tenant_id)
            group = [offers.popleft()]
            count = len(group[0].sorted.records)
            while offers and not (group[0].is_atomic or offers[0].is_atomic):
                count += len(offers[0].sorted.records)
                if count > _TOGETHER:
                    break
                group.append(offers.popleft())
            if offers:
                self._waiting[tenant_id] = offers
                self._changed.notify()
            turn = _Turn(self._turns.get(tenant_id))
            self._turns[tenant_id] = turn.had
            return group, turn

    def _is_done(self) -> bool:
        with self._changed:
            return self._is_closed and not self._waiting

    # --- the storing threads --------------------------------------------------------------------

    def _work(self) -> None:
        while not self._is_done():
            gathered = self._gathered()
            if gathered is not None:
                group, turn = gathered
                self._store(group, turn)
                with turn:  # whoever comes after this group need not wait any longer
                    pass
                self._forget(group[0].tenant_id, turn)

    def _store(self, group: Sequence[_Offer], turn: _Turn) -> None:
        try:
            results = persistently(
                lambda: self._ingest(group, turn), attempts=_ATTEMPTS, hint=_AGAIN
            )
        except Exception as error:  # noqa: BLE001 - whoever waits is told, and the thread goes on
            if len(group) > 1 and isinstance(error, psycopg.Error):
                # The database can't take something among it: nobody else shall pay for that.
                for offer in group:
                    self._store([offer], turn)
                return
            self._release(group)
            for offer in group:
                offer.future.set_exception(error)
            return
        self._release(group)
        for offer, taken in zip(group, results, strict=True):
            offer.future.set_result(taken)

    def _ingest(self, group: Sequence[_Offer], turn: _Turn) -> list[Taken]:
        tenant_id = group[0].tenant_id
        names = self._names_of(tenant_id)
        records = list(chain.from_iterable(offer.sorted.records for offer in group))
        offers = [offer.sorted for offer in group]
        if not group[0].is_atomic:
            intake = metering.ingest(self._database, tenant_id, records, self._clock(), names, turn)
            return settled(offers, intake)
        names.learn(self._database, tenant_id, records)
        try:
            with self._database.transaction(tenant_id) as tx:
                intake = metering.ingest(
                    _Within(tx), tenant_id, records, self._clock(), names, turn
                )
                if intake.conflicts:
                    raise _UndoneError(intake)
        except _UndoneError as undone:
            (taken,) = settled(offers, undone.intake)
            told = [outcome for outcome in taken.others if outcome.status is not Status.DUPLICATE]
            return [nothing_stored(offers[0], told)]
        return settled(offers, intake)

    def _names_of(self, tenant_id: int) -> metering.Names:
        with self._changed:
            names = self._names.pop(tenant_id, None) or metering.Names()
            while len(self._names) >= _TENANTS_NAMED:
                del self._names[next(iter(self._names))]
            self._names[tenant_id] = names
            return names

    def _release(self, group: Sequence[_Offer]) -> None:
        with self._changed:
            self._records -= sum(len(offer.sorted.records) for offer in group)
            self._bytes -= sum(offer.size_bytes for offer in group)

    def _forget(self, tenant_id: int, turn: _Turn) -> None:
        with self._changed:
            if self._turns.get(tenant_id) is turn.had:
                del self._turns[tenant_id]


class _UndoneError(Exception):
    """Rolls a transaction back and brings out what was found in it."""

    def __init__(self, intake: metering.Intake) -> None:
        super().__init__("undone")
        self.intake = intake


class _Within(Database):
    """Lets `metering.ingest` work in a transaction that is open, so that it can still be undone."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    @contextmanager
    def transaction(self, tenant_id: int) -> Iterator[Tx]:
        """The open transaction."""
        assert tenant_id == self._tx.tenant_id, "a transaction belongs to one tenant"
        yield self._tx


def _size(records: Sequence[UsageRecord]) -> int:
    texts = sum(len(r.record_id) + len(r.subject) + len(r.dimensions) for r in records)
    return texts + _RECORD_BYTES * len(records)
