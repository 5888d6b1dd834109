"""Who pays for a line: docs/contracts.md, to the letter."""

from __future__ import annotations

from everycent.recount.clock import MICROSECOND, instant
from everycent.recount.sold import Plain


def payer_of(line: Plain, contract: Plain) -> str:
    """The customer who pays on the first day of a period in advance, or on the last of another one; the one
    who agreed to the contract, unless somebody else is told last up to then."""
    at = instant(line["ends_at"]) - MICROSECOND
    if line["charge"]["price"].get("in_advance", False):
        at = instant(line["starts_at"])
    payer = None
    for told in sorted(contract["payers"], key=lambda told: instant(told["starts_at"])):
        if instant(told["starts_at"]) <= at:
            payer = told["payer_id"]
    return str(payer or contract["customer_id"])
