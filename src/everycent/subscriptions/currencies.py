"""In which currencies a plan can be had, and in which two plans can be compared."""

from __future__ import annotations

from everycent.catalog.plan import Conversion, Plan
from everycent.catalog.policies import CONVERSION, Policies
from everycent.catalog.price import Commitment
from everycent.kernel.errors import Invalid
from everycent.subscriptions.terms import is_cheaper


def check_currency(plan: Plan, currency: str, whose: str, policies: Policies) -> None:
    """Refuses a contract in a currency in which the plan has no prices and may not be converted; with a
    commitment, which counts amounts of the contract's currency, it may not.

    Raises Invalid `subscription.currency`, naming the currencies in which it has some.
    """
    if currency in plan.currencies:
        return
    has_commitment = any(isinstance(item.price.scheme, Commitment) for item in plan.items)
    way = plan.conversion or Conversion(policies[CONVERSION])
    if has_commitment or way is Conversion.REFUSED:
        raise Invalid(
            "subscription.currency",
            f"plan {plan.key} has prices in {', '.join(plan.currencies)}, and {whose} is billed in"
            f" {currency}",
            field="plan",
            value=plan.key,
            hint=f"give the plan prices in {currency} (`currencies`), or let them be converted (policy"
            f" {CONVERSION})",
        )


def is_below(plan: Plan, held: Plan, currency: str) -> bool:
    """Whether a plan comes to less than another one in a contract's currency, or in one that both have; if
    there is none, nobody can tell that it does not."""
    code = _common(plan, held, currency)
    return code is None or is_cheaper(plan.in_currency(code), held.in_currency(code))


def comparable(plan: Plan, left: Plan, currency: str) -> tuple[Plan, Plan]:
    """Two plans with the prices of one currency: that of the contract, or else one that both have.

    Raises Invalid `subscription.not_comparable` where there is none and `left`, the plan that is left,
    does not treat upgrades and downgrades alike.
    """
    code = _common(plan, left, currency)
    if code is not None:
        return plan.in_currency(code), left.in_currency(code)
    if left.changes.upgrade is left.changes.downgrade:
        return plan, left  # whichever is cheaper, it takes effect at the same time
    raise Invalid(
        "subscription.not_comparable",
        f"{plan.key} and {left.key} have prices in no common currency: which one is cheaper, and so when"
        " the change takes effect, can't be told",
        field="on",
        hint="name the day",
    )


def _common(plan: Plan, other: Plan, currency: str) -> str | None:
    """A currency in which both have prices of their own, the contract's rather than another one."""
    codes = (currency, *plan.currencies)
    return next(
        (code for code in codes if code in plan.currencies and code in other.currencies), None
    )
