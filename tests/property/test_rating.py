"""Rating against an independent calculation in fractions, and every charge recomputed from itself."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.catalog.meter import Aggregation, Formula, Series
from everycent.catalog.plan import Item, Product
from everycent.catalog.price import (
    BlockMode,
    BlockTier,
    BlockTiers,
    Flat,
    Graduated,
    Package,
    Percentage,
    PerUnit,
    Price,
    QuantityRounding,
    Tier,
    Volume,
)
from everycent.consumption.usage import Usage
from everycent.kernel.canonical import encode
from everycent.kernel.currency import exponent
from everycent.kernel.money import Rounding
from everycent.kernel.period import Period
from everycent.rating.charge import Charge
from everycent.rating.rate import charge
from everycent.rating.schemes import steps
from tests.asked import asked
from tests.oracle.prices import limited, of_quantity

PERIOD = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
UNITS = Series("m", "unit", Aggregation.SUM)
MANY, SOME = settings(max_examples=2000, deadline=None), settings(max_examples=500, deadline=None)


def texts(low, high, places):
    """Decimal texts with up to `places` decimals, some of them round."""
    scaled = st.integers(low * 10**places, high * 10**places).map(
        lambda number: format(Decimal(number).scaleb(-places), "f")
    )
    return scaled | st.integers(low, high).map(str)


QUANTITIES = texts(0, 10**6, 6) | texts(0, 40, 2) | texts(0, 10**11, 12)
UNIT_AMOUNTS = texts(0, 100, 8)
ANY_AMOUNTS = texts(-100, 100, 8)
FLATS = texts(0, 500, 2) | st.just("0")
BOUNDS = st.lists(texts(1, 60, 2) | texts(1, 10**6, 3), max_size=6)


@st.composite
def tiers(draw, amounts=ANY_AMOUNTS, flats=FLATS):
    bounds = sorted({Decimal(text) for text in draw(BOUNDS)})
    found = []
    for bound in [*bounds, None]:
        up_to = bound if bound is None else format(bound, "f")
        if amounts is ANY_AMOUNTS and draw(st.integers(0, 3)) == 0:
            found.append(Tier(up_to, flat_amount=draw(flats), percent=draw(amounts)))
        else:
            found.append(Tier(up_to, draw(amounts), draw(flats)))
    return tuple(found)


@st.composite
def blocks(draw):
    """Tiers of blocks, small enough that a quantity reaches several of them."""
    sizes = st.sampled_from(["0.5", "1", "7", "100", "1000"])
    made = [
        BlockTier(draw(sizes), draw(UNIT_AMOUNTS), draw(st.integers(1, 40)))
        for _ in range(draw(st.integers(0, 4)))
    ]
    last = BlockTier(draw(sizes), draw(UNIT_AMOUNTS))
    return BlockTiers((*made, last), draw(st.sampled_from(list(BlockMode))))


SCHEMES = st.one_of(
    tiers().map(Graduated),
    tiers().map(Volume),
    ANY_AMOUNTS.map(PerUnit),
    st.builds(PerUnit, ANY_AMOUNTS, FLATS),
    st.builds(Package, texts(1, 50, 2), UNIT_AMOUNTS, FLATS),
    blocks(),
    ANY_AMOUNTS.map(Percentage),
)


def near_bounds(scheme):
    """Quantities on, just below and just above a bound, where prices go wrong."""
    if not isinstance(scheme, Graduated | Volume) or len(scheme.tiers) == 1:
        return QUANTITIES
    near = [
        format(Decimal(tier.up_to) + Decimal(step), "f")
        for tier in scheme.tiers[:-1]
        for step in ("0", "-0.000001", "0.000001")
    ]
    return QUANTITIES | st.sampled_from(near)


@MANY
@given(SCHEMES, st.data())
def test_every_scheme_agrees_with_the_price_list(scheme, data):
    quantity = data.draw(near_bounds(scheme), label="quantity")
    found, amount = steps(scheme, Decimal(quantity))
    assert Fraction(amount) == of_quantity(scheme, Fraction(quantity))
    for step in found:
        factor = Fraction(step.unit_amount or 0) + Fraction(step.percent or 0) / 100
        again = Fraction(step.quantity) * factor + Fraction(step.flat_amount or 0)
        assert Fraction(step.amount) == again
    assert sum(Fraction(step.amount) for step in found) == Fraction(amount)
    if isinstance(scheme, Graduated | Volume):
        assert sum(Fraction(step.quantity) for step in found) == Fraction(quantity)


RISING = st.one_of(
    tiers(UNIT_AMOUNTS).map(Graduated),
    UNIT_AMOUNTS.map(PerUnit),
    st.builds(PerUnit, UNIT_AMOUNTS, FLATS),
    st.builds(Package, texts(1, 50, 2), UNIT_AMOUNTS, FLATS),
    blocks().filter(lambda scheme: scheme.mode is BlockMode.GRADUATED),
)


@SOME
@given(RISING, QUANTITIES, QUANTITIES)
def test_using_more_never_costs_less_where_no_unit_is_paid_for(scheme, one, other):
    less, more = sorted((Decimal(one), Decimal(other)))
    assert steps(scheme, less)[1] <= steps(scheme, more)[1]


@SOME
@given(tiers(flats=st.just("0")))
def test_graduated_tiers_without_flat_amounts_have_no_jumps(found):
    scheme, step = Graduated(found), Decimal("0.000000001")
    for tier, following in pairwise(found):
        bound = Decimal(tier.up_to)
        at, above = steps(scheme, bound)[1], steps(scheme, bound + step)[1]
        assert above - at == step * Decimal(following.unit_amount) + _part(step, following.percent)


def _part(amount, percent):
    return amount * Decimal(percent or 0) / 100


@SOME
@given(tiers(), st.data())
def test_graduated_and_volume_agree_where_all_tiers_cost_the_same(found, data):
    one_rate = tuple(Tier(tier.up_to, found[0].unit_amount) for tier in found)
    quantity = Decimal(data.draw(near_bounds(Graduated(one_rate))))
    expected = steps(PerUnit(found[0].unit_amount), quantity)[1]
    assert steps(Graduated(one_rate), quantity)[1] == expected
    assert steps(Volume(one_rate), quantity)[1] == expected


def round_fraction(value, mode):
    """To a whole number, by comparing with the two neighbours."""
    low = value.__floor__()
    high = low if value == low else low + 1
    toward, away = (low, high) if value >= 0 else (high, low)
    match mode:
        case Rounding.FLOOR:
            return low
        case Rounding.CEILING:
            return high
        case Rounding.DOWN:
            return toward
        case Rounding.UP:
            return away
    if value - low != high - value:
        return low if value - low < high - value else high
    even = low if low % 2 == 0 else high
    return {Rounding.HALF_UP: away, Rounding.HALF_DOWN: toward, Rounding.HALF_EVEN: even}[mode]


@st.composite
def billed(draw):
    """An item, the usage behind it, a share and a currency."""
    days = draw(st.integers(1, 31))
    share = Fraction(draw(st.integers(1, days)), days)
    measure, usages = None, {}
    rounding = None
    mode = draw(st.sampled_from(list(Rounding)))
    if draw(st.booleans()):
        scheme = Flat(draw(texts(-1000, 1000, 4)))
    else:
        scheme = draw(SCHEMES)
        total = Decimal(draw(near_bounds(scheme)))
        if draw(st.booleans()):
            rounding = QuantityRounding(
                draw(st.integers(0, 4)), draw(st.sampled_from(list(Rounding))),
                draw(st.sampled_from([None, "1000", "3", "0.01"])),
            )  # fmt: skip
        if draw(st.booleans()):
            measure = Formula("unit", "max(a * 2 / 3, 0)", {"a": UNITS})
            usages = asked(measure, {"a": Usage(1, 2, 3, total=total)})
        else:
            measure, usages = UNITS, asked(UNITS, {"": Usage(1, 2, 3, total=total)})
    limits = sorted((Decimal(draw(FLATS)), Decimal(draw(FLATS))))
    low, high = (draw(st.sampled_from([None, format(limit, "f")])) for limit in limits)
    price = Price(
        "k", scheme, "K", mode, quantity_rounding=rounding, minimum=low, maximum=high,
        prorate_limits=draw(st.booleans()),
    )  # fmt: skip
    currency = draw(st.sampled_from(["EUR", "JPY", "BHD", "CLF"]))
    return charge(
        Item(price, Product("p", "P", "none"), measure), usages, currency, share
    ), currency


@MANY
@given(billed())
def test_the_net_of_a_charge_follows_from_the_charge_alone(made):
    charged, currency = made
    frozen = msgspec.json.decode(encode(charged), type=Charge)
    assert frozen == charged
    amount = sum(Fraction(step.amount) for step in frozen.steps)
    assert amount == Fraction(frozen.amount)
    owed = limited(frozen.price, amount, Fraction(*(frozen.share or (1, 1))))
    assert frozen.limit is not None or owed == limited(
        msgspec.structs.replace(frozen.price, minimum=None, maximum=None),
        amount,
        Fraction(*(frozen.share or (1, 1))),
    )
    exact = owed * 10 ** exponent(currency)
    assert frozen.net == round_fraction(exact, frozen.price.amount_rounding)
    assert abs(frozen.net - exact) < 1
    if frozen.quantity is None:
        assert amount == Fraction(frozen.price.scheme.amount)
        return
    assert amount == of_quantity(frozen.price.scheme, Fraction(frozen.quantity.value))
    value = Fraction(frozen.quantity.parts[0].value)
    if frozen.quantity.expression is not None:
        value = max(value * 2 / 3, Fraction(0))
    rounding = frozen.quantity.rounding
    if rounding is not None:
        value /= Fraction(rounding.divide_by or 1)
        scale = 10**rounding.places
        value = Fraction(round_fraction(value * scale, rounding.mode), scale)
    assert abs(value - Fraction(frozen.quantity.value)) <= Fraction(1, 2 * 10**18)
    if frozen.quantity.expression is None or rounding is not None:
        assert value == Fraction(frozen.quantity.value)
