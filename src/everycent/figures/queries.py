"""Read figures: one statement for each tenant, which looks at what is open and not at what is done."""

from __future__ import annotations

from datetime import date, datetime

from everycent.db.connection import Database
from everycent.figures import store
from everycent.figures.figure import DEFINITIONS, Figure
from everycent.tenants import queries as tenants


def all_of(
    database: Database, at: datetime, *, erp: tuple[str, date] | None, seconds: int
) -> tuple[list[Figure], int]:
    """The figures of all tenants, and how many places of the journal were given out. `erp` is the ERP's
    name and from which day on it is told of documents; no statement takes longer than so many
    seconds."""
    found = []
    name, since = erp or (None, None)
    slugs = {row.tenant_id: row.slug for row in tenants.listed(database)}
    with database.snapshot(0) as tx:
        tx.give_up_after(seconds)
        position = store.find_position(tx)
        for tenant_id, slug in slugs.items():
            of_tenant = tx.acting_for(tenant_id)
            for row in store.list_figures(of_tenant, at=at, erp=name, since=since):
                assert len(row.labels) == len(DEFINITIONS[row.name].labels), row.name
                found.append(Figure(slug, row.name, tuple(row.labels), int(row.value)))
    return found, position
