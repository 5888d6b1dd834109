"""Exchange rates made by hand."""

from datetime import date

from everycent.exchange.rate import Exchange, Quote

DAY = date(2026, 3, 2)


def quote(pair: str, rate: str, on: date = DAY, number: int = 1) -> Quote:
    """A rate of a pair such as 'EUR/USD'."""
    base, _, other = pair.partition("/")
    return Quote(base, other, on, rate, "ECB", number)


def exchange(of: str, into: str, *quotes: tuple[str, str]) -> Exchange:
    """An exchange by quotes as (pair, rate)."""
    return Exchange(of, into, DAY, tuple(quote(*told) for told in quotes))
