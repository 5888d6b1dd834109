"""Correct usage. Each correction is one transaction: reversals, new records, roll-ups and the event."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from everycent.corrections import projection, queries
from everycent.corrections.correction import (
    CORRECTED,
    MAX_RECORDS,
    Changes,
    Corrected,
    Kind,
    Known,
    check_reason,
    first_saying,
    revised,
    settled,
    told,
)
from everycent.db.connection import Database, Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.kernel.ids import IdSource
from everycent.kernel.period import Period
from everycent.metering import operations as metering
from everycent.metering.operations import Names
from everycent.metering.record import UsageRecord, content_of, key_of, micros

_MAX_SAYINGS = 1000


class By(NamedTuple):
    """Who corrects why, when it is recorded, and where ids come from."""

    actor: str
    reason: str
    recorded_at: datetime
    ids: IdSource


class Scope(NamedTuple):
    """What a backfill is about: the records of these subjects and meters in a period, of one source
    only or of all."""

    subjects: tuple[str, ...]
    meters: tuple[str, ...]
    period: Period
    source: str | None = None


Decide = Callable[[Tx], Changes]
"""Looks at what is stored and says what has to be changed."""


def void(tx: Tx, records: Sequence[tuple[str, str]], by: By) -> Corrected:
    """Takes records, given by (source, id), out of the count; of a record that was replaced its last
    replacement. Raises NotFound `usage.unknown_record`, Conflict `usage.voided_already`."""

    def decide(tx: Tx) -> Changes:
        found = [_standing(tx, source, record_id) for source, record_id in dict.fromkeys(records)]
        return Changes(tuple(known.key for known in found), (), ())

    return _correct(tx, Kind.VOID, decide, by)


def replace(
    database: Database, tx: Tx, records: Sequence[UsageRecord], names: Names, by: By
) -> Corrected:
    """Puts each record in the place of the one that counts under its source and id.

    Raises NotFound `usage.unknown_record`, Conflict `usage.voided_already`, and Invalid
    `correction.nothing_to_do` when all of them say what is recorded.
    """
    names.learn(database, tx.tenant_id, records)

    def decide(tx: Tx) -> Changes:
        present = [_standing(tx, record.source, record.record_id) for record in records]
        return _settle(tx, records, present)

    return _correct(tx, Kind.REPLACE, decide, by, names)


def backfill(
    database: Database, tx: Tx, scope: Scope, records: Sequence[UsageRecord], names: Names, by: By
) -> Corrected:
    """Makes the scope say what `records` say: what is missing is added, what differs replaced, what is
    not among them taken back. Records that are right already are left alone.

    Raises Invalid `backfill.outside` for a record outside the scope, `backfill.too_large`,
    `backfill.id_twice`, `correction.nothing_to_do`.
    """
    _check(scope, records)
    names.learn(database, tx.tenant_id, records)

    def decide(tx: Tx) -> Changes:
        present = metering.standing_in(
            tx, scope.subjects, scope.meters, scope.period, scope.source, limit=MAX_RECORDS + 1
        )
        if len(present) > MAX_RECORDS:
            raise _too_large()
        known = [Known(key, record, content, is_standing=True) for key, record, content in present]
        return _settle(tx, records, known)

    return _correct(tx, Kind.BACKFILL, decide, by, names)


def undo(tx: Tx, correction_id: UUID, by: By) -> Corrected:
    """Takes back what a correction added and puts back what it took. Raises NotFound
    `correction.unknown`, Conflict `correction.undone_already` and `correction.superseded` where a later
    correction has changed one of its records."""

    def decide(tx: Tx) -> Changes:
        found = queries.get(tx, correction_id)
        if found.undone_by is not None:
            raise Conflict(
                "correction.undone_already",
                f"the correction {correction_id} was undone by {found.undone_by}",
                field="correction",
                value=str(correction_id),
                hint="undo that one to have this one back",
            )
        touched = metering.touched_by(tx, found.batch_id)
        if touched.later:
            raise Conflict(
                "correction.superseded",
                f"{len(touched.later)} of its records were changed by a later correction",
                field="correction",
                value=str(correction_id),
                hint="undo the later one first (everycent usage corrections)",
            )
        return Changes((*touched.added, *touched.restored), touched.voided, ())

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
    changes = decide(tx)
    if changes.is_empty():
        raise Invalid(
            "correction.nothing_to_do", "everything is recorded as it should be", field="records"
        )
    batch_id = metering.new_batch(tx)
    correction_id = by.ids(f"correction/{batch_id}")
    taken = metering.correct(
        tx, batch_id, correction_id, changes.voids, changes.restores, changes.adds,
        {} if names is None else names.ids, by.recorded_at,
    )  # fmt: skip
    metering.fold_all(tx)
    _refuse_twice(tx, (*taken, *changes.adds))
    instants = [record.at for record in (*taken, *changes.adds)]
    keys = [*changes.voids, *changes.restores]
    keys += [key_of(record.source, record.record_id) for record in changes.adds]
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


def _refuse_twice(tx: Tx, touched: Sequence[UsageRecord]) -> None:
    """Of all sayings of an id at most one counts. Raises Conflict `correction.counts_twice`, which undoes
    everything, where a touched record and another saying of its id would both."""
    open_ids = {(record.source, first_saying(record.record_id)) for record in touched}
    counting: set[tuple[str, str]] = set()
    number = 1
    while open_ids:
        keys = {key_of(source, _id_of(text, number)): (source, text) for source, text in open_ids}
        found = _find(tx, list(keys))
        for key, known in found.items():
            source, text = keys[key]
            if known.is_standing and (source, text) in counting:
                raise Conflict(
                    "correction.counts_twice",
                    f"two sayings of the id {text!r} of {source!r} would count: one of them is outside of"
                    " what is corrected",
                    field="id",
                    value=text,
                    hint="take the other one back first (everycent usage find, usage void)",
                )
            if known.is_standing:
                counting.add((source, text))
        open_ids, number = {keys[key] for key in found}, number + 1


def _standing(tx: Tx, source: str, record_id: str) -> Known:
    """The record that counts under an id: itself or its last replacement."""
    known = [found for found in _sayings(tx, source, record_id) if found is not None]
    if not known:
        raise NotFound(
            "usage.unknown_record",
            f"there is no record {record_id!r} of the source {source!r}",
            field="id",
            value=record_id,
        )
    for found in reversed(known):
        if found.is_standing:
            return found
    raise Conflict(
        "usage.voided_already",
        f"the record {record_id!r} of the source {source!r} was taken back already",
        field="id",
        value=record_id,
    )


def _sayings(tx: Tx, source: str, record_id: str) -> list[Known]:
    """A record and its replacements, in their order."""
    found: list[Known] = []
    number, step = 1, 4
    while number < _MAX_SAYINGS:
        ids = [_id_of(record_id, n) for n in range(number, number + step)]
        known = _find(tx, [key_of(source, text) for text in ids])
        here = [known[key] for text in ids if (key := key_of(source, text)) in known]
        found.extend(here)
        if len(here) < step:
            return found
        number += step
    return found


def _id_of(record_id: str, number: int) -> str:
    return record_id if number == 1 else f"{record_id}~{number}"


def _settle(tx: Tx, wanted: Sequence[UsageRecord], present: Sequence[Known]) -> Changes:
    """Finds for each record the saying of its id that is it already, or the next free one."""
    taken: dict[UsageRecord, Known | None] = {}
    open_records = list(wanted)
    number = 1
    while open_records:
        here = [revised(record, number) for record in open_records]
        known = _find(tx, [key_of(record.source, record.record_id) for record in here])
        left = []
        for record, said in zip(open_records, here, strict=True):
            found = known.get(key_of(said.source, said.record_id))
            if found is None or found.content == content_of(said, micros(said.at)):
                taken[said] = found
            else:
                left.append(record)
        open_records, number = left, number + 1
    return settled(list(taken), taken, present)


def _find(tx: Tx, keys: Sequence[bytes]) -> dict[bytes, Known]:
    return {
        key: Known(key, record, content, is_standing)
        for key, record, content, is_standing in metering.find(tx, keys)
    }


def _check(scope: Scope, records: Sequence[UsageRecord]) -> None:
    if len(records) > MAX_RECORDS:
        raise _too_large()
    seen: set[tuple[str, str]] = set()
    for record in records:
        inside = (
            record.subject in scope.subjects
            and record.meter in scope.meters
            and scope.period.contains(record.at)
            and scope.source in (None, record.source)
        )
        if not inside:
            raise Invalid(
                "backfill.outside",
                f"the record {record.record_id!r} ({metering.shown(record)}) lies outside of what is"
                " backfilled",
                field="records",
                value=record.record_id,
                hint="widen the span, or leave the record out",
            )
        if (record.source, record.record_id) in seen:
            raise Invalid(
                "backfill.id_twice",
                f"the id {record.record_id!r} of the source {record.source!r} stands twice",
                field="records",
                value=record.record_id,
            )
        seen.add((record.source, record.record_id))


def _too_large() -> Invalid:
    return Invalid(
        "backfill.too_large",
        f"a backfill may concern {MAX_RECORDS:,} records",
        field="span",
        hint="cut the span into shorter ones",
    )
