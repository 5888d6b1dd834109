"""What applying a file would change, told field by field."""

import pytest

from everycent.catalog.difference import Known, Verb, changes
from everycent.catalog.document import parse
from everycent.kernel.canonical import encode

BEFORE = """
meters:
  m: {unit: kWh}
products:
  p: {name: Power}
plans:
  a:
    currency: EUR
    prices:
      - {key: fee, product: p, flat: {amount: 10}}
      - {key: use, product: p, meter: m, graduated: {tiers: [{up_to: 5, unit_amount: 1}, {}]}}
"""


def recorded(text, version=1):
    return {
        (entity.kind, entity.key): Known(version, encode(entity.content)) for entity in parse(text)
    }


def told(before, after):
    """What changes, without what stays."""
    return {
        f"{change.kind}.{change.key}": change.fields
        for change in changes(parse(after), recorded(before))
        if change.verb is not Verb.KEEP
    }


def test_everything_in_a_new_file_is_created_as_version_1():
    found = changes(parse(BEFORE), {})
    assert [(c.verb, c.kind, c.key, c.version, c.fields) for c in found] == [
        (Verb.CREATE, "meter", "m", 1, ()),
        (Verb.CREATE, "product", "p", 1, ()),
        (Verb.CREATE, "plan", "a", 1, ()),
    ]


def test_the_same_file_changes_nothing_and_keeps_the_versions():
    found = changes(parse(BEFORE), recorded(BEFORE, 7))
    assert {(c.verb, c.version, c.fields) for c in found} == {(Verb.KEEP, 7, ())}


def test_another_spelling_of_the_same_file_changes_nothing():
    assert (
        told(BEFORE, BEFORE.replace("kWh", '"kWh"').replace("currency: EUR", "currency: 'EUR'"))
        == {}
    )


def test_what_the_file_does_not_mention_stays():
    assert changes(parse("meters: {m: {unit: kWh}}"), recorded(BEFORE))[0].verb is Verb.KEEP
    assert len(changes(parse("meters: {m: {unit: kWh}}"), recorded(BEFORE))) == 1


def test_a_change_counts_on_from_the_newest_version():
    (meter, *_) = changes(parse(BEFORE.replace("kWh", "MWh")), recorded(BEFORE, 7))
    assert (meter.verb, meter.version, meter.content) == (
        Verb.CHANGE,
        8,
        b'{"type":"series","meter":"m","unit":"MWh","aggregation":"sum"}',
    )


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ("amount: 10", "amount: 10.0", ["items[fee].price.scheme.amount: 10 → 10.0"]),
        ("name: Power", "name: Energy", [
            "items[fee].price.description: Power → Energy",
            "items[fee].product.name: Power → Energy",
            "items[use].price.description: Power → Energy",
            "items[use].product.name: Power → Energy",
        ]),
        ("currency: EUR", "currency: USD", ["currency: EUR → USD"]),
        ("currency: EUR", "currency: EUR\n    anchor_day: 5", ["anchor_day: – → 5"]),
        ("unit: kWh", "unit: MWh", ["items[use].measure.unit: kWh → MWh"]),
        ("up_to: 5", "up_to: 6", ["items[use].price.scheme.tiers[1].up_to: 5 → 6"]),
        ("{}]}}", "{}]}, amount_rounding: up}", ["items[use].price.amount_rounding: half_up → up"]),
        ("flat: {amount: 10}", "flat: {amount: 10}, timing: in_advance",
         ["items[fee].price.in_advance: – → true"]),
        ("key: fee", "key: base", None),
    ],
)  # fmt: skip
def test_every_field_of_a_plan_that_differs_is_told(old, new, fields):
    found = told(BEFORE, BEFORE.replace(old, new))["plan.a"]
    if fields is None:
        assert [line.partition(":")[0] for line in found] == ["items[fee]", "items[base]"]
        assert all(len(line) < 100 for line in found)
    else:
        assert list(found) == fields


def test_prices_in_another_order_are_told_as_such():
    fee, use = BEFORE.splitlines()[-2:]
    found = told(BEFORE, BEFORE.replace(f"{fee}\n{use}", f"{use}\n{fee}"))
    assert found == {"plan.a": ("items: fee, use → use, fee",)}


PARTS = """
calendars:
  hr: {yearly: [01-01, 12-25], easter: [1]}
bands:
  tou: {time_zone: UTC, bands: {day: ["mon-fri 07:00-21:00", "sat 08:00-14:00"]}, rest: night}
segments:
  region: {segments: {eu: [{region: [eu-1, eu-2]}, {tier: gold}], us: [{region: us-1}]}, rest: other}
meters:
  m: {unit: kWh}
  busy: {of: m, aggregation: percentile, percentile: 95}
  stored: {unit: GB, aggregation: weighted_sum}
  eu: {of: m, segment: region.eu}
intake:
  m: {value: {max: 500}, accept_days: 60, dimensions: {required: [site]}}
"""


@pytest.mark.parametrize(
    ("old", "new", "key", "fields"),
    [
        ("01-01, 12-25", "12-25, 12-26", "calendar.hr", ["yearly: + 12-26, − 01-01"]),
        ("easter: [1]", "easter: [1, 60]", "calendar.hr", ["easter: + 60"]),
        ("sat 08:00-14:00", "sat 08:00-15:00", "bands.tou", ["rules[day 2].end: 840 → 900"]),
        ("eu-2]", "eu-2, eu-3]", "segments.region", ["rules[eu].dimensions[region]: + eu-3"]),
        ("eu-2]", "eu-2, eu-3]", "meter.eu", ["segments.rules[eu].dimensions[region]: + eu-3"]),
        ("gold", "silver", "segments.region", ["rules[eu 2].dimensions[tier]: + silver, − gold"]),
        ("rest: other", "rest: else", "segments.region", ["rest: other → else"]),
        ("percentile: 95", "percentile: 99", "meter.busy", ["percentile: 95 → 99"]),
        ("percentile: 95", "percentile: 95, window_minutes: 5, each: sum", "meter.busy",
         ["window_minutes: – → 5", "each: – → sum"]),
        ("weighted_sum", "weighted_sum, carries: false, level: sets", "meter.stored",
         ["level: changes → sets", "carries: – → false"]),
        ("region.eu", "region.us", "meter.eu", ["segment: eu → us"]),
        ("max: 500", "max: 600, min: 0", "intake.m", ["value_max: 500 → 600", "value_min: – → 0"]),
        ("[site]", "[site, user]", "intake.m", ["required: + user"]),
        ("accept_days: 60", "after_invoice: write_off", "intake.m",
         ["accept_days: 60 → –", "after_invoice: – → write_off"]),
    ],
)  # fmt: skip
def test_what_changes_of_meters_and_their_parts_is_told_by_name(old, new, key, fields):
    assert sorted(told(PARTS, PARTS.replace(old, new))[key]) == sorted(fields)


def test_segments_in_another_order_are_told_as_such():
    before = "segments: {s: {segments: {a: [{x: 1}], b: [{y: 1}]}, rest: r}}"
    after = "segments: {s: {segments: {b: [{y: 1}], a: [{x: 1}]}, rest: r}}"
    assert told(before, after) == {"segments.s": ("rules: a, b → b, a",)}
