"""From charges to an invoice: group what fell due together, add the taxes, add it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from everycent.catalog.plan import Tax
from everycent.credits.purse import Settled
from everycent.credits.wallet import Draw
from everycent.customers.customer import Customer
from everycent.invoicing import tax
from everycent.invoicing.invoice import INVOICE_SERIES, Invoice, InvoiceLine, TaxAmount, name_of
from everycent.kernel.calendar import local_date
from everycent.kernel.currency import check_in_use, exponent
from everycent.kernel.errors import Refusal
from everycent.kernel.money import checked
from everycent.kernel.period import Period
from everycent.rating.charge import Charge


class DueCharge(NamedTuple):
    """A charge with what it is for."""

    subscription_id: UUID
    subscription: str
    item_no: int
    in_advance: bool
    time_zone: str
    period: Period
    due_at: datetime
    charge: Charge


class DraftInvoice(NamedTuple):
    """An invoice without its number and date. `due_at` is when its charges fell due. `draws` pay
    `prepaid` of it out of the customer's credit; `settled` happened to that credit before."""

    customer: Customer
    currency: str
    due_at: datetime
    lines: tuple[InvoiceLine, ...]
    taxes: tuple[TaxAmount, ...]
    net: int
    tax: int
    gross: int
    draws: tuple[Draw, ...] = ()
    prepaid: int = 0
    settled: tuple[Settled, ...] = ()


def draft(
    customer: Customer,
    due_at: datetime,
    charges: Sequence[DueCharge],
    taxes: Mapping[str, Tax],
) -> DraftInvoice:
    """One invoice of everything that fell due for the customer at one instant.

    Raises what taxes raise, and Invalid `money.too_large`.
    """
    currency = customer.currency
    lines = []
    taxed = []
    net = 0
    for number, due in enumerate(charges, start=1):
        category = due.charge.product.tax_category
        found = tax.rate_for(category, _supply_day(due), taxes)
        if found is not None:
            taxed.append((category, found[0], found[1], due.charge.net))
        net += due.charge.net
        lines.append(
            InvoiceLine(
                number,
                due.subscription_id,
                due.subscription,
                due.item_no,
                due.period.start,
                due.period.end,
                None if found is None else found[0].percent,
                due.charge,
            )
        )
    tax_amounts = tax.amounts(taxed, currency)
    tax_total = sum(amount.amount for amount in tax_amounts)
    checked(net, currency)
    checked(net + tax_total, currency)
    return DraftInvoice(
        customer, currency, due_at, tuple(lines), tax_amounts, net, tax_total, net + tax_total
    )


def _supply_day(due: DueCharge) -> date:
    if due.in_advance:
        return local_date(due.period.start, due.time_zone)
    return local_date(due.period.end - timedelta(microseconds=1), due.time_zone)


def refuse_currency(currency: str, issued_on: date) -> Refusal | None:
    """Why no invoice may be issued in the currency on the day, or None."""
    try:
        check_in_use(currency, issued_on)
    except Refusal as refusal:
        return refusal
    return None


def finished(
    prepared: DraftInvoice,
    invoice_id: UUID,
    number: int,
    issued_on: date,
    payment_days: int,
    run_id: UUID | None,
) -> Invoice:
    """The invoice with its number and dates."""
    return Invoice(
        invoice_id,
        INVOICE_SERIES,
        number,
        name_of(INVOICE_SERIES, number),
        prepared.customer,
        prepared.currency,
        exponent(prepared.currency),
        issued_on,
        issued_on + timedelta(days=payment_days),
        prepared.lines,
        prepared.taxes,
        prepared.net,
        prepared.tax,
        prepared.gross,
        run_id,
        prepared.draws,
        prepared.prepaid,
    )
