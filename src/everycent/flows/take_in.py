"""Take usage in record by record: the one door for HTTP and for Python programs.

Many threads offer a few records each. Storing threads gather what has come for one tenant within a few
milliseconds, and while they were busy, into one transaction (group commit), in the order in which it
came. Nobody is answered before their records are durable. What waits is bounded in records and bytes:
an offer that finds the door full is refused at once and may be sent again; nothing is dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from itertools import chain
from types import TracebackType
from typing import NamedTuple

import psycopg

from everycent.catalog import queries as catalog
from everycent.catalog.intake import IntakePolicy
from everycent.db.connection import Database
from everycent.flows import rejections
from everycent.flows.persistence import persistently
from everycent.flows.rejections import Door, judge
from everycent.flows.remembered import Remembered
from everycent.flows.taken import Sorted, Status, Taken, nothing_stored, settled, sort_out, without
from everycent.flows.waiting import AGAIN, Limits, Offer, Turn, Waiting
from everycent.kernel.clock import Clock
from everycent.kernel.errors import Invalid, Unavailable
from everycent.metering import operations as metering
from everycent.metering.offered import Offered, checked
from everycent.metering.record import UsageRecord

_STORING_THREADS = 2
_ATTEMPTS = 4
_RECORD_BYTES = 500  # what a record takes beside its longer texts, roughly
_TENANTS_KNOWN = 1000
_TENANTS_NAMED = 8  # whose names are remembered; the numbers of names may take much memory


class Catalogue(NamedTuple):
    """What intake needs of a tenant's catalogue."""

    meters: frozenset[str]
    policies: dict[str, IntakePolicy]


class Intake:
    """The door. Threads share it; use it as a context manager, or `close` it. `on_stored` is told of each
    tenant whose records were stored; `door` is what rejected records are counted under."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        door: Door = Door.PROGRAM,
        limits: Limits | None = None,
        on_stored: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._door = door
        self._on_stored = on_stored
        self._clock = clock
        self._catalogues = Remembered(self._read_catalogue, most=_TENANTS_KNOWN)
        self._names: dict[int, metering.Names] = {}
        self._one_at_a_time = threading.Lock()
        self._waiting = Waiting(limits or Limits())
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
            offer = without(offer, self._judged(tenant_id, offer.records, policies))
        future: Future[Taken] = Future()
        future.set_running_or_notify_cancel()  # what was taken is stored, even if nobody waits for it
        if atomic and offer.rejected:
            offer = Sorted([], [], list(nothing_stored(offer, offer.rejected).others))
        if not offer.records and not offer.rejected:
            future.set_result(Taken(0, ()))
        else:
            is_atomic = atomic and bool(offer.records)
            self._waiting.add(Offer(tenant_id, offer, is_atomic, _size(offer), future))
        return future

    def _judged(
        self, tenant_id: int, records: Sequence[UsageRecord], policies: Mapping[str, IntakePolicy]
    ) -> dict[int, Invalid]:
        try:
            return judge(self._database, tenant_id, records, policies, self._clock())
        except psycopg.OperationalError as error:
            raise Unavailable(
                "database.unavailable", f"the database went away: {str(error).strip()}", hint=AGAIN
            ) from error

    def catalogue(self, tenant_id: int) -> Catalogue:
        """The meters and policies of a tenant, at most a second old. Raises Unavailable."""
        return self._catalogues.get(tenant_id)

    def close(self) -> None:
        """Takes nothing in any more, stores what is waiting, and returns when that is done."""
        self._waiting.close()
        for thread in self._threads:
            thread.join()

    def _read_catalogue(self, tenant_id: int) -> Catalogue:
        with self._database.snapshot(tenant_id) as tx:
            return Catalogue(frozenset(catalog.raw_meters(tx)), catalog.intake_policies(tx))

    def _work(self) -> None:
        while not self._waiting.is_done():
            gathered = self._waiting.next_group()
            if gathered is not None:
                self._store_and_tell(*gathered)

    def _store_and_tell(self, group: Sequence[Offer], turn: Turn) -> None:
        results = self._stored(group, turn)
        if any(offer.sorted.records for offer in group):
            self._on_stored(group[0].tenant_id)
        self._waiting.settle(group, turn)  # first, so that whoever is told finds the room it took
        for offer, result in zip(group, results, strict=True):
            if isinstance(result, Exception):
                offer.future.set_exception(result)
            else:
                offer.future.set_result(result)

    def _stored(self, group: Sequence[Offer], turn: Turn) -> Sequence[Taken | Exception]:
        """What became of each offer, or why it could not be stored."""
        try:
            return persistently(lambda: self._ingest(group, turn), attempts=_ATTEMPTS, hint=AGAIN)
        except Exception as error:  # noqa: BLE001 - whoever waits is told, and the thread goes on
            if len(group) == 1 or not isinstance(error, psycopg.Error):
                return [error for _ in group]
        # The database can't take something among it: nobody else shall pay for that.
        return [result for offer in group for result in self._stored([offer], turn)]

    def _ingest(self, group: Sequence[Offer], turn: Turn) -> list[Taken]:
        tenant_id = group[0].tenant_id
        names = self._names_of(tenant_id)
        records = list(chain.from_iterable(offer.sorted.records for offer in group))
        offers = [offer.sorted for offer in group]
        now = self._clock()
        if not group[0].is_atomic:
            rejected = rejections.by_code(
                told.refusal.code for offer in offers for told in offer.rejected if told.refusal
            )
            intake = rejections.ingest(
                self._database, tenant_id, records, now, names, turn, self._door, rejected
            )
            return settled(offers, intake)
        names.learn(self._database, tenant_id, records)
        try:
            with self._database.transaction(tenant_id) as tx:
                intake = metering.ingest_within(tx, records, now, names, turn)
                if intake.conflicts:
                    raise _UndoneError(intake)
        except _UndoneError as undone:
            (taken,) = settled(offers, undone.intake)
            told = [outcome for outcome in taken.others if outcome.status is not Status.DUPLICATE]
            nothing = nothing_stored(offers[0], told)
            codes = [outcome.refusal.code for outcome in nothing.others if outcome.refusal]
            with self._database.transaction(tenant_id) as tx:
                rejections.count(tx, now, self._door, rejections.by_code(codes))
            return [nothing]
        return settled(offers, intake)

    def _names_of(self, tenant_id: int) -> metering.Names:
        with self._one_at_a_time:
            names = self._names.pop(tenant_id, None) or metering.Names()
            while len(self._names) >= _TENANTS_NAMED:
                del self._names[next(iter(self._names))]
            self._names[tenant_id] = names
            return names


class _UndoneError(Exception):
    """Rolls a transaction back and brings out what was found in it."""

    def __init__(self, intake: metering.Intake) -> None:
        super().__init__("undone")
        self.intake = intake


def _size(offer: Sorted) -> int:
    texts = sum(len(r.record_id) + len(r.subject) + len(r.dimensions) for r in offer.records)
    return texts + _RECORD_BYTES * (len(offer.records) + len(offer.rejected))
