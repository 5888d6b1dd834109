"""Figure: a number about the product as it stands, and what each of them is.

Names and labels are an interface: dashboards and rules of other people are built on them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """GAUGE: it goes up and down. COUNTER: it only grows."""

    GAUGE = "gauge"
    COUNTER = "counter"


class Definition(NamedTuple):
    """What a figure says, and by what it is told apart; each has the tenant before these."""

    says: str
    labels: tuple[str, ...] = ()
    kind: Kind = Kind.GAUGE


class Figure(NamedTuple):
    """A number of a tenant; `labels` in the order of its definition."""

    tenant: str
    name: str
    labels: tuple[str, ...]
    value: int


DEFINITIONS = {
    "alarms_open": Definition("Alarms that are open.", ("kind", "severity")),
    "alarm_oldest_seconds": Definition("Age of the oldest open alarm.", ("severity",)),
    "erp_documents": Definition(
        "Final documents by where they stand on their way into the ERP; not_begun: in no batch yet.",
        ("erp", "state"),
    ),
    "erp_oldest_waiting_seconds": Definition(
        "Time since the oldest document was issued or put in a batch that is not in the ERP yet,"
        " of those that need no person.",
        ("erp",),
    ),
    "payment_attempts": Definition(
        "Attempts to move money that have not come to their end.", ("kind", "status")
    ),
    "payment_oldest_unknown_seconds": Definition(
        "Age of the oldest attempt of which nobody knows whether it moved money."
    ),
    "messages": Definition("Mails and webhooks that wait, or were given up.", ("kind", "status")),
    "message_oldest_waiting_seconds": Definition("Age of the oldest message that waits."),
    "webhooks": Definition(
        "Events that wait to be told to an endpoint, or were given up.", ("endpoint", "status")
    ),
    "webhook_oldest_waiting_seconds": Definition(
        "Age of the oldest event that waits to be told.", ("endpoint",)
    ),
    "reports_unbuilt": Definition("Reports that are being pulled, or were refused.", ("status",)),
    "usage_rejected_records": Definition(
        "Records that were offered and not taken in.", ("door", "code"), Kind.COUNTER
    ),
    "usage_gaps_open": Definition("Series that should have records and have none."),
    "billing_run_open_seconds": Definition("Age of a billing run that is not finished."),
    "billing_finished_seconds": Definition("Time since a billing run was finished last."),
    "billing_parked_customers": Definition("Customers that the newest billing run set aside."),
    "checkpoint_seconds": Definition("Time since the journal was sealed last."),
}
"""All figures of a tenant, by name."""
