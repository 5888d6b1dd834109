"""Intake policies: which records are out of bounds, and the code of each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from everycent.catalog.intake import IntakePolicy
from everycent.metering.bounds import refusals_of
from everycent.metering.record import UsageRecord

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RECORD = UsageRecord("gw", "r1", "acme", "calls", NOW, "5", '{"region":"eu"}')
MICROSECOND = timedelta(microseconds=1)


def code_of(record: UsageRecord, **bounds: object) -> str | None:
    found = refusals_of([record], {"calls": IntakePolicy("calls", **bounds)}, NOW)
    return found[0].code if found else None


@pytest.mark.parametrize(
    ("value", "low", "high", "code"),
    [
        ("5", "5", "5", None),
        ("5", None, None, None),
        ("4.999999999999999999", "5", None, "usage.value_out_of_bounds"),
        ("5.000000000000000001", None, "5", "usage.value_out_of_bounds"),
        ("-1", "0", None, "usage.value_out_of_bounds"),
        ("10", "9", None, None),
        ("99999999999999999999", None, "1", "usage.value_out_of_bounds"),
    ],
)
def test_a_value_lies_between_the_bounds_both_allowed(value, low, high, code):
    assert code_of(RECORD._replace(value=value), value_min=low, value_max=high) == code


@pytest.mark.parametrize(
    ("at", "days", "minutes", "code"),
    [
        (NOW - timedelta(days=7), 7, None, None),
        (NOW - timedelta(days=7) - MICROSECOND, 7, None, "usage.too_old"),
        (NOW - timedelta(days=7), None, 0, None),
        (NOW + timedelta(minutes=5), None, 5, None),
        (NOW + timedelta(minutes=5) + MICROSECOND, None, 5, "usage.too_far_ahead"),
        (NOW + MICROSECOND, None, 0, "usage.too_far_ahead"),
        (NOW + timedelta(days=900), 7, None, None),
    ],
)
def test_a_time_is_neither_too_old_nor_too_far_ahead(at, days, minutes, code):
    assert code_of(RECORD._replace(at=at), accept_days=days, ahead_minutes=minutes) == code


@pytest.mark.parametrize(
    ("dimensions", "required", "allowed", "code"),
    [
        ("{}", (), None, None),
        ("{}", ("region",), None, "usage.dimension_missing"),
        ('{"region":"eu"}', ("region",), None, None),
        ('{"region":"eu","x":"1"}', ("region",), None, None),
        ('{"region":"eu","x":"1"}', ("region",), (), "usage.dimension_unknown"),
        ('{"region":"eu","x":"1"}', ("region",), ("x",), None),
        ('{"x":"1"}', (), ("x",), None),
        ('{"y":"1"}', (), ("x",), "usage.dimension_unknown"),
        ("{}", (), (), None),
    ],
)
def test_dimensions_are_told_as_the_policy_says(dimensions, required, allowed, code):
    record = RECORD._replace(dimensions=dimensions)
    assert code_of(record, required=required, allowed=allowed) == code


def test_only_records_of_meters_with_a_policy_are_looked_at():
    policies = {
        "calls": IntakePolicy("calls", value_max="4"),
        "late": IntakePolicy("late", every_minutes=15, grace_minutes=5),
    }
    records = [RECORD._replace(meter=meter) for meter in ("calls", "late", "other", "calls")]
    found = refusals_of(records, policies, NOW)
    assert sorted(found) == [0, 3]
    assert found[0].field == "value"
    assert refusals_of(records, {}, NOW) == {}


def test_dimensions_that_were_sound_on_one_meter_are_not_sound_on_all():
    policies = {
        "calls": IntakePolicy("calls", allowed=("region",)),
        "users": IntakePolicy("users", allowed=("user",)),
    }
    records = [RECORD, RECORD._replace(meter="users"), RECORD, RECORD._replace(meter="users")]
    assert sorted(refusals_of(records, policies, NOW)) == [1, 3]
