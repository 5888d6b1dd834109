"""Open items: invoices that wait for money and direct debits that were sent, as a payment can name them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from everycent.payments.names import words_of
from everycent.payments.references import (
    Mention,
    Spelling,
    can_be_referred_to,
    creditor_reference,
    parts_of,
)


class OpenInvoice(NamedTuple):
    """An invoice that is not wholly paid; `left` is what is not paid, in minor units, more than zero."""

    invoice_id: UUID
    name: str
    customer_id: UUID
    customer_key: str
    customer_name: str
    left: int
    currency: str
    due_on: date


class Collection(NamedTuple):
    """A direct debit that was sent to the bank. `reference` is its end-to-end id."""

    reference: str
    customer_id: UUID
    amount: int
    currency: str
    invoice_ids: tuple[UUID, ...] = ()


class Allocation(NamedTuple):
    """What an entry pays of an invoice, in minor units, more than zero."""

    invoice_id: UUID
    amount: int


class OpenItems:
    """Open invoices and sent collections as they can be looked up, with what is left of each invoice."""

    def __init__(
        self,
        invoices: Iterable[OpenInvoice],
        collections: Iterable[Collection],
        payers: Mapping[str, UUID],
    ) -> None:
        ordered = sorted(invoices, key=lambda one: (one.due_on, one.name, one.invoice_id))
        self.collections = {one.reference: one for one in collections}
        self.payers = payers
        self.paid: set[str] = set()
        self.returned: set[str] = set()
        self.left = {one.invoice_id: one.left for one in ordered}
        self.by_id = {one.invoice_id: one for one in ordered}
        self.by_reference: dict[str, OpenInvoice] = {}
        self.by_parts: dict[tuple[str, int], OpenInvoice] = {}
        self.by_number: dict[int, list[OpenInvoice]] = defaultdict(list)
        self.of_customer: dict[tuple[UUID, str], list[OpenInvoice]] = defaultdict(list)
        self.by_words: dict[tuple[str, ...], dict[UUID, None]] = defaultdict(dict)
        for one in ordered:
            self._enter(one)
        self.spelling = Spelling(series for series, _ in self.by_parts)

    def _enter(self, invoice: OpenInvoice) -> None:
        parts = parts_of(invoice.name)
        if parts is not None:
            self.by_parts[parts] = invoice
            self.by_number[parts[1]].append(invoice)
            if can_be_referred_to(invoice.name):
                self.by_reference[creditor_reference(invoice.name)] = invoice
        self.of_customer[invoice.customer_id, invoice.currency].append(invoice)
        self.by_words[words_of(invoice.customer_name)][invoice.customer_id] = None

    def owed_by(self, customer_id: UUID, currency: str) -> list[OpenInvoice]:
        """What the customer still owes in the currency, oldest first."""
        found = self.of_customer.get((customer_id, currency), [])
        return [invoice for invoice in found if self.left[invoice.invoice_id]]

    def total(self, invoices: Iterable[OpenInvoice]) -> int:
        """What is left of invoices together."""
        return sum(self.left[invoice.invoice_id] for invoice in invoices)

    def shares(self, amount: int, invoices: Iterable[OpenInvoice]) -> tuple[Allocation, ...]:
        """The amount over invoices, oldest first, none more than is left of it."""
        found = []
        for invoice in sorted(invoices, key=lambda one: (one.due_on, one.name, one.invoice_id)):
            share = min(amount, self.left[invoice.invoice_id])
            if share:
                found.append(Allocation(invoice.invoice_id, share))
                amount -= share
        return tuple(found)

    def book(self, allocations: Iterable[Allocation]) -> None:
        """Takes what was paid for certain off what is left."""
        for allocation in allocations:
            self.left[allocation.invoice_id] -= allocation.amount

    def meant(self, mention: Mention) -> Sequence[OpenInvoice]:
        """The invoices that a number in a text may mean: after a mere word, of any series."""
        if mention.series is None:
            return self.by_number.get(mention.number, [])
        found = self.by_parts.get((mention.series, mention.number))
        return [] if found is None else [found]
