"""Collectable: whether an invoice is charged now, for how much and with which method, and if not, why."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from everycent.charging.attempt import Attempt
from everycent.invoicing.invoice import name_of
from everycent.methods.method import Method, decode
from everycent.payments.payment import Way
from everycent.payments.provider import Kind

BY_DEBIT = "by_debit"
"""A run of charges leaves the invoice to the next file of direct debits."""


class Candidate(NamedTuple):
    """What is known of an invoice under the lock. `left` is open, in minor units, after `step` settlements;
    `due` is what of it is to be charged now. `tries` counts attempts since it was put in the queue, `made`
    all that there ever were."""

    invoice_id: UUID
    invoice: str
    customer_id: UUID
    customer: str
    currency: str
    step: int
    left: int
    due: int
    method: Method | None
    tries: int
    made: int
    retry_at: datetime | None
    is_stopped: bool
    is_under_way: bool
    group: str


def candidate_of(row: Any) -> Candidate:
    """A row of what is known of invoices."""
    best = None if row.method is None else decode(row.method)
    return Candidate(
        row.invoice_id, name_of(row.series, row.number), row.customer_id, row.customer, row.currency,
        row.step, row.open, row.due, best, row.tries, row.made, row.retry_at, row.is_stopped,
        row.is_under_way, row.customer_group or "",
    )  # fmt: skip


def reason_against(
    one: Candidate, at: datetime, providers: frozenset[str], way: Way = Way.CHARGE
) -> str | None:
    """Why nothing is charged for it now in this way, by these providers or accounts of ours, in a word;
    None when it is."""
    if one.left <= 0:
        return "paid"
    if one.is_under_way:
        return "under_way"
    if one.due <= 0:
        return "not_due"
    if one.is_stopped:
        return "stopped"
    if one.retry_at is not None and one.retry_at > at:
        return "waits"
    if one.method is None:
        return "no_method"
    if one.method.way is not way:
        return str(BY_DEBIT if one.method.way is Way.DEBIT else "no_mandate")
    if one.method.provider not in providers:
        return "no_provider"
    return None


def attempt_for(one: Candidate, attempt_id: UUID, run_id: UUID | None) -> Attempt:
    """The attempt to charge what is due."""
    method = one.method
    assert method is not None, "looked at before"
    return Attempt(
        attempt_id, Kind.CHARGE, one.customer_id, method.provider, method.token, method.payer,
        one.due, one.currency, one.invoice, one.tries + 1, method.method_id, one.invoice_id,
        one.invoice, one.step, one.left, run_id=run_id, way=method.way, group=one.group,
    )  # fmt: skip
