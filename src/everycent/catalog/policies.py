"""Policies: the rules on which billing systems disagree, each a named option with a default.

A catalogue file may set any of them under `policies`; what it leaves out has its default. What an
invoice was made by is frozen in it, and how a wallet is drawn when it is opened. docs/policies.md is
made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from everycent.kernel.money import Rounding


class Option(NamedTuple):
    """A policy: its name, what it decides, and its values with what each means, the default first."""

    name: str
    told: str
    values: Mapping[str, str]

    @property
    def default(self) -> str:
        """The value where none is set."""
        return next(iter(self.values))


SPLIT = "discount.split"
REST = "discount.rest"
LEVEL = "tax.rounding_level"
MODE = "tax.rounding_mode"
STEP = "tax.rounding_step"
ORDER = "credits.order"
BEFORE_TAX = "credits.before_tax"
CARRY_OVERAGE = "credits.carry_overage"

MINOR_UNIT = "minor_unit"

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
        {
            Rounding.HALF_UP.value: "To the nearest; halves away from zero.",
            Rounding.HALF_EVEN.value: "To the nearest; halves to the even digit.",
            Rounding.HALF_DOWN.value: "To the nearest; halves towards zero.",
            Rounding.UP.value: "Away from zero.",
            Rounding.DOWN.value: "Towards zero.",
            Rounding.CEILING.value: "To the next higher.",
            Rounding.FLOOR.value: "To the next lower.",
        },
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
)
"""Every policy there is."""

BY_NAME = {option.name: option for option in OPTIONS}


class Policies(msgspec.Struct, frozen=True, omit_defaults=True):
    """The values that a tenant's catalogue sets, by name."""

    values: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, BY_NAME[name].default)

    def used(self, *names: str) -> dict[str, str]:
        """The values of the named ones, defaults written out: to be frozen where they were used."""
        return {name: self[name] for name in names}


DEFAULTS = Policies()
OF_TENANT = "tenant"
"""The key under which a tenant's policies are in the catalogue."""
