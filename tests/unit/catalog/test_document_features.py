"""Features in the catalogue file: what they and what plans include of them become, and what is refused."""

import pytest

from everycent.catalog.difference import Known, Verb, changes
from everycent.catalog.document import parse
from everycent.catalog.feature import AfterSwitch, Feature, Included, Kind, Reset
from everycent.catalog.plan import Plan
from everycent.flows import plan_told
from everycent.kernel.canonical import encode
from everycent.kernel.errors import Conflict, Invalid

FILE = """
meters:
  calls: {{unit: call}}
  exports: {{unit: export, aggregation: count}}
  mean: {{unit: ms, aggregation: average}}
  alone: {{unit: GB, aggregation: weighted_sum, carries: false}}
  low: {{unit: GB, aggregation: min}}
  p95: {{unit: ms, aggregation: percentile, percentile: 95}}
  windows: {{unit: ms, aggregation: windowed, window_minutes: 60, each: sum, then: average}}
  both: {{unit: token, formula: calls + 10 * exports}}
  odd: {{unit: ms, formula: calls + mean}}
products:
  p: {{name: Power}}
features:
  sso: {{kind: switch, name: Single sign-on}}
  projects: {{kind: limit}}
  calls: {{kind: metered, meter: calls, reset: month}}
  tokens: {{kind: metered, meter: both, after_switch: restart}}
  support: {{kind: grade, grades: [basic, silver, gold]}}
  {features}
plans:
  a:
    currency: EUR
    prices: [{{key: k, product: p, flat: {{amount: 1}}}}]
    features: {{{included}}}
"""


def made(features="", included=""):
    return {
        (entity.kind, entity.key): entity.content
        for entity in parse(FILE.format(features=features, included=included))
    }


@pytest.mark.parametrize(
    ("key", "kind", "meter", "reset", "after_switch", "grades"),
    [
        ("sso", Kind.SWITCH, None, Reset.PERIOD, AfterSwitch.KEEP, ()),
        ("projects", Kind.LIMIT, None, Reset.PERIOD, AfterSwitch.KEEP, ()),
        ("calls", Kind.METERED, "calls", Reset.MONTH, AfterSwitch.KEEP, ()),
        ("tokens", Kind.METERED, "both", Reset.PERIOD, AfterSwitch.RESTART, ()),
        ("support", Kind.GRADE, None, Reset.PERIOD, AfterSwitch.KEEP, ("basic", "silver", "gold")),
    ],
)
def test_a_feature_is_complete_with_its_meter(key, kind, meter, reset, after_switch, grades):
    found = made()
    measure = None if meter is None else found["meter", meter]
    name = "Single sign-on" if key == "sso" else key
    assert found["feature", key] == Feature(key, name, kind, measure, reset, after_switch, grades)


@pytest.mark.parametrize(
    ("included", "limit", "is_soft", "grade", "told"),
    [
        ("sso: on", None, False, None, "on"),
        ("sso: 'true'", None, False, None, "on"),
        ("projects: 10", "10", False, None, "up to 10"),
        ("projects: 007", "7", False, None, "up to 7"),
        ("projects: 0", "0", False, None, "up to 0"),
        ("projects: unlimited", None, False, None, "unlimited"),
        ("calls: 1000", "1000", False, None, "up to 1000 call a month"),
        ("calls: 0.50", "0.5", False, None, "up to 0.5 call a month"),
        ("calls: {limit: 5}", "5", False, None, "up to 5 call a month"),
        ("calls: {limit: 5, soft: true}", "5", True, None,
         "up to 5 call a month, use goes on beyond"),
        ("tokens: unlimited", None, False, None, "unlimited, counted in token a period"),
        ("support: gold", None, False, "gold", "gold"),
    ],
)  # fmt: skip
def test_a_plan_includes_a_feature_as_the_file_says(included, limit, is_soft, grade, told):
    found = made(included=included)
    key = included.partition(":")[0]
    (one,) = found["plan", "a"].features
    assert one == Included(found["feature", key], limit, is_soft, grade)
    assert dict(plan_told.lines(found["plan", "a"]))[f"feature {key}"] == told


def test_a_switch_that_is_off_is_not_included():
    assert made(included="sso: off, projects: 1")["plan", "a"].features[0].feature.key == "projects"
    assert made(included="sso: false")["plan", "a"].features == ()


REFUSED = [
    # features                                      code                     place
    ("x: {}", "catalog.wrong_shape", "features.x"),
    ("x: {kind: swich}", "catalog.wrong_shape", "features.x.kind"),
    ("x: {kind: switch, colour: red}", "catalog.wrong_shape", "features.x"),
    ("x: {kind: switch, name: ''}", "catalog.wrong_value", "features.x.name"),
    ("x: {kind: switch, meter: calls}", "catalog.wrong_value", "features.x.meter"),
    ("x: {kind: limit, reset: day}", "catalog.wrong_value", "features.x.reset"),
    ("x: {kind: grade, grades: [a], after_switch: keep}", "catalog.wrong_value",
     "features.x.after_switch"),
    ("x: {kind: metered, meter: calls, grades: [a]}", "catalog.wrong_value", "features.x.grades"),
    ("x: {kind: metered}", "catalog.wrong_value", "features.x.meter"),
    ("x: {kind: metered, meter: cals}", "catalog.unknown_name", "features.x.meter"),
    ("x: {kind: metered, meter: mean}", "catalog.wrong_value", "features.x.meter"),
    ("x: {kind: metered, meter: low}", "catalog.wrong_value", "features.x.meter"),
    ("x: {kind: metered, meter: p95}", "catalog.wrong_value", "features.x.meter"),
    ("x: {kind: metered, meter: windows}", "catalog.wrong_value", "features.x.meter"),
    ("x: {kind: metered, meter: odd}", "catalog.wrong_value", "features.x.meter"),
    ("x: {kind: metered, meter: calls, reset: hour}", "catalog.wrong_shape", "features.x.reset"),
    ("x: {kind: metered, meter: alone, reset: never}", "catalog.wrong_value", "features.x.reset"),
    ("x: {kind: grade}", "catalog.wrong_value", "features.x.grades"),
    ("x: {kind: grade, grades: [a, a]}", "catalog.wrong_value", "features.x.grades"),
    ("x: {kind: grade, grades: ['a b']}", "catalog.bad_key", "features.x.grades"),
    ("'a b': {kind: switch}", "catalog.bad_key", "features.a b"),
]  # fmt: skip


@pytest.mark.parametrize(("features", "code", "place"), REFUSED)
def test_what_is_no_feature_is_refused_with_its_place(features, code, place):
    with pytest.raises(Invalid) as refused:
        made(features)
    assert (refused.value.code, refused.value.field) == (code, place)


NOT_INCLUDED = [
    # included                           code                     place below plans.a.features
    ("sos: on", "catalog.unknown_name", ".sos"),
    ("sso: 1", "catalog.wrong_value", ".sso"),
    ("sso: ''", "catalog.wrong_value", ".sso"),
    ("sso: {limit: 1}", "catalog.wrong_value", ".sso"),
    ("projects: -1", "catalog.wrong_value", ".projects"),
    ("projects: 1.5", "catalog.wrong_value", ".projects"),
    ("projects: 1e3", "catalog.wrong_value", ".projects"),
    ("projects: many", "catalog.wrong_value", ".projects"),
    ("projects: '1234567890123456789'", "catalog.wrong_value", ".projects"),
    ("projects: {limit: 1, soft: true}", "catalog.wrong_value", ".projects"),
    ("calls: -0.01", "catalog.wrong_value", ".calls"),
    ("calls: all", "number.malformed", ".calls"),
    ("calls: 1e99", "number.out_of_range", ".calls"),
    ("calls: {limit: -1}", "catalog.wrong_value", ".calls.limit"),
    ("calls: {soft: true}", "catalog.wrong_shape", ".calls"),
    ("calls: {limit: 1, hard: true}", "catalog.wrong_shape", ".calls"),
    ("calls: {limit: 1, soft: maybe}", "catalog.wrong_shape", ".calls.soft"),
    ("calls: [1]", "catalog.wrong_shape", ".calls"),
    ("support: golden", "catalog.wrong_value", ".support"),
    ("support: on", "catalog.wrong_value", ".support"),
]


@pytest.mark.parametrize(("included", "code", "place"), NOT_INCLUDED)
def test_what_no_plan_can_include_is_refused_with_its_place(included, code, place):
    with pytest.raises(Invalid) as refused:
        made(included=included)
    assert refused.value.code == code
    assert refused.value.field == f"plans.a.features{place}"


def test_a_misspelt_name_says_what_may_have_been_meant():
    with pytest.raises(Invalid, match="sos") as refused:
        made(included="sos: on")
    assert "sso" in (refused.value.hint or "")


def recorded(text):
    return {(entity.kind, entity.key): Known(1, encode(entity.content)) for entity in parse(text)}


def test_a_plan_without_features_is_stored_as_ever_and_one_with_them_tells_what_changed():
    assert b"features" not in encode(made()["plan", "a"])
    assert isinstance(made()["plan", "a"], Plan)
    known = recorded(FILE.format(features="", included="calls: 10, sso: on"))
    text = FILE.format(features="", included="calls: {limit: 20, soft: true}, support: gold")
    (plan,) = [one for one in changes(parse(text), known) if one.verb is not Verb.KEEP]
    assert plan.fields[:2] == (
        "features[calls].limit: 10 → 20", "features[calls].is_soft: – → true",
    )  # fmt: skip
    assert [field.partition(":")[0] for field in plan.fields[2:]] == [
        "features[sso]", "features[support]",
    ]  # fmt: skip


CHANGES = [
    # the new one                                          refused
    ("{kind: metered, meter: calls, reset: day}", False),
    ("{kind: metered, meter: calls, name: API}", False),
    ("{kind: metered, meter: exports}", True),
    ("{kind: limit}", True),
]


@pytest.mark.parametrize(("after", "is_refused"), CHANGES)
def test_a_feature_keeps_its_kind_and_its_unit(after, is_refused):
    before = FILE.format(features="x: {kind: metered, meter: calls}", included="")
    wanted = parse(FILE.format(features=f"x: {after}", included=""))
    if is_refused:
        with pytest.raises(Conflict) as refused:
            changes(wanted, recorded(before))
        assert (refused.value.code, refused.value.field) == (
            "catalog.feature_changed", "features.x",
        )  # fmt: skip
    else:
        assert [one.version for one in changes(wanted, recorded(before)) if one.key == "x"] == [2]
