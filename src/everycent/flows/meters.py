"""The catalogue's meters as they are now."""

from __future__ import annotations

import msgspec

from everycent.catalog import queries as catalog
from everycent.catalog.meter import Measure
from everycent.db.connection import Tx
from everycent.kernel.errors import NotFound
from everycent.kernel.near import meant

_Measure = msgspec.json.Decoder(Measure)


def measures(tx: Tx) -> dict[str, Measure]:
    """The newest version of every meter, raw and derived, by its key."""
    return {row.key: _Measure.decode(row.content) for row in catalog.listed(tx, "meter")}


def measure(tx: Tx, key: str) -> Measure:
    """One of them. Raises NotFound `meter.unknown`."""
    known = measures(tx)
    found = known.get(key)
    if found is None:
        asked = meant(key, known)
        raise NotFound(
            "meter.unknown",
            f"there is no meter {key!r} in the catalogue",
            field="meter",
            value=key,
            hint=f"{asked} " * bool(asked) + "list the meters with `everycent catalog show meter`",
        )
    return found
