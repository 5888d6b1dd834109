"""A part of the books as one text for hledger or Beancount, of a size that a server may hold."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.kernel.errors import Invalid
from everycent.ledger import export, queries

MOST_ENTRIES = 10_000
_WRITERS = {"hledger": export.hledger, "beancount": export.beancount}


class Exported(NamedTuple):
    """The text, and how many entries it has."""

    text: str
    entries: int


def exported(
    tx: Tx,
    form: str,
    start: datetime | None,
    end: datetime,
    zone: str,
    most: int = MOST_ENTRIES,
) -> Exported:
    """Entries from `start` on and before `end`, with the dates of a zone. Raises Invalid
    `ledger.export_too_large`."""
    found = queries.listed(tx, start=start, end=end, limit=most + 1)
    if len(found) > most:
        raise Invalid(
            "ledger.export_too_large",
            f"there are more than {most:,} entries",
            field="from",
            hint="take parts of the time, with `from` and `to`; `everycent books export` writes all of it",
        )
    whose = {leg.customer_id for one in found for leg in one.entry.postings}
    known = customers.by_ids(tx, [one for one in whose if one is not None])
    lines = _WRITERS[form](found, lambda one: known[one].key, zone)
    return Exported("".join(f"{line}\n" for line in lines), len(found))
