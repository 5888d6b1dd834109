"""Write files of direct debits, withdraw them, and note what statements say about them; each in the
caller's transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from everycent.charging import course
from everycent.charging import operations as charging
from everycent.charging import operations_writing as writing
from everycent.charging import queries as charges
from everycent.charging.attempt import (
    ANSWERED,
    CLAIMED,
    SENDING,
    Attempt,
    Evidence,
    Source,
    Stage,
    Status,
)
from everycent.charging.collectable import Candidate, attempt_for, reason_against
from everycent.charging.course import Terms
from everycent.charging.operations import Heard, TermsOf
from everycent.charging.operations_writing import Writer
from everycent.charging.policy import Policy, Rule, Then
from everycent.db.connection import Tx
from everycent.debits import file as files
from everycent.debits import projection, queries, store
from everycent.debits.entry import Seen
from everycent.debits.file import (
    ENTRY_SEEN,
    MOST,
    WITHDRAWN,
    WRITTEN,
    Account,
    Days,
    Debited,
    DebitFile,
    Render,
    Withdrawn,
    checked_reason,
    debit_for,
    end_to_end_id,
    in_sequence,
    message_id_of,
)
from everycent.invoicing import queries as documents
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.errors import Conflict, Invalid
from everycent.methods.mandate import Mandate
from everycent.payments import direct_debit
from everycent.payments.direct_debit import Debit
from everycent.payments.failure import Failure
from everycent.payments.payment import Way
from everycent.payments.provider import Outcome


class Left(NamedTuple):
    """An invoice that is due and not in the file, and why, in a word or as the code of a refusal."""

    invoice: str
    why: str


class Written(NamedTuple):
    """A file with its bytes; None where nothing is to be collected. `is_more`: others are due that had no
    place in it."""

    file: DebitFile | None
    content: bytes
    left: tuple[Left, ...]
    is_more: bool = False


class Due(NamedTuple):
    """Invoices that are looked at for a file; `is_more`: others are due that have no place in it."""

    invoice_ids: list[UUID]
    is_more: bool


class _Taken(NamedTuple):
    attempt: Attempt
    mandate: Mandate
    debit: Debit


def due(tx: Tx, account: Account, due_by: date, at: datetime, most: int = MOST) -> Due:
    """What is due by a day and paid by mandates for the account, at most so many invoices. Nobody else
    writes a file of the account until the transaction ends."""
    store.lock(tx, [account.name])
    found = store.list_due(tx, account.name, due_by, at)
    is_more = any(not is_blocked for _, is_blocked in found[most:])
    return Due([invoice_id for invoice_id, _ in found[:most]], is_more)


def write(
    tx: Tx,
    account: Account,
    among: Due,
    due_by: date,
    days: Days,
    render: Render,
    terms_of: TermsOf,
    writer: Writer,
) -> Written:
    """Takes what may be collected of invoices that are due, and freezes the file: from the commit of this
    on the debits count as being in the bank's hands.

    Raises Invalid `bank.…` for an account that can't collect."""
    creditor = direct_debit.checked_creditor(account.creditor)
    direct_debit.collection_day(days.sent_on, days.sent_on, days.lead)
    taken, left = _chosen(tx, account, among.invoice_ids, due_by, days, writer)
    if not taken:
        return Written(None, b"", tuple(left), among.is_more)
    file_id = writer.ids(f"debit_file/{taken[0].attempt.reference}")
    message_id = message_id_of(file_id)
    used = {one.mandate.mandate_id for one in taken if one.mandate.is_used}
    used |= store.list_used_mandates(
        tx, account.name, sorted({one.mandate.mandate_id for one in taken})
    )
    debits = in_sequence((one.debit for one in taken), used)
    message = direct_debit.grouped(message_id, account.scheme, creditor, debits)
    content = render(message, writer.at, account.form)
    known = {end_to_end_id(one.attempt.attempt_id): one.attempt for one in taken}
    frozen = DebitFile(
        file_id, message_id, account.name, account.form, account.scheme, creditor.name,
        creditor.iban, creditor.creditor_id, writer.at, days.sent_on, message.number,
        message.total, hashlib.sha256(content).hexdigest(),
        tuple(_debited(debit, known[debit.reference]) for debit in debits), creditor.bic,
    )  # fmt: skip
    said = Evidence(Source.FILE, Outcome.PENDING, code=message_id, digest=frozen.digest)
    _hand_over(tx, [one.attempt for one in taken], said, terms_of, writer)
    draft = Draft(
        writer.ids(f"{WRITTEN.name}/{message_id}"), files.stream(message_id), WRITTEN, writer.at,
        writer.actor, frozen,
    )  # fmt: skip
    journal.record(tx, [draft], writer.at, projection.any_of)
    return Written(frozen, content, tuple(left), among.is_more)


def _chosen(
    tx: Tx, account: Account, due: Sequence[UUID], due_by: date, days: Days, writer: Writer
) -> tuple[list[_Taken], list[Left]]:
    """What may be collected of what is due, by the rules of every attempt; and the rest, with why not."""
    taken: list[_Taken] = []
    left: list[Left] = []
    due_on = {row.invoice_id: row.due_on for row in documents.open_documents(tx, due)}
    for one in charging.candidates(tx, due, due_by):
        against = reason_against(one, writer.at, frozenset({account.name}), Way.DEBIT)
        if against is not None:
            left.append(Left(one.invoice, against))
            continue
        try:
            taken.append(_one(one, due_on[one.invoice_id], days, writer))
        except Invalid as refusal:
            left.append(Left(one.invoice, refusal.code))
    return taken, left


def _one(one: Candidate, due_on: date, days: Days, writer: Writer) -> _Taken:
    attempt = attempt_for(one, writer.ids(f"attempt/{one.invoice}/{one.made + 1}"), None)
    mandate = None if one.method is None else one.method.mandate
    assert mandate is not None, "looked at before"
    debit = debit_for(attempt, mandate, due_on, days)
    return _Taken(attempt, mandate, direct_debit.checked(debit, days.sent_on))


def _debited(debit: Debit, attempt: Attempt) -> Debited:
    assert attempt.invoice_id is not None, "a charge is for an invoice"
    assert attempt.invoice is not None, "which has a name"
    return Debited(
        attempt.attempt_id, attempt.invoice_id, attempt.invoice, attempt.customer_id,
        debit.reference, debit.amount, debit.currency, debit.mandate_id, debit.signed_on,
        debit.sequence, debit.debtor_name, debit.debtor_iban, debit.remittance, debit.collect_on,
        debit.debtor_bic,
    )  # fmt: skip


def _hand_over(
    tx: Tx, asked: Sequence[Attempt], said: Evidence, terms_of: TermsOf, writer: Writer
) -> None:
    """Writes attempts down as being in other hands, with the evidence for that: all stages at once, as the
    file is made from what is written down, and nothing lies between deciding and sending. The database has
    the last word on whether anything else is alive for an invoice."""
    by, at = writer.by, writer.at
    claimed = [course.claimed(attempt, by, at) for attempt in asked]
    sending = [course.sending(stage, by, at, at) for stage in claimed]
    pending = [course.heard(stage, said, by, at, terms_of(stage.attempt)) for stage in sending]
    for kind, stages in ((CLAIMED, claimed), (SENDING, sending), (ANSWERED, pending)):
        writing.record(tx, [(kind, stage) for stage in stages if stage is not None], writer)


def withdraw(
    tx: Tx, message_id: str, reason: str, terms_of: TermsOf, writer: Writer
) -> list[Stage]:
    """Says that a file never reached the bank: its attempts have failed, and their invoices can be
    collected at once. Returns the attempts.

    Raises NotFound `debits.unknown`, Invalid `debits.no_reason`, Conflict `debits.withdrawn_before`,
    `debits.reached_the_bank`."""
    text = checked_reason(reason)
    store.lock(tx, [message_id])
    told = queries.file(tx, message_id)
    if store.is_withdrawn(tx, told.file_id):
        raise Conflict(
            "debits.withdrawn_before",
            f"{message_id} is withdrawn already",
            field="message",
            value=message_id,
        )
    stages = charges.by_ids(tx, [one.attempt_id for one in told.debits])
    pending = [stage for stage in stages if stage.state.status is Status.PENDING]
    if store.count_entries(tx, told.file_id) or len(pending) < len(stages):
        raise Conflict(
            "debits.reached_the_bank",
            f"it is known already what became of debits of {message_id}: the bank has had it",
            field="message",
            value=message_id,
            hint="for one that nobody else can tell about: `everycent payment resolve ATTEMPT`",
        )
    said = Evidence(
        Source.PERSON, Outcome.FAILED, Failure.CANCELLED, said_by=writer.actor, reason=text
    )
    after = charging.hear(
        tx, [Heard(stage, said) for stage in stages], lambda one: _at_once(terms_of(one)), writer
    )
    draft = Draft(
        writer.ids(f"{WITHDRAWN.name}/{message_id}"), files.stream(message_id), WITHDRAWN,
        writer.at, writer.actor, Withdrawn(told.file_id, message_id, text),
    )  # fmt: skip
    journal.record(tx, [draft], writer.at, projection.any_of)
    return after


def _at_once(terms: Terms) -> Terms:
    """The terms, but what is called off by us is tried again at once: the customer has no part in it."""
    rules = terms.policy.rules | {Failure.CANCELLED: Rule(Then.RETRY, (0,))}
    policy = Policy(
        rules, terms.policy.looks, terms.policy.pending, terms.policy.quarantine,
        terms.policy.margin,
    )  # fmt: skip
    return terms._replace(policy=policy)


def lock_statements(tx: Tx, account: str) -> None:
    """Nobody else takes statements of the account in until the transaction ends."""
    store.lock(tx, [f"statement/{account}"])


def lock_files(tx: Tx, message_ids: Sequence[str]) -> None:
    """Nobody else says what became of the files until the transaction ends."""
    store.lock(tx, message_ids)


def note(tx: Tx, seen: Sequence[Seen], writer: Writer) -> None:
    """Writes down what statements said about debits, and books what the bank charged for it."""
    drafts = [
        Draft(
            writer.ids(f"{ENTRY_SEEN.name}/{one.account}/{one.entry}"),
            files.stream(one.message_id), ENTRY_SEEN, writer.at, writer.actor, one,
        )
        for one in seen
    ]  # fmt: skip
    if drafts:
        journal.record(tx, drafts, writer.at, projection.any_of)
