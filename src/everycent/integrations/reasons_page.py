"""One self-contained HTML page of why records are billed or not: a bar for every reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from everycent.invoicing.reasons import Accounted, Reason

_TEMPLATES = Path(__file__).with_name("templates")
_WHOLE = 10_000
_SLIVER = 40


class Shown(NamedTuple):
    """A reason with its share of all: as a bar that all of them together would fill, and in words."""

    reason: Reason
    width: str
    share: str


def page(accounted: Accounted, title: str, as_of: str) -> str:
    """The page; `title` says whose usage it is, `as_of` when it was counted."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["apart"] = lambda number: f"{number:,}".replace(",", "\u202f")
    return environment.get_template("reasons.html").render(
        title=title,
        as_of=as_of,
        records=accounted.records,
        stored=_shown(accounted.stored),
        offered=_shown(accounted.offered),
        rejected=accounted.rejected,
        archived=_shown(accounted.archived),
    )


def _shown(reasons: Sequence[Reason]) -> list[Shown]:
    total = sum(reason.records for reason in reasons) or 1
    return [
        Shown(
            reason,
            # Ten records in a million are still to be seen.
            _percent(max(reason.records * _WHOLE // total, _SLIVER)),
            share_text(reason.records, total),
        )
        for reason in reasons
    ]


def share_text(records: int, total: int) -> str:
    """'12.3 %' of all; never 0 for some, and never 100 for less than all."""
    tenths = (records * 1000 * 2 + total) // (2 * total)
    if records and tenths == 0:
        return "< 0.1 %"
    if records < total and tenths == 1000:
        return "> 99.9 %"
    return f"{tenths // 10}.{tenths % 10} %"


def _percent(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}%"
