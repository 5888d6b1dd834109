"""Meters in the catalogue file: what each aggregation takes, takes over, and refuses."""

import itertools

import msgspec
import pytest

from everycent.catalog.document import parse
from everycent.catalog.meter import Aggregation, Formula, Granularity, Level, Measure, Series
from everycent.kernel.canonical import encode
from everycent.kernel.errors import Invalid

FRAME = """
bands:
  tou: {{time_zone: UTC, bands: {{day: ["07:00-21:00"]}}, rest: night}}
segments:
  region: {{segments: {{eu: [{{region: [eu-1, eu-2]}}], us: [{{region: us-1}}]}}, rest: elsewhere}}
meters:
  m: {{unit: kWh}}
  register: {{unit: kWh, aggregation: counter, digits: 5}}
  sums: {{unit: kWh, formula: m + register}}
  day: {{of: m, band: tou.day}}
  eu: {{of: m, segment: region.eu}}
  seats: {{unit: seat, aggregation: units, distinct: user, granularity: day}}
  stored: {{unit: GB, aggregation: weighted_sum, level: sets, carries: false, granularity: day}}
  hourly: {{unit: kW, aggregation: windowed, window_minutes: 60, each: max, then: sum}}
  busy: {{of: m, aggregation: percentile, percentile: 95, window_minutes: 5, each: average}}
  top: {{of: m, aggregation: peak, window_minutes: 30}}
  x: {{{fields}}}
"""
A, G = Aggregation, Granularity
NEW = {"meter": "x", "unit": "u"}
OF_M = {"meter": "m", "unit": "kWh"}


def meter(fields):
    entities = parse(FRAME.format(fields=fields))
    return {(e.kind, e.key): e.content for e in entities}["meter", "x"]


def refusal(fields):
    with pytest.raises(Invalid) as refused:
        parse(FRAME.format(fields=fields))
    return refused.value


def simple(series):
    """The fields of a series that are told, without its sets."""
    fields = msgspec.structs.asdict(series)
    return {
        name: value
        for name, value in fields.items()
        if name not in ("bands", "segments") and value is not None
    }


@pytest.mark.parametrize(
    ("fields", "made"),
    [
        # each aggregation
        *((f"unit: u, aggregation: {name}", {**NEW, "aggregation": name}) for name in
          ("count", "sum", "min", "max", "average", "latest", "counter")),
        ("unit: u, aggregation: unique, distinct: d", {**NEW, "aggregation": A.UNIQUE, "distinct": "d"}),
        ("unit: u, aggregation: units, distinct: d", {**NEW, "aggregation": A.UNITS, "distinct": "d"}),
        ("unit: u, aggregation: units, distinct: d, granularity: second",
         {**NEW, "aggregation": A.UNITS, "distinct": "d", "granularity": G.SECOND}),
        ("unit: u, aggregation: units, distinct: d, granularity: day",
         {**NEW, "aggregation": A.UNITS, "distinct": "d", "granularity": G.DAY}),
        ("unit: u, aggregation: weighted_sum",
         {**NEW, "aggregation": A.WEIGHTED_SUM, "granularity": G.SECOND, "level": Level.CHANGES}),
        ("unit: u, aggregation: weighted_sum, granularity: day, level: sets, carries: false",
         {**NEW, "aggregation": A.WEIGHTED_SUM, "granularity": G.DAY, "level": Level.SETS,
          "carries": False}),
        ("unit: u, aggregation: weighted_sum, carries: true",
         {**NEW, "aggregation": A.WEIGHTED_SUM, "granularity": G.SECOND, "level": Level.CHANGES}),
        ("unit: u, aggregation: windowed, window_minutes: 60, each: max, then: sum",
         {**NEW, "aggregation": A.WINDOWED, "window_minutes": 60, "each": A.MAX, "then": A.SUM}),
        ("unit: u, aggregation: percentile, percentile: 95",
         {**NEW, "aggregation": A.PERCENTILE, "percentile": "95"}),
        ("unit: u, aggregation: percentile, percentile: 99.90, window_minutes: 5, each: sum",
         {**NEW, "aggregation": A.PERCENTILE, "percentile": "99.9", "window_minutes": 5, "each": A.SUM}),
        ("unit: u, aggregation: percentile, percentile: 100",
         {**NEW, "aggregation": A.PERCENTILE, "percentile": "100"}),
        ("unit: u, aggregation: percentile, percentile: 1e-7",
         {**NEW, "aggregation": A.PERCENTILE, "percentile": "0.0000001"}),
        ("unit: u, aggregation: peak, window_minutes: 15",
         {**NEW, "aggregation": A.PEAK, "window_minutes": 15}),
        ("unit: u, aggregation: counter, digits: 6", {**NEW, "aggregation": A.COUNTER, "digits": 6}),
        # parts
        ("of: m, band: tou.night", {**OF_M, "aggregation": A.SUM, "band": "night"}),
        ("of: m, segment: region.us", {**OF_M, "aggregation": A.SUM, "segment": "us"}),
        ("of: m, segment: region.elsewhere", {**OF_M, "aggregation": A.SUM, "segment": "elsewhere"}),
        ("of: eu, band: tou.day, aggregation: max",
         {**OF_M, "aggregation": A.MAX, "segment": "eu", "band": "day"}),
        ("of: day, segment: region.eu",
         {**OF_M, "aggregation": A.SUM, "segment": "eu", "band": "day"}),
        ("of: day, band: tou.night", {**OF_M, "aggregation": A.SUM, "band": "night"}),
        ("of: seats, segment: region.eu",
         {"meter": "seats", "unit": "seat", "aggregation": A.UNITS, "distinct": "user",
          "granularity": G.DAY, "segment": "eu"}),
        ("of: eu, aggregation: weighted_sum",
         {**OF_M, "aggregation": A.WEIGHTED_SUM, "granularity": G.SECOND, "level": Level.CHANGES,
          "segment": "eu"}),
        ("of: day, aggregation: percentile, percentile: 50",
         {**OF_M, "aggregation": A.PERCENTILE, "percentile": "50", "band": "day"}),
        ("of: day, aggregation: windowed, window_minutes: 1, each: count, then: max",
         {**OF_M, "aggregation": A.WINDOWED, "window_minutes": 1, "each": A.COUNT, "then": A.MAX,
          "band": "day"}),
        # what is taken over, and what is dropped
        ("of: stored", {"meter": "stored", "unit": "GB", "aggregation": A.WEIGHTED_SUM,
                        "granularity": G.DAY, "level": Level.SETS, "carries": False}),
        ("of: stored, carries: true, level: changes",
         {"meter": "stored", "unit": "GB", "aggregation": A.WEIGHTED_SUM, "granularity": G.DAY,
          "level": Level.CHANGES}),
        ("of: stored, aggregation: max", {"meter": "stored", "unit": "GB", "aggregation": A.MAX}),
        ("of: seats, aggregation: count, unit: call",
         {"meter": "seats", "unit": "call", "aggregation": A.COUNT}),
        ("of: seats, aggregation: unique",
         {"meter": "seats", "unit": "seat", "aggregation": A.UNIQUE, "distinct": "user"}),
        ("of: seats, granularity: second",
         {"meter": "seats", "unit": "seat", "aggregation": A.UNITS, "distinct": "user",
          "granularity": G.SECOND}),
        ("of: hourly, then: average",
         {"meter": "hourly", "unit": "kW", "aggregation": A.WINDOWED, "window_minutes": 60,
          "each": A.MAX, "then": A.AVERAGE}),
        ("of: hourly, aggregation: percentile, percentile: 95",
         {"meter": "hourly", "unit": "kW", "aggregation": A.PERCENTILE, "percentile": "95",
          "window_minutes": 60, "each": A.MAX}),
        ("of: hourly, aggregation: peak",
         {"meter": "hourly", "unit": "kW", "aggregation": A.PEAK, "window_minutes": 60}),
        ("of: busy, percentile: 50",
         {**OF_M, "aggregation": A.PERCENTILE, "percentile": "50", "window_minutes": 5,
          "each": A.AVERAGE}),
        ("of: busy, aggregation: latest", {**OF_M, "aggregation": A.LATEST}),
        ("of: top, aggregation: sum", {**OF_M, "aggregation": A.SUM}),
        ("of: register, aggregation: max",
         {"meter": "register", "unit": "kWh", "aggregation": A.MAX}),
    ],
)  # fmt: skip
def test_an_accepted_meter_becomes_a_series(fields, made):
    assert simple(meter(fields)) == {"carries": True, **made}


@pytest.mark.parametrize("window", [1, 5, 10, 15, 30, 60, 120, 180, 240, 360, 480, 720, 1440])
@pytest.mark.parametrize("each", ["count", "sum", "min", "max", "average", "latest"])
@pytest.mark.parametrize("then", ["sum", "min", "max", "average"])
def test_every_window_goes_with_every_pair_of_aggregations(window, each, then):
    made = meter(
        f"of: m, aggregation: windowed, window_minutes: {window}, each: {each}, then: {then}"
    )
    assert (made.window_minutes, made.each, made.then) == (window, A(each), A(then))


def test_a_part_holds_its_set_in_full():
    assert meter("of: m, segment: region.eu").segments.names() == {"eu", "us", "elsewhere"}
    assert meter("of: m, band: tou.day").bands.names() == {"day", "night"}


PEAK = "unit: u, aggregation: peak"
WINDOWED = "unit: u, aggregation: windowed, window_minutes: 15, each: sum, then: max"
PERCENTILE = "unit: u, aggregation: percentile"


@pytest.mark.parametrize(
    ("fields", "place", "said", "advice"),
    [
        # windows
        ("unit: u, aggregation: windowed, each: sum, then: max", "window_minutes", "needs a window",
         "one of 1, 5, 10, 15, 30, 60, 120, 180, 240, 360, 480, 720 or 1440 minutes"),
        (WINDOWED.replace("15", "20"), "window_minutes", "needs a window", "one of 1, 5, 10"),
        (WINDOWED.replace("15", "0"), "window_minutes", "needs a window", "one of 1, 5, 10"),
        (WINDOWED.replace("15", "-5"), "window_minutes", "needs a window", "one of 1, 5, 10"),
        (WINDOWED.replace("15", "2880"), "window_minutes", "needs a window", "one of 1, 5, 10"),
        (f"{PEAK}, window_minutes: 5", "window_minutes", "a peak needs a window", "one of 15, 30"),
        ("of: busy, aggregation: peak", "window_minutes", "a peak needs a window", "one of 15, 30"),
        ("unit: u, aggregation: windowed, window_minutes: 15, then: max", "each", "must be told",
         "one of count, sum, min, max, average or latest"),
        ("unit: u, aggregation: windowed, window_minutes: 15, each: sum", "then", "must be told",
         "one of sum, min, max or average"),
        (WINDOWED.replace("sum", "unique"), "each", "unique can't be what each", "one of count"),
        (WINDOWED.replace("sum", "windowed"), "each", "windowed can't be what each", "one of count"),
        (WINDOWED.replace("then: max", "then: count"), "then", "count can't be what",
         "one of sum"),
        (WINDOWED.replace("then: max", "then: latest"), "then", "latest can't be what",
         "one of sum"),
        (WINDOWED.replace("then: max", "then: percentile"), "then", "percentile can't be what",
         "one of sum"),
        # percentiles
        (PERCENTILE, "percentile", "must be told", "such as percentile: 95, of the records themselves"),
        (f"{PERCENTILE}, percentile: 0", "percentile", "not above 0 and up to 100", "such as 95"),
        (f"{PERCENTILE}, percentile: -5", "percentile", "not above 0 and up to 100", "such as 95"),
        (f"{PERCENTILE}, percentile: 100.1", "percentile", "not above 0 and up", "such as 95"),
        (f"{PERCENTILE}, percentile: 95, each: sum", "each", "the records themselves",
         "add window_minutes"),
        (f"{PERCENTILE}, percentile: 95, window_minutes: 5", "each", "must be told",
         "or leave window_minutes out"),
        (f"{PERCENTILE}, percentile: 95, window_minutes: 7, each: sum", "window_minutes",
         "a percentile of windows needs a window", "one of 1"),
        ("of: m, aggregation: percentile, percentile: 95, each: peak, window_minutes: 5", "each",
         "peak can't be what each window becomes", "one of count"),
        # units and unique
        ("unit: u, aggregation: unique", "distinct", "a unique count needs the dimension", "user_id"),
        ("unit: u, aggregation: units", "distinct", "units need the dimension", "user_id"),
        ("unit: u, aggregation: units, distinct: ''", "distinct", "units need the dimension", "user_id"),
        ("unit: u, aggregation: units, distinct: operation", "distinct", "comes or goes",
         "identifies the unit"),
        # registers
        ("unit: u, aggregation: counter, digits: 0", "digits", "1 to 18 digits, not 0", "before the point"),
        # parts that don't fit
        ("of: register, band: tou.day", "band", "a register's difference", "leave the band out"),
        ("of: register, segment: region.eu", "segment", "a register's readings", "`register`"),
        ("of: seats, band: tou.day", "band", "a level can't be split", "units looks at the whole"),
        ("of: stored, band: tou.day", "band", "a level can't be split", "weighted_sum looks at the"),
        ("of: day, aggregation: weighted_sum", "band", "a level can't be split", "leave the band out"),
        ("of: day, aggregation: units, distinct: d", "band", "a level can't be", "leave the band out"),
        ("of: day, aggregation: counter", "band", "a register's difference", "leave the band out"),
        ("of: eu, aggregation: counter", "segment", "a register's readings", "leave the segment out"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_advice(fields, place, said, advice):
    refused = refusal(fields)
    assert (refused.code, refused.field) == ("catalog.wrong_value", f"meters.x.{place}")
    assert said in refused.message
    assert (refused.hint is None) if advice is None else (advice in refused.hint)


VALUES = {"window_minutes": "15", "each": "sum", "then": "max", "percentile": "95", "distinct": "d",
          "granularity": "day", "level": "sets", "carries": "false", "digits": "5"}  # fmt: skip
BELONGING = {
    "unique": "distinct",
    "units": "distinct granularity",
    "weighted_sum": "granularity level carries",
    "windowed": "window_minutes each then",
    "percentile": "percentile window_minutes each",
    "peak": "window_minutes",
    "counter": "digits",
}


@pytest.mark.parametrize(
    ("aggregation", "field"),
    [
        (aggregation.value, field)
        for aggregation, field in itertools.product(Aggregation, VALUES)
        if field not in BELONGING.get(aggregation.value, "").split()
    ],
)
def test_a_field_of_another_aggregation_is_refused(aggregation, field):
    own = BELONGING.get(aggregation, "").split()
    fields = ", ".join(f"{name}: {VALUES[name]}" for name in (*own, field))
    refused = refusal(f"unit: u, aggregation: {aggregation}, {fields}")
    assert (refused.code, refused.field) == ("catalog.wrong_value", f"meters.x.{field}")
    owners = {name for name, names in BELONGING.items() if field in names.split()}
    assert "it belongs to the aggregation" in refused.message
    assert all(owner in refused.message for owner in owners)
    assert refused.hint == f"leave it out, or change the aggregation, which is {aggregation}"


@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_an_aggregation_takes_all_fields_that_belong_to_it(aggregation):
    own = BELONGING.get(aggregation.value, "").split()
    fields = "".join(f", {name}: {VALUES[name]}" for name in own)
    made = simple(meter(f"unit: u, aggregation: {aggregation}{fields}"))
    assert set(made) - {"meter", "unit", "aggregation", "carries"} == set(own) - {"carries"}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ("unit: u, aggregation: median", "meters.x.aggregation"),
        (
            "unit: u, aggregation: windowed, window_minutes: 15, each: total, then: max",
            "meters.x.each",
        ),
        (
            "unit: u, aggregation: windowed, window_minutes: 15, each: sum, then: top",
            "meters.x.then",
        ),
        ("unit: u, aggregation: units, distinct: d, granularity: hour", "meters.x.granularity"),
        ("unit: u, aggregation: weighted_sum, level: is", "meters.x.level"),
        ("unit: u, aggregation: weighted_sum, carries: perhaps", "meters.x.carries"),
        ("unit: u, aggregation: windowed, window_minutes: 15m", "meters.x.window_minutes"),
        ("of: m, segments: region.eu", "meters.x"),
    ],
)
def test_a_word_that_the_file_does_not_know_is_refused(fields, place):
    refused = refusal(fields)
    assert (refused.code, refused.field) == ("catalog.wrong_shape", place)


@pytest.mark.parametrize(
    ("fields", "code", "place"),
    [
        ("of: m, segment: region", "catalog.unknown_name", "meters.x.segment"),
        ("of: m, segment: eu", "catalog.unknown_name", "meters.x.segment"),
        ("of: m, segment: region.asia", "catalog.unknown_name", "meters.x.segment"),
        ("of: m, segment: tou.day", "catalog.unknown_name", "meters.x.segment"),
        ("of: m, band: region.eu", "catalog.unknown_name", "meters.x.band"),
        (f"{PERCENTILE}, percentile: 95th", "number.malformed", "meters.x.percentile"),
        (f"{PERCENTILE}, percentile: NaN", "number.malformed", "meters.x.percentile"),
    ],
)
def test_a_part_or_number_that_is_none_is_refused(fields, code, place):
    refused = refusal(fields)
    assert (refused.code, refused.field) == (code, place)


@pytest.mark.parametrize("field", [*VALUES, "segment"])
def test_a_formula_has_no_details_of_its_own(field):
    refused = refusal(f"unit: u, formula: m, {field}: {VALUES.get(field, 'region.eu')}")
    assert refused.code == "catalog.wrong_value"
    assert f"a formula has no {field}" in refused.message


def test_a_name_that_can_mean_two_parts_is_refused():
    sets = "{time_zone: UTC, bands: {%s: ['07:00-21:00']}, rest: r}"
    text = f"""
    bands: {{a: {sets % "b.c"}, a.b: {sets % "c"}}}
    meters: {{m: {{unit: u}}, n: {{of: m, band: a.b.c}}}}
    """
    with pytest.raises(Invalid) as refused:
        parse(text)
    assert (refused.value.code, refused.value.field) == ("catalog.wrong_value", "meters.n.band")
    assert "more than one band" in refused.value.message


def test_a_formula_may_stand_on_every_aggregation():
    names = "m + day + eu + seats + stored + hourly + busy + top + register"
    made = meter(f"unit: u, formula: '{names} / 2'")
    assert isinstance(made, Formula)
    assert {name: part.aggregation for name, part in made.inputs.items()} == {
        "m": A.SUM, "day": A.SUM, "eu": A.SUM, "seats": A.UNITS, "stored": A.WEIGHTED_SUM,
        "hourly": A.WINDOWED, "busy": A.PERCENTILE, "top": A.PEAK, "register": A.COUNTER,
    }  # fmt: skip


def test_every_meter_reads_back_from_what_is_stored_of_it():
    for entity in parse(FRAME.format(fields="unit: u, formula: m + eu + day + busy")):
        if entity.kind == "meter":
            assert msgspec.json.decode(encode(entity.content), type=Measure) == entity.content


def test_a_plain_meter_is_written_as_ever():
    assert encode(meter("unit: u")) == (
        b'{"type":"series","meter":"x","unit":"u","aggregation":"sum"}'
    )
    assert meter("unit: u") == Series("x", "u", Aggregation.SUM)
