"""The date that a policy gives an invoice: docs/contracts.md, to the letter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from everycent.recount.clock import DAY, clock_of, day_of, days_of, instant
from everycent.recount.sold import Plain


def policy_date(invoice: Plain, contracts: Mapping[int, Plain]) -> date | None:
    """The date, from the contract of each line by its number; None: the day of the billing run."""
    by = invoice.get("policies", {}).get("invoice.date", "run")
    if by == "run" or (invoice["gross"] - invoice.get("prepaid", 0), invoice["gross"]) < (0, 0):
        return None
    days = []
    for line in invoice["lines"]:
        if line.get("corrects") is not None:
            continue
        start, end = instant(line["starts_at"]), instant(line["ends_at"])
        clock = clock_of(contracts[line["line_no"]]["zone"])
        if line["charge"]["price"].get("in_advance", False):
            days.append(day_of(start, clock))
        else:
            last = days_of(start, end, clock)[-1]
            days.append(last if by == "last_day" else last + DAY)
    return max(days, default=None)
