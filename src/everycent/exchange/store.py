"""Exchange rates in and out of the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from everycent.db import statements
from everycent.db.connection import Tx
from everycent.exchange.rate import Pair, Quote, Told
from everycent.kernel.quantity import plain

SQL = statements.beside(__file__)


class Known(NamedTuple):
    """The rate that holds for a pair and a day, and the how manieth it is."""

    rate: str
    source: str
    step: int


def lock(tx: Tx) -> None:
    """Serialises changes to the table of rates until the transaction ends."""
    tx.run(SQL["lock_rates"], {"tenant_id": tx.tenant_id})


def get_last_number(tx: Tx) -> int:
    """The number of the last rate that was told; 0 without any."""
    return int(tx.value(SQL["last_number"], {"tenant_id": tx.tenant_id}))


def find_known(tx: Tx, told: Sequence[Told]) -> dict[tuple[Pair, date], Known]:
    """What holds now for the pairs and days of some rates."""
    params = {
        "tenant_id": tx.tenant_id,
        "bases": [one.pair.base for one in told],
        "quotes": [one.pair.quote for one in told],
        "days": [one.on for one in told],
    }
    return {
        (Pair(base, quote), day): Known(plain(rate), source, step)
        for base, quote, day, rate, source, step in tx.tuples(SQL["known"], params)
    }


def list_quotes(tx: Tx, pairs: Sequence[Pair], first: date, last: date, upto: int) -> list[Quote]:
    """The rates of pairs for the days from first to last, and of each pair the newest one before."""
    params = {
        "tenant_id": tx.tenant_id,
        "bases": [pair.base for pair in pairs],
        "quotes": [pair.quote for pair in pairs],
        "first": first,
        "last": last,
        "upto": upto,
    }
    return [
        Quote(base, quote, day, plain(rate), source, number)
        for base, quote, day, rate, source, number in tx.tuples(SQL["quotes"], params)
    ]


def list_rates(
    tx: Tx,
    pair: Pair | None,
    since: date | None,
    until: date | None,
    limit: int,
    after: int | None = None,
) -> list[Any]:
    """Rates with their corrections, the newest day first, of those after one."""
    base, quote = (None, None) if pair is None else pair
    params = {
        "tenant_id": tx.tenant_id, "base": base, "quote": quote, "since": since, "until": until,
        "after": after, "limit": limit,
    }  # fmt: skip
    return tx.rows(SQL["list_rates"], params)


def list_violations(tx: Tx) -> list[str]:
    """Rates that break the order, at most a hundred."""
    return [row[0] for row in tx.tuples(SQL["broken_rates"], {"tenant_id": tx.tenant_id})]
