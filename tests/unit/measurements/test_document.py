"""Measurement files: what they may say, and where exactly they are refused."""

from datetime import UTC, datetime

import pytest

from everycent.integrations.measurement_file import read
from everycent.kernel.errors import Invalid
from everycent.measurements.document import definitions
from everycent.measurements.measurement import (
    Header,
    Http,
    Measurement,
    Sample,
    Sql,
    Time,
    TimeUnit,
)

COMMON = "meter: m, every: 1h, starts_at: 2026-01-01T00:00Z"


HEADERS = (
    'http: {url: "http://h/now", history: false, headers: {A: {value: b},'
    ' Authorization: {env: TOKEN, prefix: "Bearer "}}}'
)


def one(text: str) -> Measurement:
    return definitions(read(f"measurements: {{x: {{{text}}}}}"))[0]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("time: {unit: hours, subjects: [a, b]}", Time(TimeUnit.HOURS, ("a", "b"))),
        ("time: {unit: days, of_plan: p}", Time(TimeUnit.DAYS, (), "p")),
        ("sample: {meter: l, unit: hours, of_plan: p}", Sample("l", TimeUnit.HOURS, (), "p")),
        ("sample: {meter: l, unit: hours, subjects: [a], history: false}",
         Sample("l", TimeUnit.HOURS, ("a",), None, False)),
        ('http: {url: "https://h:8/x?a={start}&b={end}", records: data.rows}',
         Http("https://h:8/x?a={start}&b={end}", {}, "data.rows")),
        ('http: {url: "http://[::1]/now", history: false}', Http("http://[::1]/now", history=False)),
        (HEADERS,
         Http("http://h/now", {"A": Header("b"), "Authorization": Header(None, "TOKEN", "Bearer ")},
              history=False)),
        ('sql: {connection_env: DB, query: "select %(start)s %(end)s", max_rows: 5}',
         Sql("select %(start)s %(end)s", "DB", max_rows=5)),
    ],
)  # fmt: skip
def test_each_kind_is_read(text, kind):
    assert one(f"{COMMON}, {text}").kind == kind


def test_everything_else_has_a_sensible_default():
    found = one(f"{COMMON}, time: {{unit: hours, subjects: [a]}}")
    assert (found.key, found.meter, found.time_zone) == ("x", "m", "UTC")
    assert (found.source, found.delay_seconds, found.dimensions) == ("measurement:x", 0, {})
    assert found.ends_at is None


def test_a_date_stands_for_its_first_local_moment():
    found = one(
        "meter: m, every: 1d, starts_at: 2026-03-29, ends_at: 2026-03-30, delay: 2h, source: s,"
        " time_zone: Europe/Zagreb, dimensions: {a: b}, time: {unit: days, subjects: [a]}"
    )
    assert found.starts_at == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert found.ends_at == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert (found.delay_seconds, found.source, found.dimensions) == (7200, "s", {"a": "b"})


TIME = "time: {unit: hours, subjects: [a]}"
REFUSED = [
    # what the measurement x says                                      code              field
    (TIME, "measurement.wrong_shape", ""),
    (f"{COMMON}, colour: red, {TIME}", "measurement.wrong_shape", ""),
    (f"{COMMON}, time: {{unit: weeks, subjects: [a]}}", "measurement.wrong_shape", ".time.unit"),
    (f"meter: m, every: 7m, starts_at: 2026-01-01, {TIME}", "measurement.bad_every", ".every"),
    (f"meter: m, every: 1h, starts_at: 2026-01-01T00:00, {TIME}", "time.naive", ".starts_at"),
    (f"meter: m, every: 1h, starts_at: 2026-02-30, {TIME}", "date.malformed", ".starts_at"),
    (f"meter: m, every: 1h, starts_at: 1999-01-01, {TIME}", "usage.time_out_of_range", ".starts_at"),
    (f"{COMMON}, ends_at: 2026-01-01, {TIME}", "measurement.wrong_value", ".ends_at"),
    (f"{COMMON}, time_zone: Mars, {TIME}", "zone.unknown", ".time_zone"),
    (f"{COMMON}, delay: soon, {TIME}", "measurement.bad_delay", ".delay"),
    (f'{COMMON}, source: "", dimensions: {{"": b}}, {TIME}', "usage.bad_dimension", ".dimensions"),
    (COMMON, "measurement.wrong_value", ""),
    (f"{COMMON}, {TIME}, sample: {{meter: l, unit: hours, subjects: [a]}}", "measurement.wrong_value",
     ""),
    (f"{COMMON}, time: {{unit: hours}}", "measurement.wrong_value", ".time"),
    (f"{COMMON}, time: {{unit: hours, subjects: [a], of_plan: p}}", "measurement.wrong_value",
     ".time"),
    (f"{COMMON}, time: {{unit: hours, subjects: [a, a]}}", "measurement.wrong_value",
     ".time.subjects[1]"),
    (f'{COMMON}, time: {{unit: hours, subjects: [""]}}', "usage.bad_name", ".time.subjects[0]"),
    (f"{COMMON}, time: {{unit: hours, subjects: [a], history: false}}", "measurement.wrong_shape",
     ".time"),
    (f"{COMMON}, sample: {{meter: m, unit: hours, subjects: [a]}}", "measurement.wrong_value",
     ".sample.meter"),
    (f"{COMMON}, http: {{url: 'ftp://h/x', history: false}}", "measurement.wrong_value", ".http.url"),
    (f"{COMMON}, http: {{url: 'http://u:p@h/x', history: false}}", "measurement.wrong_value",
     ".http.url"),
    (f"{COMMON}, http: {{url: 'http://h/{{day}}', history: false}}", "measurement.wrong_value",
     ".http.url"),
    (f"{COMMON}, http: {{url: 'http://h/now'}}", "measurement.wrong_value", ".http.url"),
    (f"{COMMON}, http: {{url: 'http://h/', history: false, records: a..b}}", "measurement.wrong_value",
     ".http.records"),
    (f"{COMMON}, http: {{url: 'http://h/', history: false, timeout_seconds: 0}}", "measurement.wrong_value",
     ".http.timeout_seconds"),
    (f"{COMMON}, http: {{url: 'http://h/', history: false, headers: {{Authorization: {{value: x}}}}}}",
     "measurement.wrong_value", ".http.headers.Authorization"),
    (f"{COMMON}, http: {{url: 'http://h/', history: false, headers: {{A: {{value: x, env: Y}}}}}}",
     "measurement.wrong_value", ".http.headers.A"),
    (f"{COMMON}, http: {{url: 'http://h/', history: false, headers: {{'A B': {{value: x}}}}}}",
     "measurement.wrong_value", ".http.headers.A B"),
    (f"{COMMON}, http: {{url: 'http://h/', history: false, headers: {{A: {{env: 'a-b'}}}}}}",
     "measurement.wrong_value", ".http.headers.A.env"),
    (f"{COMMON}, sql: {{connection_env: DB, query: select 1}}", "measurement.wrong_value",
     ".sql.query"),
    (f"{COMMON}, sql: {{connection_env: 'postgresql://u:p@h/d', query: select 1, history: false}}",
     "measurement.wrong_value", ".sql.connection_env"),
    (f"{COMMON}, sql: {{connection_env: DB, query: ' ', history: false}}", "measurement.wrong_value",
     ".sql.query"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "field"), REFUSED)
def test_what_makes_no_sense_is_refused_with_its_place(text, code, field):
    with pytest.raises(Invalid) as refused:
        one(text)
    assert (refused.value.code, refused.value.field) == (code, f"measurements.x{field}")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("measurement: {}", "measurement.wrong_shape"),
        ("- a", "measurement.wrong_shape"),
        ("measurements: {a b: {}}", "measurement.bad_key"),
        ("measurements: {x: {}, x: {}}", "measurement.unreadable"),
        ("measurements: &a {x: *a}", "measurement.unreadable"),
        ('measurements: {"x\\u0000": {}}', "measurement.unreadable"),
        ("measurements: [", "measurement.unreadable"),
    ],
)
def test_a_file_that_is_no_measurement_file_is_refused(text, code):
    with pytest.raises(Invalid) as refused:
        definitions(read(text))
    assert refused.value.code == code


def test_an_empty_file_defines_nothing():
    assert definitions(read("")) == []
