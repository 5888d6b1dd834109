"""References: how an invoice is named in the text of a payment, by machines and by people.

Machines use the creditor reference of ISO 11649: RF, two check digits (ISO 7064, MOD 97-10) and up to 21
letters and digits; here those of the invoice's name, so INV-000012 is RF63 INV0 0001 2. People write "INV
12", "inv000012", or "Invoice 12 and 13".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from everycent.kernel.errors import Invalid
from everycent.payments.identifiers import check_digits, compact

PRINTED_DIGITS = 6
"""How many digits a number is printed with at least."""
MAX_TEXT = 4_000
"""How much of a text is looked through."""

_RF = "RF"
_BODY = re.compile(r"[A-Z0-9]{1,21}", re.ASCII)
_NAME = re.compile(r"([A-Z0-9][A-Z0-9/-]{0,19})-([0-9]{1,18})", re.ASCII)
_BODY_OF_NAME = re.compile(r"([A-Z0-9]*[A-Z])([0-9]+)", re.ASCII)
_RF_IN_TEXT = re.compile(r"(?<![A-Z0-9])RF ?([0-9]{2})((?: ?[A-Z0-9]){1,40})", re.ASCII)
_WORDS = """
INVOICES INVOICE INV BILL RECHNUNGEN RECHNUNG RECHN RECH RGNR RG RNR FACTURES FACTURE FACTURAS FACTURA
FATTURE FATTURA FATURA FACT FACTUUR FAKTURA FAKTURY FAKTURE FAKTUR RAČUNI RAČUN RACUNI RACUN RAČ LASKU
"""
_NUMBER_WORDS = r"(?:(?:NUMBER|NUMMER|NUM|NOS|NRS|NO|NR|BR|ČÍSLO|CISLO|Č|N)[\s.:#°º]{0,4})?"
_BETWEEN = r"[\s.:#_/-]{0,6}"
_NEXT = re.compile(
    r"\s{0,3}(?:[,;+&/]|(?<=\s)(?:AND|UND|ET|EN|OG|OCH|Y|E|I|A)(?=\s))\s{0,3}#?([0-9]{1,18})"
)
_NOT_ITS_END = re.compile(r"[0-9A-Z]|[.-][0-9]")


class Mention(NamedTuple):
    """A number of an invoice in a text. `series` is None after a word such as "invoice". `is_full` when it
    stands there as it is printed, series and digits; a short one may be about something else."""

    series: str | None
    number: int
    is_full: bool


def creditor_reference(name: str) -> str:
    """The ISO 11649 creditor reference of an invoice's name: INV-000012 → RF63INV000012.

    Raises Invalid `bank.reference` for a name with more than 21 letters and digits.
    """
    body = _body_of(name)
    if not _BODY.fullmatch(body):
        raise Invalid(
            "bank.reference",
            f"{name[:60]!r} can't be a creditor reference: that takes 1 to 21 letters and digits",
            field="name",
            value=name,
        )
    return f"{_RF}{check_digits(body, _RF)}{body}"


def can_be_referred_to(name: str) -> bool:
    """Whether an invoice's name is short enough for a creditor reference."""
    return _BODY.fullmatch(_body_of(name)) is not None


def _body_of(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", name.upper())


def invoice_name(reference: str) -> str:
    """The name of the invoice whose creditor reference this is: RF63INV000012 → INV-000012.

    The series ends at the last letter. Blanks don't matter. Raises Invalid `bank.reference` where the check
    digits are wrong or the rest is no name of ours.
    """
    text = compact(reference[:100])
    body = text[4:]
    named = _BODY_OF_NAME.fullmatch(body)
    if not named or not _BODY.fullmatch(body) or text[:4] != _RF + check_digits(body, _RF):
        raise Invalid(
            "bank.reference",
            f"{reference[:40]!r} is not the creditor reference of an invoice",
            field="reference",
            value=reference,
        )
    return f"{named[1]}-{named[2]}"


def parts_of(name: str) -> tuple[str, int] | None:
    """Series and number of a printed name; None for another sort of name."""
    found = _NAME.fullmatch(name.upper())
    return None if found is None else (found[1], int(found[2]))


def creditor_references(text: str) -> Iterator[str]:
    """Every text in `text` that could be a creditor reference, shortest first, without blanks.

    Where it ends can't be seen when words follow, so that each end at a blank is offered.
    """
    for found in _RF_IN_TEXT.finditer(text[:MAX_TEXT].upper()):
        body = ""
        for piece in found[2].split():
            body += piece
            if _BODY.fullmatch(body):
                yield f"{_RF}{found[1]}{body}"


class Spelling:
    """Finds mentions of invoices of certain series; made once for many texts."""

    def __init__(self, series: Iterable[str]) -> None:
        self.series = {name.upper() for name in series}
        names = sorted({*self.series, *_WORDS.split()}, key=lambda name: (-len(name), name))
        words = "|".join(map(re.escape, names))
        self.pattern = re.compile(
            rf"(?<![^\W_])({words}){_BETWEEN}{_NUMBER_WORDS}{_BETWEEN}([0-9]{{1,18}})"
        )

    def mentions(self, text: str) -> list[Mention]:
        """The numbers of invoices in a text, in its order, each once. Of a list ("invoice 12, 13 and 14")
        every number; parts of dates, amounts and ranges are none."""
        capitals = text[:MAX_TEXT].upper()
        found: dict[Mention, None] = {}
        for match in self.pattern.finditer(capitals):
            series = match[1] if match[1] in self.series else None
            digits, end = match[2], match.end()
            while True:
                is_full = series is not None and len(digits) >= PRINTED_DIGITS
                if not _NOT_ITS_END.match(capitals, end):
                    found[Mention(series, int(digits), is_full)] = None
                following = _NEXT.match(capitals, end)
                if following is None:
                    break
                digits, end = following[1], following.end()
        return list(found)
