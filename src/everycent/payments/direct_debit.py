"""SEPA direct debits: what is collected from whom, checked, and put into blocks as banks take them.

Rules: EPC016-06 and EPC222-07, the SDD Core and B2B rulebooks, and EPC130-08 and EPC131-08, their
implementation guidelines. Amounts are whole cents of euro; the limit of one is 999 999 999.99.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money
from everycent.payments import identifiers, target
from everycent.payments.names import latin

EURO = "EUR"
MAX_AMOUNT = 99_999_999_999
MAX_NAME = 70
MAX_REMITTANCE = 140
MAX_REFERENCE = 35
MAX_MESSAGE_ID = 29
"""The id of a message and, after a hyphen, a number of five digits make the id of a block: 35 signs."""
MAX_BLOCKS = 99_999
LATEST = timedelta(days=14)
"""A collection reaches the customer's bank at most so many days before it is due."""

_REFERENCE = re.compile(r"(?!/)(?!.*//)[A-Za-z0-9/?:().,'+-]{1,35}(?<!/)", re.ASCII)
_MANDATE_ID = re.compile(r"(?!/)(?!.*//)[A-Za-z0-9/?:().,'+ -]{1,35}(?<!/)", re.ASCII)


class Scheme(StrEnum):
    """CORE is for everybody, B2B for businesses that confirmed the mandate to their own bank."""

    CORE = "CORE"
    B2B = "B2B"


class Sequence(StrEnum):
    """Which of a mandate's collections it is. FIRST may be written as RECURRING since November 2016."""

    FIRST = "FRST"
    RECURRING = "RCUR"
    FINAL = "FNAL"
    ONE_OFF = "OOFF"


class Creditor(NamedTuple):
    """Who collects: name, account, creditor identifier, and the bank's BIC where that still wants it."""

    name: str
    iban: str
    creditor_id: str
    bic: str | None = None


class Debit(NamedTuple):
    """One collection. `reference` is ours, unique for ever, and comes back as end-to-end id with the money
    or its return. `collect_on` is a TARGET day; see `collection_day`."""

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


class Block(NamedTuple):
    """Debits of one day, sequence and scheme, in the order of their references, with their sum in cents."""

    block_id: str
    collect_on: date
    sequence: Sequence
    debits: tuple[Debit, ...]
    total: int


class DirectDebitFile(NamedTuple):
    """A checked message: everything as it will be written. `number` is how many debits are in it."""

    message_id: str
    scheme: Scheme
    creditor: Creditor
    blocks: tuple[Block, ...]
    number: int
    total: int


def collection_day(wanted_on: date, sent_on: date, lead_days: int = 1) -> date:
    """The day to collect on: the first TARGET day that is neither before the wanted one nor less than
    `lead_days` TARGET days after the day on which the bank gets the file.

    The rulebooks want one day between the banks for every sequence of both schemes (since November 2016); a
    bank may want more from its customers. Raises Invalid `bank.lead_days`.
    """
    if not 1 <= lead_days <= LATEST.days:
        raise Invalid(
            "bank.lead_days",
            f"{lead_days} lead days are not between 1 and {LATEST.days}",
            field="lead_days",
            value=lead_days,
        )
    return max(target.on_or_after(wanted_on), target.later(sent_on, lead_days))


def prepared(
    message_id: str,
    scheme: Scheme,
    creditor: Creditor,
    debits: Iterable[Debit],
    sent_on: date,
) -> DirectDebitFile:
    """Debits as one message, grouped into blocks by day and sequence. Nothing is left out: one that is
    wrong refuses all, and is named by its reference.

    Names and remittances are written in SEPA's characters and cut where they are too long; identifiers are
    refused, never changed. Raises Invalid `bank.…`.
    """
    _check_identifier("message_id", message_id, _REFERENCE, MAX_MESSAGE_ID)
    seller = checked_creditor(creditor)
    found: list[Debit] = []
    seen: set[str] = set()
    for debit in debits:
        found.append(checked(debit, sent_on))
        if found[-1].reference in seen:
            raise _wrong(
                Invalid(
                    "bank.duplicate_reference",
                    "the reference is there twice",
                    field="reference",
                    value=debit.reference,
                    hint="a reference is unique for ever, so that no money is asked for twice",
                ),
                debit,
            )
        seen.add(found[-1].reference)
    if not found:
        raise Invalid(
            "bank.nothing_to_collect", "there is no direct debit to write", field="debits"
        )
    made = grouped(message_id, scheme, seller, found)
    if len(made.blocks) > MAX_BLOCKS:
        raise Invalid(
            "bank.too_many_blocks", f"there are more than {MAX_BLOCKS} blocks", field="debits"
        )
    return made


def grouped(
    message_id: str, scheme: Scheme, creditor: Creditor, debits: Iterable[Debit]
) -> DirectDebitFile:
    """Debits that were checked before as one message, in blocks by day and sequence."""
    groups: dict[tuple[date, Sequence], list[Debit]] = defaultdict(list)
    for debit in debits:
        groups[debit.collect_on, debit.sequence].append(debit)
    blocks = tuple(
        _block(f"{message_id}-{number}", group)
        for number, (_, group) in enumerate(sorted(groups.items()), 1)
    )
    return DirectDebitFile(
        message_id, scheme, creditor, blocks, sum(len(block.debits) for block in blocks),
        sum(block.total for block in blocks),
    )  # fmt: skip


def _block(block_id: str, debits: list[Debit]) -> Block:
    ordered = tuple(sorted(debits, key=lambda debit: debit.reference))
    first = ordered[0]
    total = sum(debit.amount for debit in ordered)
    return Block(block_id, first.collect_on, first.sequence, ordered, total)


def checked_creditor(creditor: Creditor) -> Creditor:
    """The creditor as it will be written. Raises Invalid `bank.iban`, `bank.creditor_id`, `bank.bic`,
    `bank.text`."""
    return Creditor(
        name=written("creditor.name", creditor.name, MAX_NAME),
        iban=identifiers.sepa_iban(creditor.iban, "creditor.iban"),
        creditor_id=identifiers.creditor_id(creditor.creditor_id, "creditor.creditor_id"),
        bic=None if creditor.bic is None else identifiers.bic(creditor.bic, "creditor.bic"),
    )


def check_mandate_id(text: str) -> None:
    """Refuses what banks would not take as the name of a mandate, with Invalid `bank.identifier`."""
    _check_identifier("mandate_id", text, _MANDATE_ID, MAX_REFERENCE)


def checked(debit: Debit, sent_on: date) -> Debit:
    """The debit as it will be written. Raises Invalid `bank.…`, which names it by its reference."""
    try:
        _check_identifier("reference", debit.reference, _REFERENCE, MAX_REFERENCE)
        check_mandate_id(debit.mandate_id)
        _check_amount(debit)
        _check_days(debit, sent_on)
        bic = debit.debtor_bic
        return debit._replace(
            debtor_name=written("debtor_name", debit.debtor_name, MAX_NAME),
            debtor_iban=identifiers.sepa_iban(debit.debtor_iban, "debtor_iban"),
            debtor_bic=None if bic is None else identifiers.bic(bic, "debtor_bic"),
            remittance=written("remittance", debit.remittance, MAX_REMITTANCE),
        )
    except Invalid as refusal:
        raise _wrong(refusal, debit) from None


def _wrong(refusal: Invalid, debit: Debit) -> Invalid:
    """The refusal with the debit that it is about."""
    refusal.message = f"direct debit {debit.reference[:MAX_REFERENCE]}: {refusal.message}"
    return refusal


def _check_identifier(field: str, text: str, pattern: re.Pattern[str], limit: int) -> None:
    if len(text) > limit or not pattern.fullmatch(text):
        raise Invalid(
            "bank.identifier",
            f"{text[:60]!r} can't be a {field.replace('_', ' ')}: it takes 1 to {limit} of SEPA's "
            "characters, no slash at an end and no two in a row",
            field=field,
            value=text,
            hint="use letters A to Z, digits, and / - ? : ( ) . , ' +",
        )


def _check_amount(debit: Debit) -> None:
    if debit.currency != EURO:
        raise Invalid(
            "bank.not_euro",
            f"a SEPA direct debit is in EUR, not in {debit.currency[:10]}",
            field="currency",
            value=debit.currency,
        )
    if not 0 < debit.amount <= MAX_AMOUNT:
        raise Invalid(
            "bank.amount_out_of_range",
            f"{Money(debit.amount, EURO)} is not between 0.01 and 999999999.99",
            field="amount",
            value=debit.amount,
        )


def _check_days(debit: Debit, sent_on: date) -> None:
    if debit.signed_on > sent_on:
        raise Invalid(
            "bank.mandate_date",
            f"the mandate is signed on {debit.signed_on}, after the file is sent",
            field="signed_on",
            value=debit.signed_on,
        )
    if not sent_on < debit.collect_on <= sent_on + LATEST or not target.is_target_day(
        debit.collect_on
    ):
        raise Invalid(
            "bank.collection_day",
            f"{debit.collect_on} is not a TARGET day within {LATEST.days} days after {sent_on}",
            field="collect_on",
            value=debit.collect_on,
        )


def written(field: str, text: str, limit: int) -> str:
    """The text in SEPA's characters, cut to the limit. Raises Invalid `bank.text`, naming `field`."""
    found = latin(text)[:limit].strip()
    if not any(sign.isalnum() for sign in found):
        raise Invalid(
            "bank.text",
            f"{text[:60]!r} has nothing that can be written in SEPA's characters",
            field=field,
            value=text,
            hint="give it in Latin letters",
        )
    return found
