"""Wallets, grants, draws and due top-ups as rows.

A grant opens a chain of draws: its first row (number 0) leaves the whole of it, and each further one
begins with what the one before left.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from everycent.credits import postings
from everycent.credits.wallet import (
    CHANGED,
    EXPIRED,
    GRANTED,
    OPENED,
    TOP_UP_DUE,
    TOP_UP_WITHDRAWN,
    VOIDED,
    Draw,
    Due,
    Granted,
    Taken,
    Wallet,
    Withdrawn,
)
from everycent.journal.event import Event
from everycent.kernel.canonical import encode
from everycent.kernel.table import Rows, table
from everycent.ledger import projection as ledger

WALLET = table(
    "wallet",
    "tenant_id int4, wallet_id uuid, customer_id uuid, key text, currency text, told text",
    key="tenant_id, wallet_id",
)
GRANT = table(
    "credit_grant",
    "tenant_id int4, grant_id uuid, wallet_id uuid, customer_id uuid, number int4, amount int8,"
    " effective_at timestamptz, expires_at timestamptz, series uuid, renews bool, is_owed bool,"
    " basis text, reference text, told text, at timestamptz, event_id uuid",
    key="tenant_id, grant_id",
)
DRAW = table(
    "credit_draw",
    "tenant_id int4, grant_id uuid, draw_no int4, kind text, amount int8, left_before int8,"
    " left_after int8, granted int8, document_id uuid, at timestamptz, event_id uuid",
    key="tenant_id, grant_id, draw_no",
)
DRAW_LINE = table(
    "credit_draw_line",
    "tenant_id int4, document_id uuid, line_no int4, place int4, grant_id uuid, draw_no int4, amount int8",
    key="tenant_id, document_id, line_no, place",
)
DUE = table(
    "wallet_top_up",
    "tenant_id int4, wallet_id uuid, due_no int4, state text, rule_version int4, below int8,"
    " amount int8, balance int8, as_of timestamptz",
    key="tenant_id, wallet_id, due_no",
)


def wallet(event: Event, rows: Rows, tenant_id: int) -> None:
    """A wallet that was opened or changed."""
    w: Wallet = event.payload
    rows.put(WALLET, tenant_id, w.wallet_id, w.customer_id, w.key, w.currency, encode(w).decode())


def granted(event: Event, rows: Rows, tenant_id: int) -> None:
    """A new grant, with the row that opens its draws, and its ledger entry."""
    made: Granted = event.payload
    g = made.grant
    rows.add(
        GRANT, tenant_id, g.grant_id, g.wallet_id, made.customer_id, g.number, g.amount,
        g.effective_at, g.expires_at, g.series_id, g.renewal is not None, made.is_owed,
        g.basis.value, made.reference, encode(g).decode(), event.at, event.event_id,
    )  # fmt: skip
    rows.add(
        DRAW, tenant_id, g.grant_id, 0, "grant", 0, None, g.amount, g.amount, None, event.at,
        event.event_id,
    )  # fmt: skip
    entry = postings.of_grant(made)
    ledger.add_entry(rows, tenant_id, event.event_id, event.at, event.recorded_at, entry)
    if made.settles is not None:
        rows.put(DUE, *_due(made.settles, "paid", tenant_id))


def add_draws(
    rows: Rows,
    tenant_id: int,
    draws: Sequence[Draw],
    kind: str,
    document_id: UUID | None,
    event_id: UUID,
    at: datetime,
) -> None:
    """The rows of draws for a document, an expiry or a void. What is negative is given back."""
    if draws:
        rows.of(GRANT)  # written before the draws, which refer to it
    for place, d in enumerate(draws, start=1):
        rows.add(
            DRAW, tenant_id, d.grant_id, d.draw_no, "return" if d.amount < 0 else kind, d.amount,
            d.left + d.amount, d.left, d.granted, document_id, at, event_id,
        )  # fmt: skip
        for line_no, amount in d.lines:
            rows.add(
                DRAW_LINE, tenant_id, document_id, line_no, place, d.grant_id, d.draw_no, amount
            )


def expired(event: Event, rows: Rows, tenant_id: int) -> None:
    """Credit that expired, and its ledger entry."""
    taken: Taken = event.payload
    add_draws(rows, tenant_id, taken.draws, "expiry", None, event.event_id, event.at)
    entry = postings.of_expiry(taken)
    ledger.add_entry(rows, tenant_id, event.event_id, event.at, event.recorded_at, entry)


def voided(event: Event, rows: Rows, tenant_id: int) -> None:
    """Credit that was voided, and its ledger entry."""
    taken: Taken = event.payload
    add_draws(rows, tenant_id, taken.draws, "void", None, event.event_id, event.at)
    entry = postings.of_void(taken)
    ledger.add_entry(rows, tenant_id, event.event_id, event.at, event.recorded_at, entry)


def top_up_due(event: Event, rows: Rows, tenant_id: int) -> None:
    """A top-up that a rule made due."""
    rows.put(DUE, *_due(event.payload, "open", tenant_id))


def top_up_withdrawn(event: Event, rows: Rows, tenant_id: int) -> None:
    """A due top-up that will not be paid."""
    withdrawn: Withdrawn = event.payload
    rows.put(DUE, *_due(withdrawn.due, "withdrawn", tenant_id))


def _due(due: Due, state: str, tenant_id: int) -> tuple[object, ...]:
    rule = due.rule
    return (
        tenant_id, due.wallet_id, due.due_no, state, rule.version, rule.below, rule.amount,
        due.balance, due.as_of,
    )  # fmt: skip


_PROJECTIONS = {
    OPENED.name: wallet,
    CHANGED.name: wallet,
    GRANTED.name: granted,
    EXPIRED.name: expired,
    VOIDED.name: voided,
    TOP_UP_DUE.name: top_up_due,
    TOP_UP_WITHDRAWN.name: top_up_withdrawn,
}


def project(event: Event, rows: Rows, tenant_id: int) -> None:
    """The rows of any event of this slice."""
    _PROJECTIONS[event.type](event, rows, tenant_id)
