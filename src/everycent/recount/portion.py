"""Which part of a full period a line is for, as its contract stands."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from everycent.recount.clock import instant
from everycent.recount.difference import Differences
from everycent.recount.price import is_fee
from everycent.recount.proration import Part, part_of
from everycent.recount.sold import Plain


class Portion(NamedTuple):
    """The part of a full period that is billed, by which rule; whether its minimum is left to a later
    one, and whether a change of the contract follows."""

    part: Part
    rule: Plain
    is_open: bool = False
    is_followed: bool = False


def portion_of(line: Plain, contract: Plain | None, found: Differences) -> Portion:
    """By the calendar, where the contract is known.

    A phase may have got another end since the line was made. What follows on the line is not known then,
    and of the two possibilities the one counts by which it is right.
    """
    charge = line["charge"]
    told, is_open = charge.get("share"), charge.get("is_open", False)
    rule = charge.get("proration", {})
    if contract is None:
        return Portion(Part(*(told or (1, 1))), rule, is_open)
    start, end = instant(line["starts_at"]), instant(line["ends_at"])
    flags = [True, False]
    if contract.get("ends_at") is not None and instant(contract["ends_at"]) == end:
        flags = [contract.get("is_followed", False)]
    every = [_possible(charge, contract, start, end, is_followed=flag) for flag in flags]
    right = [
        each for each in every
        if (_told(charge, each), each.is_open) == (None if told is None else tuple(told), is_open)
    ]  # fmt: skip
    made = (right or every)[-1]
    shown = None if told is None else tuple(told)
    found.compare_texts("the share of the period", shown, _told(charge, made))
    found.compare_texts("whether its minimum comes later", is_open, made.is_open)
    is_told = _told(charge, made) is not None or made.is_open
    found.compare_texts("the rule of proration", rule, made.rule if is_told else {})
    return made


def is_agreed(charge: Plain) -> bool:
    """Whether the quantity is agreed and not metered."""
    quantity = charge.get("quantity")
    return quantity is not None and not quantity["parts"] and quantity.get("expression") is None


def _possible(
    charge: Plain, contract: Plain, start: datetime, end: datetime, *, is_followed: bool
) -> Portion:
    part = part_of(contract, start, end, is_followed=is_followed)
    rule = contract.get("rule", {})
    has_minimum = charge["price"].get("minimum") is not None
    is_open = part.goes_on and has_minimum and rule.get("minimum") == "last_part"
    return Portion(part, rule, is_open, is_followed)


def _told(charge: Plain, made: Portion) -> tuple[int, int] | None:
    """How the share stands in a line: only where it plays a part."""
    terms = charge["price"]
    of = terms["scheme"] if terms["scheme"]["type"] == "commitment" else terms
    limits = [of.get("minimum"), of.get("maximum")]
    has_share = is_fee(terms, is_agreed=is_agreed(charge)) or (
        terms.get("prorate_limits", True) and limits != [None, None]
    )
    is_part = made.part.units != made.part.whole
    return (made.part.units, made.part.whole) if has_share and is_part else None
