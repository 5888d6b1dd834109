"""/v1/ledger/export: entries as a plain-text journal that hledger or Beancount reads."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from everycent.api.ledger import span
from everycent.api.operation import Answer, Asked, reading
from everycent.api.shapes import Instant, Query, Shown, Zone
from everycent.db.connection import Tx
from everycent.flows.ledger_exported import exported
from everycent.kernel.period import instant_text

_PLAIN = "text/plain"
Format = Literal["hledger", "beancount"]


class ExportWanted(Query, kw_only=True):
    """Which entries are wanted, and for which program. `from` is included, `to` is not."""

    format: Format
    from_: Annotated[Instant | None, Meta(description="The first entry, without it.")] = field(
        default=None, name="from"
    )
    to: Annotated[Instant | None, Meta(description="Now, without it.")] = None
    zone: Annotated[Zone, Meta(description="Whose dates the entries carry.")] = "UTC"


class LedgerExport(Shown):
    """Entries as text; accounts and currencies are declared in it."""

    format: Format
    from_: Annotated[str | None, Meta(description="Null: from the first entry on.")] = field(
        name="from"
    )
    to: str
    entries: Annotated[int, Meta(description="How many.")]
    text: str


def export_ledger(tx: Tx, asked: Asked[ExportWanted, None]) -> Any:
    """Entries as a journal for hledger or Beancount, at most 10,000 at once. The text alone for whoever
    accepts text/plain. One that begins with `from` has no opening balances."""
    wanted = asked.query
    start, end = span(wanted.from_, wanted.to, wanted.zone)
    end = end or asked.now
    found = exported(tx, wanted.format, start, end, wanted.zone)
    if _PLAIN in asked.accepts:
        return Answer(found.text, 200, media=_PLAIN)
    return {
        "format": wanted.format,
        "from": None if start is None else instant_text(start),
        "to": instant_text(end),
        "entries": found.entries,
        "text": found.text,
    }


OPERATIONS = [
    reading(
        "/v1/ledger/export", "books:read", export_ledger, LedgerExport, ExportWanted,
        pictures=(_PLAIN,),
    ),
]  # fmt: skip
