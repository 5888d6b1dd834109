"""Prices in the catalogue file: what each scheme and limit becomes, what is refused and where."""

import pytest

from everycent.catalog.document import parse
from everycent.catalog.meter import Aggregation, Series
from everycent.catalog.price import (
    BlockMode,
    BlockTier,
    BlockTiers,
    Dynamic,
    Percentage,
    PerUnit,
    QuantityRounding,
    Tier,
    Volume,
)
from everycent.catalog.segments import segment_of
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Rounding

FILE = """
segments:
  zone: {{segments: {{near: [{{far: "no"}}]}}, rest: far}}
meters:
  m: {{unit: GB}}
  n: {{unit: call, aggregation: count}}
  top: {{unit: GB, aggregation: max}}
  near: {{of: m, segment: zone.near}}
  register: {{unit: kWh, aggregation: counter}}
  twice: {{unit: GB, formula: "m * 2"}}
products:
  p: {{name: Power}}
plans:
  a: {{currency: EUR, prices: [{{key: k, product: p, {fields}}}]}}
"""
K = "plans.a.prices.k"
CELLS = "dimensions: [region, class], cells: [{values: [eu, hot], unit_amount: 1}]"


def items(fields):
    found = {entity.kind: entity.content for entity in parse(FILE.format(fields=fields))}
    return found["plan"].items


def price(fields):
    (item,) = items(fields)
    return item.price


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("per_unit: {unit_amount: 0.10, included: 5}", PerUnit("0.10", "5")),
        ("percentage: {percent: 2.9}", Percentage("2.9")),
        (("percentage: {percent: 2.9, fixed_amount: 0.30, free_events: 3, free_total: 500,"
         " minimum: 1, maximum: 20}"), Percentage("2.9", "0.30", 3, "500", "1", "20")),
        ("dynamic: {}", Dynamic("amount", "1")),
        ("dynamic: {dimension: cost, multiplier: 1.2}", Dynamic("cost", "1.2")),
        ("volume: {tiers: [{up_to: 5, percent: 2}, {flat_amount: 1}]}",
         Volume((Tier("5", "0", "0", "2"), Tier(None, "0", "1")))),
        (("block_tiers: {tiers: [{block_size: 10, block_amount: 2, max_blocks: 3},"
         " {block_size: 100, block_amount: 1}]}"),
         BlockTiers((BlockTier("10", "2", 3), BlockTier("100", "1")))),
        ("block_tiers: {mode: top, tiers: [{block_size: 0.5, block_amount: 1}]}",
         BlockTiers((BlockTier("0.5", "1"),), BlockMode.TOP)),
    ],
)  # fmt: skip
def test_a_scheme_is_read(fields, expected):
    assert price(f"meter: m, {fields}").scheme == expected


def test_limits_and_a_conversion_are_read():
    found = price(
        "meter: m, per_unit: {unit_amount: 1}, minimum: 5, maximum: 10.50, prorate_limits: false,"
        " quantity_rounding: {places: 0, mode: up, divide_by: 1000, unit: TB}"
    )
    assert (found.minimum, found.maximum, found.prorate_limits) == ("5", "10.50", False)
    assert found.quantity_rounding == QuantityRounding(0, Rounding.UP, "1000", "TB")


@pytest.mark.parametrize(
    ("fields", "why", "place"),
    [
        ("meter: m, per_unit: {unit_amount: 1, included: -1}", "negative", "per_unit.included"),
        ("meter: m, percentage: {percent: 1, fixed_amount: -1}", "negative",
         "percentage.fixed_amount"),
        ("meter: m, percentage: {percent: 1, free_events: -1}", "number of events",
         "percentage.free_events"),
        ("meter: m, percentage: {percent: 1, minimum: 5, maximum: 4}", "more than the maximum of 4",
         "percentage.minimum"),
        ("meter: m, graduated: {tiers: [{percent: 1, unit_amount: 1}]}", "a percent or a unit_amount",
         "graduated.tiers[1].percent"),
        ("meter: m, block_tiers: {tiers: []}", "last tier", "block_tiers.tiers"),
        ("meter: m, block_tiers: {tiers: [{block_size: 1, block_amount: 1, max_blocks: 5}]}",
         "last tier", "block_tiers.tiers"),
        (("meter: m, block_tiers: {tiers: [{block_size: 1, block_amount: 1},"
         " {block_size: 1, block_amount: 1}]}"), "only the last", "block_tiers.tiers[1]"),
        ("meter: m, block_tiers: {tiers: [{block_size: 0, block_amount: 1}]}", "more than nothing",
         "block_tiers.tiers[1].block_size"),
        (("meter: m, block_tiers: {tiers: [{block_size: 1, block_amount: 1, max_blocks: 0},"
         " {block_size: 1, block_amount: 1}]}"), "1 to 10^12", "block_tiers.tiers[1].max_blocks"),
        ("percentage: {percent: 1}", "needs a meter", "meter"),
        ("meter: m, per_unit: {unit_amount: 1}, minimum: -1", "negative", "minimum"),
        ("meter: m, per_unit: {unit_amount: 1}, minimum: 2, maximum: 1", "more than the maximum",
         "minimum"),
        ("flat: {amount: 1}, minimum: 2", "a flat price has no limits", "minimum"),
        (f"meter: m, matrix: {{{CELLS}, default: 1}}, maximum: 2", "a matrix price has no limits",
         "maximum"),
        ("meter: m, percentage: {percent: 1, free_events: 1}, quantity_rounding: {places: 0}",
         "each event", "quantity_rounding"),
        ("meter: m, per_unit: {unit_amount: 1}, quantity_rounding: {places: 0, divide_by: 0}",
         "nothing can be divided", "quantity_rounding.divide_by"),
        ("meter: m, per_unit: {unit_amount: 1}, quantity_rounding: {places: 0, unit: TB}",
         "where divide_by", "quantity_rounding.unit"),
        # matrices
        ("meter: m, matrix: {dimensions: [], cells: [], default: 1}", "one dimension, or two",
         "matrix.dimensions"),
        ("meter: m, matrix: {dimensions: [a, a], cells: [], default: 1}", "two different",
         "matrix.dimensions"),
        ("meter: m, matrix: {dimensions: [a], cells: [], default: 1}", "1 to 200 cells",
         "matrix.cells"),
        ("meter: m, matrix: {dimensions: [a], cells: [{values: [x, y], unit_amount: 1}], default: 1}",
         "a value is needed", "matrix.cells[1].values"),
        (("meter: m, matrix: {dimensions: [a], cells: [{values: [x], unit_amount: 1},"
         " {values: [x], unit_amount: 2}], default: 1}"), "a cell already", "matrix.cells[2].values"),
        (("meter: m, matrix: {dimensions: [a, b], cells: [{values: [x-y, z], unit_amount: 1},"
         " {values: [x, y-z], unit_amount: 2}], default: 1}"), "is taken", "matrix.cells[2]"),
        (("meter: m, matrix: {dimensions: [a], cells: [{values: [default], unit_amount: 1}],"
         " default: 1}"), "is taken", "matrix.cells[1]"),
        (f"meter: twice, matrix: {{{CELLS}, default: 1}}", "a formula has none", "meter"),
        (f"meter: register, matrix: {{{CELLS}, default: 1}}", "register", "meter"),
        (f"meter: near, matrix: {{{CELLS}, default: 1}}", "segment already", "meter"),
    ],
)  # fmt: skip
def test_a_price_that_makes_no_sense_is_refused(fields, why, place):
    with pytest.raises(Invalid, match=r".") as refused:
        items(fields)
    found = refused.value
    assert (found.code, found.field) == ("catalog.wrong_value", f"{K}.{place}")
    assert why in found.message


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ("flat: {amount: 1000000000001}", "flat.amount"),
        ("flat: {amount: -1000000000001}", "flat.amount"),
        ("meter: m, per_unit: {unit_amount: 1e13}", "per_unit.unit_amount"),
        ("meter: m, graduated: {tiers: [{flat_amount: 1e13}]}", "graduated.tiers[1].flat_amount"),
        ("meter: m, volume: {tiers: [{percent: 1e13}]}", "volume.tiers[1].percent"),
        ("meter: m, package: {size: 1, amount: 1e13}", "package.amount"),
        ("meter: m, per_unit: {unit_amount: 1}, maximum: 1e13", "maximum"),
        ("meter: m, percentage: {percent: 1, maximum: 1e13}", "percentage.maximum"),
        (("meter: m, matrix: {dimensions: [a], cells: [{values: [x], unit_amount: 1}],"
         " default: 1e13}"), "matrix.default"),
    ],
)  # fmt: skip
def test_an_amount_beyond_a_million_million_is_refused(fields, place):
    with pytest.raises(Invalid) as refused:
        items(fields)
    assert (refused.value.code, refused.value.field) == (
        "catalog.amount_too_large",
        f"{K}.{place}",
    )


@pytest.mark.parametrize(
    ("meter", "scheme", "is_taken"),
    [
        ("m", "percentage: {percent: 1, fixed_amount: 1}", True),
        ("near", "percentage: {percent: 1, fixed_amount: 1}", True),
        ("n", "percentage: {percent: 1, fixed_amount: 1}", False),
        ("top", "percentage: {percent: 1, fixed_amount: 1}", False),
        ("twice", "percentage: {percent: 1, fixed_amount: 1}", False),
        ("twice", "percentage: {percent: 1}", True),
        ("top", "percentage: {percent: 1}", True),
        ("m", "dynamic: {}", True),
        ("n", "dynamic: {}", True),
        ("register", "dynamic: {}", False),
    ],
)
def test_a_price_per_event_needs_a_meter_of_events(meter, scheme, is_taken):
    if is_taken:
        assert price(f"meter: {meter}, {scheme}")
        return
    with pytest.raises(Invalid) as refused:
        items(f"meter: {meter}, {scheme}")
    assert (refused.value.code, refused.value.field) == ("catalog.needs_events", f"{K}.meter")


def test_a_matrix_becomes_a_price_for_each_cell_and_one_for_the_rest():
    found = items(
        "meter: m, description: Traffic, amount_rounding: floor, matrix: {dimensions: [region, class],"
        " cells: [{values: [eu, hot], unit_amount: 5}, {name: us, values: [us, hot],"
        ' unit_amount: "7"}], default: 9}'
    )
    assert [
        (item.price.key, item.price.scheme.unit_amount, item.price.description) for item in found
    ] == [
        ("k.eu-hot", "5", "Traffic, eu hot"),
        ("k.us", "7", "Traffic, us hot"),
        ("k.default", "9", "Traffic, other"),
    ]
    assert {item.price.amount_rounding for item in found} == {Rounding.FLOOR}
    measures = [item.measure for item in found]
    assert all(isinstance(m, Series) and m.aggregation is Aggregation.SUM for m in measures)
    assert [measure.segment for measure in measures] == ["eu-hot", "us", "default"]
    cells = measures[0].segments
    assert segment_of(cells, {"region": "eu", "class": "hot", "x": "y"}) == "eu-hot"
    assert segment_of(cells, {"region": "us", "class": "hot"}) == "us"
    assert segment_of(cells, {"region": "us", "class": "cold"}) == "default"
    assert segment_of(cells, {}) == "default"


def test_a_matrix_counts_as_many_prices_as_it_has_cells():
    cells = ", ".join(f"{{values: [v{n}], unit_amount: 1}}" for n in range(200))
    matrix = f"matrix: {{dimensions: [a], cells: [{cells}], default: 1}}"
    more = "".join(f"}}, {{key: k{n}, product: p, meter: m, {matrix}" for n in range(4))
    with pytest.raises(Invalid) as refused:
        items(f"meter: m, {matrix}{more}")
    assert (refused.value.field, "at most 1000" in refused.value.message) == (
        "plans.a.prices",
        True,
    )
