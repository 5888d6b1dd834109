"""/v1/exchange: exchange rates: dated, told once, never changed; and which one applies on a day."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from msgspec import Meta

from everycent.api.operation import Asked, changing, reading
from everycent.api.shapes import Amount, Body, Currency, Page, Paged, Query, Shown
from everycent.catalog import queries as catalog
from everycent.db.connection import Tx
from everycent.exchange import operations, queries
from everycent.exchange.lookup import Wanted, rule_of
from everycent.exchange.rate import Told, parse_pair
from everycent.exchange.shown import exchange_data, rate_data
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Invalid

_MOST_RATES = 5_000
_MOST_DIGITS = 18

Pair = Annotated[
    str,
    Meta(
        max_length=40,
        description="Two currencies: how many of the second one of the first costs.",
        examples=["EUR/USD"],
    ),
]


class ExchangeRate(Shown):
    """A rate that was told."""

    number: Annotated[int, Meta(description="The how manieth that was told, from 1 on.")]
    pair: Pair
    on: Annotated[str, Meta(description="The day that it is of.")]
    rate: Amount
    source: str
    correction: Annotated[
        str | None, Meta(description="Why it stands in the place of the one before it.")
    ]
    recorded_at: str
    actor: str


class RateQuote(Shown):
    """A rate that an exchange is made of."""

    pair: Pair
    on: str
    rate: Amount
    source: str
    number: int


class Exchange(Shown):
    """How an amount of one currency becomes one of another."""

    of: Currency
    into: Currency
    day: str
    formula: Annotated[str, Meta(description="What is done with the amount.")]
    value: Annotated[Amount, Meta(description="What one of it comes to, to twelve places.")]
    quotes: list[RateQuote]


class ToldRates(Shown):
    """How many rates are new, how many stand in the place of others, and how many were known already."""

    added: int
    corrected: int
    unchanged: int


class RatesWanted(Paged):
    """Which rates are wanted."""

    pair: Pair | None = None
    since: Annotated[date | None, Meta(description="Of this day or later.")] = None
    until: Annotated[date | None, Meta(description="Of this day or earlier.")] = None


class ExchangeWanted(Query, kw_only=True):
    """Of what into what, and of which day; with USD/EUR from USD into EUR."""

    pair: Pair
    on: Annotated[date | None, Meta(description="Today (UTC) without it.")] = None


class NewRate(Body):
    """A rate: with EUR/USD how many USD one EUR costs."""

    pair: Pair
    on: Annotated[date, Meta(description="The day that it is of.")]
    rate: Amount


class NewRates(Body):
    """Rates to be told, all or none of them."""

    rates: Annotated[list[NewRate], Meta(min_length=1, max_length=_MOST_RATES)]
    source: Annotated[
        str, Meta(min_length=1, max_length=100, description="Who says so, such as ECB.")
    ]
    correction: Annotated[
        str,
        Meta(max_length=500, description="Why they stand in the place of what was told before."),
    ] = ""


def set_exchange_rates(tx: Tx, asked: Asked[Query, NewRates]) -> dict[str, int]:
    """Tells exchange rates. What is known already is passed over; another rate for the same pair and day is
    refused, unless a `correction` says why. What was billed by the one before stays as it is."""
    wanted = asked.body
    done = operations.set_rates(
        tx,
        [Told(parse_pair(one.pair), one.on, one.rate) for one in wanted.rates],
        wanted.source,
        correction=wanted.correction,
        at=asked.now,
        recorded_at=asked.now,
        actor=asked.who.actor,
        ids=asked.app.ids,
    )
    return done._asdict()


def list_exchange_rates(tx: Tx, asked: Asked[RatesWanted, None]) -> Page[dict[str, Any]]:
    """What was told, the newest day first, with every correction."""
    wanted = asked.query
    found = queries.listed(
        tx,
        None if wanted.pair is None else parse_pair(wanted.pair),
        since=wanted.since,
        until=wanted.until,
        limit=wanted.size + 1,
        after=_number(wanted.after),
    )
    return asked.page([rate_data(row) for row in found], lambda last: str(last["number"]))


def get_exchange(tx: Tx, asked: Asked[ExchangeWanted, None]) -> dict[str, Any]:
    """The exchange that applies on a day, by the tenant's policies: directly, backwards or over a third
    currency."""
    of, into = parse_pair(asked.query.pair)
    on = asked.query.on or local_date(asked.now, "UTC")
    rule = rule_of(catalog.policies(tx))
    return exchange_data(queries.exchange(tx, Wanted(of, into, on), rule))


OPERATIONS = [
    reading("/v1/exchange", "exchange:read", get_exchange, Exchange, ExchangeWanted),
    reading(
        "/v1/exchange/rates", "exchange:read", list_exchange_rates, Page[ExchangeRate], RatesWanted
    ),
    changing(
        "POST", "/v1/exchange/rates", "exchange:write", set_exchange_rates, ToldRates, NewRates
    ),
]


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS:
        return int(text)
    raise Invalid(
        "request.bad_parameter", "after is the number of a rate", field="after", value=text,
        hint="follow `next` of the page before",
    )  # fmt: skip
