"""Write a part, put a month back, drop what is archived. The files themselves are the caller's affair.

A record leaves the table in this order: it is found with its roll-ups proved, written, read back and
compared, recorded (event and rows); and only then dropped, by functions of the database that count
again. Wherever that breaks off, nothing is lost, and doing it again finishes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

import psycopg

from everycent.archives import projection, queries, store
from everycent.archives.archive import (
    ARCHIVED,
    RESTORED,
    Archived,
    Facts,
    Part,
    Place,
    Restored,
    StoredFile,
    stream,
)
from everycent.db.connection import Database, Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.errors import Broken, Conflict, NotFound, Unavailable
from everycent.kernel.ids import IdSource
from everycent.kernel.quantity import plain
from everycent.metering import audit as metering

_PATIENCE_SECONDS = 3  # whoever waits for the table makes everybody behind wait too
_ATTEMPTS = 5


class Pending(NamedTuple):
    """The records of a month that are in no part: their number, the folds that counted them, and the
    part that they will be."""

    month: date
    part_no: int
    records: int
    first_fold: int
    last_fold: int


def lock(tx: Tx) -> None:
    """Waits until nobody else archives or restores; to the end of the transaction."""
    tx.wait_as_long_as_it_takes()
    store.lock(tx)


def find_pending(tx: Tx, month: date) -> Pending | None:
    """What there is to archive of a month; None when all of it is in parts.

    Raises Conflict `archive.not_folded` when roll-ups do not count some of it yet.
    """
    tx.sort_in_memory()
    found = store.stage_pending(tx, month)
    if found.open:
        raise Conflict(
            "archive.not_folded",
            f"records of {month:%Y-%m} came in just now and are not rolled up yet",
            value=f"{month:%Y-%m}",
            hint="run it again",
        )
    if not found.records:
        return None
    part_no = max((part.part_no for part in queries.parts(tx, month)), default=0) + 1
    return Pending(month, part_no, found.records, found.first_fold, found.last_fold)


def prove_rollups(tx: Tx, month: date) -> None:
    """Makes sure that the roll-ups of a month equal its records: those of the table, and those that were
    loaded out of files (`load`). Raises Broken `archive.false_rollups`."""
    found = metering.false_rollups(tx, month)
    if found:
        raise Broken(
            "archive.false_rollups",
            f"roll-ups of {month:%Y-%m} differ from their records: {found[0]}",
            value=f"{month:%Y-%m}",
            hint="run `everycent verify`; nothing was archived",
        )


def export(tx: Tx, month: date) -> Iterator[bytes]:
    """The pending records as CSV with the columns of `archive.COLUMNS`, in pieces."""
    return store.export(tx, month)


def check_written(tx: Tx, pending: Pending, pieces: Iterable[bytes]) -> Facts:
    """Compares a file, as it was read back, with the pending records, one by one. Returns it in numbers.

    Raises Broken `archive.written_wrongly`.
    """
    clear_loaded(tx)
    facts = Facts(*store.stage_file(tx, pieces))
    differing = store.count_differing(tx, pending.month)
    if facts.records != pending.records or differing:
        raise Broken(
            "archive.written_wrongly",
            f"the file of {pending.month:%Y-%m} has {facts.records} records, {pending.records} were"
            f" written; {differing} are not in it as they are in the table",
            hint="nothing was dropped; look after the disk",
        )
    return facts._replace(digest=bytes(facts.digest))


def reasons_of_pending(tx: Tx, by_batch: Iterable[tuple[int, str, int]]) -> dict[str, int]:
    """The pending records by reason, given (batch, reason, records) of their month."""
    pending = {batch_id for batch_id, _ in store.pending_batches(tx)}
    found: dict[str, int] = {}
    for batch_id, reason, records in by_batch:
        if batch_id in pending:
            found[reason] = found.get(reason, 0) + records
    return dict(sorted(found.items()))


def record_part(
    tx: Tx,
    pending: Pending,
    file: StoredFile,
    location: str,
    facts: Facts,
    reasons: dict[str, int],
    *,
    at: datetime,
    actor: str,
    ids: IdSource,
) -> Part:
    """Records that the pending records are in the file at the location, and why they are billed or not."""
    month, part_no = pending.month, pending.part_no
    payload = Archived(
        month, part_no, file.name, file.size_bytes, file.sha256.hex(), facts.records, plain(facts.total),
        facts.digest.hex(), pending.first_fold, pending.last_fold, location, reasons,
    )  # fmt: skip
    event_id = ids(f"{stream(month)}/{part_no}")
    draft = Draft(event_id, stream(month), ARCHIVED, at, actor, payload)
    batches = store.pending_batches(tx)
    journal.record(tx, [draft], at, projection.archived)
    store.insert_batches(tx, month, part_no, batches)
    folds = (pending.first_fold, pending.last_fold)
    return Part(month, part_no, file, location, facts, *folds, at, Place.TABLE)


def clear_loaded(tx: Tx) -> None:
    """Forgets what was loaded out of files before."""
    metering.create_stage_archived(tx)


def load(tx: Tx, part: Part, pieces: Iterable[bytes]) -> None:
    """Loads the records of a part out of its file, beside those loaded before.

    Raises Broken `archive.altered` when they are not those that were archived.
    """
    facts = store.stage_file(tx, pieces)
    found = Facts(facts.records, facts.total, bytes(facts.digest))
    if found != part.facts:
        raise altered(
            part,
            f"{found.records} records with the sum {plain(found.total)}, not {part.facts.records}"
            f" with {plain(part.facts.total)}, or others than those",
        )


def altered(part: Part, what: str) -> Broken:
    """The refusal of a file that is not what was archived."""
    return Broken(
        "archive.altered",
        f"{part.file.name} has {what}: it is not the file that was archived",
        value=part.file.name,
        hint="put the file back from a backup",
    )


def away(tx: Tx, month: date) -> list[Part]:
    """The parts of a month whose records are in files alone.

    Raises NotFound `archive.nothing_away` when there are none.
    """
    found = [part for part in queries.parts(tx, month) if part.place is Place.FILE]
    if not found:
        raise NotFound(
            "archive.nothing_away",
            f"no records of {month:%Y-%m} are in the archive alone",
            field="month",
            value=f"{month:%Y-%m}",
            hint="`everycent usage archives` lists what is",
        )
    return found


def put_back(tx: Tx, part: Part) -> int:
    """Puts the records of the part that was loaded alone into the table; returns how many.

    Raises Broken `archive.altered`, `archive.present` where they do not fit to the keys, or are there.
    """
    strange = store.count_strange(tx, part.month)
    strange += store.count_strange_batches(tx, part.month, part.part_no)
    if strange:
        raise altered(part, f"{strange} records or batches that no key knows as they are")
    store.ensure_month(tx, part.month)
    present = store.count_present(tx, part.month)
    if present:
        raise Broken(
            "archive.present",
            f"{present} records of {part.file.name} are in the table already",
            value=part.file.name,
            hint="run `everycent verify`; nothing was restored",
        )
    restored = store.put_back(tx)
    if restored != part.facts.records:
        raise altered(part, f"{restored} records that can be put back, not {part.facts.records}")
    return restored


def record_restored(
    tx: Tx, parts: Sequence[Part], *, at: datetime, actor: str, ids: IdSource
) -> None:
    """Records that the parts of a month are in the table again."""
    month = parts[0].month
    numbers = tuple(part.part_no for part in parts)
    payload = Restored(month, numbers, sum(part.facts.records for part in parts))
    event_id = ids(f"{stream(month)}/{'+'.join(map(str, numbers))}/restored")
    draft = Draft(event_id, stream(month), RESTORED, at, actor, payload)
    journal.record(tx, [draft], at, projection.restored)


def hold(tx: Tx, month: date, at: datetime, *, is_held: bool, even_unbilled: bool) -> None:
    """Says whether the tenant keeps what is archived of a month in the table, whoever else archives the
    month, and whether it may go with usage that is still to be billed; holds until it says otherwise. The
    caller has the `lock`."""
    store.hold(tx, month, at, is_held=is_held, even_unbilled=even_unbilled)


def drop(database: Database, tenant_id: int, month: date, at: datetime) -> int:
    """Drops the month when every tenant's records in it are archived and nobody holds them; returns how
    many tenants have others or do. They are counted while nobody has to wait; the table is held for the
    moment that it takes to see that nothing has come since. Raises Unavailable `archive.busy` when it is
    never free."""
    for _ in range(_ATTEMPTS):
        with database.snapshot(tenant_id) as tx:
            seen = store.look_at_month(tx, month)
        if seen.keepers:
            return int(seen.keepers)
        try:
            with database.transaction(tenant_id) as tx:
                if store.drop_month(tx, month, at, seen, _PATIENCE_SECONDS):
                    return 0
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            continue
    raise Unavailable(
        "archive.busy",
        f"{month:%Y-%m} is archived, but the table of records is in use all the time",
        hint="run it again when no long report or billing run is under way",
    )
