"""Define, halt and resume measurements, and cover intervals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from everycent.catalog import queries as catalog
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.canonical import encode
from everycent.kernel.errors import Conflict, Invalid
from everycent.kernel.ids import IdSource
from everycent.kernel.period import Period, instant_text
from everycent.measurements import projection, queries, store
from everycent.measurements.document import differences
from everycent.measurements.measurement import (
    DEFINED,
    MISSED,
    PAUSED,
    RESUMED,
    TAKEN,
    Defined,
    Measurement,
    Missed,
    Sample,
    State,
    Switched,
    Taken,
    Time,
)
from everycent.measurements.records import Gathered

_SHOWN_MESSAGE = 500


class Change(NamedTuple):
    """What became of a definition: 'create', 'change' or 'keep', its version, the fields that differ."""

    verb: str
    key: str
    version: int
    fields: tuple[str, ...] = ()


def apply(
    tx: Tx,
    wanted: Sequence[Measurement],
    *,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> list[Change]:
    """Records new versions of what differs; applying the same again does nothing.

    A new version holds for the intervals that are not covered yet. Raises Invalid
    `measurement.unknown_meter`, NotFound `plan.unknown`, Conflict `measurement.start_fixed`,
    `measurement.source_fixed`, `measurement.covered_beyond`.
    """
    meters = catalog.raw_meters(tx)
    tx.wait_as_long_as_it_takes()
    for key in sorted(m.key for m in wanted):
        store.lock(tx, key)
    known = {state.measurement.key: state for state in store.find_states(tx)}
    changes, drafts = [], []
    for measurement in wanted:
        _check_names(tx, measurement, meters)
        change = _change(measurement, known.get(measurement.key))
        changes.append(change)
        if change.verb != "keep":
            state = known.get(measurement.key)
            payload = Defined(
                measurement.key,
                change.version,
                measurement.starts_at,
                state is not None and state.is_paused,
                msgspec.Raw(encode(measurement)),
            )
            event_id = ids(f"measurement.defined/{measurement.key}/{change.version}")
            stream = projection.stream(measurement.key)
            drafts.append(Draft(event_id, stream, DEFINED, at, actor, payload))
    if drafts:
        journal.record(tx, drafts, recorded_at, projection.defined)
    return changes


def _check_names(tx: Tx, measurement: Measurement, meters: set[str]) -> None:
    needed = [measurement.meter]
    if isinstance(measurement.kind, Sample):
        needed.append(measurement.kind.meter)
    for meter in needed:
        if meter not in meters:
            raise Invalid(
                "measurement.unknown_meter",
                f"measurements.{measurement.key}: there is no meter {meter!r} that takes records",
                field=f"measurements.{measurement.key}.meter",
                value=meter,
                hint="apply a catalogue that has it, or correct the file",
            )
    if isinstance(measurement.kind, Time | Sample) and measurement.kind.of_plan is not None:
        catalog.newest_plan(tx, measurement.kind.of_plan)


def _change(measurement: Measurement, state: State | None) -> Change:
    if state is None:
        return Change("create", measurement.key, 1)
    before, after = (
        msgspec.json.decode(encode(version)) for version in (state.measurement, measurement)
    )
    fields = differences(before, after)
    if not fields:
        return Change("keep", measurement.key, state.version)
    place = f"measurements.{measurement.key}"
    if "starts_at" in fields:
        raise Conflict(
            "measurement.start_fixed",
            f"{place}: it starts at {instant_text(state.measurement.starts_at)} and at no other time",
            field=f"{place}.starts_at",
            hint="end it with ends_at, and define another one under its own key",
        )
    if "source" in fields:
        raise Conflict(
            "measurement.source_fixed",
            f"{place}: its records come from {state.measurement.source!r}, and keep their name",
            field=f"{place}.source",
            hint="end it with ends_at, and define another one under its own key",
        )
    if measurement.ends_at is not None and measurement.ends_at < state.covered_until:
        raise Conflict(
            "measurement.covered_beyond",
            f"{place}: time is covered up to {instant_text(state.covered_until)} already",
            field=f"{place}.ends_at",
            hint="end it then or later",
        )
    return Change("change", measurement.key, state.version + 1, fields)


def switch(
    tx: Tx,
    key: str,
    *,
    is_paused: bool,
    reason: str,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> State:
    """Halts a measurement, or lets it go on; it then catches up. Doing it again changes nothing.

    Raises NotFound `measurement.unknown`.
    """
    tx.wait_as_long_as_it_takes()
    store.lock(tx, key)
    state = queries.get(tx, key)
    if state.is_paused == is_paused:
        return state
    payload = Switched(key, state.version, state.measurement.starts_at, is_paused, reason)
    event_type = PAUSED if is_paused else RESUMED
    event_id = ids(f"{event_type.name}/{key}/{instant_text(recorded_at)}")
    draft = Draft(event_id, projection.stream(key), event_type, at, actor, payload)
    journal.record(tx, [draft], recorded_at, projection.switched)
    return queries.get(tx, key)


def try_lock(tx: Tx, key: str) -> bool:
    """Takes a measurement for this transaction; False when somebody else is working on it."""
    return store.try_lock(tx, key)


class Taking(NamedTuple):
    """What the measurement of an interval came to."""

    interval: Period
    records: int
    total: str
    conflicting: tuple[str, ...] = ()


_NAMED = 20


def cover(
    tx: Tx,
    state: State,
    takings: Sequence[Taking],
    *,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> None:
    """Records that intervals are measured: an event and a link of the chain each."""
    key = state.measurement.key
    drafts = [
        Draft(
            ids(f"measurement.taken/{key}/{instant_text(interval.start)}"),
            projection.stream(key),
            TAKEN,
            interval.end,
            actor,
            Taken(
                key,
                state.version,
                interval.start,
                interval.end,
                records,
                total,
                len(conflicting),
                conflicting[:_NAMED],
            ),
        )
        for interval, records, total, conflicting in takings
    ]
    journal.record(tx, drafts, recorded_at, projection.taken)
    store.clear_failure(tx, key)
    store.clear_answer(tx, key)


def miss(
    tx: Tx,
    state: State,
    intervals: Sequence[Period],
    reason: str,
    *,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> None:
    """Records that intervals can't be measured any more. No usage is made up for them."""
    key = state.measurement.key
    drafts = [
        Draft(
            ids(f"measurement.missed/{key}/{instant_text(interval.start)}"),
            projection.stream(key),
            MISSED,
            interval.end,
            actor,
            Missed(key, state.version, interval.start, interval.end, reason),
        )
        for interval in intervals
    ]
    journal.record(tx, drafts, recorded_at, projection.missed)


def take_on(tx: Tx, measurement: Measurement, worker: str, now: datetime) -> int:
    """Has the source to oneself for as long as it may take to ask it; to be called with the lock, when
    nobody else has it. Returns the fence, under which the answer is recorded."""
    return store.put_lease(tx, measurement.key, worker, now + measurement.lease)


def is_taken_on(tx: Tx, key: str, fence: int) -> bool:
    """Waits for the lock; whether nobody else has taken the work over since it was taken on."""
    store.lock(tx, key)
    return store.has_lease(tx, key, fence)


def let_go(tx: Tx, key: str, fence: int) -> None:
    """Ends what was taken on, so that nobody has to wait until it runs out."""
    store.end_lease(tx, key, fence)


def keep_answer(tx: Tx, key: str, gathered: Gathered) -> None:
    """Keeps what is known of an interval until it is covered."""
    store.put_answer(tx, key, gathered)


def fail(tx: Tx, key: str, starts_at: datetime, code: str, message: str, at: datetime) -> None:
    """Notes why the interval that begins at `starts_at` could not be measured this time."""
    store.put_failure(tx, key, starts_at, code, message[:_SHOWN_MESSAGE], at)
