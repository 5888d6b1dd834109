"""/v1/rate: what a price makes of a quantity or of events, without a contract."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from everycent.api.operation import Asked, asking
from everycent.api.shapes import Amount, Currency, Query, Shown
from everycent.catalog.price import QuantityRounding
from everycent.db.connection import Tx
from everycent.kernel.money import Rounding
from everycent.rating.answer import rate, trace
from everycent.rating.charge import Limit, Step
from everycent.rating.request import RequestShape, request_of

_Exact = Annotated[
    str, Meta(description="An exact number; a fraction such as 100/3 where its decimals don't end.")
]


class PricedUse(Shown):
    """What use comes to: the steps, their sum, and the exact amount once a limit is applied."""

    steps: list[Step]
    sum: _Exact
    limit: Limit | None
    exact: _Exact


class RatedPrice(PricedUse, kw_only=True):
    """The amount of a price with all that leads to it. What plays no part is null."""

    price: str
    currency: Currency
    amount: Annotated[Amount, Meta(description="What is to be billed now.")]
    minor: Annotated[int, Meta(description="The same in minor units.")]
    measured: str | None
    events: Annotated[int | None, Meta(description="How many there were.")]
    conversion: QuantityRounding | None
    quantity: str | None
    share: str | None
    rounding: Rounding
    total: Annotated[Amount, Meta(description="What all use of the period comes to.")]
    before: PricedUse | None
    billed: Amount


def rate_price(tx: Tx, asked: Asked[Query, RequestShape]) -> dict[str, Any]:  # noqa: ARG001
    """Works out what a price makes of a quantity or of events, with every step. Nothing of the catalogue or
    of contracts is looked at, and nothing is kept."""
    return trace(rate(request_of(asked.body)))


OPERATIONS = [
    asking("/v1/rate", "catalog:read", rate_price, RatedPrice, RequestShape),
]
