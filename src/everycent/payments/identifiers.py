"""Identifiers with check digits: IBANs and the ids of creditors that collect by SEPA direct debit.

Both carry two check digits by ISO 7064, MOD 97-10: letters count as 10 (A) to 35 (Z), the first four
characters move to the end, and the number that comes of it leaves 1 when divided by 97. Sources:
ISO 13616-1 with the SWIFT IBAN registry (lengths by country), and EPC262-08 (creditor identifiers).
"""

from __future__ import annotations

import re

from everycent.kernel.errors import Invalid

_MODULUS = 97
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)
_CREDITOR_ID = re.compile(r"([A-Z]{2})([0-9]{2})([A-Z0-9]{3})([A-Z0-9]{1,28})", re.ASCII)
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?", re.ASCII)

SEPA_LENGTHS = {
    code: length
    for length, codes in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL",
        19: "MK SI",
        20: "AT EE LT LU XK",
        21: "CH HR LI LV",
        22: "BG DE GB IE ME RS VA",
        23: "GI",
        24: "AD CZ ES MD RO SE SK",
        25: "PT",
        26: "IS",
        27: "FR GR IT MC SM",
        28: "AL CY HU PL",
        31: "MT",
    }.items()
    for code in codes.split()
}
"""How long an IBAN is, by the country at its beginning: those of SEPA and some of its neighbours."""

_OUTSIDE_SEPA = frozenset({"FO", "GL", "XK"})


def remainder(text: str) -> int:
    """`text` (capital letters and digits) as a number by ISO 7064, modulo 97."""
    return int("".join(str(int(sign, 36)) for sign in text)) % _MODULUS


def check_digits(body: str, head: str) -> str:
    """The two digits that stand between `head` (letters) and `body`, e.g. "89" for the body of an IBAN."""
    return f"{_MODULUS + 1 - remainder(f'{body}{head}00'):02d}"


def compact(text: str) -> str:
    """The identifier without blanks, in capitals."""
    return "".join(text.split()).upper()


def iban(text: str, field: str = "iban") -> str:
    """An IBAN without blanks, in capitals, its length and check digits checked.

    Raises Invalid `bank.iban`, naming `field`.
    """
    found = compact(text[:100])
    if not _IBAN.fullmatch(found):
        raise _not_an_iban(text, field, "it is not two letters, two digits and 11 to 30 more signs")
    wanted = SEPA_LENGTHS.get(found[:2], len(found))
    if len(found) != wanted:
        raise _not_an_iban(
            text, field, f"{found[:2]} has {wanted} signs, and here are {len(found)}"
        )
    if check_digits(found[4:], found[:2]) != found[2:4]:
        raise _not_an_iban(text, field, "its check digits are not those of the rest")
    return found


def sepa_iban(text: str, field: str = "iban") -> str:
    """An IBAN of a country that can be collected from by SEPA direct debit. Raises Invalid `bank.iban`."""
    found = iban(text, field)
    if found[:2] not in SEPA_LENGTHS or found[:2] in _OUTSIDE_SEPA:
        raise _not_an_iban(text, field, f"accounts in {found[:2]} are not within SEPA")
    return found


def _not_an_iban(text: str, field: str, why: str) -> Invalid:
    return Invalid(
        "bank.iban",
        f"{text[:40]!r} is not an IBAN that can be used: {why}",
        field=field,
        value=text,
        hint="copy it from a statement or a card of the account",
    )


def creditor_id(text: str, field: str = "creditor_id") -> str:
    """A SEPA creditor identifier, such as DE98ZZZ09999999999, its check digits checked.

    The three signs after the check digits are the creditor's own (a branch of the business) and are no
    part of what the digits check. Raises Invalid `bank.creditor_id`, naming `field`.
    """
    found = compact(text[:100])
    parts = _CREDITOR_ID.fullmatch(found)
    if not parts or check_digits(parts[4], parts[1]) != parts[2]:
        raise Invalid(
            "bank.creditor_id",
            f"{text[:40]!r} is not a SEPA creditor identifier, or its check digits are wrong",
            field=field,
            value=text,
            hint="it is in the agreement on direct debits with your bank",
        )
    return found


def bic(text: str, field: str = "bic") -> str:
    """A bank's identifier of 8 or 11 signs (ISO 9362), in capitals. Raises Invalid `bank.bic`."""
    found = compact(text[:100])
    if not _BIC.fullmatch(found):
        raise Invalid(
            "bank.bic", f"{text[:40]!r} is not a BIC of 8 or 11 signs", field=field, value=text
        )
    return found
