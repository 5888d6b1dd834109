"""Contracts as programs get them, on the command line and over HTTP."""

from __future__ import annotations

from typing import Any

import msgspec

from everycent.kernel import ids
from everycent.subscriptions.ending import Ending
from everycent.subscriptions.subscription import Subscription


def as_data(found: Subscription) -> dict[str, Any]:
    """A contract with all its phases and changes; what has its usual value is left out."""
    told: dict[str, Any] = msgspec.to_builtins(found)
    return told | {
        "subscription_id": ids.show(ids.SUBSCRIPTION, found.subscription_id),
        "customer_id": ids.show(ids.CUSTOMER, found.customer_id),
    }


def ending_data(one: Ending) -> dict[str, Any]:
    """A term that ends soon, what comes up and when, and what happens then."""
    return {
        "subscription": one.subscription.key,
        "add_on": one.track or None,
        "plan": one.plan_key,
        "term_from": one.ran.starts_on,
        "term_until": one.ran.ends_on,
        "comes_up": one.sign.value,
        "on": one.day,
        "notice_before": None if one.ran.rule.notice is None else one.ran.notice_begins,
        "then": one.then.value,
        "renews_until": one.renews_until,
    }
