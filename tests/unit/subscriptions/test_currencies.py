"""Which currencies a plan can be had in, and in which one two plans are compared."""

from __future__ import annotations

import msgspec
import pytest

from everycent.catalog.plan import Conversion, Item, Plan, PricesIn, Product
from everycent.catalog.policies import CONVERSION, Policies
from everycent.catalog.price import Flat, Price
from everycent.catalog.proration import ChangePolicy, TakesEffect
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Rounding
from everycent.subscriptions.currencies import check_currency, comparable
from everycent.subscriptions.terms import is_cheaper, takes_effect

CONVERTED = Policies({CONVERSION: "converted"})
AT_ONCE = ChangePolicy(upgrade=TakesEffect.NOW, downgrade=TakesEffect.PERIOD_END)


def fee(amount: str) -> Price:
    return Price("fee", Flat(amount), "Fee", Rounding.HALF_UP)


def plan(key: str, currency: str, amount: str, *also: tuple[str, str]) -> Plan:
    """A plan with a fee in its currency, and in further ones."""
    items = (Item(fee(amount), Product("p", "P", "none")),)
    return Plan(
        key, key, currency, "month", items, changes=AT_ONCE,
        also=tuple(PricesIn(code, (fee(other),)) for code, other in also),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("currency", "own", "policies", "refused"),
    [
        ("EUR", None, Policies(), False),
        ("USD", None, Policies(), False),
        ("GBP", None, Policies(), True),
        ("GBP", None, CONVERTED, False),
        ("GBP", Conversion.CONVERTED, Policies(), False),
        ("GBP", Conversion.REFUSED, CONVERTED, True),
        ("USD", Conversion.REFUSED, Policies(), False),
    ],
)
def test_a_plan_can_be_had_in_its_currencies_or_converted(
    currency: str, own: Conversion | None, policies: Policies, refused: bool
) -> None:
    made = plan("a", "EUR", "10", ("USD", "12"))
    asked = msgspec.structs.replace(made, conversion=own)
    if not refused:
        check_currency(asked, currency, "ana", policies)
        return
    with pytest.raises(Invalid) as caught:
        check_currency(asked, currency, "ana", policies)
    assert caught.value.code == "subscription.currency"
    assert "prices in EUR, USD" in str(caught.value)


EURO_OR_DOLLAR = plan("left", "EUR", "10", ("USD", "30"))


@pytest.mark.parametrize(
    # the plan that is wanted                           the contract's currency, and: is it cheaper?
    ("wanted", "currency", "cheaper"),
    [
        (plan("a", "EUR", "20", ("USD", "20")), "EUR", False),
        (plan("a", "EUR", "20", ("USD", "20")), "USD", True),
        (plan("a", "USD", "20"), "USD", True),
        (plan("a", "EUR", "20"), "USD", False),  # converted: compared in euro, which both have
        (plan("a", "USD", "20"), "GBP", True),
    ],
)
def test_plans_are_compared_in_a_currency_that_both_have(
    wanted: Plan, currency: str, cheaper: bool
) -> None:
    found = comparable(wanted, EURO_OR_DOLLAR, currency)
    assert is_cheaper(*found) is cheaper
    assert takes_effect(*found) is (TakesEffect.PERIOD_END if cheaper else TakesEffect.NOW)


def test_plans_without_a_common_currency_are_compared_only_where_that_decides_nothing() -> None:
    wanted = plan("a", "GBP", "20")
    with pytest.raises(Invalid) as caught:
        comparable(wanted, EURO_OR_DOLLAR, "USD")
    assert caught.value.code == "subscription.not_comparable"
    assert caught.value.field == "on"
    fields = {name: getattr(EURO_OR_DOLLAR, name) for name in EURO_OR_DOLLAR.__struct_fields__}
    alike = Plan(**fields | {"changes": ChangePolicy()})
    assert takes_effect(*comparable(wanted, alike, "USD")) is TakesEffect.PERIOD_END
