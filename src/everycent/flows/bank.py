"""Bank: the entries of a statement become payments. What is certain pays its invoices; all other money
waits in suspense for a person to say whose it is. A line of the account is taken in once."""

from __future__ import annotations

from collections.abc import Container, Iterable
from datetime import datetime
from typing import NamedTuple

from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.debits import operations
from everycent.debits import queries as debits
from everycent.debits.entry import Effect
from everycent.flows import bank_debits
from everycent.flows.bank_debits import Followed
from everycent.flows.debits import writer
from everycent.invoicing import queries as invoicing
from everycent.invoicing.invoice import name_of
from everycent.kernel.ids import IdSource
from everycent.payments import matching, queries
from everycent.payments import operations as payments
from everycent.payments.matching import Certainty, Match
from everycent.payments.open_items import OpenInvoice
from everycent.payments.operations import Share, Writing
from everycent.payments.payment import Payment, Way
from everycent.payments.statement import Statement, StatementEntry

_LONGEST = 500


class Taken(NamedTuple):
    """What became of an entry: `outcome` is certain, proposed, unmatched, known or outgoing; of one about a
    direct debit also contradicted, failed, taken_back or cancelled_out (see debits/entry.py). `payment` is
    the one that the entry brought, or that it took back."""

    entry: StatementEntry
    outcome: str
    match: Match
    payment: Payment | None = None


def take_in(
    tx: Tx,
    statements: Iterable[Statement],
    *,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> list[Taken]:
    """Takes the statements in, in their order, each entry as it is matched with what is open by then."""
    writing: Writing = {"at": at, "recorded_at": recorded_at, "actor": actor, "ids": ids}
    found = []
    for statement in statements:
        account = statement.account
        operations.lock_statements(tx, account)
        references = sorted({name for entry in statement.entries for name in _names_of(entry)})
        known = queries.known_externals(tx, account, references)
        known |= debits.known_entries(tx, account, references)
        fresh = _first_of(statement.entries, known)
        sent = bank_debits.known(tx, list(fresh.values()))
        matches = matching.match(
            fresh.values(),
            _open_invoices(tx),
            collections=bank_debits.collections(sent),
            payers=queries.payers_by_account(tx),
        )
        about = [match for match in matches if match.collection is not None]
        followed = bank_debits.follow(tx, account, about, sent, writer(at, actor, ids))
        taken = {
            match.entry.reference: _taken(
                tx, account, match, followed.get(match.entry.reference), writing
            )
            for match in matches
        }
        for entry in statement.entries:
            is_new = entry.reference in taken
            found.append(taken.pop(entry.reference) if is_new else _known(entry))
    return found


def _names_of(entry: StatementEntry) -> set[str]:
    """Under which names an entry may have been taken in. Two files may tell one line of the account, one of
    them as a sum and the other by its parts."""
    first = f"{entry.booking}/1"
    return {entry.reference, entry.booking if entry.reference != entry.booking else first}


def _first_of(
    entries: Iterable[StatementEntry], known: Container[str]
) -> dict[str, StatementEntry]:
    """Entries that were not booked before, each once: what is booked already must not be matched again, or
    it would take what is open away from those that come after it."""
    fresh: dict[str, StatementEntry] = {}
    for entry in entries:
        if not any(name in known for name in _names_of(entry)):
            fresh.setdefault(entry.reference, entry)
    return fresh


def _known(entry: StatementEntry) -> Taken:
    return Taken(entry, "known", Match(entry, Certainty.UNMATCHED, "booked before"))


def _taken(
    tx: Tx, account: str, match: Match, followed: Followed | None, writing: Writing
) -> Taken:
    entry = match.entry
    certainty = match.certainty
    if followed is not None and followed.effect is Effect.PERSON:
        certainty = Certainty.PROPOSED
        if match.is_return:
            return Taken(entry, certainty.value, match, followed.payment)
    elif followed is not None:
        outcome = Certainty.CERTAIN if followed.effect is Effect.BOOKED else followed.effect
        return Taken(entry, outcome.value, match, followed.payment)
    if not entry.is_credit or entry.is_reversal:
        return Taken(entry, "outgoing", match)
    is_certain = certainty is Certainty.CERTAIN
    payment = Payment(
        writing["ids"](f"payment/{account}/{entry.reference}"),
        match.customer_id if is_certain else None,
        entry.currency, entry.amount, Way.TRANSFER, account, entry.reference, entry.booked_on,
        _text(entry), payer_account=entry.iban,
    )  # fmt: skip
    shares = [Share(one.invoice_id, one.amount) for one in match.allocations if is_certain]
    booked = payments.receive(tx, payment, shares, writing, match.reason)
    return Taken(entry, certainty.value, match, booked.payment)


def _text(entry: StatementEntry) -> str:
    told = [*entry.structured, entry.text, entry.name or ""]
    return " ".join(" ".join(part for part in told if part).split())[:_LONGEST]


def _open_invoices(tx: Tx) -> list[OpenInvoice]:
    rows = [row for row in invoicing.open_of_customer(tx, None) if row.open > 0]
    known = customers.by_ids(tx, sorted({row.customer_id for row in rows}))
    return [
        OpenInvoice(
            row.invoice_id, name_of(row.series, row.number), row.customer_id,
            known[row.customer_id].key, known[row.customer_id].name, row.open, row.currency,
            row.due_on,
        )
        for row in rows
    ]  # fmt: skip
