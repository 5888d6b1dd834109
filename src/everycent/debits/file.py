"""File: direct debits as they went to the bank, frozen, so that the same bytes can be made again.

written ──► entries of statements tell what became of each debit
   └──────► withdrawn: it never reached the bank, as a person says
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.charging.attempt import PREFIX as ATTEMPT
from everycent.charging.attempt import Attempt
from everycent.debits.entry import Seen
from everycent.journal.types import EventType
from everycent.kernel import ids
from everycent.kernel.errors import Invalid
from everycent.methods.mandate import Mandate
from everycent.payments import direct_debit
from everycent.payments.direct_debit import Creditor, Debit, DirectDebitFile, Scheme, Sequence

PREFIX = "dd"
MOST = 2500
"""How many debits a file has at most: every invoice in it is locked while it is written."""
_MAX_REASON = 500


class Account(NamedTuple):
    """An account of ours that collects: `form` is the message that its bank takes, such as
    pain.008.001.08, and `lead_days` how many TARGET days before the collection it wants the file."""

    name: str
    creditor: Creditor
    scheme: Scheme
    lead_days: int
    form: str


class Debited(msgspec.Struct, frozen=True, omit_defaults=True):
    """One debit of a file, with the attempt that it is and the invoice that it is for."""

    attempt_id: UUID
    invoice_id: UUID
    invoice: str
    customer_id: UUID
    reference: str
    amount: int
    currency: str
    mandate_id: str
    signed_on: date
    sequence: Sequence
    debtor_name: str
    debtor_iban: str
    remittance: str
    collect_on: date
    debtor_bic: str | None = None

    @property
    def debit(self) -> Debit:
        """As it is written."""
        return Debit(
            self.reference, self.amount, self.currency, self.mandate_id, self.signed_on,
            self.sequence, self.debtor_name, self.debtor_iban, self.remittance, self.collect_on,
            self.debtor_bic,
        )  # fmt: skip


class DebitFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file, with everything that its bytes are made of: `created_at` stands in it, `sent_on` is the day
    on which it was meant to go. `total` is in cents; `digest` is the SHA-256 of the bytes."""

    file_id: UUID
    message_id: str
    account: str
    form: str
    scheme: Scheme
    creditor_name: str
    creditor_iban: str
    creditor_id: str
    created_at: datetime
    sent_on: date
    number: int
    total: int
    digest: str
    debits: tuple[Debited, ...]
    creditor_bic: str | None = None

    @property
    def message(self) -> DirectDebitFile:
        """The message, as it was checked when it was written."""
        creditor = Creditor(
            self.creditor_name, self.creditor_iban, self.creditor_id, self.creditor_bic
        )
        return direct_debit.grouped(
            self.message_id, self.scheme, creditor, [one.debit for one in self.debits]
        )


def wholes(told: DebitFile) -> list[list[Debited]]:
    """What a bank may book in one sum: all debits of the file, or those of one of its blocks."""
    by_reference = {one.reference: one for one in told.debits}
    blocks = [
        [by_reference[one.reference] for one in block.debits] for block in told.message.blocks
    ]
    return [list(told.debits), *(blocks if len(blocks) > 1 else [])]


class Withdrawn(msgspec.Struct, frozen=True):
    """A file that never reached the bank."""

    file_id: UUID
    message_id: str
    reason: str


WRITTEN = EventType("debit_file.written", 1, DebitFile)
ENTRY_SEEN = EventType("debit_file.entry_seen", 1, Seen)
WITHDRAWN = EventType("debit_file.withdrawn", 1, Withdrawn)

Render = Callable[[DirectDebitFile, datetime, str], bytes]
"""Makes the bytes of a message that was created at an instant, in a form."""


def stream(message_id: str) -> str:
    """The stream of one file."""
    return f"debit_file:{message_id}"


def message_id_of(file_id: UUID) -> str:
    """The name under which the bank knows the file: 29 signs, and no other file ever has it."""
    return ids.show(PREFIX, file_id).replace("_", "-").upper()


def end_to_end_id(attempt_id: UUID) -> str:
    """Our reference of an attempt in the signs that banks take."""
    return ids.show(ATTEMPT, attempt_id).replace("_", "-").upper()


def debit_for(attempt: Attempt, mandate: Mandate, due_on: date, days: Days) -> Debit:
    """An attempt as a debit, its sequence still open. Nobody is debited before the invoice is due."""
    wanted = max(due_on, days.wanted_on or days.sent_on)
    return Debit(
        end_to_end_id(attempt.attempt_id), attempt.amount, attempt.currency, mandate.mandate_id,
        mandate.signed_on, Sequence.RECURRING, mandate.holder, mandate.iban, attempt.description,
        direct_debit.collection_day(wanted, days.sent_on, days.lead), mandate.bic,
    )  # fmt: skip


class Days(NamedTuple):
    """When a file goes to the bank, when its debits are wanted at the earliest (None: as soon as it can
    be), and how many TARGET days the bank needs."""

    sent_on: date
    wanted_on: date | None
    lead: int


def in_sequence(debits: Iterable[Debit], used: set[str]) -> list[Debit]:
    """The debits in the order of their days, the first one of every mandate that nobody has `used` as the
    first of its sequence."""
    known = set(used)
    found = []
    for debit in sorted(debits, key=lambda one: (one.collect_on, one.reference)):
        is_first = debit.mandate_id not in known
        known.add(debit.mandate_id)
        sequence = Sequence.FIRST if is_first else Sequence.RECURRING
        found.append(debit._replace(sequence=sequence))
    return found


def checked_reason(reason: str) -> str:
    """The reason for which a person withdraws a file. Raises Invalid `debits.no_reason`."""
    text = reason.strip()
    if not (0 < len(text) <= _MAX_REASON and text.isprintable()):
        raise Invalid(
            "debits.no_reason",
            f"it needs a reason of 1 to {_MAX_REASON} printable characters",
            field="reason",
            value=reason[:60],
            hint="say how you know that the bank never got the file",
        )
    return text
