"""Exchange rates that a story tells."""

from __future__ import annotations

from datetime import date

from everycent.catalog.document_refusals import Strict
from everycent.exchange import operations
from everycent.exchange.rate import Told, checked, parse_pair
from everycent.flows.stories.document import Form, Moment
from everycent.flows.stories.world import Action, Came, World
from everycent.kernel.calendar import local_date


class _Rates(Strict):
    rates: dict[str, str]
    on: date | None = None
    source: str = "story"
    correction: str = ""


def _read_rates(given: _Rates, moment: Moment) -> _Rates:
    given.on = given.on or local_date(moment.at, moment.time_zone)
    for pair, rate in given.rates.items():
        checked(Told(parse_pair(pair), given.on, rate))
    return given


def _exchange(world: World, given: _Rates) -> Came:
    assert given.on is not None, "reading has put the day in"
    told = [Told(parse_pair(pair), given.on, rate) for pair, rate in given.rates.items()]
    with world.database.transaction(world.tenant_id) as tx:
        operations.set_rates(tx, told, given.source, correction=given.correction, **world.writing)
    return Came({"on": str(given.on), **{str(one.pair): one.rate for one in told}})


RATES: dict[str, Action] = {"exchange": Action(_exchange, Form(_Rates, read=_read_rates))}
"""This action by name."""
