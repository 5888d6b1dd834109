"""The catalogue file: what is refused, with its code and its place, and what a sound one becomes."""

import time
from datetime import date
from itertools import pairwise

import pytest

from everycent.catalog.document import Entity, parse
from everycent.catalog.meter import Aggregation, Formula, Series
from everycent.catalog.plan import Item, Plan, Product, Tax, TaxRate
from everycent.catalog.price import (
    Flat,
    Graduated,
    Package,
    PerUnit,
    Price,
    QuantityRounding,
    Tier,
    Volume,
)
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Rounding

FRAME = """
bands:
  tou: {{time_zone: UTC, bands: {{day: ["07:00-21:00"]}}, rest: night}}
meters:
  m: {{unit: kWh}}
  register: {{unit: kWh, aggregation: counter, digits: 5}}
  sums: {{unit: kWh, formula: "m + register"}}
taxes:
  vat: {{rates: [{{since: 2015-01-01, percent: 25}}]}}
products:
  p: {{name: Power, tax: vat}}
plans:
  a: {{currency: {currency}, interval: {interval}, prices: [{prices}]{more}}}
"""


def plan(
    prices="{key: k, product: p, flat: {amount: 1}}", currency="EUR", interval="month", more=""
):
    return FRAME.format(prices=prices, currency=currency, interval=interval, more=more)


def price(fields):
    return plan(f"{{key: k, product: p, {fields}}}")


def metered(scheme):
    return price(f"meter: m, {scheme}")


def meter(fields):
    return plan().replace("meters:\n", f"meters:\n  x: {{{fields}}}\n")


def tax(fields, key="x"):
    return plan().replace("taxes:\n", f"taxes:\n  {key}: {{{fields}}}\n")


def bands(fields):
    return plan().replace("bands:\n", f"bands:\n  x: {{{fields}}}\n", 1)


def product(fields):
    return plan().replace("products:\n", f"products:\n  x: {{{fields}}}\n")


def refusal(text):
    with pytest.raises(Invalid) as refused:
        parse(text)
    return refused.value


def found(text, kind, key):
    return {(entity.kind, entity.key): entity.content for entity in parse(text)}[kind, key]


def many_prices(count):
    return ", ".join(f"{{key: k{n}, product: p, flat: {{amount: 1}}}}" for n in range(count))


K = "plans.a.prices.k"


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("[a, b]", "catalog.wrong_shape", None),
        ("[]", "catalog.wrong_shape", None),
        ("hello", "catalog.wrong_shape", None),
        ('""', "catalog.wrong_shape", None),
        ("null", "catalog.wrong_shape", None),
        ("42", "catalog.wrong_shape", None),
        ("customers: {}", "catalog.wrong_shape", None),
        ("1: {}", "catalog.wrong_shape", None),
        ("meters: []", "catalog.wrong_shape", "meters"),
        ("meters: {m: }", "catalog.wrong_shape", "meters.m"),
        ("meters: {m: [unit]}", "catalog.wrong_shape", "meters.m"),
        ("meters: {m: {units: kWh}}", "catalog.wrong_shape", "meters.m"),
        ("plans: {a: {currency: EUR}}", "catalog.wrong_shape", "plans.a"),
        ("plans: {a: {prices: []}}", "catalog.wrong_shape", "plans.a"),
        ("bands: {x: {rest: night, bands: {}}}", "catalog.wrong_shape", "bands.x"),
        ("bands: {x: {time_zone: UTC, rest: r, bands: {day: 07:00-08:00}}}",
         "catalog.wrong_shape", "bands.x.bands[...]"),
        ("taxes: {x: {rates: [{percent: 25}]}}", "catalog.wrong_shape", "taxes.x.rates[0]"),
        ("taxes: {x: {rates: [{since: 2015-02-30, percent: 25}]}}",
         "catalog.wrong_shape", "taxes.x.rates[0].since"),
        ("taxes: {x: {rates: [{since: 2015, percent: 25}]}}",
         "catalog.wrong_shape", "taxes.x.rates[0].since"),
        ("taxes: {x: {rates: [{since: 2015-01-01, percent: 25}], rounding: bankers}}",
         "catalog.wrong_shape", "taxes.x.rounding"),
        ("meters: {m: {unit: kWh, aggregation: median}}",
         "catalog.wrong_shape", "meters.m.aggregation"),
        ("meters: {m: {unit: kWh, digits: five}}", "catalog.wrong_shape", "meters.m.digits"),
        ("meters: {m: {unit: kWh, digits: 1e999999}}",
         "catalog.wrong_shape", "meters.m.digits"),
        (f"meters: {{m: {{unit: kWh, digits: {'9' * 5000}}}}}",
         "catalog.wrong_shape", "meters.m.digits"),
        (price("flat: 5"), "catalog.wrong_shape", "plans.a.prices[0].flat"),
        (price("flat: {}"), "catalog.wrong_shape", "plans.a.prices[0].flat"),
        (price("flat: {amount: [1]}"), "catalog.wrong_shape", "plans.a.prices[0].flat.amount"),
        (price("flat: {amount: 1, per: day}"), "catalog.wrong_shape", "plans.a.prices[0].flat"),
        (price("tiered: {amount: 1}"), "catalog.wrong_shape", "plans.a.prices[0]"),
        (price("flat: {amount: 1}, amount_rounding: nearest"),
         "catalog.wrong_shape", "plans.a.prices[0].amount_rounding"),
        (metered("graduated: {tiers: {unit_amount: 1}}"),
         "catalog.wrong_shape", "plans.a.prices[0].graduated.tiers"),
        (plan(more=", anchor_day: first"), "catalog.wrong_shape", "plans.a.anchor_day"),
    ],
)  # fmt: skip
def test_a_wrong_shape_is_refused_with_its_place(text, code, place):
    refused = refusal(text)
    assert (refused.code, refused.field) == (code, place)
    assert refused.hint.endswith("docs/catalog.md lists every field")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("meters: {m: {unit: kWh, aggregation: avg}}",
         "unique, units, weighted_sum, windowed, percentile, peak, counter; docs"),
        ("meters: {m: {unit: kWh, aggregation: median}}", "one of count, sum, min, max, average,"),
        ("meters: {m: {unit: kWh, aggregation: summ}}", "did you mean sum? one of count"),
        ("meters: {m: {unit: kWh, aggregation: 1}}", "one of count, sum"),
        ("meters: {m: {unit: kWh, each: mx}}", "did you mean max? one of count"),
        ("meters: {m: {units: kWh}}", "did you mean unit? its fields are unit, aggregation, of"),
        ("metres: {}", "did you mean meters? a catalogue file has calendars, bands, segments"),
        ("taxes: {x: {rates: [{since: 2015-01-01, pct: 25}]}}", "its fields are since, percent"),
        ("taxes: {x: {rates: [{since: 2015-01-01, percent: 25}], rounding: half-up}}",
         "did you mean half_up"),
        (price("flat: {amount: 1}, timing: in_arrears, amount_rounding: uo"), "did you mean up"),
        (price("flat: {amout: 1}"), "did you mean amount? its fields are amount; "),
        (metered("graduated: {tiers: [{upto: 5}]}"), "did you mean up_to? its fields are up_to"),
        ("intake: {m: {after_invoice: ask}}", "one of review, write_off"),
    ],
)  # fmt: skip
def test_a_wrong_shape_says_what_may_stand_there(text, hint):
    assert hint in refusal(text).hint


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("a: [", "catalog.unreadable", "line"),
        ("a:\n\t- b", "catalog.unreadable", "line 2"),
        ("---\na: b\n---\nc: d", "catalog.unreadable", "another document"),
        ("? [a, b]\n: c", "catalog.unreadable", "unhashable key"),
        ("? {a: b}\n: c", "catalog.unreadable", "unhashable key"),
        ("a: \x07", "catalog.unreadable", "special characters"),
        ("meters: {}\nmeters: {}", "catalog.key_twice", "line 2: the key 'meters' stands twice"),
        ('{meters: {}, "meters": {}}', "catalog.key_twice", "line 1: the key 'meters'"),
        ("meters:\n  m: {unit: a}\n  m: {unit: b}", "catalog.key_twice", "line 3: the key 'm'"),
        (price("flat: {amount: 1}, flat: {amount: 2}"), "catalog.key_twice", "the key 'flat'"),
        ("meters: {m: &u {unit: a}, n: *u}", "catalog.alias", "write the value out"),
        ("a: &a [*a]", "catalog.alias", "write the value out"),
        ('products: {p: {name: "a\\0b"}}', "catalog.control_character", "line 1"),
        ('products: {p: {name: "a\\e[2Jb"}}', "catalog.control_character", "line 1"),
        ('products:\n p:\n  name: "\\uD800"', "catalog.control_character", "line 3"),
        ('products: {p: {name: "\\u202Egnp"}}', "catalog.control_character", "line 1"),
        ('products: {"a\\0b": {name: P}}', "catalog.control_character", "line 1"),
        ("x" * 10_000_001, "catalog.too_large", "larger than 10 MB"),
        ("[" * 100_000, "catalog.unreadable", "recursion"),
        ("{a: " * 5000 + "}" * 5000, "catalog.unreadable", "recursion"),
        ("\n".join(" " * depth + "a:" for depth in range(3000)), "catalog.unreadable", "recursion"),
    ],
)
def test_what_is_no_sound_yaml_is_refused(text, code, said):
    refused = refusal(text)
    assert refused.code == code
    assert said in refused.message


def test_yaml_tags_make_no_objects():
    assert refusal('!!python/object/apply:os.system ["true"]').code == "catalog.wrong_shape"
    assert found("meters: {m: !!python/name:os.system {unit: kWh}}", "meter", "m").unit == "kWh"


def test_a_merge_key_merges_nothing():
    assert refusal("meters:\n  <<: {m: {unit: kWh}}").code == "catalog.bad_key"


@pytest.mark.parametrize(
    ("text", "value", "place"),
    [
        ("meters: {'': {unit: a}}", "", "meters."),
        ("meters: {-a: {unit: a}}", "-a", "meters.-a"),
        ("meters: {a b: {unit: a}}", "a b", "meters.a b"),
        ("meters: {a/b: {unit: a}}", "a/b", "meters.a/b"),
        ("meters: {ä: {unit: a}}", "ä", "meters.ä"),
        ("plans: {(a): {currency: EUR, prices: []}}", "(a)", "plans.(a)"),
        (f"taxes: {{{'t' * 81}: {{rates: []}}}}", "t" * 81, f"taxes.{'t' * 81}"),
        ("products: {$: {name: P}}", "$", "products.$"),
        ("bands: {b c: {time_zone: UTC, bands: {}, rest: r}}", "b c", "bands.b c"),
        (bands("time_zone: UTC, bands: {a b: []}, rest: r"), "a b", "bands.x.bands.a b"),
        (bands("time_zone: UTC, bands: {}, rest: ''"), "", "bands.x.rest"),
        (plan("{key: 'k k', product: p, flat: {amount: 1}}"), "k k", "plans.a.prices.k k"),
        (plan("{key: '', product: p, flat: {amount: 1}}"), "", "plans.a.prices."),
    ],
)
def test_what_is_no_key_is_refused(text, value, place):
    refused = refusal(text)
    assert (refused.code, refused.value, refused.field) == ("catalog.bad_key", value, place)


@pytest.mark.parametrize(
    ("text", "value", "place"),
    [
        (meter("of: nothing"), "nothing", "meters.x"),
        (meter("unit: kWh, formula: m + nothing"), "nothing", "meters.x"),
        (meter("of: m, band: nothing.day"), "nothing.day", "meters.x.band"),
        (meter("of: m, band: day"), "day", "meters.x.band"),
        (meter("of: m, band: tou.noon"), "tou.noon", "meters.x.band"),
        (product("name: P, tax: gst"), "gst", "products.x.tax"),
        (plan("{key: k, product: q, flat: {amount: 1}}"), "q", f"{K}.product"),
        (price("meter: n, per_unit: {unit_amount: 1}"), "n", f"{K}.meter"),
        (price("meter: null, flat: {amount: 1}"), "null", f"{K}.meter"),
    ],
)
def test_a_name_that_points_nowhere_is_refused(text, value, place):
    refused = refusal(text)
    assert (refused.code, refused.value, refused.field) == ("catalog.unknown_name", value, place)
    assert "must be defined in the same file" in refused.hint


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (meter("of: regster"), "did you mean register?"),
        (meter("of: m, band: tou.dya"), "did you mean tou.day?"),
        (meter("unit: u, formula: m + sum"), "did you mean sums?"),
        (product("name: P, tax: VAT"), "did you mean vat?"),
        (price("meter: registers, per_unit: {unit_amount: 1}"), "did you mean register?"),
    ],
)
def test_a_name_that_points_nowhere_is_told_what_it_may_have_meant(text, asked):
    assert refusal(text).hint.startswith(asked)


def chain(length):
    """So many meters that each stand on the one before."""
    below = [f"m{n}: {{of: m{n - 1}}}" for n in range(1, length + 1)]
    return f"meters: {{m0: {{unit: kWh}}, {', '.join(reversed(below))}}}"


def test_a_chain_of_ten_meters_is_taken():
    assert found(chain(10), "meter", "m10").meter == "m0"


def test_a_longer_chain_is_refused_for_its_length_and_not_as_a_circle():
    refused = refusal(chain(11))
    assert (refused.code, refused.field) == ("catalog.wrong_value", "meters.m11")
    assert "stands on more than 10 meters, one on another" in refused.message
    assert "itself" not in refused.message


@pytest.mark.parametrize(
    ("text", "said", "place"),
    [
        # meters
        (meter("aggregation: sum"), "a unit is needed", "meters.x.unit"),
        (meter("unit: ''"), "a unit is needed", "meters.x.unit"),
        (meter(f"unit: {'u' * 41}"), "a unit is needed", "meters.x.unit"),
        (meter(f"of: m, unit: {'u' * 41}"), "a unit is needed", "meters.x.unit"),
        (meter("formula: m"), "a unit is needed", "meters.x.unit"),
        (meter("unit: u, formula: m, aggregation: sum"), "no aggregation", "meters.x"),
        (meter("unit: u, formula: m, of: m"), "no of", "meters.x"),
        (meter("unit: u, formula: m, band: tou.day"), "no band", "meters.x"),
        (meter("unit: u, formula: m, window_minutes: 15"), "no window_minutes", "meters.x"),
        (meter("unit: u, formula: m, distinct: d"), "no distinct", "meters.x"),
        (meter("unit: u, formula: m, digits: 5"), "no digits", "meters.x"),
        (meter("of: sums"), "sums is a formula", "meters.x.of"),
        (meter("unit: u, formula: x + m"), "goes back to itself: x → x", "meters.x"),
        (meter("of: x"), "goes back to itself: x → x", "meters.x"),
        (meter("unit: u, formula: y}\n  y: {of: x"), "x → y → x", "meters.x"),
        (meter("unit: u, aggregation: peak"), "a peak needs a window", "meters.x.window_minutes"),
        (meter("unit: u, aggregation: peak, window_minutes: 0"), "window", "meters.x.window_minutes"),
        (meter("unit: u, aggregation: peak, window_minutes: -15"), "window", "meters.x.window_minutes"),
        (meter("unit: u, aggregation: peak, window_minutes: 20"), "window", "meters.x.window_minutes"),
        (meter("unit: u, window_minutes: 15"), "belongs to the aggregation peak",
         "meters.x.window_minutes"),
        (meter("unit: u, aggregation: unique"), "needs the dimension", "meters.x.distinct"),
        (meter("unit: u, aggregation: unique, distinct: ''"), "needs the dimension",
         "meters.x.distinct"),
        (meter("unit: u, distinct: d"), "belongs to the aggregation unique", "meters.x.distinct"),
        (meter("unit: u, digits: 5"), "belongs to the aggregation counter", "meters.x.digits"),
        (meter("unit: u, aggregation: counter, digits: 0"), "1 to 18", "meters.x.digits"),
        (meter("unit: u, aggregation: counter, digits: 19"), "1 to 18", "meters.x.digits"),
        (meter("of: register, band: tou.day"), "can't be split into bands", "meters.x.band"),
        (meter("unit: u, aggregation: counter, band: tou.day"), "can't be split", "meters.x.band"),
        # taxes
        (tax("rates: [{since: 2015-01-01, percent: 0}]", "none"), "takes no rates", "taxes.none"),
        (tax("rates: []"), "at least one rate", "taxes.x.rates"),
        (tax("rates: [{since: 2015-01-01, percent: 100.01}]"), "from 0 to 100", "taxes.x.rates"),
        (tax("rates: [{since: 2015-01-01, percent: -1}]"), "from 0 to 100", "taxes.x.rates"),
        (tax("rates: [{since: 2015-01-01, percent: 1}, {since: 2015-01-01, percent: 2}]"),
         "two rates start on 2015-01-01", "taxes.x.rates"),
        # products
        (product("name: ''"), "1 to 200 characters", "products.x.name"),
        (product("name: '  '"), "1 to 200 characters", "products.x.name"),
        (product(f"name: {'n' * 201}"), "1 to 200 characters", "products.x.name"),
        # plans
        (plan(""), "at least one price", "plans.a.prices"),
        (plan(many_prices(1001)),
         "at most 1000 prices", "plans.a.prices"),
        (plan("{key: k, product: p, flat: {amount: 1}}, {key: k, product: p, flat: {amount: 2}}"),
         "the key stands twice in this plan", K),
        # prices
        (price("timing: in_arrears"), "exactly one scheme", K),
        (price("flat: null"), "exactly one scheme", K),
        (metered("per_unit: {unit_amount: 1}, flat: {amount: 1}"), "exactly one scheme", K),
        (metered("graduated: {tiers: [{unit_amount: 1}]}, volume: {tiers: [{unit_amount: 1}]}"),
         "exactly one scheme", K),
        (price("meter: m, flat: {amount: 1}"), "takes no meter", f"{K}.meter"),
        (price("per_unit: {unit_amount: 1}"), "per_unit needs a meter", f"{K}.meter"),
        (price("graduated: {tiers: [{unit_amount: 1}]}"), "graduated needs a meter", f"{K}.meter"),
        (price("volume: {tiers: [{unit_amount: 1}]}"), "volume needs a meter", f"{K}.meter"),
        (price("package: {size: 1, amount: 1}"), "package needs a meter", f"{K}.meter"),
        (price("flat: {amount: 1}, timing: yearly"), "in_advance, in_arrears, once", f"{K}.timing"),
        (metered("per_unit: {unit_amount: 1}, timing: in_advance"), "usage is known when",
         f"{K}.timing"),
        (price("flat: {amount: 1}, quantity_rounding: {places: 0}"), "no metered quantity",
         f"{K}.quantity_rounding"),
        (metered("per_unit: {unit_amount: 1}, quantity_rounding: {places: 13}"), "-12 to 12",
         f"{K}.quantity_rounding.places"),
        (metered("per_unit: {unit_amount: 1}, quantity_rounding: {places: -13}"), "-12 to 12",
         f"{K}.quantity_rounding.places"),
        # schemes
        (metered("graduated: {tiers: []}"), "last tier must be without up_to", f"{K}.graduated.tiers"),
        (metered("graduated: {tiers: [{up_to: 5}]}"), "last tier must be", f"{K}.graduated.tiers"),
        (metered("volume: {tiers: [{up_to: 5}, {up_to: 9}]}"), "last tier must be",
         f"{K}.volume.tiers"),
        (metered("graduated: {tiers: [{up_to: 5}, {}, {}]}"), "only the last tier",
         f"{K}.graduated.tiers[2]"),
        (metered("graduated: {tiers: [{up_to: 9}, {up_to: 5}, {}]}"), "end above the one before",
         f"{K}.graduated.tiers[2].up_to"),
        (metered("volume: {tiers: [{up_to: 5}, {up_to: 5.0}, {}]}"), "end above the one before",
         f"{K}.volume.tiers[2].up_to"),
        (metered("volume: {tiers: [{up_to: 0}, {}]}"), "end above the one before",
         f"{K}.volume.tiers[1].up_to"),
        (metered("volume: {tiers: [{up_to: -5}, {}]}"), "end above the one before",
         f"{K}.volume.tiers[1].up_to"),
        (metered("package: {size: 0, amount: 1}"), "more than nothing", f"{K}.package.size"),
        (metered("package: {size: -1, amount: 1}"), "more than nothing", f"{K}.package.size"),
        (metered("package: {size: 1, amount: 1, included: -1}"), "can't be negative",
         f"{K}.package.included"),
    ],
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_refused(text, said, place):
    refused = refusal(text)
    assert (refused.code, refused.field) == ("catalog.wrong_value", place)
    assert said in refused.message


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (plan(currency="EURO"), "currency.unknown", "plans.a.currency"),
        (plan(currency="eur"), "currency.unknown", "plans.a.currency"),
        (plan(currency="XAU"), "currency.unknown", "plans.a.currency"),
        (plan(interval="fortnight"), "interval.unknown", "plans.a.interval"),
        (plan(interval="0 months"), "interval.unknown", "plans.a.interval"),
        (plan(more=", anchor_day: 0"), "anchor.out_of_range", "plans.a.anchor_day"),
        (plan(more=", anchor_day: 32"), "anchor.out_of_range", "plans.a.anchor_day"),
        (plan(interval="week", more=", anchor_day: 8"), "anchor.out_of_range", "plans.a.anchor_day"),
        (plan(interval="10 days", more=", anchor_day: 1"), "anchor.out_of_range",
         "plans.a.anchor_day"),
        (bands("time_zone: Europe/Zagrb, bands: {}, rest: r"), "zone.unknown", "bands.x.time_zone"),
        (bands("time_zone: CEST, bands: {}, rest: r"), "zone.unknown", "bands.x.time_zone"),
        (bands("time_zone: UTC, bands: {d: [noon]}, rest: r"), "bands.malformed",
         "bands.x.bands.d"),
        (meter("unit: u, formula: ''"), "formula.malformed", "meters.x.formula"),
        (meter("unit: u, formula: m +"), "formula.malformed", "meters.x.formula"),
        (meter(f"unit: u, formula: {'-' * 30}m"), "formula.malformed", "meters.x.formula"),
        (meter(f"unit: u, formula: {'m+' * 300}m"), "formula.malformed", "meters.x.formula"),
        (tax("rates: [{since: 2015-01-01, percent: 25%}]"), "number.malformed",
         "taxes.x.rates.percent"),
    ],
)  # fmt: skip
def test_what_other_modules_refuse_carries_its_place_in_the_file(text, code, place):
    refused = refusal(text)
    assert (refused.code, refused.field) == (code, place)


NO_NUMBERS = ["NaN", ".nan", "Infinity", "-Infinity", ".inf", "1e999999", "1e100", "1_000", "0x10",
              "'1,5'", "1.", ".5", "+1", "١", "''", "' 1'", "null", "true", "1" * 21,
              "0." + "1" * 19]  # fmt: skip


@pytest.mark.parametrize("text", NO_NUMBERS)
@pytest.mark.parametrize(
    ("scheme", "place"),
    [
        ("flat: {{amount: {}}}", "flat.amount"),
        ("meter: m, per_unit: {{unit_amount: {}}}", "per_unit.unit_amount"),
        ("meter: m, graduated: {{tiers: [{{up_to: {}}}, {{}}]}}", "graduated.tiers[1].up_to"),
        ("meter: m, volume: {{tiers: [{{unit_amount: {}}}]}}", "volume.tiers[1].unit_amount"),
        ("meter: m, volume: {{tiers: [{{flat_amount: {}}}]}}", "volume.tiers[1].flat_amount"),
        ("meter: m, package: {{size: {}, amount: 1}}", "package.size"),
        ("meter: m, package: {{size: 1, amount: {}}}", "package.amount"),
        ("meter: m, package: {{size: 1, amount: 1, included: {}}}", "package.included"),
    ],
)
def test_what_is_no_plain_number_is_refused_as_an_amount(scheme, place, text):
    refused = refusal(price(scheme.format(text)))
    assert refused.code in ("number.malformed", "number.out_of_range")
    assert refused.field == f"{K}.{place}"


@pytest.mark.parametrize(
    "text", ["0.1", "0.30", "1e-7", "0.041145", "123456789012.123456789012345678", "-0.01"]
)
def test_an_amount_stays_exactly_as_it_is_written(text):
    scheme = found(price(f"flat: {{amount: {text}}}"), "plan", "a").items[0].price.scheme
    assert scheme == Flat(text)


def test_meters_that_stand_on_one_another_too_deeply_are_refused():
    chain = "\n".join(f"  c{n}: {{unit: u, formula: c{n - 1}}}" for n in range(1, 30))
    refused = refusal("meters:\n  c0: {unit: u}\n" + chain)
    assert refused.code == "catalog.wrong_value"


@pytest.mark.parametrize("bottom", ["unit: u", "unit: u, formula: 1"])
def test_formulas_that_multiply_out_beyond_measure_are_refused_quickly(bottom):
    names = [[f"l{level}_{n}" for n in range(20)] for level in range(10)]
    lines = [f"  {name}: {{{bottom}}}" for name in names[0]]
    for below, level in pairwise(names):
        expression = " + ".join(below)
        lines.extend(f"  {name}: {{unit: u, formula: {expression}}}" for name in level)
    started = time.monotonic()
    refused = refusal("meters:\n" + "\n".join(lines))
    assert (refused.code, refused.field) == ("catalog.wrong_value", "meters.l3_0.formula")
    assert time.monotonic() - started < 5


def test_an_empty_file_holds_nothing():
    assert parse("") == []
    assert parse("# a comment\n") == []
    assert parse("{}") == []


def test_a_plan_holds_everything_that_bills_it():
    text = plan(
        "{key: fee, product: p, flat: {amount: 10}, timing: in_advance, description: Fee},"
        "{key: use, product: free, meter: peak, per_unit: {unit_amount: 0.10},"
        " quantity_rounding: {places: 2, mode: up}, amount_rounding: half_even},"
        "{key: grad, product: p, meter: sums, graduated: {tiers: [{up_to: 5, unit_amount: 1},"
        " {flat_amount: 3}]}},"
        "{key: vol, product: p, meter: m, volume: {tiers: [{unit_amount: 2}]}},"
        "{key: pack, product: p, meter: m, package: {size: 10, amount: 1, included: 3}}",
        more=", name: All, anchor_day: 15",
    )
    text = text.replace("products:\n", "products:\n  free: {name: Free}\n").replace(
        "meters:\n", "meters:\n  peak: {of: m, unit: kW, aggregation: peak, window_minutes: 15,"
        " band: tou.day}\n"
    )  # fmt: skip
    (tou,) = (entity.content for entity in parse(text) if entity.kind == "bands")
    energy = Series("m", "kWh", Aggregation.SUM)
    register = Series("register", "kWh", Aggregation.COUNTER, digits=5)
    peak = Series("m", "kW", Aggregation.PEAK, tou, "day", 15)
    sums = Formula("kWh", "m + register", {"m": energy, "register": register})
    power, free = Product("p", "Power", "vat"), Product("free", "Free", "none")
    half_up, half_even = Rounding.HALF_UP, Rounding.HALF_EVEN
    assert found(text, "plan", "a") == Plan(
        "a",
        "All",
        "EUR",
        "month",
        (
            Item(Price("fee", Flat("10"), "Fee", half_up, True), power),
            Item(
                Price("use", PerUnit("0.10"), "Free", half_even, False,
                      QuantityRounding(2, Rounding.UP)),
                free,
                peak,
            ),
            Item(
                Price("grad", Graduated((Tier("5", "1"), Tier(None, "0", "3"))), "Power", half_up),
                power,
                sums,
            ),
            Item(Price("vol", Volume((Tier(None, "2"),)), "Power", half_up), power, energy),
            Item(Price("pack", Package("10", "1", "3"), "Power", half_up), power, energy),
        ),
        15,
    )  # fmt: skip


def test_tax_rates_are_put_in_order_and_equal_numbers_become_equal_texts():
    text = tax("rates: [{since: 2020-07-01, percent: 25.00}, {since: 2010-01-01, percent: 25},"
               " {since: 2015-01-01, percent: 12.50}], rounding: down")  # fmt: skip
    assert found(text, "tax", "x") == Tax(
        "x",
        (
            TaxRate(date(2010, 1, 1), "25"),
            TaxRate(date(2015, 1, 1), "12.5"),
            TaxRate(date(2020, 7, 1), "25"),
        ),
        Rounding.DOWN,
    )


def test_json_is_read_as_well():
    text = '{"meters": {"m": {"unit": "kWh", "aggregation": "max", "digits": null}}}'
    assert parse(text) == [Entity("meter", "m", Series("m", "kWh", Aggregation.MAX))]


def test_a_meter_without_aggregation_sums_and_one_of_another_inherits():
    text = meter("of: register, unit: m3")
    assert found(text, "meter", "m").aggregation is Aggregation.SUM
    inherited = Series("register", "m3", Aggregation.COUNTER, digits=5)
    assert found(text, "meter", "x") == inherited


@pytest.mark.parametrize("digits", [1, 18])
@pytest.mark.parametrize("places", [-12, 0, 12])
def test_limits_themselves_are_taken(digits, places):
    text = meter(f"unit: {'u' * 40}, aggregation: counter, digits: {digits}")
    assert found(text, "meter", "x").digits == digits
    text = metered(f"per_unit: {{unit_amount: 1}}, quantity_rounding: {{places: {places}}}")
    assert found(text, "plan", "a").items[0].price.quantity_rounding.places == places
    text = tax("rates: [{since: 2015-01-01, percent: 0}, {since: 2016-01-01, percent: 100}]")
    assert len(found(text, "tax", "x").rates) == 2


def test_a_plan_may_have_a_thousand_prices():
    assert len(found(plan(many_prices(1000)), "plan", "a").items) == 1000
