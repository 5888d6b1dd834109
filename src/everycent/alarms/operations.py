"""Raise alarms, and resolve them when what was wrong is right again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from everycent.alarms import alarm as alarms
from everycent.alarms import projection, queries, store
from everycent.alarms.alarm import (
    ACKNOWLEDGED,
    RAISED,
    RECOVERY,
    RESOLVED,
    Alarm,
    Condition,
)
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.journal.types import EventType
from everycent.kernel.errors import Conflict
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text
from everycent.messages import operations as sending
from everycent.messages import projection as message_rows
from everycent.messages.message import Kind, Message, Outcome


class Channel(NamedTuple):
    """Where alarms are told: a mail address or a URL."""

    kind: Kind
    to: str


class Writer(NamedTuple):
    """Who writes, when, where ids come from, and where alarms are told."""

    at: datetime
    actor: str
    ids: IdSource
    channels: tuple[Channel, ...] = ()


def take_turn(tx: Tx, source: str) -> None:
    """Waits for whoever else says what is wrong with something. Whoever looks after this sees what they
    saw."""
    store.lock_source(tx, source)


def reflect(tx: Tx, source: str, conditions: Iterable[Condition], writer: Writer) -> list[Alarm]:
    """Says what is wrong with something now, of which the caller has taken its turn: raises what is new and
    resolves what is over. Returns the alarms that changed."""
    new, over = alarms.changes(store.open_of_source(tx, source), conditions)
    raised = [
        Alarm(
            writer.ids(f"alarm/{one.kind}/{one.subject}/{instant_text(writer.at)}"), source, one.kind,
            one.severity, one.subject, one.message, writer.at,
        )
        for one in new
    ]  # fmt: skip
    resolved = [
        msgspec.structs.replace(
            one, resolved_at=max(writer.at, one.raised_at), resolved_by=RECOVERY
        )
        for one in over
    ]
    _write(tx, [*((RAISED, one) for one in raised), *((RESOLVED, one) for one in resolved)], writer)
    return [*raised, *resolved]


def file(tx: Tx, alarm: Alarm, told: Mapping[Channel, str], writer: Writer) -> bool:
    """Puts an alarm into the list that was raised and is over already, while nothing could be written;
    False when somebody has put it there. Where it was `told` meanwhile is not told again."""
    assert alarm.resolved_at is not None, "what is not over yet is reflected"
    take_turn(tx, alarm.source)
    if store.find_alarm(tx, alarm.alarm_id) is not None:
        return False
    raised = msgspec.structs.replace(alarm, resolved_at=None, resolved_by=None)
    _write(tx, [(RAISED, raised), (RESOLVED, alarm)], writer)
    outcomes = {
        message.message_id: Outcome(is_delivered=True, reason=told[channel])
        for channel, message in messages(RAISED, raised, writer)
        if channel in told
    }
    sending.record(tx, outcomes, at=writer.at, actor=writer.actor, ids=writer.ids)
    return True


def acknowledge(tx: Tx, name: str, writer: Writer) -> Alarm:
    """Somebody has seen an alarm. Raises NotFound `alarm.unknown`, Conflict `alarm.not_open`."""
    alarm = _locked(tx, name)
    if alarm.acknowledged_at is not None:
        return alarm
    seen = msgspec.structs.replace(
        alarm, acknowledged_at=max(writer.at, alarm.raised_at), acknowledged_by=writer.actor
    )
    _write(tx, [(ACKNOWLEDGED, seen)], writer)
    return seen


def resolve(tx: Tx, name: str, reason: str, writer: Writer) -> Alarm:
    """A person says that it is right again. Where it is not, it is raised anew by whoever sees it. Raises
    NotFound `alarm.unknown`, Conflict `alarm.not_open`."""
    alarm = _locked(tx, name)
    over = msgspec.structs.replace(
        alarm, resolved_at=max(writer.at, alarm.raised_at), resolved_by=writer.actor, reason=reason
    )
    _write(tx, [(RESOLVED, over)], writer)
    return over


def _locked(tx: Tx, name: str) -> Alarm:
    alarm_id = queries.by_name(tx, name).alarm_id
    alarm = store.lock_alarm(tx, alarm_id)
    if alarm.resolved_at is not None:
        raise Conflict(
            "alarm.not_open",
            f"{name} was resolved by {alarm.resolved_by}",
            field="alarm",
            value=name,
        )
    return alarm


def _write(tx: Tx, changed: Sequence[tuple[EventType, Alarm]], writer: Writer) -> None:
    drafts = []
    for event_type, alarm in changed:
        event_id = writer.ids(f"{event_type.name}/{alarm.name}")
        stream = alarms.stream(alarm.alarm_id)
        at = alarm.raised_at if event_type is RAISED else writer.at
        drafts.append(Draft(event_id, stream, event_type, at, writer.actor, alarm))
    if drafts:
        journal.record(tx, drafts, writer.at, projection.alarm)
        told = [
            sending.draft_of(one, at=writer.at, actor=writer.actor, ids=writer.ids)
            for event_type, alarm in changed
            for _, one in messages(event_type, alarm, writer)
        ]
        if told:
            journal.record(tx, told, writer.at, message_rows.any_of)


def messages(event_type: EventType, alarm: Alarm, writer: Writer) -> list[tuple[Channel, Message]]:
    """What is told of it: a mail or a webhook for each channel; that somebody has seen it is not told."""
    if event_type is ACKNOWLEDGED:
        return []
    what = "is right again" if event_type is RESOLVED else alarm.severity.value
    said = f"[everycent] {what}: {alarm.kind} {alarm.subject}"[:200]
    # A subject may come from outside, and what a mail can't have there would hold up its cause.
    subject = "".join(char if char.isprintable() else " " for char in said)
    found = []
    for number, channel in enumerate(writer.channels, start=1):
        occasion = f"{event_type.name}/{alarm.name}/{channel.kind}/{number}"
        body = _webhook(event_type, alarm) if channel.kind is Kind.WEBHOOK else _mail(alarm)
        message_id = writer.ids(f"message/{occasion}")
        message = Message(message_id, channel.kind, occasion, channel.to, subject, body)
        found.append((channel, message))
    return found


def is_of_alarm(message: Message) -> bool:
    """Whether a message tells of an alarm, whatever its address."""
    return message.occasion.startswith("alarm.")


def _webhook(event_type: EventType, alarm: Alarm) -> str:
    told = msgspec.to_builtins(alarm) | {"alarm_id": alarm.name}
    return msgspec.json.encode({"type": event_type.name, "data": told}).decode()


def _mail(alarm: Alarm) -> str:
    lines = [
        f"{alarm.kind} {alarm.subject}", "", alarm.message, "",
        f"since {instant_text(alarm.raised_at)}",
    ]  # fmt: skip
    if alarm.resolved_at is not None:
        lines.append(f"right again since {instant_text(alarm.resolved_at)}, by {alarm.resolved_by}")
    return "\n".join([*lines, f"everycent alarm show {alarm.name}", ""])
