"""The story file: what is refused, with its line and place, and what its short forms mean."""

from datetime import UTC, datetime

import pytest

from everycent.flows.stories.actions import FORMS
from everycent.flows.stories.document import parse
from everycent.kernel.errors import Invalid

HEAD = """name: A
time_zone: Europe/Zagreb
catalog:
  meters: {calls: {unit: call}}
steps:
  - at: 2026-01-01
    customer: ana
"""  # 7 lines: what a test adds begins on line 8
LINE = """  - bill:
      expect:
        - customer: ana
          lines:
            - """
PLAN = """      products: {p: {name: P}}
      plans:
        p:
          currency: EUR
          prices:
            - {key: a, product: q, flat: {amount: 1}}
"""


def read(text, **files):
    return parse(text, FORMS, lambda name: files[name])


def refused(text):
    with pytest.raises(Invalid) as found:
        read(text)
    return found.value


@pytest.mark.parametrize(
    ("more", "code", "line", "place"),
    [
        ("  - usage: {subject: a, metre: calls}", "story.wrong_shape", 8, "steps[1].usage"),
        ("  - usage:\n      subject: a\n      metre: b", "story.wrong_shape", 10, "steps[1].usage"),
        ("  - usage: [{subject: a, meter: b, x: 1}]", "story.wrong_shape", 8, "steps[1].usage[0]"),
        ("  - usge: {subject: a}", "story.wrong_shape", 8, "steps[1].usge"),
        ("  - subscribe: {customer: ana}", "story.wrong_shape", 8, "steps[1].subscribe"),
        ("  - bill: {}\n    owed: {}", "story.wrong_value", 8, "steps[1]"),
        ("  - expect_refusal: x", "story.wrong_value", 8, "steps[1]"),
        ("  - at: 2025-12-31\n    bill:", "story.not_in_order", 8, "steps[1].at"),
        ("  - at: 2026-02-30\n    bill:", "story.wrong_value", 8, "steps[1].at"),
        ("  - at: 12 o'clock\n    bill:", "story.wrong_value", 8, "steps[1].at"),
        ("  - at: 9999-01-01\n    bill:", "story.wrong_value", 8, "steps[1].at"),
        ("  - at: 2026-03-29 02:30\n    bill:", "time.skipped", 8, "steps[1].at"),
        ("  - at: 2026-10-25 02:30\n    bill:", "time.repeated", 8, "steps[1].at"),
        ("  - bill:\n      expect:\n        - {customer: ana, total: 1.000.000}",
         "number.malformed", 10, "steps[1].bill.expect[0].total"),
        (f"{LINE}{{amount: 1e999}}", "number.malformed", 12,
         "steps[1].bill.expect[0].lines[0].amount"),
        (f"{LINE}{{period: 2026-02-01 to 2026-01-01}}", "story.wrong_value", 12,
         "steps[1].bill.expect[0].lines[0].period"),
        ("  - bill: {expect: [{total: 1}]}", "story.wrong_shape", 8, "steps[1].bill.expect[0]"),
        ("  - coupon: {code: c}", "story.wrong_value", 8, "steps[1].coupon"),
        ("  - coupon: {code: c, customer: ana, subscription: ana}", "story.wrong_value", 8,
         "steps[1].coupon.customer"),
        ("  - wallet: {customer: ana, order: newest}", "story.wrong_shape", 8,
         "steps[1].wallet.order"),
        ("  - topup: {wallet: w, amount: 1}", "story.wrong_shape", 8, "steps[1].topup"),
        ("  - grant: {wallet: w, amount: 1, reason: r, expires: soon}", "story.wrong_value", 8,
         "steps[1].grant.expires"),
        ("  - owed:\n      ana: much", "number.malformed", 9, "steps[1].owed.ana"),
        ("  - usage: {subject: a, meter: calls, times: 3}", "story.wrong_value", 8,
         "steps[1].usage"),
        ("  - usage:\n      subject: a\n      meter: calls\n      every: 1d\n      times: 99999999",
         "story.wrong_value", 12, "steps[1].usage.times"),
        ("  - usage: {subject: a, meter: calls, every: 7 hours, times: 2}",
         "measurement.bad_every", 8, "steps[1].usage.every"),
        ("  - usage: {subject: a, meter: calls, every: year, times: 9000}", "story.wrong_value", 8,
         "steps[1].usage.every"),
        ("  - usage: {subject: a, meter: calls, every: week, times: 50000}",
         "usage.time_out_of_range", 8, "steps[1].usage"),
        ("  - usage: {subject: a, meter: calls, every: 1d, times: 2, values: [1]}",
         "story.wrong_value", 8, "steps[1].usage.values"),
        (f"  - catalog:\n{PLAN}", "catalog.unknown_name", 13,
         "steps[1].catalog.plans.p.prices.a.product"),
        ("  - bill:\n    bill:", "catalog.key_twice", 9, "bill"),
        ("  - [", "story.unreadable", None, None),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_line_and_place(more, code, line, place):
    refusal = refused(HEAD + more)
    assert (refusal.code, refusal.field) == (code, place)
    assert line is None or f"line {line}:" in refusal.message


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "story.unreadable"),
        ("[]", "story.wrong_shape"),
        ("just text", "story.wrong_shape"),
        ("name: A", "story.wrong_shape"),
        ("name: A\nsteps: []", "story.wrong_value"),
        ("name: A\nsteps: [{bill: {}}]", "story.wrong_value"),
        ("name: A\ntime_zone: Mars/Base\nsteps: [{at: 2026-01-01, bill: {}}]", "zone.unknown"),
        ("name: A\ncurrency: EURO\nsteps: [{at: 2026-01-01, bill: {}}]", "currency.unknown"),
        ("name: A\npayment_days: 400\nsteps: [{at: 2026-01-01, bill: {}}]", "story.wrong_value"),
        ("name: A\nsteps: " + "[" * 5000, "story.unreadable"),
    ],
)
def test_what_is_no_story_is_refused(text, code):
    assert refused(text).code == code


def test_an_unknown_word_is_answered_with_what_was_meant():
    refusal = refused(HEAD + "  - subscribed: {customer: ana, plan: p}")
    assert refusal.hint.startswith("did you mean subscribe?")
    assert "docs/stories.md" in refused(HEAD + "  - usage: {metre: calls}").hint


def test_steps_have_their_numbers_lines_and_times():
    text = HEAD + (
        "  - subscribe: {customer: ana, plan: p}\n"
        "  - at: 2026-07-01 14:30\n    pause: ana/p\n"
        "  - at: 2026-07-01T14:30:00Z\n    bill:\n"
    )
    story = read(text)
    midnight = datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert [(s.number, s.line, s.action, s.at) for s in story.steps] == [
        (0, 3, "catalog", midnight),
        (1, 7, "customer", midnight),
        (2, 8, "subscribe", midnight),
        (3, 10, "pause", datetime(2026, 7, 1, 12, 30, tzinfo=UTC)),
        (4, 12, "bill", datetime(2026, 7, 1, 14, 30, tzinfo=UTC)),
    ]
    assert story.steps[3].given.subscription == "ana/p"
    assert story.steps[1].given.time_zone == "Europe/Zagreb"


def test_a_catalogue_may_stand_in_a_file_beside_the_story():
    text = "name: A\ncatalog: prices.yaml\nsteps: [{at: 2026-01-01, bill: {}}]"
    story = parse(text, FORMS, {"prices.yaml": "meters: {calls: {unit: call}}"}.__getitem__)
    assert [entity.key for entity in story.steps[0].given] == ["calls"]


@pytest.mark.parametrize(
    ("usage", "times"),
    [
        ("{subject: a, meter: m}", ["2026-03-27T23:00"]),
        ("{subject: a, meter: m, at: 2026-03-01 10:00}", ["2026-03-01T09:00"]),
        ("{subject: a, meter: m, every: 1d, times: 3}",  # the clock is set forward on the 29th
         ["2026-03-27T23:00", "2026-03-28T23:00", "2026-03-29T22:00"]),
        ("{subject: a, meter: m, at: 2026-03-29 01:00, every: 1h, times: 2}",
         ["2026-03-29T00:00", "2026-03-29T01:00"]),
        ("{subject: a, meter: m, at: 2026-01-31, every: 1 month, values: [1, 2, 3]}",
         ["2026-01-30T23:00", "2026-02-27T23:00", "2026-03-30T22:00"]),
    ],
)  # fmt: skip
def test_a_spread_of_usage_goes_by_the_clock_on_the_wall(usage, times):
    text = f"name: A\ntime_zone: Europe/Zagreb\nsteps: [{{at: 2026-03-28, usage: {usage}}}]"
    records = read(text).steps[0].given
    assert [record.at.strftime("%Y-%m-%dT%H:%M") for record in records] == times
    assert len({record.record_id for record in records}) == len(times)


def test_numbers_are_read_as_text_and_stay_exact():
    text = "name: A\nsteps: [{at: 2026-01-01, usage: {subject: a, meter: m, value: 0.10000000000000001}}]"
    assert read(text).steps[0].given[0].value == "0.10000000000000001"
