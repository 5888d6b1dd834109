"""Replay: throw the current state away and build it from the journal again, beside it, in temporary tables.

Every table that follows from events is rebuilt by the very functions that wrote it the first time,
from nothing but the events, and compared with the live one row by row, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from everycent.access import keys as api_keys
from everycent.access import members
from everycent.access import projection as access_rows
from everycent.alarms import alarm as alarms
from everycent.alarms import projection as alarm_rows
from everycent.archives import archive as archives
from everycent.archives import projection as archive_rows
from everycent.catalog import projection as catalog
from everycent.charging import attempt as attempts
from everycent.charging import decided as decisions
from everycent.charging import instalments
from everycent.charging import notice as notices
from everycent.charging import projection as charging_rows
from everycent.corrections import correction as corrections
from everycent.corrections import projection as correction_rows
from everycent.coupons import application as applications
from everycent.coupons import projection as coupon_rows
from everycent.credits import projection as credit_rows
from everycent.credits import wallet as credit_events
from everycent.customers import customer as customers
from everycent.customers import payer as payers
from everycent.customers import projection as customer_rows
from everycent.db import bulk
from everycent.db.connection import Tx
from everycent.debits import file as debit_files
from everycent.debits import projection as debit_rows
from everycent.dunning import projection as dunning_rows
from everycent.dunning import step as dunning_steps
from everycent.dunning import terms as dunning
from everycent.erp import batch as erp_batches
from everycent.erp import compared as erp_compared
from everycent.erp import handed
from everycent.erp import projection as erp_rows
from everycent.exchange import projection as exchange_rows
from everycent.exchange import rate as exchange
from everycent.flows.garbage import collecting_rarely
from everycent.invoicing import invoice as invoices
from everycent.invoicing import line_note as line_notes
from everycent.invoicing import projection as invoice_rows
from everycent.invoicing import settlement as settlements
from everycent.journal import projections as journal
from everycent.journal.projections import Projector
from everycent.kernel.table import Rows, Table
from everycent.ledger import projection as ledger_rows
from everycent.measurements import measurement as measurements
from everycent.measurements import projection as measurement_rows
from everycent.messages import message as messages
from everycent.messages import projection as message_rows
from everycent.methods import method as methods
from everycent.methods import projection as method_rows
from everycent.payments import payment as payments
from everycent.payments import projection as payment_rows
from everycent.reports import config as report_configs
from everycent.reports import projection as report_rows
from everycent.reports import report as reports
from everycent.subscriptions import projection as subscription_rows
from everycent.subscriptions import subscription as subscriptions
from everycent.watching import gap as gaps
from everycent.watching import projection as watching_rows
from everycent.watching import threshold as thresholds
from everycent.webhooks import endpoint as webhooks
from everycent.webhooks import projection as webhook_rows

PROJECTORS: dict[str, Projector] = {
    event_type.name: Projector(event_type, project)
    for event_type, project in (
        (api_keys.CREATED, access_rows.key_created),
        (api_keys.REVOKED, access_rows.key_revoked),
        (members.ADDED, access_rows.member_added),
        (members.CHANGED, access_rows.member_changed),
        (members.REMOVED, access_rows.member_changed),
        (catalog.VERSIONED, catalog.versioned),
        (exchange.SET, exchange_rows.rates_set),
        (customers.CREATED, customer_rows.created),
        (payers.SET, customer_rows.payer_set),
        (customers.UPDATED, customer_rows.updated),
        (subscriptions.STARTED, subscription_rows.started),
        (subscriptions.CHANGED, subscription_rows.changed),
        (applications.APPLIED, coupon_rows.applied),
        (applications.REMOVED, coupon_rows.removed),
        (credit_events.OPENED, credit_rows.wallet),
        (credit_events.CHANGED, credit_rows.wallet),
        (credit_events.GRANTED, credit_rows.granted),
        (credit_events.EXPIRED, credit_rows.expired),
        (credit_events.VOIDED, credit_rows.voided),
        (credit_events.TOP_UP_DUE, credit_rows.top_up_due),
        (credit_events.TOP_UP_WITHDRAWN, credit_rows.top_up_withdrawn),
        (invoices.ISSUED, invoice_rows.issued),
        (invoices.CREDITED, invoice_rows.credited),
        (line_notes.LINES_CREDITED, invoice_rows.lines_credited),
        (settlements.SET_OFF, invoice_rows.settled),
        (settlements.WRITTEN_OFF, invoice_rows.settled),
        (settlements.WRITE_OFF_UNDONE, invoice_rows.settled),
        *((event_type, payment_rows.moved) for event_type in payments.TYPES),
        *((event_type, charging_rows.stage) for event_type in attempts.TYPES),
        (methods.ADDED, method_rows.method),
        (methods.CHANGED, method_rows.method),
        (decisions.REQUEUED, charging_rows.decided),
        (decisions.STOPPED, charging_rows.decided),
        (instalments.AGREED, charging_rows.agreed),
        (notices.NOTED, charging_rows.noted),
        (debit_files.WRITTEN, debit_rows.written),
        (debit_files.ENTRY_SEEN, debit_rows.entry_seen),
        (debit_files.WITHDRAWN, debit_rows.withdrawn),
        (dunning.SET, dunning_rows.terms_set),
        (dunning_steps.STEP_TAKEN, dunning_rows.step_taken),
        (dunning_steps.ENDED, dunning_rows.ended),
        *((event_type, alarm_rows.alarm) for event_type in alarms.TYPES),
        (erp_batches.BATCHED, erp_rows.batched),
        *((event_type, erp_rows.handed) for event_type in handed.TYPES),
        (erp_compared.COMPARED, erp_rows.compared),
        (report_configs.CREATED, report_rows.created),
        (report_configs.ACTIVATED, report_rows.activated),
        (reports.BEGUN, report_rows.begun),
        (reports.REFUSED, report_rows.refused),
        (reports.BUILT, report_rows.built),
        (reports.COMPARED, report_rows.compared),
        *((event_type, webhook_rows.endpoint) for event_type in webhooks.TYPES),
        (messages.QUEUED, message_rows.queued),
        (messages.TRIED, message_rows.tried),
        (messages.REQUEUED, message_rows.tried),
        (corrections.CORRECTED, correction_rows.corrected),
        (archives.ARCHIVED, archive_rows.archived),
        (archives.RESTORED, archive_rows.restored),
        (measurements.DEFINED, measurement_rows.defined),
        (measurements.PAUSED, measurement_rows.switched),
        (measurements.RESUMED, measurement_rows.switched),
        (measurements.TAKEN, measurement_rows.taken),
        (measurements.MISSED, measurement_rows.missed),
        (thresholds.SET, watching_rows.threshold),
        (thresholds.REMOVED, watching_rows.threshold),
        (thresholds.CROSSED, watching_rows.crossed),
        (gaps.OPENED, watching_rows.gap_opened),
        (gaps.CLOSED, watching_rows.gap_closed),
    )
}
"""Every event type with what it changes. Nothing else writes these tables."""

TABLES = (
    access_rows.API_KEY,
    access_rows.MEMBER,
    catalog.VERSION,
    exchange_rows.RATE,
    customer_rows.CUSTOMER,
    customer_rows.PAYER,
    subscription_rows.SUBSCRIPTION,
    subscription_rows.PHASE,
    subscription_rows.TERM,
    subscription_rows.ITEM,
    subscription_rows.BILLED_PERIOD,
    subscription_rows.PERIOD_CORRECTION,
    coupon_rows.APPLICATION,
    coupon_rows.USE,
    invoice_rows.LINE,
    invoice_rows.TAX,
    invoice_rows.USAGE,
    invoice_rows.HOME,
    invoice_rows.HOME_TAX,
    invoice_rows.RATE,
    invoice_rows.INVOICE,
    invoice_rows.SERIES,
    invoice_rows.LINE_CREDIT,
    invoice_rows.SETTLEMENT,
    payment_rows.PAYMENT,
    payment_rows.MOVE,
    method_rows.METHOD,
    charging_rows.ATTEMPT,
    charging_rows.COLLECTION,
    charging_rows.HOLD,
    charging_rows.NOTICE,
    charging_rows.INSTALMENT,
    debit_rows.FILE,
    debit_rows.DEBIT,
    debit_rows.ENTRY,
    debit_rows.WITHDRAWAL,
    dunning_rows.TERMS,
    dunning_rows.STEP,
    dunning_rows.END,
    alarm_rows.ALARM,
    report_rows.CONFIG,
    report_rows.ACTIVATION,
    report_rows.STATE,
    report_rows.REPORT,
    report_rows.PART,
    erp_rows.BATCH,
    erp_rows.DOCUMENT,
    erp_rows.STATE,
    webhook_rows.ENDPOINT,
    message_rows.MESSAGE,
    message_rows.STATE,
    ledger_rows.ENTRY,
    ledger_rows.POSTING,
    credit_rows.WALLET,
    credit_rows.GRANT,
    credit_rows.DRAW,
    credit_rows.DRAW_LINE,
    credit_rows.DUE,
    correction_rows.CORRECTION,
    archive_rows.ARCHIVE,
    archive_rows.REASON,
    archive_rows.RESTORED,
    measurement_rows.VERSION,
    measurement_rows.MEASUREMENT,
    measurement_rows.INTERVAL,
    watching_rows.THRESHOLD,
    watching_rows.CROSSING,
    watching_rows.GAP,
)
CHANGING = {
    access_rows.API_KEY,
    access_rows.MEMBER,
    customer_rows.CUSTOMER,
    customer_rows.PAYER,
    subscription_rows.SUBSCRIPTION,
    subscription_rows.PHASE,
    subscription_rows.TERM,
    coupon_rows.APPLICATION,
    invoice_rows.SERIES,
    payment_rows.PAYMENT,
    method_rows.METHOD,
    charging_rows.ATTEMPT,
    charging_rows.COLLECTION,
    charging_rows.HOLD,
    alarm_rows.ALARM,
    report_rows.STATE,
    erp_rows.STATE,
    webhook_rows.ENDPOINT,
    message_rows.STATE,
    credit_rows.WALLET,
    credit_rows.DUE,
    measurement_rows.MEASUREMENT,
    watching_rows.THRESHOLD,
    watching_rows.GAP,
}
"""Tables whose rows events may replace; rows of the others come once and stay."""

_BATCH = 5_000


class Rebuilt(NamedTuple):
    """What a replay found: events read, rows rebuilt, and the differences by table (none: identical)."""

    events: int
    rows: dict[str, int]
    differences: dict[str, list[str]]


def replay(tx: Tx, on_progress: Callable[[int], None] = lambda _: None) -> Rebuilt:
    """Rebuilds every current-state table beside the live one and compares them.

    Call it in a `snapshot`, so that the journal and the tables are of the same instant. Leaves
    nothing behind: the scratch tables go with the transaction.
    """
    scratch = {target: target._replace(name=f"replay_{target.name}") for target in TABLES}
    tx.sort_in_memory()
    for target, copy in scratch.items():
        bulk.create_scratch(tx, copy, keyed=target in CHANGING)
    with collecting_rarely():
        return _replayed(tx, scratch, on_progress)


def _replayed(tx: Tx, scratch: dict[Table, Table], on_progress: Callable[[int], None]) -> Rebuilt:
    rows = Rows()
    events = 0
    for event in journal.read_all(tx, PROJECTORS):
        PROJECTORS[event.type].project(event, rows, tx.tenant_id)
        events += 1
        if events % _BATCH == 0:
            _flush(tx, rows, scratch)
            rows = Rows()
            on_progress(events)
    _flush(tx, rows, scratch)
    on_progress(events)
    counts = {}
    differences = {}
    for target, copy in scratch.items():
        counts[target.name] = bulk.finish_scratch(tx, copy)
        found = bulk.differences(tx, target, copy)
        if found:
            differences[target.name] = found
    return Rebuilt(events, counts, differences)


def _flush(tx: Tx, rows: Rows, scratch: dict[Table, Table]) -> None:
    for target, added in rows.added.items():
        if added:
            bulk.copy_into(tx, scratch[target].name, target, added)
    for target, replaced in rows.replaced.items():
        bulk.put(tx, scratch[target], list(replaced.values()))
