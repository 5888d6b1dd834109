"""Alarms about the ERP: what is wrong with the way of documents into it, as it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from everycent.alarms import operations as alarms
from everycent.alarms.alarm import Condition, Severity
from everycent.alarms.operations import Writer
from everycent.db.connection import Tx
from everycent.erp import queries
from everycent.erp.compared import Compared, What
from everycent.erp.handed import AWAY, Difference, Status, Trouble
from everycent.erp.queries import HeldUp, Standing
from everycent.flows.broken import condition
from everycent.kernel.period import instant_text

_MOST = 1_000
_SHOWN = 3


class Watched(NamedTuple):
    """The way into an ERP: the tenant's name there, and after how long of saying that it has received a
    document the ERP is too slow."""

    erp: str
    seller: str
    slow: timedelta


def reflect(tx: Tx, watched: Watched, writer: Writer) -> None:
    """Raises and resolves alarms about documents on their way."""
    source = f"erp {watched.erp}"
    alarms.take_turn(tx, source)
    stuck = queries.stuck(tx, watched.erp, _MOST, slow_before=writer.at - watched.slow)
    found = conditions(watched.erp, stuck)
    found += [_waits(watched, one) for one in queries.held_up(tx, watched.erp, _MOST)]
    alarms.reflect(tx, source, found, writer)


def reflect_not_compared(tx: Tx, erp: str, why: str | None, writer: Writer) -> None:
    """Raises an alarm about a comparison that could not be made, and why; resolves it when one was. What
    the last one found stays as it is meanwhile."""
    source = f"erp {erp} comparison"
    alarms.take_turn(tx, source)
    wrong = [] if why is None else [Condition("erp.not_compared", erp, Severity.WARNING, why)]
    alarms.reflect(tx, source, wrong, writer)


def reflect_unreadable(tx: Tx, erp: str, unreadable: Mapping[str, str], writer: Writer) -> None:
    """Raises and resolves alarms about documents that can be put into no batch, and why."""
    source = f"erp {erp} batches"
    alarms.take_turn(tx, source)
    alarms.reflect(tx, source, [condition(name, why) for name, why in unreadable.items()], writer)


def reflect_compared(tx: Tx, found: Compared, writer: Writer) -> None:
    """Raises and resolves alarms about what the last comparison found."""
    alarms.take_turn(tx, f"erp {found.erp} compared")
    wrong = [one for one in found.findings if one.what not in (What.LOST, What.LATE)][:_MOST]
    alarms.reflect(
        tx,
        f"erp {found.erp} compared",
        [
            Condition(
                f"erp.{one.what}", one.reference, Severity.CRITICAL,
                f"{found.erp} has it otherwise: {differ(one.differences)}",
            )
            for one in wrong
        ],
        writer,
    )  # fmt: skip


def conditions(erp: str, stuck: Sequence[Standing]) -> list[Condition]:
    """What is wrong, of documents with which something is: that the ERP is away, a batch it does not take,
    a document by itself, and what waits for a person."""
    found = []
    away = [one for one in stuck if one.state.trouble in AWAY]
    if away:
        why = f"{away[0].state.trouble}, {away[0].state.reason}"
        found.append(Condition("erp.away", erp, Severity.WARNING, f"documents wait: {why}"))
    slow = [one for one in stuck if _is_slow(one)]
    if slow:
        found.append(Condition("erp.slow", erp, Severity.WARNING, _received(slow)))
    batches: dict[int, list[Standing]] = {}
    for one in stuck:
        state = one.state
        if _is_slow(one):
            continue
        if state.status is Status.ABORTED:
            said = f"{erp} has refused it: {state.reason}"
            found.append(Condition("erp.aborted", one.reference, Severity.CRITICAL, said))
        elif state.status is Status.PARKED:
            said = f"tried {state.tries} times: {_wrong(one)}"
            found.append(Condition("erp.parked", one.reference, Severity.CRITICAL, said))
        elif state.trouble is Trouble.BROKEN and state.is_alone:
            found.append(condition(one.reference, state.reason))
        elif state.trouble is Trouble.BROKEN:
            found.append(condition(f"{erp} batch {one.batch_no}", state.reason))
        elif state.trouble is Trouble.TWICE:
            found.append(Condition("erp.doubled", one.reference, Severity.CRITICAL, _wrong(one)))
        elif state.trouble is Trouble.ABSENT:
            found.append(Condition("erp.lost", one.reference, Severity.WARNING, _wrong(one)))
        elif state.trouble not in AWAY and state.is_alone:
            found.append(Condition("erp.failing", one.reference, Severity.WARNING, _wrong(one)))
        elif state.trouble not in AWAY:
            batches.setdefault(one.batch_no, []).append(one)
    return found + [
        Condition("erp.failing", f"{erp} batch {number}", Severity.WARNING, _several(some))
        for number, some in batches.items()
    ]


def _is_slow(one: Standing) -> bool:
    return one.state.status is Status.ACKNOWLEDGED and one.state.trouble is None


def _received(slow: Sequence[Standing]) -> str:
    first = min(slow, key=lambda one: (one.state.acknowledged_at or one.changed_at, one.reference))
    since = first.state.acknowledged_at or first.changed_at
    more = f", and {len(slow) - 1} more" if len(slow) > 1 else ""
    return (
        f"received, and neither booked nor refused since {instant_text(since)}:"
        f" {first.reference}{more}"
    )


def _waits(watched: Watched, one: HeldUp) -> Condition:
    said = (
        f"it waits for {one.invoice}, which is {one.status}: help that one, then it goes by itself"
    )
    return Condition("erp.waiting", f"{watched.seller}/{one.name}", Severity.WARNING, said)


def differ(differences: Iterable[Difference]) -> str:
    """What was sent and what was answered, for people."""
    return ", ".join(f"{one.field}: {one.sent} here, {one.answered} there" for one in differences)


def _several(some: Sequence[Standing]) -> str:
    told = "; ".join(f"{one.reference}: {_wrong(one)}" for one in some[:_SHOWN])
    return told + (f"; and {len(some) - _SHOWN} more" if len(some) > _SHOWN else "")


def _wrong(one: Standing) -> str:
    state = one.state
    parts = (str(state.trouble), state.reason, differ(state.differences))
    return ", ".join(part for part in parts if part)
