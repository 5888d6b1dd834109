"""Matching: which open invoices an entry of a bank statement pays, and how sure that is.

In this order: a collection of ours by its end-to-end id, the names of invoices, the payer's account as it
is known from before, and last the payer's name with the amount, which only ever makes a proposal. What is
certain may be booked without a person; every answer says why in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from everycent.kernel.money import Money
from everycent.payments.names import are_same, words_of
from everycent.payments.open_items import Allocation, Collection, OpenInvoice, OpenItems
from everycent.payments.references import creditor_references
from everycent.payments.statement import StatementEntry


class Certainty(StrEnum):
    """CERTAIN: may be booked. PROPOSED: a person has to agree. UNMATCHED: nothing is known."""

    CERTAIN = "certain"
    PROPOSED = "proposed"
    UNMATCHED = "unmatched"


class Match(NamedTuple):
    """What is known about an entry. Unless it is unmatched or a return, allocations and `unapplied` add up
    to its amount. `collection` is the reference of a direct debit of ours that was paid by it, or, with
    `is_return`, whose money went back; `charge` is what the bank then took on top of the collection."""

    entry: StatementEntry
    certainty: Certainty
    reason: str
    customer_id: UUID | None = None
    allocations: tuple[Allocation, ...] = ()
    unapplied: int = 0
    collection: str | None = None
    is_return: bool = False
    charge: int = 0


def match(
    entries: Iterable[StatementEntry],
    invoices: Iterable[OpenInvoice],
    *,
    collections: Iterable[Collection] = (),
    payers: Mapping[str, UUID] | None = None,
) -> list[Match]:
    """What each entry pays, in their order. What one pays for certain is no longer open for the next.

    `payers` says whose an IBAN is, as learned from payments before. An entry pays invoices of its own
    currency only, and money that goes out never pays any. The outcome depends on nothing but the arguments.
    """
    book = OpenItems(invoices, collections, payers or {})
    return [_settled(_matched(entry, book), book) for entry in entries]


def _settled(found: Match, book: OpenItems) -> Match:
    """The match, after which what it pays for certain is no longer open."""
    if found.certainty is Certainty.CERTAIN:
        book.book(found.allocations)
        if found.collection is not None:
            (book.returned if found.is_return else book.paid).add(found.collection)
    return found


class _Named(NamedTuple):
    """The invoices that an entry names and that are open in its currency, the names of others, and whether
    each is named in full. Where those in full come to the amount, short names mean something else."""

    invoices: list[OpenInvoice]
    others: list[str]
    is_full: bool


def _matched(entry: StatementEntry, book: OpenItems) -> Match:
    if not entry.amount:
        return _unmatched(entry, "no money moved")
    if entry.end_to_end_id in book.collections:
        return _of_collection(entry, book.collections[entry.end_to_end_id], book)
    if not entry.is_credit:
        return _unmatched(entry, "money went out: it pays no invoice")
    if entry.is_reversal or entry.reason is not None:
        return _unmatched(entry, "money of ours that went out came back: it pays no invoice")
    named = _named(entry, book)
    if named.invoices:
        return _by_name(entry, named, book)
    return _by_payer(entry, named.others, book) or _by_likeness(entry, named.others, book)


def _of_collection(entry: StatementEntry, collection: Collection, book: OpenItems) -> Match:
    amount = Money(collection.amount, collection.currency)
    what = f"it names our direct debit {collection.reference} of {amount}"
    if entry.currency != collection.currency:
        return _unmatched(entry, f"{what}, but is in {entry.currency}")
    if not entry.is_credit:
        return _return(entry, collection, what, is_first=collection.reference not in book.returned)
    if entry.is_reversal or entry.reason is not None:
        return _unmatched(entry, f"{what}, but says that money of ours came back")
    invoices = [book.by_id[key] for key in collection.invoice_ids if key in book.by_id]
    why = None
    if entry.amount != collection.amount:
        why = "the amounts differ"
    elif collection.reference in book.paid:
        why = "another entry has paid it already"
    return _pays(
        entry,
        Certainty.CERTAIN if why is None else Certainty.PROPOSED,
        what if why is None else f"{what}, but {why}",
        collection.customer_id,
        [invoice for invoice in invoices if invoice.currency == entry.currency],
        book,
    )._replace(collection=collection.reference)


def _return(entry: StatementEntry, collection: Collection, what: str, *, is_first: bool) -> Match:
    """Money of a collection that went back, with what the bank may have kept on top."""
    charge = entry.amount - collection.amount
    is_certain = is_first and charge >= 0 and (entry.reason is not None or entry.is_reversal)
    words = [what, f"which went back: {entry.reason or 'no reason is told'}"]
    if charge:
        words.append(f"the amounts differ by {Money(abs(charge), entry.currency)}")
    if not is_first:
        words.append("another entry has returned it already")
    return Match(
        entry,
        Certainty.CERTAIN if is_certain else Certainty.PROPOSED,
        ", ".join(words),
        customer_id=collection.customer_id,
        collection=collection.reference,
        is_return=True,
        charge=max(charge, 0),
    )


def _named(entry: StatementEntry, book: OpenItems) -> _Named:
    texts = [*entry.structured, *([entry.end_to_end_id] if entry.end_to_end_id else []), entry.text]
    found: dict[UUID, OpenInvoice] = {}
    short: set[UUID] = set()
    others: dict[str, None] = {}
    for text in texts:
        for reference in creditor_references(text):
            if reference in book.by_reference:
                invoice = book.by_reference[reference]
                found[invoice.invoice_id] = invoice
                short.discard(invoice.invoice_id)
        for mention in book.spelling.mentions(text):
            invoices = book.meant(mention)
            if mention.is_full and not invoices:
                others[f"{mention.series}-{mention.number:06d}"] = None
            for invoice in invoices:
                if not mention.is_full and invoice.invoice_id not in found:
                    short.add(invoice.invoice_id)
                elif mention.is_full:
                    short.discard(invoice.invoice_id)
                found[invoice.invoice_id] = invoice
    payable = []
    for invoice in found.values():
        if invoice.currency == entry.currency and book.left[invoice.invoice_id]:
            payable.append(invoice)
        else:
            others[invoice.name] = None
    in_full = [invoice for invoice in payable if invoice.invoice_id not in short]
    if in_full and book.total(in_full) == entry.amount:
        payable = in_full
    return _Named(payable, list(others), len(payable) == len(in_full))


def _by_name(entry: StatementEntry, named: _Named, book: OpenItems) -> Match:
    """Pays what is named. A short name needs another sign: the amount, the payer's account or name."""
    invoices = named.invoices
    customers = {invoice.customer_id for invoice in invoices}
    customer_id = customers.pop() if len(customers) == 1 else None
    payer = book.payers.get(entry.iban) if entry.iban else None
    is_whole = entry.amount == book.total(invoices)
    is_theirs = customer_id is not None and (
        payer == customer_id
        if payer is not None
        else are_same(entry.name or "", invoices[0].customer_name)
    )
    why = None
    if customer_id is None and not is_whole:
        why = "they are of several customers, and the amount is not their sum"
    elif not named.is_full and payer is not None and not is_theirs:
        why = "they are named in short, and the payer's account is another customer's"
    elif not named.is_full and not is_whole and not is_theirs:
        why = "they are named in short, and neither the amount nor the payer agrees"
    words = f"it names {_names(invoices)}"
    if named.others:
        words += f" (and {', '.join(named.others)}, where nothing is open in {entry.currency})"
    return _pays(
        entry,
        Certainty.CERTAIN if why is None else Certainty.PROPOSED,
        words if why is None else f"{words}, but {why}",
        customer_id,
        invoices,
        book,
    )


def _by_payer(entry: StatementEntry, others: Sequence[str], book: OpenItems) -> Match | None:
    """Pays what the known owner of the account owes, if the amount says what is meant."""
    payer = book.payers.get(entry.iban) if entry.iban else None
    if payer is None:
        return None
    owed = book.owed_by(payer, entry.currency)
    words = "it names no open invoice; the payer's account is known from before"
    chosen = _of_amount(entry.amount, owed, book)
    if others:
        why = f"it names {', '.join(others)}, where nothing is open in {entry.currency}"
    elif chosen:
        words += f", and the amount is that of {_names(chosen)}"
        return _pays(entry, Certainty.CERTAIN, words, payer, chosen, book)
    elif owed:
        why = "no open invoice, nor all together, has the amount"
    else:
        why = f"nothing is open in {entry.currency}"
    reason = f"{words}, but {why}"
    return _pays(entry, Certainty.PROPOSED, reason, payer, chosen or owed, book)


def _of_amount(amount: int, owed: Sequence[OpenInvoice], book: OpenItems) -> Sequence[OpenInvoice]:
    """The oldest invoice with exactly the amount open, or all of them if they come to it; else none."""
    for invoice in owed:
        if book.left[invoice.invoice_id] == amount:
            return [invoice]
    return owed if book.total(owed) == amount else []


def _by_likeness(entry: StatementEntry, others: Sequence[str], book: OpenItems) -> Match:
    """Proposes what the one customer of the payer's name owes, if the amount agrees."""
    told = (
        f"it names {', '.join(others)}, where nothing is open" if others else "it names no invoice"
    )
    words = words_of(entry.name or "")
    found = {
        customer_id: chosen
        for customer_id in book.by_words.get(words, {})
        if (chosen := _of_amount(entry.amount, book.owed_by(customer_id, entry.currency), book))
    }
    if not words or not found:
        return _unmatched(entry, f"{told}, and neither account nor name and amount tell who paid")
    if len(found) > 1:
        return _unmatched(entry, f"{told}, and several customers of the name owe the amount")
    ((customer_id, chosen),) = found.items()
    reason = f"{told}; name and amount are those of {chosen[0].customer_key}, {_names(chosen)}"
    return _pays(entry, Certainty.PROPOSED, reason, customer_id, chosen, book)


def _pays(
    entry: StatementEntry,
    certainty: Certainty,
    reason: str,
    customer_id: UUID | None,
    invoices: Sequence[OpenInvoice],
    book: OpenItems,
) -> Match:
    allocations = book.shares(entry.amount, invoices)
    unapplied = entry.amount - sum(allocation.amount for allocation in allocations)
    return Match(entry, certainty, reason, customer_id, allocations, unapplied)


def _unmatched(entry: StatementEntry, reason: str) -> Match:
    return Match(entry, Certainty.UNMATCHED, reason)


def _names(invoices: Iterable[OpenInvoice]) -> str:
    return ", ".join(invoice.name for invoice in invoices)
