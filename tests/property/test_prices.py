"""Events, limits and parts of periods: against the naive calculation, and split in any way."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.catalog.price import (
    Cell,
    Dynamic,
    Graduated,
    Matrix,
    Percentage,
    PerUnit,
    Price,
    Tier,
    Volume,
)
from everycent.consumption.usage import Event
from everycent.kernel.money import Rounding
from everycent.rating.charge import Limit
from everycent.rating.events import steps_of_events
from everycent.rating.marginal import marginal
from everycent.rating.priced import priced
from everycent.rating.prorated import prorated
from everycent.rating.step import product_of
from tests.oracle import prices as oracle
from tests.property.test_rating import FLATS, SCHEMES, UNIT_AMOUNTS, texts

AT = datetime(2026, 1, 1, tzinfo=UTC)
SOME = settings(max_examples=600, deadline=None)
SMALL = texts(0, 300, 2)


@st.composite
def percentages(draw):
    """A percentage with any of the terms per event."""
    low, high = sorted((Decimal(draw(texts(0, 20, 2))), Decimal(draw(texts(0, 20, 2)))))
    return Percentage(
        draw(texts(0, 30, 3)),
        draw(st.sampled_from(["0", "0.30", "2"])),
        draw(st.none() | st.integers(0, 4)),
        draw(st.none() | SMALL),
        draw(st.sampled_from([None, format(low, "f")])),
        draw(st.sampled_from([None, format(high, "f")])),
    )


MATRICES = st.builds(
    lambda one, two, rest: Matrix(
        ("region", "class"),
        (Cell("a", ("eu", "hot"), one), Cell("b", ("us", "hot"), two)),
        rest,
    ),
    UNIT_AMOUNTS,
    UNIT_AMOUNTS,
    UNIT_AMOUNTS,
)
EVENT_SCHEMES = percentages() | st.builds(Dynamic, st.just("amount"), UNIT_AMOUNTS) | MATRICES


@st.composite
def events(draw):
    """Events with every dimension that a scheme could look at."""
    return [
        Event(
            AT,
            f"events[{number}]",
            Decimal(draw(SMALL)),
            {
                "amount": draw(SMALL),
                "region": draw(st.sampled_from(["eu", "us", "ap"])),
                "class": draw(st.sampled_from(["hot", "cold"])),
            },
        )
        for number in range(draw(st.integers(0, 8)))
    ]


def told(found):
    return [(Fraction(event.value), event.dimensions) for event in found]


@SOME
@given(EVENT_SCHEMES, events())
def test_events_cost_what_the_naive_calculation_says(scheme, found):
    made, amount = steps_of_events(scheme, found)
    assert Fraction(amount) == oracle.of_events(scheme, told(found))
    assert all(Decimal(step.amount) == product_of(step) for step in made)
    assert sum(Fraction(step.amount) for step in made) == Fraction(amount)


@SOME
@given(percentages(), events(), st.sets(st.integers(0, 8)))
def test_a_percentage_does_not_depend_on_how_its_events_are_batched(scheme, found, cuts):
    price = Price("k", scheme, "K", Rounding.HALF_UP)
    ends = sorted({min(cut, len(found)) for cut in cuts} | {len(found)})
    parts = [
        marginal(price, found[:start] or None, found[:end], "EUR").net.minor
        for start, end in pairwise([0, *ends])
    ]
    assert sum(parts) == marginal(price, None, found, "EUR").net.minor
    fees = [
        priced(price, found[: end + 1]).exact - priced(price, found[:end]).exact
        for end in range(len(found))
    ]
    assert fees == oracle.fees_of(scheme, [Fraction(event.value) for event in found])


@st.composite
def seats(draw):
    """Tiers with whole bounds, and units that come and go, with the part of them that counts."""
    bounds = sorted(draw(st.sets(st.integers(1, 12), max_size=3)))
    tiers = tuple(
        Tier(bound and str(bound), draw(st.sampled_from(["1", "5", "0.3"])), draw(FLATS))
        for bound in [*bounds, None]
    )
    running, found = 0, []
    for _ in range(draw(st.integers(0, 6))):
        units = draw(st.integers(-running, 9))
        running += units
        part = Decimal(units) * draw(st.integers(0, 32)) / 32
        found.append((units, part))
    return draw(st.sampled_from([Graduated, Volume]))(tiers), found


@SOME
@given(seats())
def test_prorated_units_are_priced_one_by_one(made):
    scheme, found = made
    given_ = [Event(AT, "e", Decimal(units), {}, part) for units, part in found]
    expected = oracle.of_prorated(scheme, [(units, Fraction(part)) for units, part in found])
    steps, amount = prorated(scheme, given_)
    assert abs(Fraction(amount) - expected) <= Fraction(len(found) * 20, 10**18)
    assert sum(Fraction(step.quantity) for step in steps) == sum(
        Fraction(part) for _, part in found
    )


@st.composite
def prices(draw):
    """A price of any scheme that has a quantity, with limits."""
    low, high = sorted((Decimal(draw(FLATS)), Decimal(draw(FLATS))))
    return Price(
        "k",
        draw(SCHEMES),
        "K",
        draw(st.sampled_from(list(Rounding))),
        minimum=draw(st.sampled_from([None, format(low, "f")])),
        maximum=draw(st.sampled_from([None, format(high, "f")])),
        prorate_limits=draw(st.booleans()),
    )


SHARES = st.integers(1, 31).flatmap(lambda days: st.integers(1, days).map(lambda n: (n, days)))


@SOME
@given(prices(), st.lists(SMALL, min_size=1, max_size=6), SHARES)
def test_the_parts_of_a_period_add_up_to_the_whole_of_it(price, quantities, days):
    share = Fraction(*days)
    totals = [Decimal(0), *accumulate(map(Decimal, quantities))]
    nets = []
    for number, (before, after) in enumerate(pairwise(totals)):
        is_last = number == len(quantities) - 1
        start = before if number else None
        found = marginal(price, start, after, "EUR", share, is_last=is_last)
        nets.append(found.net.minor)
    whole = marginal(price, None, totals[-1], "EUR", share)
    assert sum(nets) == whole.net.minor
    assert whole.billed.minor == 0


@SOME
@given(prices(), texts(0, 10**4, 3), SHARES)
def test_what_is_owed_lies_between_the_minimum_and_the_maximum(price, quantity, days):
    share = Fraction(*days)
    found = priced(price, Decimal(quantity), share)
    amount = oracle.of_quantity(price.scheme, Fraction(quantity))
    assert Fraction(found.exact) == oracle.limited(price, amount, share)
    part = share if price.prorate_limits else 1
    if price.maximum is not None:
        assert found.exact <= Fraction(price.maximum) * part
    if price.minimum is not None:
        assert found.exact >= Fraction(price.minimum) * part
    moved = Fraction(found.exact) != Fraction(found.amount)
    assert moved is (found.limit is not None)
    if found.limit is Limit.MINIMUM:
        assert priced(price, Decimal(quantity), share, is_last=False).exact < found.exact


@SOME
@given(MATRICES, events())
def test_every_event_is_in_exactly_one_cell(scheme, found):
    made, _ = steps_of_events(scheme, found)
    assert sum(Fraction(step.quantity) for step in made) == sum(f.value for f in found)
    same = Matrix(scheme.dimensions, (Cell("a", ("eu", "hot"), scheme.default),), scheme.default)
    alone = priced(
        Price("k", PerUnit(scheme.default), "K", Rounding.UP),
        sum((f.value for f in found), Decimal(0)),
    )
    assert steps_of_events(same, found)[1] == alone.amount
