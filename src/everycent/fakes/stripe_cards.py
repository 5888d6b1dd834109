"""Payment methods of Stripe's test mode, and what becomes of a charge to each.

Source: https://docs.stripe.com/testing (names of test payment methods).
"""

from __future__ import annotations

from typing import NamedTuple


class Card(NamedTuple):
    """What a method does: declines with a code and a decline code, or takes the money, at once or later
    (`is_slow`), after which something may still happen to it (`then`)."""

    code: str | None = None
    decline_code: str | None = None
    is_slow: bool = False
    then: str | None = None


def declining(decline_code: str) -> Card:
    """A card that is declined for this reason, told as Stripe tells it: some reasons are codes of their
    own, all others stand beside the code `card_declined`."""
    code = decline_code if decline_code in _OWN_CODES else "card_declined"
    return Card(code, decline_code)


_OWN_CODES = {"authentication_required", "expired_card", "incorrect_cvc", "processing_error"}

CARDS = {
    **dict.fromkeys(("pm_card_visa", "pm_card_mastercard", "pm_card_amex"), Card()),
    "pm_card_chargeDeclined": declining("generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": declining("insufficient_funds"),
    "pm_card_chargeDeclinedLostCard": declining("lost_card"),
    "pm_card_chargeDeclinedStolenCard": declining("stolen_card"),
    "pm_card_chargeDeclinedExpiredCard": declining("expired_card"),
    "pm_card_chargeDeclinedIncorrectCvc": declining("incorrect_cvc"),
    "pm_card_chargeDeclinedProcessingError": declining("processing_error"),
    "pm_card_chargeDeclinedVelocityLimitExceeded": declining("card_velocity_exceeded"),
    "pm_card_chargeDeclinedFraudulent": declining("fraudulent"),
    "pm_card_authenticationRequired": declining("authentication_required"),
    "pm_card_createDispute": Card(then="dispute"),
    "pm_card_createDisputeInquiry": Card(then="inquiry"),
    "pm_card_refundFail": Card(then="refund_fails"),
    "pm_card_pendingRefund": Card(then="refund_waits"),
    "pm_usBankAccount_success": Card(is_slow=True),
    "pm_usBankAccount_insufficientFunds": Card("insufficient_funds", None, is_slow=True),
    "pm_usBankAccount_accountClosed": Card("account_closed", None, is_slow=True),
}
