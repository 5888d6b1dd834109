"""/v1/simulate: what past periods would have come to under another catalogue."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta, field

from everycent.api.catalog import CatalogFile, entities
from everycent.api.operation import Asked, asking
from everycent.api.parameters import day
from everycent.api.shapes import Amount, Currency, Day, Name, Query, Shown
from everycent.db.connection import Tx
from everycent.flows import simulate as flow
from everycent.flows.reprice import Span
from everycent.invoicing.whatif import State

_MOST_NAMED = 500


class SimulatedCatalog(CatalogFile, kw_only=True):
    """A catalogue to price by, and which periods: those that lie between two local days, `to` not
    included."""

    LONGEST_TEXT: ClassVar[int] = CatalogFile.LONGEST_TEXT

    from_: Day = field(name="from")
    to: Day
    customers: Annotated[
        list[Name], Meta(max_length=_MOST_NAMED, description="Only these; all when it is empty.")
    ] = field(default_factory=list)


class _Sums(Shown):
    lines: int
    old: Annotated[Amount, Meta(description="As billed.")]
    new: Annotated[Amount, Meta(description="Under the other catalogue.")]
    difference: Amount
    currency: Currency


class SimulatedTotals(_Sums):
    """All of one currency, and how many customers would pay less, more or the same."""

    percent: Annotated[str | None, Meta(description="Null where nothing was billed.")]
    winners: int
    losers: int
    unchanged: int


class SimulatedMonth(_Sums):
    """The periods that begin in a month."""

    month: Annotated[str, Meta(examples=["2026-03"])]


class SimulatedPrice(_Sums):
    """A price of a plan, and whether it can be compared; `code` says why it can't be priced."""

    plan: str
    price: str
    state: State
    code: str | None


class SimulatedCustomer(_Sums):
    """What a customer has paid and would pay."""

    customer: str
    name: str


class Simulated(Shown):
    """Periods under another catalogue. `left_out` can't be compared and counts nowhere; customers come from
    the one who saves most on."""

    from_: str = field(name="from")
    to: str
    amounts: Annotated[str, Meta(description="What kind of amounts they are.")]
    totals: list[SimulatedTotals]
    months: list[SimulatedMonth]
    prices: list[SimulatedPrice]
    left_out: list[SimulatedPrice]
    customers: list[SimulatedCustomer]


def simulate_catalog(tx: Tx, asked: Asked[Query, SimulatedCatalog]) -> dict[str, Any]:
    """What billed periods would have come to under another catalogue, by the code that bills: who pays
    less, who pays more, and the revenue. Nets, before coupons; nothing is written. It is for samples: what
    takes a server long is refused with `simulate.too_much`, and `everycent simulate` takes all of it."""
    told = asked.body
    span = Span(day(told.from_, "from"), day(told.to, "to"))
    return flow.as_data(flow.simulate_some(tx, entities(told), span, keys=told.customers))


OPERATIONS = [
    asking("/v1/simulate", "invoices:read", simulate_catalog, Simulated, SimulatedCatalog),
]
