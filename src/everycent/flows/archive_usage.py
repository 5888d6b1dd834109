"""Archive old months of usage, put them back, and prove that the files say what was archived.

A month is written for each tenant by itself; its partition holds the records of all, so it is dropped
when the last of them has archived it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID

from everycent.archives import archive as nouns
from everycent.archives import operations as archives
from everycent.archives import queries
from everycent.archives.archive import Part, Place, StoredFile, span_of
from everycent.catalog import queries as catalog
from everycent.db.connection import Database, Tx
from everycent.flows import reasoned
from everycent.flows.archive_unbilled import refuse_unbilled, unbilled
from everycent.kernel.clock import Clock
from everycent.kernel.errors import Invalid, Refusal
from everycent.kernel.ids import IdSource
from everycent.metering import operations as metering
from everycent.metering.record import UsageRecord
from everycent.tenants import queries as tenants


class Folder(Protocol):
    """A place with files. It refuses with `archive.missing`, `archive.unreadable`."""

    def look(self, name: str) -> StoredFile:
        """The file as it lies there now."""

    def read(self, name: str) -> Iterator[bytes]:
        """The CSV that was written."""

    def pick(self, name: str, keys: Sequence[UUID]) -> dict[UUID, UsageRecord]:
        """Those of the records with some keys that are in the file."""


class Files(Protocol):
    """Where files are put, and found again: `location` is what is remembered of a new one."""

    @property
    def location(self) -> str:
        """Where new files go."""

    def at(self, location: str) -> Folder:
        """The place that was remembered."""

    def write(
        self,
        name_of: Callable[[bytes], str],
        manifest: Mapping[str, str],
        pieces: Iterable[bytes],
    ) -> StoredFile:
        """Keeps CSV durably in a file, named after its SHA-256."""


class Outcome(StrEnum):
    """What became of a month's records in the table. KEPT: asked for. WAITING: other tenants have
    records of the month in no archive, keep them, or have to bill them by now."""

    DROPPED = "dropped"
    KEPT = "kept"
    WAITING = "waiting"


class Month(NamedTuple):
    """A month that was archived: the part that was written (None: all of it was in parts before)."""

    month: date
    part: Part | None
    outcome: Outcome


class Terms(NamedTuple):
    """Who archives when, under which ids."""

    clock: Clock
    ids: IdSource
    actor: str


def archive(
    database: Database,
    tenant: str,
    before: date,
    files: Files,
    terms: Terms,
    *,
    keep: bool = False,
    even_unbilled: bool = False,
    on_month: Callable[[Month], None] = lambda _: None,
) -> list[Month]:
    """Archives what the table has of the months before `before` (the first day of a month) of a tenant,
    and, unless it is to `keep` them, drops the months of which nobody has or keeps anything else.
    What a tenant keeps stays, whoever archives the month, until it archives it itself without that.

    Raises Invalid `archive.month_open` when records may still come into one of them, Conflict
    `archive.not_billed` when one has usage that is to be billed (unless `even_unbilled`), and what
    `archives.operations` and `files` raise; what was done before stays done.
    """
    tenant_id = tenants.tenant_id(database, tenant)
    with database.snapshot(tenant_id) as tx:
        _check_closed(tx, before, terms.clock())
    metering.fold(database, tenant_id)
    with database.snapshot(tenant_id) as tx:
        months = queries.months_in_table(tx, before)
    done = []
    for month in months:
        with database.transaction(tenant_id) as tx:
            part = _archive_month(tx, tenant, month, files, terms, even_unbilled=even_unbilled)
            archives.hold(tx, month, terms.clock(), is_held=keep, even_unbilled=even_unbilled)
        outcome = Outcome.KEPT if keep else _drop(database, tenant_id, month, files, terms)
        done.append(Month(month, part, outcome))
        on_month(done[-1])
    return done


def _check_closed(tx: Tx, before: date, as_of: datetime) -> None:
    days = [policy.accept_days or 0 for policy in catalog.intake_policies(tx).values()]
    longest = max(days, default=0)
    first_open = nouns.first_open_month(as_of, longest)
    if before > first_open:
        raise Invalid(
            "archive.month_open",
            f"records may still come into {first_open:%Y-%m}: "
            + (f"a meter takes them {longest} days late" if longest else "it is not over"),
            field="before",
            value=f"{before:%Y-%m}",
            hint=f"--before {first_open:%Y-%m} archives every month that is closed",
        )


def _archive_month(
    tx: Tx, tenant: str, month: date, files: Files, terms: Terms, *, even_unbilled: bool
) -> Part | None:
    """Writes what is in no part yet: proved, written, read back, compared, recorded."""
    archives.lock(tx)
    pending = archives.find_pending(tx, month)
    reasons = reasoned.by_batch(tx, span_of(month))  # of all that is pending, and maybe of more
    if not even_unbilled:
        refuse_unbilled(tx, month, reasons, terms.clock())
    if pending is None:
        return None
    archives.clear_loaded(tx)
    for part in queries.parts(tx, month):
        if part.place is Place.FILE:
            _load(tx, part, files)
    archives.prove_rollups(tx, month)
    file = files.write(
        lambda sha256: nouns.file_name(tenant, month, pending.part_no, sha256),
        nouns.manifest(tenant, month, pending.part_no),
        archives.export(tx, month),
    )
    facts = archives.check_written(tx, pending, files.at(files.location).read(file.name))
    of_part = archives.reasons_of_pending(tx, reasons)
    return archives.record_part(
        tx, pending, file, files.location, facts, of_part,
        at=terms.clock(), actor=terms.actor, ids=terms.ids,
    )  # fmt: skip


def _drop(database: Database, tenant_id: int, month: date, files: Files, terms: Terms) -> Outcome:
    """Drops a month when all of it is archived, in files that are there as they were written. The other
    tenants are asked again: contracts may have begun since they archived it."""
    for row in tenants.listed(database):
        with database.snapshot(row.tenant_id) as tx:
            kept = [part for part in queries.parts(tx, month) if part.place is Place.TABLE]
            if kept and row.tenant_id != tenant_id and _has_to_bill(tx, month):
                return Outcome.WAITING
        for part in kept:
            _check_file(part, files)
    others = archives.drop(database, tenant_id, month, terms.clock())
    return Outcome.WAITING if others else Outcome.DROPPED


def _has_to_bill(tx: Tx, month: date) -> bool:
    if queries.may_go_unbilled(tx, month):
        return False
    tx.sort_in_memory()
    return unbilled(reasoned.by_batch(tx, span_of(month))) > 0


def _check_file(part: Part, files: Files) -> None:
    found = files.at(part.location).look(part.file.name)
    if found != part.file:
        raise archives.altered(
            part, f"{found.size_bytes} bytes with the SHA-256 {found.sha256.hex()}"
        )


def _load(tx: Tx, part: Part, files: Files) -> None:
    _check_file(part, files)
    archives.load(tx, part, files.at(part.location).read(part.file.name))


def restore(
    database: Database, tenant_id: int, month: date, files: Files, terms: Terms
) -> list[Part]:
    """Puts the records of a month back into the table, in one transaction; returns their parts.

    Each file is compared with its recorded SHA-256, number, sum and digest, and each record with its
    key. Raises NotFound `archive.nothing_away`, Unavailable `archive.missing`, Broken
    `archive.altered`.
    """
    with database.transaction(tenant_id) as tx:
        archives.lock(tx)
        tx.sort_in_memory()
        parts = archives.away(tx, month)
        for part in parts:
            archives.clear_loaded(tx)
            _load(tx, part, files)
            archives.put_back(tx, part)
        archives.record_restored(tx, parts, at=terms.clock(), actor=terms.actor, ids=terms.ids)
    database.refresh_statistics()
    return parts


def false_files(tx: Tx, files: Files) -> list[str]:
    """Files that are not there or not what was archived, and roll-ups of months in the archive that
    differ from the records in files and table; none is good."""
    found = []
    parts = [part for part in queries.parts(tx) if part.place is not Place.RESTORED]
    for month in sorted({part.month for part in parts}):
        archives.clear_loaded(tx)
        of_month = [part for part in parts if part.month == month]
        for part in sorted(of_month, key=lambda part: part.place is Place.FILE):
            try:
                _load(tx, part, files)
            except Refusal as refusal:
                found.append(refusal.message)
                break
            if part.place is Place.TABLE:
                archives.clear_loaded(tx)  # the table has these records too
        else:
            try:
                archives.prove_rollups(tx, month)
            except Refusal as refusal:
                found.append(refusal.message)
    return found
