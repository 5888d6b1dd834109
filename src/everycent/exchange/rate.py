"""Rates as they are told, and an exchange: how an amount of one currency becomes one of another.

    1 EUR = 1.0842 USD of 2 March 2026

is the quote EUR/USD: one unit of its `base` costs `rate` units of its `quote`. All numbers are exact
decimals; an exchange multiplies or divides, and nobody rounds before the amount is there.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec

from everycent.journal.types import EventType
from everycent.kernel import currency as currencies
from everycent.kernel.errors import Broken, Invalid
from everycent.kernel.quantity import parse_decimal, plain

_PAIR = re.compile(r"([A-Z]{3})/([A-Z]{3})", re.ASCII)
_LARGEST = Decimal(10) ** 12
_MAX_SOURCE = 100
_MAX_REASON = 500
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)


class Pair(NamedTuple):
    """Two currencies, such as EUR/USD: how many of the second one of the first costs."""

    base: str
    quote: str

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}"


class Told(NamedTuple):
    """A rate that somebody tells: of a pair on a day, as exact text."""

    pair: Pair
    on: date
    rate: str


class Dated(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rate in an event: for a day, and the how manieth that is told for it (1, unless it corrects)."""

    on: date
    rate: str
    step: int = 1


class RatesSet(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rates of a pair that somebody told, numbered from `first_number` on in the tenant's table; why they
    stand in the place of others, where they do."""

    base: str
    quote: str
    source: str
    first_number: int
    rates: tuple[Dated, ...]
    reason: str = ""


SET = EventType("exchange.rates_set", 1, RatesSet)


class Quote(msgspec.Struct, frozen=True):
    """A rate of the table: 1 `base` = `rate` `quote` on a day, and the number under which it was told."""

    base: str
    quote: str
    on: date
    rate: str
    source: str
    number: int

    @property
    def pair(self) -> Pair:
        """Its two currencies."""
        return Pair(self.base, self.quote)

    def __str__(self) -> str:
        return f"1 {self.base} = {self.rate} {self.quote}"


class Exchange(msgspec.Struct, frozen=True):
    """How an amount `of` one currency becomes one `into` another: by the quotes one after the other, each
    forwards (×) or backwards (÷). `day` is the day for which a rate was asked; the quotes may be older."""

    of: str
    into: str
    day: date
    quotes: tuple[Quote, ...]


def factor(exchange: Exchange) -> Fraction:
    """What an amount is multiplied by, exactly. Raises Broken `exchange.broken_chain` when the quotes don't
    lead from one currency to the other."""
    at, found = exchange.of, Fraction(1)
    for quote in exchange.quotes:
        if quote.base == at:
            at, found = quote.quote, found * Fraction(quote.rate)
        elif quote.quote == at:
            at, found = quote.base, found / Fraction(quote.rate)
        else:
            at = ""
    if at != exchange.into:
        raise Broken(
            "exchange.broken_chain",
            f"{', '.join(map(str, exchange.quotes))} don't lead from {exchange.of} to {exchange.into}",
        )
    return found


def formula(exchange: Exchange) -> str:
    """What is done with an amount, as people write it: '÷ 1.0842 × 4.2310'."""
    at, told = exchange.of, []
    for quote in exchange.quotes:
        forwards = quote.base == at
        at = quote.quote if forwards else quote.base
        told.append(f"{'×' if forwards else '÷'} {quote.rate}")
    return " ".join(told)


def told(exchange: Exchange) -> str:
    """The quotes with their days and sources: '1 EUR = 1.0842 USD of 2026-03-02 (ECB)'."""
    return ", ".join(f"{quote} of {quote.on} ({quote.source})" for quote in exchange.quotes)


def parse_pair(text: str, field: str = "pair") -> Pair:
    """Two currencies out of 'EUR/USD'. Raises Invalid `exchange.bad_pair`, `currency.unknown`."""
    match = _PAIR.fullmatch(text)
    if match is None or match[1] == match[2]:
        raise Invalid(
            "exchange.bad_pair",
            f"{text[:40]!r} is not a pair of two currencies",
            field=field,
            value=text,
            hint="write it like EUR/USD: how many USD one EUR costs",
        )
    for code in match.groups():
        currencies.exponent(code)
    return Pair(match[1], match[2])


def checked(told: Told) -> Told:
    """The rate when it can be one, as its shortest text. Raises Invalid `exchange.bad_rate`,
    `exchange.day_out_of_range`, and what numbers raise."""
    value = parse_decimal(told.rate, "rate")
    if not 0 < value <= _LARGEST:
        raise Invalid(
            "exchange.bad_rate",
            f"{told.rate} can't be a rate of {told.pair}: it is above 0 and at most 10^12",
            field="rate",
            value=told.rate,
        )
    if not _FIRST_DAY <= told.on <= _LAST_DAY:
        raise Invalid(
            "exchange.day_out_of_range",
            f"{told.on} is not between the years 1970 and 2199",
            field="on",
            value=told.on,
        )
    return told._replace(rate=plain(value))


def check_texts(source: str, reason: str) -> None:
    """Refuses a source or a reason that can't be printed. Raises Invalid `exchange.bad_text`."""
    for field, text, least, most in (
        ("source", source, 1, _MAX_SOURCE),
        ("reason", reason, 0, _MAX_REASON),
    ):
        if not least <= len(text) <= most or not (text.isprintable() and text == text.strip()):
            raise Invalid(
                "exchange.bad_text",
                f"a {field} has {least} to {most} visible characters",
                field=field,
                value=text,
            )
