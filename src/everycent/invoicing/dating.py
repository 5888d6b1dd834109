"""Why an invoice has its date, in words."""

from __future__ import annotations

from everycent.catalog.policies import DATE, NEXT_DAY
from everycent.invoicing.invoice import Invoice


def date_told(invoice: Invoice) -> str:
    """Which day it is by the policy, and why it is another; '' where that is the day of the billing run."""
    if invoice.policy_date is None:
        return ""
    by = invoice.policies[DATE]
    which = (
        "the first day after what it bills" if by == NEXT_DAY else "the last day of what it bills"
    )
    if any(line.charge.price.in_advance for line in invoice.lines if line.corrects is None):
        which += ", or the first of what it bills in advance"
    said = f"{invoice.policy_date.isoformat()}: {which} ({DATE}: {by})"
    if invoice.issued_on > invoice.policy_date:
        return (
            f"{said}; {invoice.issued_on.isoformat()}, as {invoice.series} has a document of that date"
            " with a lower number"
        )
    if invoice.issued_on < invoice.policy_date:
        return f"{said}; {invoice.issued_on.isoformat()}, the day of the billing run, as that comes first"
    return said


def is_moved(invoice: Invoice) -> bool:
    """Whether it has another date than the policy gives it."""
    return invoice.policy_date not in (None, invoice.issued_on)
