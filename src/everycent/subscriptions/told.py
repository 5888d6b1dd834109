"""What a contract says in the place of its plan: quantities, prices of its own, a term of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from everycent.catalog.document_schemes import TermsShape
from everycent.catalog.document_sources import bounds_text, within
from everycent.catalog.document_term import TermShape, term
from everycent.catalog.own_price import own_price
from everycent.catalog.plan import Item, Plan
from everycent.catalog.price import Price
from everycent.catalog.term import Term
from everycent.kernel import calendar
from everycent.kernel.calendar import Interval
from everycent.kernel.errors import Invalid
from everycent.kernel.quantity import parse_decimal, plain
from everycent.subscriptions.timeline import Course

_DAY = Interval(0, 1)


class Told(NamedTuple):
    """Quantities by key of the price, and by key what stands in place of the plan's prices: their terms, or
    prices that go on. With `sells_again` False nothing is sold once more that the plan sells once. `term`
    stands in place of the plan's, or goes on; or the contract goes on as one that `has_no_term`. `version`
    is the plan's, where it is not the newest."""

    quantities: Mapping[str, str] = {}
    prices: Mapping[str, Price | TermsShape] = {}
    sells_again: bool = True
    term: TermShape | Term | None = None
    version: int | None = None
    has_no_term: bool = False

    @property
    def begins_term(self) -> bool:
        """Whether a term begins with it, even where another one runs."""
        return isinstance(self.term, TermShape)


NOTHING_TOLD = Told()


def courses(plan: Plan, told: Told) -> tuple[Course, ...]:
    """The courses of the plan's prices that have one of their own.

    Raises Invalid `subscription.price_unknown`, `subscription.quantity`.
    """
    items = {item.price.key: item for item in plan.items}
    quantities = {
        key: _checked(_known(plan, items, key, f"quantities.{key}"), text)
        for key, text in told.quantities.items()
    }
    return tuple(
        _course(plan, item, quantities.get(key))
        for key, item in items.items()
        if item.has_course and (told.sells_again or not item.price.is_once)
    )


def own_prices(plan: Plan, told: Told) -> dict[str, Price]:
    """The prices in place of the plan's. Raises Invalid `subscription.price_unknown`."""
    items = {item.price.key: item for item in plan.items}
    return {
        key: given
        if isinstance(given, Price)
        else own_price(_known(plan, items, key, "price"), given, f"price.{key}")
        for key, given in sorted(told.prices.items())
        if not isinstance(given, Price) or key in items
    }


def own_term(plan: Plan, told: Told) -> Term | None:
    """The term of the contract: the plan's, or what is told in its place. Raises Invalid."""
    if isinstance(told.term, TermShape):
        return term(told.term, "term", plan.term)
    return None if told.has_no_term else told.term or plan.term


def agreed_quantity(plan: Plan, price_key: str, text: str) -> str:
    """A quantity that may be agreed of a price. Raises as `courses`."""
    items = {item.price.key: item for item in plan.items}
    return _checked(_known(plan, items, price_key, f"quantities.{price_key}"), text)


def _known(plan: Plan, items: Mapping[str, Item], key: str, field: str) -> Item:
    found = items.get(key)
    if found is None:
        raise Invalid(
            "subscription.price_unknown",
            f"plan {plan.key} has no price {key!r}",
            field=field,
            value=key,
            hint=f"its prices are {', '.join(items)}",
        )
    return found


def _checked(item: Item, text: str) -> str:
    key = item.price.key
    if item.agreed is None:
        why = "its quantity is metered" if item.measure is not None else "it has none"
        raise Invalid(
            "subscription.quantity",
            f"no quantity of {key} can be agreed: {why}",
            field=f"quantities.{key}",
            value=key,
        )
    value = plain(parse_decimal(text, f"quantities.{key}"))
    if not within(item.agreed, value):
        raise Invalid(
            "subscription.quantity",
            f"{value} {item.agreed.unit} of {key} can't be agreed: it has to be {bounds_text(item.agreed)}",
            field=f"quantities.{key}",
            value=value,
            hint=f"agree on a quantity that is {bounds_text(item.agreed)}, or change the plan's limits",
        )
    return value


def _course(plan: Plan, item: Item, quantity: str | None) -> Course:
    price = item.price
    interval = calendar.parse_interval(price.interval or plan.interval)
    if price.is_once:
        interval = _DAY
    found = Course(price.key, interval.months, interval.days, price.is_once)
    if item.agreed is None:
        return found
    agreed = item.agreed
    return msgspec.structs.replace(
        found, is_agreed=True, quantity=quantity, usual=agreed.quantity, least=agreed.least,
        most=agreed.most,
    )  # fmt: skip
