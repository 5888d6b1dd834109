"""Bank: the entries of a statement become payments. What is certain pays its invoices; all other money
waits in suspense for a person to say whose it is. A line of the account is taken in once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from everycent.charging import operations_writing as attempts
from everycent.charging import queries as charges
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.debits import operations
from everycent.debits.entry import Effect
from everycent.debits.queries import Known
from everycent.flows import bank_debits, bank_names, bank_reversals
from everycent.flows.bank_debits import Followed
from everycent.flows.debits import writer
from everycent.invoicing import operations as settling
from everycent.invoicing import queries as invoicing
from everycent.invoicing.invoice import name_of
from everycent.kernel.ids import IdSource
from everycent.kernel.money import Money
from everycent.payments import matching, queries
from everycent.payments import operations as payments
from everycent.payments.matching import Certainty, Match
from everycent.payments.open_items import Allocation, OpenInvoice
from everycent.payments.operations import Share, Writing
from everycent.payments.payment import Moved, Payment, Way
from everycent.payments.statement import Statement, StatementEntry, text_of


class Taken(NamedTuple):
    """What became of an entry, or of a customer's part of it: `outcome` is certain, proposed, unmatched,
    known, skipped (no money moved), outgoing, taken_back, or reversal (money went back, and a person has to
    say of what); of one about a direct debit also contradicted, failed or cancelled_out (see
    debits/entry.py). `payment` is the one that the entry brought, or that it took back."""

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
        operations.lock_statements(tx, statement.account)
        found += _statement(tx, statement, writing)
    return found


def _statement(tx: Tx, statement: Statement, writing: Writing) -> list[Taken]:
    account = statement.account
    sent = bank_debits.known(tx, statement.entries)
    entries, fresh = bank_names.told_apart(tx, account, statement.entries, sent)
    invoices = _open_invoices(tx)
    matches = matching.match(
        fresh.values(),
        invoices,
        collections=bank_debits.collections(sent),
        payers=queries.payers_by_account(tx),
    )
    about = [match for match in matches if match.collection is not None]
    reversals = [match for match in matches if bank_reversals.is_one(match)]
    _lock(tx, account, matches, reversals, sent)
    clerk = writer(writing["at"], writing["actor"], writing["ids"])
    followed = bank_debits.follow(tx, account, about, sent, clerk)
    owners = {one.invoice_id: one.customer_id for one in invoices}
    taken: dict[str, list[Taken]] = {}
    for match in matches:
        done = followed.get(match.entry.reference)
        taken[match.entry.reference] = [
            _taken(tx, account, part, done, writing) for part in _apart(match, owners)
        ]
    for match in reversals:  # after all that came: a bank may tell the reversal first
        became = bank_reversals.follow(tx, account, match, clerk)
        taken[match.entry.reference] = [Taken(match.entry, *became)]
    found = []
    for entry in entries:
        found += taken.pop(entry.reference, [_known(entry)])
    return found


def _lock(
    tx: Tx,
    account: str,
    matches: Sequence[Match],
    reversals: Sequence[Match],
    sent: dict[str, Known],
) -> None:
    """Locks all that a statement is going to move at once, in the order of everybody else: files, payments,
    attempts, documents, each by id.

    A file with several statements takes these locks once for each, so that two who import such files at
    the same time, or one who does while others charge, may still wait for each other. Then the database
    ends one of them, nothing of whose file is taken in, and it can be imported again.
    """
    debited = [sent[one.collection] for one in matches if one.collection is not None]
    operations.lock_files(tx, sorted({one.message_id for one in debited}))
    gone_back = {one.collection for one in matches if one.is_return}
    paid = bank_debits.payments_of(tx, [one for one in debited if one.reference in gone_back])
    for match in reversals:
        paid |= {held.payment.payment_id for held in bank_reversals.alike(tx, account, match.entry)}
    for payment_id in sorted(paid):
        payments.lock(tx, payment_id)
    attempts.locked(tx, charges.by_ids(tx, [one.attempt_id for one in debited]))
    documents = {share.invoice_id for match in matches for share in match.allocations}
    documents |= {one.invoice_id for one in debited}
    documents |= {row.document_id for one in paid for row in queries.moves(tx, one)} - {None}
    settling.lock_open(tx, documents)


def _known(entry: StatementEntry) -> Taken:
    return Taken(entry, "known", Match(entry, Certainty.UNMATCHED, "booked before"))


def _apart(match: Match, owners: Mapping[UUID, UUID]) -> list[Match]:
    """A match that pays for several customers as one for each: a payment is one customer's. They come to
    the amount, or it would not be certain."""
    if match.certainty is not Certainty.CERTAIN or match.customer_id or not match.allocations:
        return [match]
    shares: dict[UUID, list[Allocation]] = {}
    for one in match.allocations:
        shares.setdefault(owners[one.invoice_id], []).append(one)
    return [
        match._replace(
            entry=match.entry._replace(
                amount=sum(one.amount for one in of_one),
                reference=f"{match.entry.reference}/{number}",
            ),
            customer_id=customer_id,
            allocations=tuple(of_one),
            reason=f"{match.reason}; {len(shares)} customers share it, this is a part",
        )
        for number, (customer_id, of_one) in enumerate(shares.items(), start=1)
    ]


def _taken(
    tx: Tx, account: str, match: Match, followed: Followed | None, writing: Writing
) -> Taken:
    entry = match.entry
    certainty = match.certainty
    if not entry.amount:
        return Taken(entry, "skipped", match)
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
        text_of(entry), payer_account=entry.iban,
    )  # fmt: skip
    # as much as goes: debits of the same file, or somebody else, may have paid since it was matched
    shares = [Share(one.invoice_id) for one in match.allocations if is_certain]
    booked = payments.receive(tx, payment, shares, writing, match.reason)
    return Taken(entry, certainty.value, _as_booked(match, booked), booked.payment)


def _as_booked(match: Match, booked: Moved) -> Match:
    """The match with what it pays in fact."""
    if match.certainty is not Certainty.CERTAIN:
        return match
    pays = tuple(Allocation(one.document_id, one.amount) for one in booked.settles)
    if pays == match.allocations:
        return match
    over = match.entry.amount - sum(one.amount for one in pays)
    what = Money(over, match.entry.currency)
    return match._replace(
        allocations=pays,
        unapplied=over,
        reason=f"{match.reason}; less was open by then, and {what} is left over",
    )


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
