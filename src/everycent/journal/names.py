"""What the journal has: the names of all event types, and whether a filter or a receiver asks for one."""

from __future__ import annotations

from collections.abc import Iterable

from everycent.kernel.near import meant

TYPES = frozenset(
    {
        "alarm.acknowledged",
        "alarm.raised",
        "alarm.resolved",
        "api_key.created",
        "api_key.revoked",
        "catalog.versioned",
        "collection.instalments_agreed",
        "collection.requeued",
        "collection.stopped",
        "coupon.applied",
        "coupon.removed",
        "credit.expired",
        "credit.granted",
        "credit.voided",
        "customer.created",
        "customer.payer_set",
        "customer.updated",
        "debit_file.entry_seen",
        "debit_file.withdrawn",
        "debit_file.written",
        "dunning.ended",
        "dunning.step_taken",
        "dunning.terms_set",
        "erp.aborted",
        "erp.acknowledged",
        "erp.asked",
        "erp.batched",
        "erp.compared",
        "erp.failed",
        "erp.lost",
        "erp.parked",
        "erp.registered",
        "erp.requeued",
        "exchange.rates_set",
        "invoice.credited",
        "invoice.issued",
        "invoice.lines_credited",
        "invoice.set_off",
        "invoice.write_off_undone",
        "invoice.written_off",
        "measurement.defined",
        "measurement.missed",
        "measurement.paused",
        "measurement.resumed",
        "measurement.taken",
        "member.added",
        "member.changed",
        "member.removed",
        "message.queued",
        "message.requeued",
        "message.tried",
        "payment.applied",
        "payment.assigned",
        "payment.dispute_won",
        "payment.disputed",
        "payment.received",
        "payment.refund_failed",
        "payment.refund_requested",
        "payment.refunded_there",
        "payment.unapplied",
        "payment_attempt.answered",
        "payment_attempt.cancelled",
        "payment_attempt.claimed",
        "payment_attempt.lost",
        "payment_attempt.sending",
        "payment_attempt.succeeded",
        "payment_method.added",
        "payment_method.changed",
        "payment_notice.noted",
        "report.begun",
        "report.built",
        "report.compared",
        "report.refused",
        "report_config.activated",
        "report_config.created",
        "subscription.changed",
        "subscription.started",
        "threshold.crossed",
        "threshold.removed",
        "threshold.set",
        "usage.archived",
        "usage.corrected",
        "usage.gap_closed",
        "usage.gap_opened",
        "usage.restored",
        "wallet.changed",
        "wallet.opened",
        "wallet.top_up_due",
        "wallet.top_up_withdrawn",
        "webhook.endpoint_added",
        "webhook.endpoint_changed",
    }
)
"""The names of all event types of all slices."""


def unheard_of(types: Iterable[str]) -> tuple[str, str] | None:
    """The first of some names and prefixes (`invoice.*`) that no event has, and what was meant perhaps."""
    subjects = {f"{name.partition('.')[0]}.*" for name in TYPES}
    for one in types:
        if one != "*" and one not in TYPES and one not in subjects:
            return one, meant(one[:80], sorted(subjects if one.endswith("*") else TYPES))
    return None
