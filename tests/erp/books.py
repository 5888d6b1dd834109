"""A tenant with documents to hand over, and a desk that hands them over: for the tests of the ERP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from everycent.app.wiring import random_ids, utc_now
from everycent.erp import operations, queries
from everycent.erp.compared import Compared
from everycent.erp.operations import Writer
from everycent.erp.port import Erp
from everycent.flows import erp_compare
from everycent.flows.credit_lines import credit_lines
from everycent.flows.hand_over import Desk, hand_over
from everycent.flows.verify import verify
from everycent.invoicing import queries as invoicing
from everycent.kernel.clock import fixed
from tests.collecting.shop import open_shop
from tests.conftest import Place
from tests.flows import world

FIRST = date(2026, 1, 1)
__all__ = ["FIRST", "open_shop"]


def desk_at(
    place: Place, erp: Erp, *, since: date = FIRST, seconds: int = 0, slow: int = 86_400
) -> Desk:
    """A desk whose clock stands still so many seconds from now; the ERP is slow after so many."""
    now = fixed(utc_now() + timedelta(seconds=seconds))
    return Desk(
        place.database, place.tenant_id, "default", erp, since, now, random_ids, "test",
        slow=timedelta(seconds=slow),
    )  # fmt: skip


def handed_over(
    place: Place, erp: Erp, *, rounds: Sequence[int] = (0,), slow: int = 86_400
) -> dict[str, int]:
    """Hands over what can be, at each of some seconds from now. Returns what documents came to."""
    counts: dict[str, int] = {}
    for seconds in rounds:
        for what, count in hand_over(desk_at(place, erp, seconds=seconds, slow=slow)).items():
            counts[what] = counts.get(what, 0) + count
    return counts


def standing(place: Place, erp: Erp) -> dict[str, str]:
    """Where documents stand, by number; with the trouble they are in."""
    with place.database.snapshot(place.tenant_id) as tx:
        found = queries.listed(tx, erp.name, limit=100_000)
    return {
        one.reference.rpartition("/")[2]: " ".join(
            part for part in (one.state.status.value, one.state.trouble) if part
        )
        for one in found
    }


def compared(place: Place, erp: Erp) -> Compared:
    """What a comparison finds."""
    return erp_compare.compare(desk_at(place, erp))


def found(place: Place, erp: Erp) -> list[tuple[str, str]]:
    """What a comparison finds, by number."""
    told = compared(place, erp).findings
    return [(one.reference.rpartition("/")[2], one.what.value) for one in told]


def credit_parts(place: Place, name: str, line: str) -> None:
    """Gives back a part of a line."""
    with place.database.transaction(place.tenant_id) as tx:
        credit_lines(
            tx, name, [line], reason="x", time_zone="UTC", writing=world.at_year_end(place)
        )


def requeue(place: Place, erp: Erp, name: str) -> None:
    """Hands a document over anew."""
    with place.database.transaction(place.tenant_id) as tx:
        row = invoicing.document(tx, name)
        writer = Writer(erp.name, utc_now(), "test", random_ids)
        operations.requeue(tx, writer, row.invoice_id, name, "mended")


def violations(place: Place) -> list[str]:
    """The promises that do not hold."""
    with place.database.snapshot(place.tenant_id) as tx:
        return [
            f"{check.promise}: {check.violators}"
            for check in verify(tx, trusted_key=None, with_replay=True)
            if check.violators
        ]
