"""What coupons take off the lines of an invoice, one after the other: docs/discounts.md, to the letter.
Amounts are minor units, as prices are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from everycent.recount.difference import Differences
from everycent.recount.exact import ZERO, CannotRecountError, rounded, shared_out
from everycent.recount.sold import Plain, Sold


def discounts(
    invoice: Plain, lines: Sequence[Sold], found: Differences
) -> tuple[dict[int, int], dict[int, Fraction]]:
    """What coupons take off each line, in whole units and exactly; tells `found` what each one took
    otherwise."""
    policies = invoice.get("policies", {})
    split = policies.get("discount.split", "largest_remainder")
    left = {line.line_no: Fraction(line.amount) for line in lines}
    discounts = invoice.get("discounts", ())
    found.compare_texts(
        "the order of the coupons",
        [d["coupon"].get("priority", 100) for d in discounts],
        sorted(d["coupon"].get("priority", 100) for d in discounts),
    )
    sums = []
    for place, discount in enumerate(discounts, start=1):
        here = found.within(f"discount {place}")
        total, shares = _shares(discount, lines, left, split, here)
        for number, share in shares.items():
            left[number] -= share
        sums.append(sum(shares.values(), ZERO))
        if split != "exact":
            here.compare("the amount in minor units", discount["amount"], total)
        if discount.get("available") is not None:
            if discount.get("use_no") == 1:
                whole = Fraction(discount["coupon"]["amount"]) * 10 ** invoice["places"]
                here.compare("what is available in minor units", discount["available"], whole)
            is_carried = policies.get("discount.rest", "lost") == "carried"
            rest = discount["available"] - discount["amount"] if is_carried else 0
            here.compare("the rest in minor units", discount.get("rest", 0), Fraction(rest))
    exact = {line.line_no: line.amount - left[line.line_no] for line in lines}
    if split != "exact":
        return {number: int(share) for number, share in exact.items()}, exact
    total = rounded(sum(exact.values(), ZERO), 0, "half_up")
    for place, (discount, own) in enumerate(
        zip(discounts, shared_out(int(total), sums), strict=True), start=1
    ):
        here = found.within(f"discount {place}")
        here.compare("the amount in minor units", discount["amount"], Fraction(own))
    return _rounded_once(int(total), lines, exact), exact


def _shares(
    discount: Plain,
    lines: Sequence[Sold],
    left: Mapping[int, Fraction],
    split: str,
    found: Differences,
) -> tuple[Fraction, dict[int, Fraction]]:
    """What a coupon takes in all, and of each line that it reaches."""
    told = {share["line_no"]: share["amount"] for share in discount["shares"]}
    reached = [line for line in lines if line.line_no in told]
    if any(line.corrects or line.amount <= 0 for line in reached) or len(reached) != len(told):
        raise CannotRecountError("a coupon reaches a line that none may reach")
    base = sum((left[line.line_no] for line in reached), ZERO)
    found.compare("the base in minor units", discount["base"], base)
    percent = discount["coupon"].get("percent")
    total = min(Fraction(discount.get("available") or 0), base)
    if percent is not None:
        total = base * Fraction(percent) / 100
    own = [total * left[line.line_no] / base if base else ZERO for line in reached]
    amount = rounded(total, 0, "half_up")
    if split == "per_line" and percent is not None:
        own = [rounded(share, 0, "half_up") for share in own]
        amount = sum(own, ZERO)
    elif split != "exact":
        own = [Fraction(share) for share in shared_out(int(amount), own)]
    shares = {line.line_no: share for line, share in zip(reached, own, strict=True)}
    for number, share in shares.items():
        found.compare(f"the share of line {number}", told[number], share)
    return amount, shares


def _rounded_once(
    total: int, lines: Sequence[Sold], exact: Mapping[int, Fraction]
) -> dict[int, int]:
    """Whole units of an exact split: to the lines that are taxed alike, then to each of those."""
    alike: dict[Any, list[int]] = {}
    for line in lines:
        alike.setdefault((line.rates, line.has_tax), []).append(line.line_no)
    sums = [sum((exact[number] for number in own), ZERO) for own in alike.values()]
    whole: dict[int, int] = {}
    for own, amount in zip(alike.values(), shared_out(total, sums), strict=True):
        shares = shared_out(amount, [exact[number] for number in own])
        whole |= dict(zip(own, shares, strict=True))
    return whole
