"""Rates and exchanges as programs get them, on the command line and over HTTP."""

from __future__ import annotations

from typing import Any

from everycent.exchange.rate import Exchange, factor, formula
from everycent.kernel.period import instant_text
from everycent.kernel.quantity import as_decimal, plain

_PLACES = 12


def rate_data(row: Any) -> dict[str, Any]:
    """A rate that was told; `correction` says why it stands in the place of another one."""
    return {
        "number": row.number,
        "pair": f"{row.base}/{row.quote}",
        "on": row.day.isoformat(),
        "rate": plain(row.rate),
        "source": row.source,
        "correction": row.reason if row.step > 1 else None,
        "recorded_at": instant_text(row.recorded_at),
        "actor": row.actor,
    }


def exchange_data(found: Exchange) -> dict[str, Any]:
    """What applies on a day, and the rates that it was made of."""
    return {
        "of": found.of,
        "into": found.into,
        "day": found.day.isoformat(),
        "formula": formula(found),
        "value": plain(as_decimal(factor(found), _PLACES)),
        "quotes": [
            {
                "pair": str(quote.pair),
                "on": quote.on.isoformat(),
                "rate": quote.rate,
                "source": quote.source,
                "number": quote.number,
            }
            for quote in found.quotes
        ],
    }
