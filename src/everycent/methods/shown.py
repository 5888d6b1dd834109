"""Payment methods as programs get them, on the command line and over HTTP."""

from __future__ import annotations

from typing import Any

from everycent.kernel import ids
from everycent.methods.method import PREFIX, Method


def method_data(one: Method) -> dict[str, Any]:
    """A payment method."""
    return {
        "method": ids.show(PREFIX, one.method_id),
        "customer_id": ids.show(ids.CUSTOMER, one.customer_id),
        "provider": one.provider,
        "payer": one.payer,
        "token": one.token,
        "label": one.label,
        "rank": one.rank,
        "state": one.state,
        "expires_on": one.expires_on,
        "mandate": None
        if one.mandate is None
        else {
            "id": one.mandate.mandate_id,
            "signed_on": one.mandate.signed_on,
            "holder": one.mandate.holder,
            "iban": one.mandate.iban,
            "bic": one.mandate.bic,
        },
        "why": one.why or None,
    }
