"""Policies: the rules on which billing systems disagree, each a named option with a default.

A catalogue file may set any of them under `policies`; what it leaves out has its default. What an
invoice was made by is frozen in it, and how a wallet is drawn when it is opened. docs/policies.md is
made from this table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from everycent.kernel import currency
from everycent.kernel.money import Rounding


class Open(NamedTuple):
    """Values of a policy that are not listed one by one: what they look like, what they mean, and whether
    a text is one."""

    looks: str
    told: str
    is_one: Callable[[str], bool]


class Option(NamedTuple):
    """A policy: its name, what it decides, and its values with what each means, the default first."""

    name: str
    told: str
    values: Mapping[str, str]
    others: Open | None = None

    @property
    def default(self) -> str:
        """The value where none is set."""
        return next(iter(self.values))

    def takes(self, value: str) -> bool:
        """Whether it can be set to this value."""
        return value in self.values or (self.others is not None and self.others.is_one(value))

    @property
    def choices(self) -> str:
        """What it can be set to, in words."""
        more = "" if self.others is None else f", or such as {self.others.looks}"
        return ", ".join(self.values) + more


SPLIT = "discount.split"
REST = "discount.rest"
LEVEL = "tax.rounding_level"
MODE = "tax.rounding_mode"
STEP = "tax.rounding_step"
ORDER = "credits.order"
BEFORE_TAX = "credits.before_tax"
CARRY_OVERAGE = "credits.carry_overage"
HOME = "currency.home"
CONVERSION = "currency.conversion"
CONVERSION_DAY = "currency.conversion_day"
EXCHANGE_DAY = "exchange.day"
MAX_AGE = "exchange.max_age_days"
DERIVED = "exchange.derived"
BASE = "exchange.base"
EXCHANGE_ROUNDING = "exchange.rounding"
DATE = "invoice.date"
GRACE = "invoice.grace_days"

RECOUNT = "billing.recount"

MINOR_UNIT = "minor_unit"
STOP = "stop"
NO_HOME = "none"
RUN_DAY = "run"
NEXT_DAY = "next_day"
LAST_DAY = "last_day"

_CODES = frozenset(currency.codes())
_DAYS = re.compile(r"0|[1-9][0-9]{0,3}", re.ASCII)
_FEW_DAYS = re.compile(r"0|[1-9][0-9]?", re.ASCII)


def _is_days(text: str) -> bool:
    return _DAYS.fullmatch(text) is not None


def _is_few_days(text: str) -> bool:
    return _FEW_DAYS.fullmatch(text) is not None


_ROUNDINGS = {
    Rounding.HALF_UP.value: "To the nearest; halves away from zero.",
    Rounding.HALF_EVEN.value: "To the nearest; halves to the even digit.",
    Rounding.HALF_DOWN.value: "To the nearest; halves towards zero.",
    Rounding.UP.value: "Away from zero.",
    Rounding.DOWN.value: "Towards zero.",
    Rounding.CEILING.value: "To the next higher.",
    Rounding.FLOOR.value: "To the next lower.",
}

OPTIONS = (
    Option(
        SPLIT,
        "How what a coupon takes off is spread over the lines that it reaches.",
        {
            "largest_remainder": "In whole cents that add up to the coupon's amount; a coupon takes"
            " its part of the whole cents that the one before it left.",
            "exact": "In exact fractions from coupon to coupon; rounded once, where a tax's base is"
            " made, and the cents given to lines by largest remainder.",
            "per_line": "A percentage is rounded on each line alone; the sum may be some cents off"
            " the percentage of the sum. Fixed amounts by largest remainder.",
        },
    ),
    Option(
        REST,
        "What becomes of the rest when a fixed coupon is more than the lines it reaches.",
        {
            "lost": "It is lost.",
            "carried": "It is taken off the next invoices, until it is used up; that does not count"
            " as using the coupon once more.",
        },
    ),
    Option(
        LEVEL,
        "What is added up before a tax is rounded.",
        {
            "rate": "Each category and rate on the sum of its lines (EN 16931, BR-CO-17).",
            "line": "Each tax of each line.",
            "tax": "Each category over all of its rates.",
            "invoice": "All taxes of the invoice together.",
        },
    ),
    Option(
        MODE,
        "How a tax is rounded whose category says nothing about it (`rounding`).",
        _ROUNDINGS,
    ),
    Option(
        STEP,
        "Of what a tax is a multiple, in major units of the invoice's currency.",
        {
            MINOR_UNIT: "The smallest unit of the currency.",
            "0.01": "A hundredth.",
            "0.02": "Two hundredths.",
            "0.05": "Five hundredths.",
            "0.10": "A tenth.",
            "0.25": "A quarter.",
            "0.50": "A half.",
            "1.00": "A whole unit.",
            "10.00": "Ten units.",
        },
    ),
    Option(
        ORDER,
        "Which grant of a wallet pays first. A wallet keeps what held when it was opened.",
        {
            "priority_then_expiry": "The lowest priority number; then what expires first, and what"
            " never does last; then what came in first.",
            "priority_then_received": "The lowest priority number, then what came in first.",
        },
    ),
    Option(
        BEFORE_TAX,
        "What of an invoice a wallet pays. A wallet keeps what held when it was opened.",
        {
            "false": "The invoice with its taxes, as any other payment does.",
            "true": "Lines before taxes, and the taxes are on what is left.",
        },
    ),
    Option(
        CARRY_OVERAGE,
        "What becomes of use that no grant pays. `everycent wallet try` tries other ways out.",
        {"never": "It is owed in money, on the invoice that bills it."},
    ),
    Option(
        HOME,
        "The currency in which a document in another one says its net, taxes and gross as well.",
        {NO_HOME: "Documents are in the customer's currency only."},
        Open(
            "EUR",
            "A code of ISO 4217: that of the country to which the taxes are paid (Directive"
            " 2006/112/EC, article 230).",
            _CODES.__contains__,
        ),
    ),
    Option(
        EXCHANGE_DAY,
        "The day whose exchange rate a document takes for its amounts in the home currency.",
        {
            "issue": "The date of the document; with an `invoice.date` of its own, the day of the billing"
            " run.",
            "supply": "The last day of supply among its lines: the last day of a line's period, or the"
            " first where it is billed in advance.",
            "due": "The customer's day on which its charges fell due.",
        },
    ),
    Option(
        EXCHANGE_ROUNDING,
        "How an amount in the home currency is rounded: each once, to that currency's smallest unit.",
        _ROUNDINGS,
    ),
    Option(
        MAX_AGE,
        "How old an exchange rate may be on the day for which it is asked.",
        {"7": "Up to 7 days: longer than any holidays for which the ECB publishes none."},
        Open("0", "Up to so many days, at most 9999; 0 is that very day.", _is_days),
    ),
    Option(
        DERIVED,
        "Which exchange rates may be worked out of others.",
        {
            "inverse": "Where only EUR/USD is told, 1 USD is 1 ÷ that rate in EUR.",
            "none": "None: only a rate that was told for the pair in this direction counts.",
            "cross": "The inverse, and over a third currency (`exchange.base`): both rates of the same"
            " day.",
        },
    ),
    Option(
        BASE,
        "The third currency over which exchange rates are worked out (`exchange.derived: cross`).",
        {"EUR": "That of the tables of the European Central Bank."},
        Open("USD", "Another code of ISO 4217.", _CODES.__contains__),
    ),
    Option(
        CONVERSION,
        "What becomes of a contract in a currency in which its plan has no prices. A plan may say it"
        " for itself (`conversion`).",
        {
            "refused": "There can be none.",
            "converted": "What the plan's own prices come to is converted, line by line.",
        },
    ),
    Option(
        CONVERSION_DAY,
        "The day whose exchange rate converts a line's amount.",
        {
            "supply": "Its day of supply: the last day of the period, or the first where it is billed in"
            " advance.",
            "start": "The first day of the period.",
            "issue": "The date that the billing run gives its documents.",
        },
    ),
    Option(
        GRACE,
        "For how many days after its end a period stays open for late usage before a billing run bills it.",
        {"0": "None: a run bills every period that has ended."},
        Open(
            "2",
            "Up to so many whole days, at most 99, on the contract's clock: with 2, October is billed by a"
            " run as of 3 November. What falls due at the same instant waits with it.",
            _is_few_days,
        ),
    ),
    Option(
        DATE,
        "The date of [an invoice](contracts.md#the-date-of-an-invoice). A credit note has the day of the"
        " billing run.",
        {
            RUN_DAY: "The day of the billing run.",
            NEXT_DAY: "The first day after the period that it bills; the first day of what is billed in"
            " advance. The latest of its lines.",
            LAST_DAY: "The last day of the period that it bills; the first day of what is billed in"
            " advance. The latest of its lines.",
        },
    ),
    Option(
        RECOUNT,
        "Whether the billing run counts every invoice again with a second engine (docs/recount.md).",
        {
            "off": "Only where the run is told to (`--recount`).",
            STOP: "Before it is issued, and one that differs is stopped: its customer is parked.",
        },
    ),
)
"""Every policy there is."""

BY_NAME = {option.name: option for option in OPTIONS}
_USUAL = {option.name: option.default for option in OPTIONS}


class Policies(msgspec.Struct, frozen=True, omit_defaults=True):
    """The values that a tenant's catalogue sets, by name."""

    values: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, _USUAL[name])

    def used(self, *names: str) -> dict[str, str]:
        """The values of the named ones, defaults written out: to be frozen where they were used."""
        return {name: self.values.get(name, _USUAL[name]) for name in names}


DEFAULTS = Policies()
OF_TENANT = "tenant"
"""The key under which a tenant's policies are in the catalogue."""
