"""Attempts, notices and what is decided about collecting, as rows."""

from __future__ import annotations

from everycent.charging.attempt import Stage, Status
from everycent.charging.decided import Decided
from everycent.charging.instalments import AGREED, Agreed
from everycent.charging.notice import Noted
from everycent.journal.event import Event
from everycent.kernel.canonical import encode
from everycent.kernel.table import Rows, table
from everycent.methods import projection as method_rows
from everycent.payments import projection as payment_rows
from everycent.payments.provider import Kind

ATTEMPT = table(
    "payment_attempt",
    "tenant_id int4, attempt_id uuid, kind text, reference text, invoice_id uuid, step int4,"
    " open int8, payment_id uuid, move_no int4, customer_id uuid, provider text, method_id uuid,"
    " amount int8, currency text, run_id uuid, tries int4, status text, fence int4, worker_id uuid,"
    " failure text, provider_id text, send_before timestamptz, gave_up_at timestamptz,"
    " look_at timestamptz, looks int4, is_contradicted bool, claimed_at timestamptz,"
    " changed_at timestamptz, retry_at timestamptz, told text",
    key="tenant_id, attempt_id",
)
COLLECTION = table(
    "collection",
    "tenant_id int4, invoice_id uuid, tries int4, retry_at timestamptz, is_stopped bool, reason text",
    key="tenant_id, invoice_id",
)
HOLD = table(
    "collection_hold",
    "tenant_id int4, invoice_id uuid, is_held bool, reason text",
    key="tenant_id, invoice_id",
)
INSTALMENT = table(
    "instalment",
    "tenant_id int4, invoice_id uuid, agreement_no int4, part_no int4, due_on date, amount int8,"
    " event_id uuid",
    key="tenant_id, invoice_id, agreement_no, part_no",
)
NOTICE = table(
    "payment_notice",
    "tenant_id int4, provider text, notice_id text, told text, attempt_id uuid, payment_id uuid,"
    " at timestamptz, event_id uuid",
    key="tenant_id, provider, notice_id",
)


_SAYS_WHAT_FOLLOWS = (Status.FAILED, Status.ANSWERED, Status.MISMATCHED)
"""Stages that decide something about collecting the invoice. What was called off decides nothing; what is
booked was decided when it was answered."""


def stage(event: Event, rows: Rows, tenant_id: int) -> None:
    """An attempt at its new stage, and what is decided about its invoice."""
    came_to: Stage = event.payload
    a, s = came_to.attempt, came_to.state
    told = encode(came_to if came_to.evidence is None else Stage(a, s)).decode()
    rows.put(
        ATTEMPT, tenant_id, a.attempt_id, a.kind.value, a.reference, a.invoice_id, a.step, a.left,
        a.payment_id, a.move_no, a.customer_id, a.provider, a.method_id, a.amount, a.currency,
        a.run_id, a.tries, s.status.value, s.by.fence, s.by.worker_id,
        None if s.failure is None else s.failure.value, s.provider_id, s.send_before, s.gave_up_at,
        s.look_at, s.looks, s.is_contradicted, s.claimed_at, s.changed_at, s.retry_at,
        told,
    )  # fmt: skip
    if a.kind is Kind.CHARGE and s.status in _SAYS_WHAT_FOLLOWS:
        # What is charged next of an invoice of which a part came is a first attempt.
        tries = 0 if s.status is Status.ANSWERED and not s.is_stopped else a.tries
        rows.put(COLLECTION, tenant_id, a.invoice_id, tries, s.retry_at, s.is_stopped, s.why)


def decided(event: Event, rows: Rows, tenant_id: int) -> None:
    """What a person decided about collecting an invoice."""
    d: Decided = event.payload
    rows.put(COLLECTION, tenant_id, d.invoice_id, d.tries, d.retry_at, d.is_stopped, d.reason)
    rows.put(HOLD, tenant_id, d.invoice_id, d.is_stopped, d.reason)


def agreed(event: Event, rows: Rows, tenant_id: int) -> None:
    """The parts in which an invoice is charged."""
    told: Agreed = event.payload
    for part_no, part in enumerate(told.parts, start=1):
        rows.add(
            INSTALMENT, tenant_id, told.invoice_id, told.agreement_no, part_no, part.due_on,
            part.amount, event.event_id,
        )  # fmt: skip


def noted(event: Event, rows: Rows, tenant_id: int) -> None:
    """An event that a provider told."""
    n: Noted = event.payload
    rows.add(
        NOTICE, tenant_id, n.provider, n.notice_id, encode(n).decode(), n.attempt_id, n.payment_id,
        event.at, event.event_id,
    )  # fmt: skip


def any_of(event: Event, rows: Rows, tenant_id: int) -> None:
    """The rows of any event of this slice, or of a payment that comes of one."""
    kind = event.type if event.type == AGREED.name else event.type.partition(".")[0]
    _BY_KIND[kind](event, rows, tenant_id)


_BY_KIND = {
    "payment_attempt": stage,
    "payment": payment_rows.moved,
    "payment_method": method_rows.method,
    "payment_notice": noted,
    "collection": decided,
    AGREED.name: agreed,
}
