"""Answers of sources are believed only when all of their rows make sense."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period
from everycent.measurements.answer import Number, Row, checked

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = Period(START, START + timedelta(hours=1))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"subject": "a", "value": "1.50"}, Row("a", "1.5", START, "{}")),
        ({"subject": "a", "value": Number("1.50")}, Row("a", "1.5", START, "{}")),
        ({"subject": "a", "value": Number("4e-7")}, Row("a", "0.0000004", START, "{}")),
        ({"subject": "a", "value": 3}, Row("a", "3", START, "{}")),
        ({"subject": "a", "value": Decimal("-0.10")}, Row("a", "-0.1", START, "{}")),
        ({"subject": "a", "value": "1", "at": "2026-01-01T01:30:00+01:00"},
         Row("a", "1", START + timedelta(minutes=30), "{}")),
        ({"subject": "a", "value": "1", "at": START.astimezone(timezone(timedelta(hours=2)))},
         Row("a", "1", START, "{}")),
        ({"subject": "a", "value": "1", "at": None, "dimensions": None}, Row("a", "1", START, "{}")),
        ({"subject": "a", "value": "1", "dimensions": {"b": "c", "e": ""}},
         Row("a", "1", START, '{"b":"c"}')),
    ],
)  # fmt: skip
def test_a_sound_row_is_taken(told, expected):
    assert checked([told], HOUR, {}, 10) == [expected]


@pytest.mark.parametrize(
    ("told", "code", "field"),
    [
        ("a", "measurement.wrong_answer", "records[1]"),
        ({"value": "1"}, "measurement.wrong_answer", "records[1].subject"),
        ({"subject": Number("7"), "value": "1"}, "measurement.wrong_answer", "records[1].subject"),
        ({"subject": "", "value": "1"}, "usage.bad_name", "records[1].subject"),
        ({"subject": "b"}, "measurement.wrong_answer", "records[1].value"),
        ({"subject": "b", "value": None}, "measurement.wrong_answer", "records[1].value"),
        ({"subject": "b", "value": True}, "measurement.wrong_answer", "records[1].value"),
        ({"subject": "b", "value": 0.1}, "measurement.wrong_answer", "records[1].value"),
        ({"subject": "b", "value": "many"}, "number.malformed", "records[1].value"),
        ({"subject": "b", "value": "1e99"}, "number.out_of_range", "records[1].value"),
        ({"subject": "b", "value": Decimal("1e999999")}, "measurement.wrong_answer", "records[1].value"),
        ({"subject": "b", "value": Decimal("NaN")}, "measurement.wrong_answer", "records[1].value"),
        ({"subject": "b", "value": "1", "unit": "h"}, "measurement.wrong_answer", "records[1].unit"),
        ({"subject": "b", "value": "1", "at": "noon"}, "time.malformed", "records[1].at"),
        ({"subject": "b", "value": "1", "at": "2026-01-01T00:00"}, "time.naive", "records[1].at"),
        ({"subject": "b", "value": "1", "at": 5}, "measurement.wrong_answer", "records[1].at"),
        ({"subject": "b", "value": "1", "at": "2026-01-01T01:00Z"},
         "measurement.outside_interval", "records[1].at"),
        ({"subject": "b", "value": "1", "dimensions": []},
         "measurement.wrong_answer", "records[1].dimensions"),
        ({"subject": "b", "value": "1", "dimensions": {"a": Number("1")}},
         "measurement.wrong_answer", "records[1].dimensions"),
        ({"subject": "b", "value": "1", "dimensions": {"site": "x"}},
         "measurement.wrong_answer", "records[1].dimensions"),
        ({"subject": "ok", "value": "2"}, "measurement.subject_twice", "records[1]"),
    ],
)  # fmt: skip
def test_an_unsound_row_refuses_the_whole_answer_with_its_place(told, code, field):
    sound = {"subject": "ok", "value": "1"}
    with pytest.raises(Invalid) as refused:
        checked([sound, told], HOUR, {"site": "zg"}, 10)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_more_rows_than_allowed_are_refused():
    rows = [{"subject": str(n), "value": "1"} for n in range(3)]
    with pytest.raises(Invalid) as refused:
        checked(rows, HOUR, {}, 2)
    assert refused.value.code == "measurement.too_many_rows"
