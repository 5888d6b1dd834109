"""Correct usage. Each correction is one transaction: reversals, new records, roll-ups and the event."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from everycent.corrections import projection, queries, store
from everycent.corrections.correction import (
    CORRECTED,
    MAX_RECORDS,
    Changes,
    Corrected,
    Kind,
    Saying,
    check_reason,
    months_of,
    settled,
    told,
)
from everycent.corrections.scope import Scope, check, first_twice, too_large
from everycent.db.connection import Database, Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from everycent.kernel.ids import IdSource
from everycent.metering import operations as metering
from everycent.metering import queries as usage
from everycent.metering.operations import Names
from everycent.metering.record import UsageRecord, key_of

_TOLD_MONTHS = 6


class By(NamedTuple):
    """Who corrects why, when it is recorded, and where ids come from."""

    actor: str
    reason: str
    recorded_at: datetime
    ids: IdSource


Decide = Callable[[Tx], Changes]
"""Looks at what is stored and says what has to be changed."""


def void(tx: Tx, records: Sequence[tuple[str, str]], by: By) -> Corrected:
    """Takes records, given by (source, id), out of the count; under the id that came in whatever counts
    of it now, under the id of a replacement that one. Named in two ways, a record is taken back once.

    Raises NotFound `usage.unknown_record`, Conflict `usage.voided_already`, Unavailable `usage.archived`.
    """

    def decide(tx: Tx) -> Changes:
        return Changes(tuple(_standing(tx, records)))

    return _correct(tx, Kind.VOID, decide, by)


def replace(
    database: Database, tx: Tx, records: Sequence[UsageRecord], names: Names, by: By
) -> Corrected:
    """Puts each record in the place of the one that counts under its source and id.

    Raises NotFound `usage.unknown_record`, Conflict `usage.voided_already`, Unavailable `usage.archived`,
    and Invalid `correction.id_twice`, `usage.reserved_id`, and `correction.nothing_to_do` when all of
    them say what is recorded.
    """
    twice = first_twice(records)
    if twice is not None:
        raise Invalid(
            "correction.id_twice",
            f"the id {twice.record_id!r} of the source {twice.source!r} stands twice",
            field="records",
            value=twice.record_id,
            hint="say once what the record should be",
        )
    names.learn(database, tx.tenant_id, records)

    def decide(tx: Tx) -> Changes:
        _refuse_archived_months(tx, {record.at.date().replace(day=1) for record in records})
        named = [(record.source, record.record_id) for record in records]
        return settled(records, _sayings(tx, named), _standing(tx, named))

    return _correct(tx, Kind.REPLACE, decide, by, names)


def backfill(
    database: Database, tx: Tx, scope: Scope, records: Sequence[UsageRecord], names: Names, by: By
) -> Corrected:
    """Makes the scope say what `records` say: what is missing is added, what differs replaced, what is
    not among them taken back. Records that are right already are left alone.

    Raises Invalid `backfill.outside` for a record outside the scope, `backfill.too_large`,
    `backfill.id_twice`, `usage.reserved_id`, `correction.nothing_to_do`, Unavailable `usage.archived`.
    """
    check(scope, records)
    names.learn(database, tx.tenant_id, records)

    def decide(tx: Tx) -> Changes:
        _refuse_archived_months(tx, months_of(scope.period))
        present = metering.standing_in(
            tx, scope.subjects, scope.meters, scope.period, scope.source, limit=MAX_RECORDS + 1
        )
        if len(present) > MAX_RECORDS:
            raise too_large()
        named = [(record.source, record.record_id) for record in records]
        return settled(records, _sayings(tx, named), [key for key, _, _ in present])

    return _correct(tx, Kind.BACKFILL, decide, by, names)


def undo(tx: Tx, correction_id: UUID, by: By) -> Corrected:
    """Takes back what a correction added and puts back what it took. Raises NotFound
    `correction.unknown`, Unavailable `usage.archived`, Conflict `correction.undone_already`, and
    `correction.superseded` where a later correction has changed one of its records."""

    def decide(tx: Tx) -> Changes:
        found = queries.get(tx, correction_id)
        if found.undone_by is not None:
            raise Conflict(
                "correction.undone_already",
                f"the correction {correction_id} was undone by {found.undone_by}",
                field="correction",
                value=str(correction_id),
                hint=f"`everycent usage undo {found.undone_by}` has it back",
            )
        _refuse_archived(tx, batch_id=found.batch_id)  # what it added and is not in the table
        touched = metering.touched_by(tx, found.batch_id)
        if touched.later:
            raise Conflict(
                "correction.superseded",
                f"{len(touched.later)} of its records were changed by a later correction",
                field="correction",
                value=str(correction_id),
                hint="undo the later one first; `everycent usage find` says which it is,"
                f" `everycent usage corrections show {correction_id}` which records these are",
            )
        return Changes((*touched.added, *touched.restored), touched.voided)

    return _correct(tx, Kind.UNDO, decide, by, undoes=correction_id)


def _correct(
    tx: Tx,
    kind: Kind,
    decide: Decide,
    by: By,
    names: Names | None = None,
    undoes: UUID | None = None,
) -> Corrected:
    reason = check_reason(by.reason)
    metering.fold_all(tx)  # what is taken back has been counted before, and nothing is in between
    store.hold_records(tx)  # what is in the table stays there until the end
    changes = decide(tx)
    if changes.is_empty():
        raise Invalid(
            "correction.nothing_to_do",
            "everything is recorded as it should be",
            field="records",
            hint="`everycent usage find` shows what is stored, and what counts",
        )
    _refuse_archived(tx, [*changes.voids, *changes.restores])
    batch_id = metering.new_batch(tx)
    correction_id = by.ids(f"correction/{batch_id}")
    taken = metering.correct(
        tx, batch_id, correction_id, changes.voids, changes.restores, changes.adds,
        {} if names is None else names.ids, by.recorded_at,
    )  # fmt: skip
    store.insert_sayings(tx, changes.links)
    metering.fold_all(tx)
    instants = [record.at for record in (*taken, *changes.adds)]
    keys = [*changes.voids, *changes.restores]
    keys += [key_of(record.source, record.record_id) for record in changes.adds]
    _refuse_twice(tx, keys)
    event = Corrected(
        correction_id,
        kind,
        reason,
        batch_id,
        len(changes.voids),
        len(changes.restores),
        len(changes.adds),
        hashlib.sha256(b"".join(keys)).hexdigest(),
        told((*taken, *changes.adds)),
        (min(instants), max(instants)),
        undoes,
    )
    draft = Draft(
        by.ids(f"usage.corrected/{correction_id}"),
        projection.stream(correction_id),
        CORRECTED,
        by.recorded_at,
        by.actor,
        event,
    )
    journal.record(tx, [draft], by.recorded_at, projection.corrected)
    return event


def _refuse_twice(tx: Tx, touched: Sequence[bytes]) -> None:
    """Of all sayings of an id at most one counts. Raises Conflict `correction.counts_twice`, which undoes
    everything, where one of the touched keys and another saying of its id would both."""
    for found in store.list_counting_twice(tx, touched):
        raise Conflict(
            "correction.counts_twice",
            f"{found.sayings} sayings of the record {found.record_id!r} of {found.source!r} would count:"
            " one of them is outside of what is corrected",
            field="id",
            value=found.record_id,
            hint="take the other one back first (everycent usage find, usage void)",
        )


def _standing(tx: Tx, records: Iterable[tuple[str, str]]) -> list[bytes]:
    """The keys of what counts under some (source, id), each once and in their order."""
    named = list(dict.fromkeys(records))
    sayings = _sayings(tx, named)
    by_key = {said.key: said for group in sayings.values() for said in group}
    found: dict[bytes, None] = {}
    for source, record_id in named:
        meant = by_key.get(key_of(source, record_id))
        if meant is None:
            raise NotFound(
                "usage.unknown_record",
                f"there is no record {record_id!r} of the source {source!r}",
                field="id",
                value=record_id,
                hint="ids are unique within a source: is it the source that the record came from? What"
                " was never sent is added by `everycent usage import` or `usage backfill`",
            )
        counting = [said for said in sayings[meant.first_key] if said.is_standing]
        mine = [said for said in counting if meant.number == 1 or said == meant]
        if not mine:
            raise _voided_already(source, record_id, meant, counting)
        found |= {said.key: None for said in mine}
    return list(found)


def _voided_already(
    source: str, record_id: str, meant: Saying, counting: Sequence[Saying]
) -> Conflict:
    hint = (
        f"`everycent usage find --source {source} {record_id}` shows by which correction; `everycent usage"
        " undo CORRECTION` puts back what it took, `everycent usage backfill` adds the record with what it"
        " should say"
    )
    if counting:
        first_id = record_id.removesuffix(f"~{meant.number}")
        hint = f"what counts in its place is {first_id}~{counting[0].number}"
        if counting[0].number == 1:
            hint = f"what counts in its place is {first_id}"
    return Conflict(
        "usage.voided_already",
        f"the record {record_id!r} of the source {source!r} was taken back already",
        field="id",
        value=record_id,
        hint=hint,
    )


def _sayings(tx: Tx, records: Iterable[tuple[str, str]]) -> dict[bytes, list[Saying]]:
    """What was ever said under some (source, id): by first key, in order."""
    return queries.sayings(tx, [key_of(source, record_id) for source, record_id in records])


def _refuse_archived(tx: Tx, keys: Sequence[bytes] = (), batch_id: int | None = None) -> None:
    """Raises Unavailable `usage.archived` when records with some keys, or those that a batch brought, are
    of months of which anything is in the archive: their days are counted again from their records."""
    if usage.archived_months(tx):
        months = store.list_archived_months(tx, keys, batch_id)
        if months:
            raise _archived(months)


def _refuse_archived_months(tx: Tx, months: Iterable[date]) -> None:
    """The same for months: of what is not in the table nobody can say whether it is wrong."""
    touched = usage.archived_months(tx) & set(months)
    if touched:
        raise _archived(sorted(touched))


def _archived(months: Sequence[date]) -> Unavailable:
    named = [f"{month:%Y-%m}" for month in months]
    commands = ", ".join(f"`everycent usage restore {month}`" for month in named[:_TOLD_MONTHS])
    return Unavailable(
        "usage.archived",
        f"this corrects usage of {', '.join(named[:_TOLD_MONTHS])}, of which records are in the archive",
        value=", ".join(named),
        hint=f"put them back with {commands}, and try again",
    )
