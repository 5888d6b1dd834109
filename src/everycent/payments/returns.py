"""Returns: why a bank sent a direct debit back, in its code, and what kind of failure that is to us.

Codes are those of ISO 20022's external code set (ExternalReturnReason1Code, ExternalStatusReason1Code) that
EPC173-14, guidance on reason codes for SEPA direct debit R-transactions, lets banks use.
"""

from __future__ import annotations

from everycent.payments.failure import Failure

_KINDS = {
    # The account, or its owner, will not pay by direct debit again.
    "AC01": (Failure.DECLINED_FOR_GOOD, "the account number is wrong"),
    "AC04": (Failure.DECLINED_FOR_GOOD, "the account is closed"),
    "AC06": (Failure.DECLINED_FOR_GOOD, "the account is blocked for direct debits"),
    "AC13": (Failure.DECLINED_FOR_GOOD, "the account is a consumer's, and B2B is not for those"),
    "AG01": (Failure.DECLINED_FOR_GOOD, "the account is of a sort that can't be debited"),
    "MD01": (Failure.DECLINED_FOR_GOOD, "there is no valid mandate"),
    "MD07": (Failure.DECLINED_FOR_GOOD, "the account's owner is dead"),
    "RR04": (Failure.DECLINED_FOR_GOOD, "regulatory reasons"),
    # The customer said no, and has to agree again.
    "MD06": (
        Failure.AUTHENTICATION_REQUIRED,
        "the customer claimed the money back within eight weeks",
    ),
    "MS02": (Failure.AUTHENTICATION_REQUIRED, "the customer refused"),
    "SL01": (
        Failure.AUTHENTICATION_REQUIRED,
        "the customer's bank lets only named creditors debit",
    ),
    # Another day may do.
    "AM04": (Failure.DECLINED, "there is not enough money on the account"),
    "ED05": (Failure.DECLINED, "the banks could not settle"),
    "MS03": (Failure.DECLINED, "the bank gives no reason, as some do for lack of money"),
    # What we sent is wrong: a person has to look.
    "AG02": (Failure.REFUSED, "the sequence or the kind of the direct debit is wrong"),
    "AM05": (Failure.REFUSED, "it was collected twice"),
    "BE05": (Failure.REFUSED, "the creditor's id is wrong"),
    "CNOR": (Failure.REFUSED, "our bank can't be reached under its id"),
    "DNOR": (Failure.REFUSED, "the customer's bank can't be reached under its id"),
    "FF01": (Failure.REFUSED, "the file's format is wrong"),
    "FF05": (Failure.REFUSED, "the scheme (CORE, B2B) is wrong"),
    "MD02": (Failure.REFUSED, "the data of the mandate are incomplete or wrong"),
    "RC01": (Failure.REFUSED, "the bank's id is wrong"),
    "RR01": (Failure.REFUSED, "the customer's account or id is missing"),
    "RR02": (Failure.REFUSED, "the customer's name or address is missing"),
    "RR03": (Failure.REFUSED, "our name or address is missing"),
    # Called off before it was settled.
    "DUPL": (Failure.CANCELLED, "it was called off as a duplicate"),
    "FOCR": (Failure.CANCELLED, "it was called off at our request"),
    "TECH": (Failure.CANCELLED, "it was called off after a technical problem"),
}


def failure_of(code: str) -> Failure:
    """The kind of failure that a bank's reason is. One that is not known here is REFUSED: nothing is sent
    again before a person has looked."""
    known = _KINDS.get(code.strip().upper())
    return Failure.REFUSED if known is None else known[0]


def meaning_of(code: str) -> str:
    """What a reason means, in words; the code itself when it is not known here."""
    known = _KINDS.get(code.strip().upper())
    return f"reason {code}" if known is None else known[1]


def codes() -> list[str]:
    """All reasons that are known here, in alphabetical order."""
    return sorted(_KINDS)
