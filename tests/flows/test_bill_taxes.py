"""Taxes of a billing run: one table for everybody, whoever bills and whatever is applied meanwhile."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.flows import bill
from everycent.invoicing.runs import Progress
from everycent.kernel import clock
from tests.conftest import Place
from tests.flows import world
from tests.flows.world import midnight


class _DiedError(Exception):
    """What ends a worker in these tests."""


def die(_: Progress) -> None:
    raise _DiedError


def test_a_run_keeps_the_tax_tables_with_which_it_was_opened_whichever_worker_finishes_it(
    place: Place,
) -> None:
    world.sell(place, [(key, "advance") for key in "abc"])
    settings: dict[str, Any] = {
        "clock": clock.fixed(place.now),
        "ids": place.ids,
        "terms": world.TERMS._replace(chunk_size=1),
    }
    as_of = midnight(date(2026, 1, 1))
    opened, _ = bill.start(place.database, place.tenant_id, as_of, **settings)
    with pytest.raises(_DiedError):
        bill.work(place.database, place.tenant_id, opened, on_chunk=die, **settings)
    changed = world.CATALOGUE.replace("percent: 20}", "percent: 19}")
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, document.parse(changed), **world.writing(place))
    with pytest.raises(_DiedError):
        bill.work(place.database, place.tenant_id, opened, on_chunk=die, **settings)
    settings["clock"] = clock.fixed(world.later(place.now, seconds=1))
    resumed, _ = bill.run(place.database, place.tenant_id, as_of, **settings)
    assert resumed.was_resumed
    assert percents(place) == ["20", "20", "20"]
    settings["clock"] = clock.fixed(world.later(place.now, seconds=2))
    bill.run(place.database, place.tenant_id, midnight(date(2026, 2, 1)), **settings)
    assert percents(place) == ["20", "20", "20", "19", "19", "19"]


def percents(place: Place) -> list[str]:
    """The tax rate of each invoice in order of their numbers."""
    return [tax.percent for invoice in world.issued(place) for tax in invoice.taxes]
