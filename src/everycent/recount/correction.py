"""What a line adds to its invoice that corrects an earlier one: docs/contracts.md and docs/proration.md, to
the letter. Amounts are minor units."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from everycent.recount.clock import instant
from everycent.recount.difference import Differences
from everycent.recount.exact import factor, rounded
from everycent.recount.portion import Portion
from everycent.recount.proration import given_back, part_of
from everycent.recount.sold import Plain


class Made(NamedTuple):
    """A charge as it is right: its price in major units, the part of a period that it is for, and the net
    in minor units."""

    amount: Fraction
    portion: Portion
    minor: int


def corrected(
    line: Plain, contract: Plain | None, made: Made, invoice: Plain, found: Differences
) -> int:
    """The charge, less what was charged for the period before, or what the contract's rule gives back of
    that. What was charged is taken as it stands."""
    corrects = line["corrects"]
    back = corrects.get("given_back")
    if contract is not None:
        right = _given_back(line, contract, made, invoice)
        found.compare_texts("what is given back", back, right)
        back = right
    return limited(corrects, int(made.minor - corrects["charged"] if back is None else -back))


def limited(corrects: Plain, amount: int) -> int:
    """No more is given back of a period than credit notes over its lines have left of what was charged;
    what they took off is taken as it stands."""
    credited = corrects.get("credited", 0)
    return max(amount, -max(0, corrects["charged"] - credited)) if credited else amount


def _given_back(line: Plain, contract: Plain, made: Made, invoice: Plain) -> int | None:
    """None for the difference to what was charged."""
    corrects, rule = line["corrects"], made.portion.rule
    was_until, end = instant(corrects["ends_at"]), instant(line["ends_at"])
    if end == was_until:
        return None
    start, price = instant(line["starts_at"]), line["charge"]["price"]
    was = part_of(contract, start, was_until, is_followed=made.portion.is_followed).share
    used = made.portion.part.share
    goes_on = [] if rule.get("round_per_line", True) else _going_on(line, invoice)
    if goes_on:
        after = goes_on[0]["charge"]
        exact = Fraction(after["amount"]) * Fraction(*after.get("share") or (1, 1))
        exact *= factor(after.get("exchange"), invoice["currency"])
        exact -= made.amount * (was - used)
        mode = after["price"]["amount_rounding"]
        both = int(rounded(exact * 10 ** invoice["places"], 0, mode))
        return int(max(0, min(after["net"] - both, corrects["charged"])))
    if rule.get("credit", "difference") == "difference":
        return None
    terms = {"credit": rule["credit"], "rounding": price["amount_rounding"]}
    charged: int = corrects["charged"]
    return given_back(terms, made.amount, charged, (was, used), invoice["places"])


def _going_on(line: Plain, invoice: Plain) -> list[Plain]:
    """The charge with which the same price goes on from the instant from which on it is given back."""
    return [
        other for other in invoice["lines"]
        if other.get("corrects") is None
        and other["subscription_id"] == line["subscription_id"]
        and other["charge"]["price"]["key"] == line["charge"]["price"]["key"]
        and instant(other["starts_at"]) == instant(line["ends_at"])
    ]  # fmt: skip
