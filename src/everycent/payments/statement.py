"""Statement: what a bank says happened on an account, as entries that can be matched one by one.

A *booking* is one line of the account; it may collect many *transactions* (a batch of direct debits, a
day's transfers). An *entry* is what is matched: a booking of one transaction, or one transaction of a
batch. Amounts are whole minor units and never negative; `is_credit` says that money came in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from everycent.kernel import canonical
from everycent.kernel import currency as currencies
from everycent.kernel.errors import Invalid
from everycent.kernel.money import MINOR_LIMIT, Money

_AMOUNT = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,5}))?", re.ASCII)
_DERIVED_SIGNS = 32
_LONGEST_REFERENCE = 100
_LONGEST_TEXT = 500
_IDENTITY = re.compile(r" \d{4}-\d{2}-\d{2} [+-][0-9.]+ [A-Z]{3}.*", re.ASCII)


class Party(NamedTuple):
    """Who paid or was paid, and the account's IBAN, as far as the bank tells."""

    name: str | None = None
    iban: str | None = None


NOBODY = Party()


class Transaction(NamedTuple):
    """What a bank tells about one transaction of a booking. `amount` in `currency`, None when it says none;
    `is_credit` None where it is the booking's. `reference` is the bank's. `structured` are references in
    fields of their own (ISO 11649 or national ones, numbers of documents), `text` is the free text.
    `reason` (ISO 20022, such as AC04) says why money came back, and `reason_text` what the bank adds; then
    `debtor` and `creditor` are still those of the transaction that came back."""

    amount: int | None = None
    currency: str | None = None
    is_credit: bool | None = None
    reference: str | None = None
    end_to_end_id: str | None = None
    structured: tuple[str, ...] = ()
    text: str = ""
    debtor: Party = NOBODY
    creditor: Party = NOBODY
    mandate_id: str | None = None
    reason: str | None = None
    reason_text: str = ""


class Booking(NamedTuple):
    """One line of an account. `reference` is the bank's for the line; `own_reference` is only unique within
    the statement. `is_reversal`: it takes an earlier booking back."""

    amount: int
    currency: str
    is_credit: bool
    booked_on: date
    value_on: date | None = None
    reference: str | None = None
    own_reference: str | None = None
    text: str = ""
    is_reversal: bool = False


class StatementEntry(NamedTuple):
    """One movement of money that can be matched, in the words of `Booking` and `Transaction`; `name` and
    `iban` are the other party's.

    `booking` is the name of the line on the account: a line is taken in once, from whichever file tells it
    first. `reference` is the entry's own; both are the same unless the line is a batch."""

    amount: int
    currency: str
    is_credit: bool
    booked_on: date
    value_on: date | None
    booking: str
    reference: str
    end_to_end_id: str | None = None
    structured: tuple[str, ...] = ()
    text: str = ""
    name: str | None = None
    iban: str | None = None
    mandate_id: str | None = None
    reason: str | None = None
    reason_text: str = ""
    is_reversal: bool = False


class Statement(NamedTuple):
    """The entries of an account, which is named by IBAN, or by what the bank calls it where it has none.

    `opening` and `closing` are booked balances (negative: owed to the bank) where the file has them;
    `left_out` counts lines that are not booked (yet). `form` is the file's, such as camt.053.001.08."""

    form: str
    account: str
    statement_id: str
    currency: str
    opening: int | None
    closing: int | None
    starts_on: date | None
    ends_on: date | None
    entries: tuple[StatementEntry, ...]
    left_out: int = 0


def minor_units(text: str, currency: str) -> int:
    """An amount as files tell it ("12.50"; never a sign, an exponent, or a comma) in minor units.

    Nothing is rounded: decimals beyond those of the currency must be zeros. Raises Invalid `bank.amount`,
    `currency.unknown`.
    """
    places = currencies.exponent(currency)
    found = _AMOUNT.fullmatch(text)
    if not found:
        raise _wrong_amount(text, currency, "it is not up to 18 digits, a point and up to 5 more")
    fraction = found[2] or ""
    if fraction[places:].strip("0"):
        raise _wrong_amount(text, currency, f"{currency} has {places} decimals")
    minor = int(found[1] + fraction[:places].ljust(places, "0"))
    if minor >= MINOR_LIMIT:
        raise _wrong_amount(text, currency, "it is 10^18 minor units or more")
    return minor


def _wrong_amount(text: str, currency: str, why: str) -> Invalid:
    return Invalid(
        "bank.amount",
        f"{text[:40]!r} is not an amount of {currency}: {why}",
        field="amount",
        value=text,
    )


def signed(amount: int, *, is_credit: bool) -> int:
    """What the amount adds to the balance."""
    return amount if is_credit else -amount


def expanded(
    booking: Booking, transactions: Sequence[Transaction], key: str
) -> list[StatementEntry]:
    """The entries of a booking whose reference is `key`.

    Several transactions with amounts in the booking's currency become as many entries, which must add up to
    it; several without stay one entry with all their texts. One transaction has the booking's amount, which
    is what moved: a bank may have kept charges from what the payer sent. Raises Invalid `bank.batch`.
    """
    if len(transactions) <= 1:
        return [_entry(booking, transactions[0] if transactions else Transaction(), key, key)]
    amounts = [told.amount for told in transactions if told.currency == booking.currency]
    if not amounts:
        return [_entry(booking, _together(transactions), key, key)]
    if len(amounts) != len(transactions):
        raise _wrong_batch(
            "some of its transactions tell an amount in its currency, and others do not"
        )
    entries = [
        _entry(booking, told, key, f"{key}/{number}")
        for number, told in enumerate(transactions, start=1)
    ]
    whole = Money(signed(booking.amount, is_credit=booking.is_credit), booking.currency)
    total = sum(signed(entry.amount, is_credit=entry.is_credit) for entry in entries)
    if total != whole.minor:
        parts = Money(total, booking.currency)
        raise _wrong_batch(f"its transactions come to {parts}, and the booking to {whole}")
    return entries


def _wrong_batch(why: str) -> Invalid:
    return Invalid(
        "bank.batch", f"a collective booking does not add up: {why}", field="transactions"
    )


def _entry(booking: Booking, told: Transaction, key: str, reference: str) -> StatementEntry:
    is_part = reference != key
    is_credit = booking.is_credit if not is_part or told.is_credit is None else told.is_credit
    came_back = told.reason is not None or booking.is_reversal
    other = told.debtor if is_credit != came_back else told.creditor
    return StatementEntry(
        amount=told.amount if is_part and told.amount is not None else booking.amount,
        currency=booking.currency,
        is_credit=is_credit,
        booked_on=booking.booked_on,
        value_on=booking.value_on,
        booking=key,
        reference=reference,
        end_to_end_id=told.end_to_end_id,
        structured=told.structured,
        text=told.text or booking.text,
        name=other.name,
        iban=other.iban,
        mandate_id=told.mandate_id,
        reason=told.reason,
        reason_text=told.reason_text,
        is_reversal=booking.is_reversal,
    )


def _together(transactions: Sequence[Transaction]) -> Transaction:
    """Transactions without amounts of their own as one: their texts, and what is the same for all."""
    debtors = {told.debtor for told in transactions}
    creditors = {told.creditor for told in transactions}
    return Transaction(
        structured=tuple(part for told in transactions for part in told.structured),
        text=" ".join(told.text for told in transactions if told.text),
        debtor=debtors.pop() if len(debtors) == 1 else NOBODY,
        creditor=creditors.pop() if len(creditors) == 1 else NOBODY,
    )


class Told(NamedTuple):
    """A booking and its transactions as a file tells them."""

    booking: Booking
    transactions: tuple[Transaction, ...] = ()


Seen = dict[tuple[str, str], int]
"""How often each reference of each account was met in a file so far."""


def entries_of(account: str, bookings: Iterable[Told], seen: Seen) -> list[StatementEntry]:
    """The entries of an account's bookings, each with a reference that is the same in every file.

    That is the bank's, of the booking or of its only transaction, with the day, the direction and the
    amount: banks give a fee the reference of its payment, and the same one again on another day. Where
    there is none it is derived from all that is told about the booking and the account. Of ones that are
    equal in all that in a file (told to `seen`) the second ends in #2, so that two payments of the same
    amount on one day stay two, also on two pages.
    """
    found: list[StatementEntry] = []
    for told in bookings:
        by_bank = told.booking.reference or _only_reference(told)
        key = _derived(account, told) if by_bank is None else _identity(by_bank, told.booking)
        times = seen[account, key] = seen.get((account, key), 0) + 1
        unique = key if times == 1 else f"{key}#{times}"
        found += expanded(told.booking, told.transactions, unique)
    return found


def _only_reference(told: Told) -> str | None:
    return told.transactions[0].reference if len(told.transactions) == 1 else None


def _identity(reference: str, booking: Booking) -> str:
    """What tells a booking apart from all others that the bank gave the same reference. Files of two sorts
    tell the rest of a booking differently."""
    if len(reference) > _LONGEST_REFERENCE or not reference.isprintable():
        reference = canonical.digest(reference).hex()[:_DERIVED_SIGNS]
    sign = "+" if booking.is_credit else "-"
    amount = Money(booking.amount, booking.currency)
    return f"{reference} {booking.booked_on.isoformat()} {sign}{amount}"


def text_of(entry: StatementEntry) -> str:
    """What an entry tells, as its payment keeps it."""
    told = [*entry.structured, entry.text, entry.name or ""]
    return " ".join(" ".join(part for part in told if part).split())[:_LONGEST_TEXT]


def bank_reference(name: str) -> str | None:
    """The bank's reference out of that of an entry, None for one that is derived."""
    found = _IDENTITY.search(name)
    return None if found is None else name[: found.start()]


def _derived(account: str, told: Told) -> str:
    return f"derived-{canonical.digest([account, told]).hex()[:_DERIVED_SIGNS]}"


def checked(statement: Statement) -> Statement:
    """The statement, if all is in its currency and its balances agree with its entries.

    Raises Invalid `bank.currency`, `bank.balance`.
    """
    for entry in statement.entries:
        if entry.currency != statement.currency:
            raise Invalid(
                "bank.currency",
                f"an entry in {entry.currency} is on an account in {statement.currency}",
                field="currency",
                value=entry.currency,
            )
    if statement.opening is None or statement.closing is None:
        return statement
    moved = sum(signed(entry.amount, is_credit=entry.is_credit) for entry in statement.entries)
    if statement.opening + moved != statement.closing:
        come_to = Money(statement.opening + moved, statement.currency)
        closing = Money(statement.closing, statement.currency)
        raise Invalid(
            "bank.balance",
            f"the opening balance and the entries come to {come_to}, and the closing balance is {closing}",
            field="balance",
            value=closing,
            hint="the file is not complete, or a program changed it; get it from the bank again",
        )
    return statement
