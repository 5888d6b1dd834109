"""Stripe's words for why a payment or a refund failed, and our kinds of failure for them.

Sources: https://docs.stripe.com/declines/codes (decline codes), https://docs.stripe.com/error-codes,
https://docs.stripe.com/declines/card (advice codes), https://docs.stripe.com/refunds (failed refunds).
Words that are not listed are DECLINED: no money moved, and it may be asked for again later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everycent.payments.failure import Failure

_KINDS = {
    Failure.DECLINED: """
        approve_with_id bank_account_declined call_issuer card_decline_rate_limit_exceeded card_declined
        card_velocity_exceeded charge_exceeds_source_limit charge_exceeds_transaction_limit do_not_honor
        duplicate_transaction elevated_risk_level generic_decline insufficient_funds invalid_amount
        issuer_not_available no_action_taken not_permitted payment_intent_payment_attempt_expired
        payment_intent_payment_attempt_failed payment_method_customer_decline
        payment_method_provider_decline payment_method_provider_timeout processing_error
        reenter_transaction security_violation service_not_allowed testmode_decline try_again_later
        withdrawal_count_limit_exceeded
    """,
    Failure.DECLINED_FOR_GOOD: """
        account_closed bank_account_restricted bank_account_unusable billing_invalid_mandate
        card_not_supported debit_not_authorized do_not_try_again fraudulent highest_risk_level
        incorrect_address incorrect_cvc incorrect_number incorrect_pin incorrect_postal_code
        incorrect_zip india_recurring_payment_mandate_canceled invalid_account invalid_cvc
        invalid_number invalid_pin lost_card merchant_blacklist new_account_information_available
        no_account payment_intent_mandate_invalid payment_method_bank_account_blocked
        payment_method_restricted payment_method_unactivated payment_method_unsupported_type pickup_card
        pin_try_exceeded refer_to_customer restricted_card revocation_of_all_authorizations
        revocation_of_authorization revoked_card sepa_unsupported_account stolen_card
        stop_payment_order transaction_not_allowed
    """,
    Failure.EXPIRED_METHOD: """
        expired_card expired_payment_method invalid_expiry_month invalid_expiry_year
    """,
    Failure.AUTHENTICATION_REQUIRED: """
        approval_required authentication_not_handled authentication_required
        mobile_device_authentication_required offline_pin_required online_or_offline_pin_required
        payment_intent_action_required payment_intent_authentication_failure
    """,
    Failure.CURRENCY_REFUSED: "currency_not_supported payment_method_currency_mismatch",
}
CODES = {code: kind for kind, codes in _KINDS.items() for code in codes.split()}
"""Decline codes and codes of errors about a payment method."""

REFUND_REASONS = {
    "lost_or_stolen_card": Failure.DECLINED_FOR_GOOD,
    "expired_or_canceled_card": Failure.EXPIRED_METHOD,
    "charge_for_pending_refund_disputed": Failure.CANCELLED,
    "insufficient_funds": Failure.DECLINED,
    "declined": Failure.DECLINED,
    "merchant_request": Failure.CANCELLED,
    "unknown": Failure.DECLINED,
}
"""Why a refund that Stripe had taken on did not reach the customer."""

_STOP = "do_not_try_again"


def declined(error: Mapping[str, Any]) -> Failure:
    """The kind of an error that Stripe tells of a card or another payment method.

    The decline code is looked at first, because the code then only says `card_declined`. The advice of the
    card's network not to try again makes a passing decline a lasting one.
    """
    words = (error.get("decline_code"), error.get("code"))
    kinds = (CODES[word] for word in words if isinstance(word, str) and word in CODES)
    kind = next(kinds, Failure.DECLINED)
    if kind is Failure.DECLINED and error.get("advice_code") == _STOP:
        return Failure.DECLINED_FOR_GOOD
    return kind
