"""Alarms about bills: customers whom the newest run could not bill, until one can."""

from __future__ import annotations

from everycent.alarms import operations as alarms
from everycent.alarms.alarm import Condition, Severity
from everycent.alarms.operations import Writer
from everycent.db.connection import Tx
from everycent.invoicing import queries as invoices

_SOURCE = "bill"
_EXPECTED = frozenset({"report.missing"})
"""They wait for what has an alarm of its own, if it is late."""
_MOST = 1_000


def reflect(tx: Tx, writer: Writer) -> None:
    """Raises and resolves alarms about customers that the newest run has parked."""
    alarms.take_turn(tx, _SOURCE)
    runs = invoices.runs(tx, 1)
    parked = invoices.parked(tx, runs[0].run_id) if runs else []
    conditions = [
        Condition("bill.parked", row.customer, Severity.CRITICAL, f"{row.code}: {row.message}")
        for row in parked[:_MOST]
        if row.code not in _EXPECTED
    ]
    alarms.reflect(tx, _SOURCE, conditions, writer)
