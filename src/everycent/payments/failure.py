"""Failures: the closed set of reasons why an attempt brought no money, or none that is known of.

What matters first about a failure is whether money may have moved all the same (`Moved`): that alone
decides whether anything may ever be sent again.
"""

from __future__ import annotations

from enum import StrEnum


class Moved(StrEnum):
    """Whether money moved. Only after NO may another attempt be made."""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"


class Failure(StrEnum):
    """Why an attempt failed, or why its outcome is unknown.

    UNREACHABLE: no connection; not a byte of the request left us.
    RATE_LIMITED: the provider asks for patience and has not looked at the request.
    UNAVAILABLE: the provider says that it has not processed the request and will not.
    REFUSED: the provider finds the request itself wrong (a defect, or a wrong set-up, of ours).
    DECLINED: the money is not there today: funds, a limit, the issuer is down.
    DECLINED_FOR_GOOD: the method will never pay: stolen, closed, revoked.
    EXPIRED_METHOD: the method's date has passed.
    AUTHENTICATION_REQUIRED: the customer has to agree again before anything can be charged.
    CUSTOMER_UNKNOWN: the provider does not know the customer or the method.
    CURRENCY_REFUSED: the provider, or the customer's account there, does not take the currency.
    NOT_FOUND: the provider was asked after the latest instant at which it could have charged, and has
    nothing under our reference.
    CANCELLED: the provider, or the customer there, called the payment off before any money moved.
    STALE: what was to be charged was paid, changed or called off before the request was sent.
    NO_METHOD: the customer has no payment method that could be charged.
    DEFECT: our own program failed before anything was sent.
    TIMED_OUT: sent, and no answer within the deadline.
    CONNECTION_LOST: the connection broke after the first byte was sent.
    PROVIDER_ERROR: the provider answered that it failed, which says nothing about the money.
    MALFORMED: the answer can't be read: truncated, garbage, too large, of another type.
    WORKER_DIED: our process died, or was cut off, while a request may have been under way.
    AMOUNT_MISMATCH: another amount than was asked for was taken.
    CURRENCY_MISMATCH: another currency than was asked for was taken.
    REFERENCE_MISMATCH: the answer speaks of somebody else's request.
    """

    UNREACHABLE = "unreachable"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    DECLINED = "declined"
    DECLINED_FOR_GOOD = "declined_for_good"
    EXPIRED_METHOD = "expired_method"
    AUTHENTICATION_REQUIRED = "authentication_required"
    CUSTOMER_UNKNOWN = "customer_unknown"
    CURRENCY_REFUSED = "currency_refused"
    NOT_FOUND = "not_found"
    CANCELLED = "cancelled"
    STALE = "stale"
    NO_METHOD = "no_method"
    DEFECT = "defect"
    TIMED_OUT = "timed_out"
    CONNECTION_LOST = "connection_lost"
    PROVIDER_ERROR = "provider_error"
    MALFORMED = "malformed"
    WORKER_DIED = "worker_died"
    AMOUNT_MISMATCH = "amount_mismatch"
    CURRENCY_MISMATCH = "currency_mismatch"
    REFERENCE_MISMATCH = "reference_mismatch"


MAYBE = frozenset(
    {
        Failure.TIMED_OUT,
        Failure.CONNECTION_LOST,
        Failure.PROVIDER_ERROR,
        Failure.MALFORMED,
        Failure.WORKER_DIED,
        Failure.REFERENCE_MISMATCH,
    }
)
MISMATCHES = frozenset({Failure.AMOUNT_MISMATCH, Failure.CURRENCY_MISMATCH})


def moved(failure: Failure) -> Moved:
    """Whether money moved, as far as the failure tells."""
    if failure in MAYBE:
        return Moved.MAYBE
    return Moved.YES if failure in MISMATCHES else Moved.NO
