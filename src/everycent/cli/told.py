"""What options of contracts say in place of the plan: quantities, prices, a term, a version."""

from __future__ import annotations

from collections.abc import Sequence

from everycent.catalog import own_term
from everycent.catalog.own_price import parse
from everycent.kernel.errors import Invalid
from everycent.subscriptions.told import Told


def told_of(
    quantities: tuple[str, ...],
    prices: tuple[str, ...],
    term: str | None = None,
    version: int | None = None,
) -> Told:
    """What options say in place of the plan."""
    terms = {key: parse(text, f"price.{key}") for key, text in pairs(prices, "price").items()}
    own = None if term is None else own_term.parse(term, "term")
    return Told(pairs(quantities, "quantity"), terms, term=own, version=version)


def pairs(texts: Sequence[str], field: str) -> dict[str, str]:
    """KEY=TEXT by key. Raises Invalid `subscription.no_pair`."""
    found: dict[str, str] = {}
    for text in texts:
        key, is_pair, value = text.partition("=")
        if not is_pair or not key or key in found:
            raise Invalid(
                "subscription.no_pair",
                f"{text[:80]!r} is not PRICE=… with a price that is named once",
                field=field,
                value=text[:200],
                hint="such as seats=12, or 'fee=flat: {amount: \"8.50\"}' for a price",
            )
        found[key] = value
    return found
