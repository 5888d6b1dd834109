"""Column mappings: what becomes a record, what is refused before a row is read, and every bad row."""

from datetime import UTC, datetime

import pytest

from everycent.kernel.calendar import Repeated, Skipped
from everycent.kernel.errors import Invalid
from everycent.metering.mapping import ColumnMapping, parser
from everycent.metering.record import UsageRecord

METERS = {"calls", "hours"}
HEADER = ["id", "subject", "meter", "at", "value", "region", "user"]
ROW = ["r1", "cust-1", "calls", "2026-03-01T00:00:00Z", "1.50", "eu", "u7"]
AT = datetime(2026, 3, 1, tzinfo=UTC)
ZAGREB = "Europe/Zagreb"


def made(row=None, header=HEADER, **mapping):
    """The record of one row."""
    parse = parser(ColumnMapping(**{"source": "app", **mapping}), header, METERS)
    (record,) = parse([ROW if row is None else row])
    return record


def with_cell(column, text):
    row = list(ROW)
    row[HEADER.index(column)] = text
    return row


def code_of(action, *args, **kwargs):
    with pytest.raises(Invalid) as refused:
        action(*args, **kwargs)
    return refused.value.code


# --- what becomes of a good row ---------------------------------------------------------------


def test_columns_of_the_fields_own_names_need_no_mapping():
    assert made() == UsageRecord("app", "r1", "cust-1", "calls", AT, "1.5", "{}")
    assert isinstance(made(), UsageRecord)


def test_columns_constants_and_dimensions():
    record = made(
        ["r1", "12", "2026-03-01 00:00+01:00", "eu", ""],
        ["key", "kWh", "time", "where", "who"],
        columns={"id": "key", "value": "kWh", "at": "time"},
        constants={"subject": "cust-9", "meter": "hours"},
        dimensions={"user": "who", "region": "where"},
    )
    at = datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert record == UsageRecord("app", "r1", "cust-9", "hours", at, "12", '{"region":"eu"}')


def test_the_order_of_dimensions_does_not_matter():
    there = made(dimensions={"region": "region", "user": "user"})
    back = made(dimensions={"user": "user", "region": "region"})
    assert there.dimensions == back.dimensions == '{"region":"eu","user":"u7"}'


def test_many_rows_are_read_as_one_by_one():
    rows = [with_cell("id", f"r{n}") for n in range(7)] + [
        with_cell("at", "2026-03-01T01:00+01:00")
    ]
    parse = parser(ColumnMapping(source="app"), HEADER, METERS)
    assert parse(rows) == [parse([row])[0] for row in rows]
    assert parse([]) == []


def test_an_id_is_built_in_one_spelling():
    row = ["cust-1", "calls", "2026-03-01T01:00:00+01:00", "1.50"]
    parts = ("subject", "meter", "at", "value")
    record = made(row, ["subject", "meter", "at", "value"], id_from=parts)
    assert record.record_id == "cust-1/calls/2026-03-01T00:00:00Z/1.5"


def test_parts_of_an_id_do_not_run_into_each_other():
    ids = {
        made([subject, value], ["subject", "value"], id_from=("subject", "value"),
             constants={"meter": "calls", "at": "2026-03-01T00:00Z"}).record_id
        for subject, value in [("a/1", "2"), ("a", "1"), ("a~1", "2"), ("a~01", "2")]
    }  # fmt: skip
    assert len(ids) == 4


def test_id_from_goes_before_a_column_that_happens_to_be_called_id():
    assert made(id_from=("subject", "at")).record_id == "cust-1/2026-03-01T00:00:00Z"


# --- wall clocks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "at"),
    [
        ("2026-03-01T00:00:00Z", {}, datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T01:00:00.000001+01:00", {}, datetime(2026, 3, 1, 0, 0, 0, 1, tzinfo=UTC)),
        ("2026-03-01 00:00", {"time_zone": "UTC"}, datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01 00:00", {"time_zone": ZAGREB}, datetime(2026, 2, 28, 23, tzinfo=UTC)),
        ("2026-07-01", {"time_zone": ZAGREB}, datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-07-01T00:00Z", {"time_zone": ZAGREB}, datetime(2026, 7, 1, tzinfo=UTC)),
        (
            "2026-03-29 02:30",
            {"time_zone": ZAGREB, "on_skipped": Skipped.LATER},
            datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        ),
        (
            "2026-10-25 02:30",
            {"time_zone": ZAGREB, "on_repeated": Repeated.FIRST},
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        ),
        (
            "2026-10-25 02:30",
            {"time_zone": ZAGREB, "on_repeated": Repeated.SECOND},
            datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
        ),
    ],
)
def test_times(text, options, at):
    assert made(with_cell("at", text), **options).at == at


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        ("2026-03-01 00:00", {}, "time.naive"),
        ("2026-03-29 02:30", {"time_zone": ZAGREB}, "time.skipped"),
        ("2026-10-25 02:30", {"time_zone": ZAGREB}, "time.repeated"),
        ("", {}, "time.malformed"),
        ("yesterday", {}, "time.malformed"),
        ("1767225600", {}, "time.malformed"),
        ("2026-02-30T00:00:00Z", {}, "time.malformed"),
        ("٢026-03-01T00:00:00Z", {}, "time.malformed"),
        ("1999-12-31T23:59:59Z", {}, "usage.time_out_of_range"),
        ("2200-01-01T00:00:00Z", {}, "usage.time_out_of_range"),
        ("0001-01-01T00:00:00+14:00", {}, "usage.time_out_of_range"),
        ("9999-12-31T23:59:59-14:00", {}, "usage.time_out_of_range"),
        ("9999-12-31 23:59:59", {"time_zone": "UTC-14:00"}, "usage.time_out_of_range"),
    ],
)
def test_times_that_are_refused(text, options, code):
    assert code_of(made, with_cell("at", text), **options) == code


# --- bad rows ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ([], "usage.short_row"),
        (ROW[:-1], "usage.short_row"),
        ([*ROW, ""], "usage.long_row"),
        (with_cell("id", ""), "usage.bad_name"),
        (with_cell("id", "a\x00b"), "usage.bad_name"),
        (with_cell("id", "x" * 201), "usage.bad_name"),
        (with_cell("subject", ""), "usage.bad_name"),
        (with_cell("subject", "a\nb"), "usage.bad_name"),
        (with_cell("subject", "a\u202eb"), "usage.bad_name"),
        (with_cell("meter", ""), "usage.unknown_meter"),
        (with_cell("meter", "Calls"), "usage.unknown_meter"),
        (with_cell("value", ""), "number.malformed"),
        (with_cell("value", "NaN"), "number.malformed"),
        (with_cell("value", "1e999999"), "number.malformed"),
        (with_cell("value", "١٢"), "number.malformed"),
        (with_cell("value", "1_000"), "number.malformed"),
        (with_cell("value", "1,5"), "number.malformed"),
        (with_cell("value", "1e30"), "number.out_of_range"),
        (with_cell("region", "a\x00"), "usage.bad_dimension"),
        (with_cell("region", "x" * 2000), "usage.long_dimensions"),
    ],
)
def test_bad_rows(row, code):
    assert code_of(made, row, dimensions={"region": "region"}) == code
    parse = parser(ColumnMapping("app", dimensions={"region": "region"}), HEADER, METERS)
    assert code_of(parse, [ROW, row, ROW]) == code  # none of them is taken
    assert len(parse([ROW])) == 1  # and what was refused has left no trace
    assert code_of(parse, [row]) == code


# --- mappings that do not fit -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("mapping", "header", "code"),
    [
        ({"columns": {"value": "kwh"}}, HEADER, "mapping.unknown_column"),
        ({"dimensions": {"a": "nowhere"}}, HEADER, "mapping.unknown_column"),
        ({}, [*HEADER, "value"], "mapping.unknown_column"),
        ({"columns": {"value": "region"}}, [*HEADER, "region"], "mapping.unknown_column"),
        ({}, HEADER[1:], "mapping.missing_field"),
        ({}, HEADER[:-3], "mapping.missing_field"),
        ({"columns": {"amount": "value"}}, HEADER, "mapping.unknown_field"),
        ({"constants": {"colour": "red"}}, HEADER, "mapping.unknown_field"),
        ({"constants": {"id": "1"}}, HEADER, "mapping.constant_id"),
        ({"columns": {"id": "id"}, "id_from": ("at",)}, HEADER, "mapping.field_twice"),
        ({"columns": {"at": "at"}, "constants": {"at": "x"}}, HEADER, "mapping.field_twice"),
        ({"id_from": ("subject", "region")}, HEADER, "mapping.bad_id"),
        ({"constants": {"meter": "nothing"}}, HEADER, "usage.unknown_meter"),
        ({"constants": {"value": "much"}}, HEADER, "number.malformed"),
        ({"constants": {"subject": ""}}, HEADER, "usage.bad_name"),
        ({"constants": {"at": "2026-03-01"}}, HEADER, "time.naive"),
        ({"time_zone": "Europe/Nowhere"}, HEADER, "zone.unknown"),
        ({"source": ""}, HEADER, "usage.bad_name"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused_before_any_row(mapping, header, code):
    mapped = ColumnMapping(**{"source": "app", **mapping})
    assert code_of(parser, mapped, header, METERS) == code


def test_the_refusal_names_the_columns_there_are():
    with pytest.raises(Invalid) as refused:
        parser(ColumnMapping("app"), ["key", "amount"], METERS)
    assert "key, amount" in refused.value.hint
    assert "--map id=COLUMN" in refused.value.hint
