"""Correct usage: preview what a correction would change, or apply it. Both tell the same picture.

A preview does everything that applying does and undoes it, the names and months that its records need
included, all in one transaction: how things stood before is looked at when it is undone. It holds the
tenant's fold lock until then, as a correction does: usage is taken in meanwhile, but folds, billing runs
that begin, and other corrections wait. How long that can take is bounded by `MAX_RECORDS` of a correction.
Whoever sends one of the very records that a preview would add waits too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID

from everycent.consumption.usage import is_counter, is_level
from everycent.corrections import operations as corrections
from everycent.corrections import queries
from everycent.corrections.correction import Corrected
from everycent.corrections.operations import By
from everycent.corrections.scope import Scope
from everycent.db.connection import Database, Tx
from everycent.flows import correction_unbilled as unbilled
from everycent.flows.correction_effect import Effect, InvoiceEffect, UnbilledEffect, invoice_effects
from everycent.flows.rerate import Issued, rerate
from everycent.invoicing import queries as invoices
from everycent.metering import operations as metering
from everycent.metering.operations import Names
from everycent.metering.record import UsageRecord


class Action(NamedTuple):
    """A correction that can be tried and done. `do` corrects in the given transaction, and finds in
    the given database whatever names are new; `offered` is how many records its file says."""

    do: Callable[[Database, Tx], Corrected]
    offered: int = 0


def void(records: Sequence[tuple[str, str]], by: By) -> Action:
    """Takes records, given by (source, id), out of the count."""
    return Action(lambda _, tx: corrections.void(tx, records, by))


def replace(records: Sequence[UsageRecord], by: By) -> Action:
    """Puts each record in the place of the one with its source and id."""
    return Action(
        lambda database, tx: corrections.replace(database, tx, records, Names(), by),
        len(records),
    )


def backfill(scope: Scope, records: Sequence[UsageRecord], by: By) -> Action:
    """Makes a span of time say what the records say."""
    return Action(
        lambda database, tx: corrections.backfill(database, tx, scope, records, Names(), by),
        len(records),
    )


def undo(correction_id: UUID, by: By) -> Action:
    """Takes back what a correction added and puts back what it took."""
    return Action(lambda _, tx: corrections.undo(tx, correction_id, by))


def preview(database: Database, tenant_id: int, action: Action) -> Effect:
    """What the action would change. Nothing stays of it. Raises what the action raises."""
    with database.transaction(tenant_id) as tx, tx.undone():
        return preview_in(tx, action)


def preview_in(tx: Tx, action: Action) -> Effect:
    """The same in a transaction that its owner undoes, for which no other connection is needed."""
    metering.fold_all(tx)
    tx.look_up_by_key()
    with tx.undone():
        done = action.do(_Inside(tx), tx)
        correction = queries.get(tx, done.correction_id)
        issued = _concerned(tx, done.batch_id)
        lines = rerate(tx, issued)
        periods = unbilled.concerned(tx, correction)
        quantities = unbilled.quantities(tx, periods)
    changed = invoice_effects(issued, rerate(tx, issued), lines)
    waiting = unbilled.effects(periods, unbilled.quantities(tx, periods), quantities)
    told = _effect(action, done, issued, changed, waiting)
    return told._replace(correction_id=None)


def rehearse_in(tx: Tx, action: Action) -> Effect:
    """What `preview_in` tells, and does it then: who undoes the transaction has seen what is recorded."""
    told = preview_in(tx, action)
    action.do(_Inside(tx), tx)
    return told


def apply(database: Database, tenant_id: int, action: Action) -> Effect:
    """Does it, and tells what it has changed. Raises what the action raises."""
    with database.transaction(tenant_id) as tx:
        return apply_in(database, tx, action)


def apply_in(database: Database, tx: Tx, action: Action) -> Effect:
    """The same in a transaction in which nothing was done yet that others could wait for, with a look from
    beside it at how things stood before.

    The fold lock is taken before anything else: no fold comes in between from here on, and nobody who
    waits for the lock holds a name that somebody else needs.
    """
    metering.fold_all(tx)
    with database.snapshot(tx.tenant_id) as before:
        done = action.do(database, tx)
        before.look_up_by_key()
        tx.look_up_by_key()
        issued = _concerned(tx, done.batch_id)
        lines = invoice_effects(issued, rerate(before, issued, is_live=True), rerate(tx, issued))
        periods = unbilled.concerned(tx, queries.get(tx, done.correction_id))
        were = unbilled.quantities(before, periods, is_live=True)
        waiting = unbilled.effects(periods, were, unbilled.quantities(tx, periods))
        return _effect(action, done, issued, lines, waiting)


class _Inside(Database):
    """Stands for the database where everything has to be undone with one transaction: whoever opens
    another one is given that."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    @contextmanager
    def transaction(self, tenant_id: int, **_: Any) -> Iterator[Tx]:
        """The one transaction that there is; it is of the same tenant."""
        assert tenant_id == self._tx.tenant_id
        yield self._tx


def _effect(
    action: Action,
    done: Corrected,
    issued: Sequence[Issued],
    lines: tuple[InvoiceEffect, ...],
    waiting: tuple[UnbilledEffect, ...],
) -> Effect:
    return Effect(
        done.correction_id,
        done.kind,
        done.reason,
        done.voided,
        done.restored,
        done.added,
        max(action.offered - done.added - done.restored, 0),
        lines,
        waiting,
        len(issued) - sum(len(one.lines) for one in lines),
    )


def _concerned(tx: Tx, batch_id: int) -> list[Issued]:
    """The issued lines whose quantity may be another one with the batch: those over its time, and later
    ones of levels that carry on and of registers."""
    found: dict[tuple[UUID, int], Issued] = {}
    for invoice, line_no, part_no, is_inside in invoices.corrected_parts(tx, batch_id):
        line = invoice.lines[line_no - 1]
        quantity = line.charge.quantity
        assert quantity is not None, "a line that sealed usage has a quantity"
        series = quantity.parts[part_no - 1].series
        if is_inside or is_counter(series) or (is_level(series) and series.carries):
            found.setdefault((invoice.invoice_id, line_no), Issued(invoice, line))
    return list(found.values())
