"""Alarms about the ERP: what is wrong with the way of documents into it, as it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from everycent.alarms import operations as alarms
from everycent.alarms.alarm import Condition, Severity
from everycent.alarms.operations import Writer
from everycent.db.connection import Tx
from everycent.erp import queries
from everycent.erp.compared import Compared, What
from everycent.erp.handed import AWAY, Difference, Status, Trouble
from everycent.erp.queries import Standing
from everycent.flows.broken import condition

_MOST = 1_000
_SHOWN = 3


def reflect(tx: Tx, erp: str, writer: Writer) -> None:
    """Raises and resolves alarms about documents on their way."""
    source = f"erp {erp}"
    alarms.take_turn(tx, source)
    alarms.reflect(tx, source, conditions(erp, queries.stuck(tx, erp, _MOST)), writer)


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
    batches: dict[int, list[Standing]] = {}
    for one in stuck:
        state = one.state
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
