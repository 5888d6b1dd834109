"""Again: whether a campaign may charge an invoice once more of which collecting has stopped."""

from __future__ import annotations

from everycent.charging.attempt import Stage, Status
from everycent.charging.policy import Policy, Then


def kept_because(last: Stage | None, policy: Policy, reason: str) -> str | None:
    """Why a stopped invoice stays so; None where it may be charged again. What a person stopped, and what
    waits for one, is left alone; what only waits for the customer is tried again.

    `reason` is that of the stop; it is the last attempt's own where that stopped it.
    """
    if last is None or last.state.why != reason or last.state.status is not Status.FAILED:
        return reason or "stopped"
    failure = last.state.failure
    rule = None if failure is None else policy.rules.get(failure)
    if rule is None:
        return reason
    end = rule.finally_ if rule.then is Then.RETRY else rule.then
    return None if end in (Then.ASK_CUSTOMER, Then.OTHER_METHOD) else reason
