"""Files of direct debits as rows, and what the bank charges for returns in the ledger."""

from __future__ import annotations

from everycent.debits.entry import Seen
from everycent.debits.file import ENTRY_SEEN, WITHDRAWN, WRITTEN, DebitFile, Withdrawn
from everycent.journal.event import Event
from everycent.kernel.table import Rows, table
from everycent.ledger import projection as ledger
from everycent.ledger.account import CASH, PAYMENT_FEES
from everycent.ledger.entry import balanced, credit, debit

FILE = table(
    "debit_file",
    "tenant_id int4, file_id uuid, message_id text, account text, sent_on date, number int4,"
    " total int8, digest text, at timestamptz, event_id uuid",
    key="tenant_id, file_id",
)
DEBIT = table(
    "debit",
    "tenant_id int4, attempt_id uuid, file_id uuid, reference text, account text, mandate_id text,"
    " sequence text, amount int8, currency text, collect_on date",
    key="tenant_id, attempt_id",
)
ENTRY = table(
    "debit_entry",
    "tenant_id int4, account text, entry text, attempt_id uuid, file_id uuid, booked_on date,"
    " amount int8, is_return bool, code text, charge int8, effect text, at timestamptz,"
    " event_id uuid",
    key="tenant_id, account, entry",
)
WITHDRAWAL = table(
    "debit_withdrawal",
    "tenant_id int4, file_id uuid, reason text, at timestamptz, event_id uuid",
    key="tenant_id, file_id",
)


def written(event: Event, rows: Rows, tenant_id: int) -> None:
    """A file and its debits."""
    f: DebitFile = event.payload
    rows.add(
        FILE, tenant_id, f.file_id, f.message_id, f.account, f.sent_on, f.number, f.total, f.digest,
        event.at, event.event_id,
    )  # fmt: skip
    target = rows.of(DEBIT)
    for d in f.debits:
        target.append(
            (tenant_id, d.attempt_id, f.file_id, d.reference, f.account, d.mandate_id,
             d.sequence.value, d.amount, d.currency, d.collect_on)
        )  # fmt: skip


def entry_seen(event: Event, rows: Rows, tenant_id: int) -> None:
    """An entry about a debit. What the bank took on top of it is a cost; the rest is booked where the
    payment is."""
    s: Seen = event.payload
    rows.add(
        ENTRY, tenant_id, s.account, s.entry, s.attempt_id, s.file_id, s.booked_on, s.amount,
        s.is_return, s.code, s.charge, s.effect.value, event.at, event.event_id,
    )  # fmt: skip
    if s.charge:
        cost = balanced(
            "debit_return_charged",
            (debit(PAYMENT_FEES, s.charge, s.currency), credit(CASH, s.charge, s.currency)),
        )
        ledger.add_entry(rows, tenant_id, event.event_id, event.at, event.recorded_at, cost)


def withdrawn(event: Event, rows: Rows, tenant_id: int) -> None:
    """A file that never went."""
    w: Withdrawn = event.payload
    rows.add(WITHDRAWAL, tenant_id, w.file_id, w.reason, event.at, event.event_id)


def any_of(event: Event, rows: Rows, tenant_id: int) -> None:
    """The rows of any event of this slice."""
    _BY_NAME[event.type](event, rows, tenant_id)


_BY_NAME = {WRITTEN.name: written, ENTRY_SEEN.name: entry_seen, WITHDRAWN.name: withdrawn}
