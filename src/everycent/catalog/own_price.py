"""A price that a contract has in place of its plan's: other amounts for the same thing."""

from __future__ import annotations

import msgspec

from everycent.catalog.document import read
from everycent.catalog.document_prices import check_events
from everycent.catalog.document_refusals import converted, wrong
from everycent.catalog.document_schemes import TermsShape, terms
from everycent.catalog.document_sources import check_source
from everycent.catalog.plan import Item
from everycent.catalog.price import Commitment, Matrix, Price


def parse(text: str, place: str) -> TermsShape:
    """The terms in a YAML or JSON text, such as 'flat: {amount: "8.50"}', as in the catalogue file.

    Raises Invalid with the place of what is wrong.
    """
    given: TermsShape = converted(read(text), TermsShape, place)
    terms(given, place)
    return given


def own_price(item: Item, given: TermsShape, place: str) -> Price:
    """The plan's price with these terms. Raises Invalid with the place of what is wrong."""
    told = terms(given, place)
    check_source(
        told, place, is_metered=item.measure is not None, is_agreed=item.agreed is not None
    )
    if isinstance(told.scheme, Commitment) is not isinstance(item.price.scheme, Commitment):
        raise wrong(place, "only a commitment can take the place of one")
    if isinstance(told.scheme, Matrix):
        raise wrong(place, "a matrix is prices of its own in the plan", "tell the price of a cell")
    found = msgspec.structs.replace(
        item.price,
        scheme=told.scheme,
        quantity_rounding=told.quantity_rounding,
        minimum=told.minimum,
        maximum=told.maximum,
        prorate_limits=given.prorate_limits,
        amount_rounding=given.amount_rounding,
    )
    check_events(msgspec.structs.replace(item, price=found), place)
    return found
