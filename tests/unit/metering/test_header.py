"""Columns of a file: what each is read as, what nothing reads, and what is refused for its name."""

from __future__ import annotations

import pytest

from everycent.kernel.errors import Invalid
from everycent.metering.mapping import ColumnMapping, parser, unread_columns, wanted_columns

FIELDS = ["id", "subject", "meter", "at", "value"]
ROW = ["r1", "acme", "calls", "2026-03-01T00:00:00Z", "1"]


def record(more: dict[str, str], source: str | None = "gw", **mapping: object):
    """The record of a row with more cells."""
    parse = parser(ColumnMapping(source, **mapping), [*FIELDS, *more], {"calls"})
    (found,) = parse([[*ROW, *more.values()]])
    return found


def refused(action, *args, **kwargs) -> Invalid:
    with pytest.raises(Invalid) as told:
        action(*args, **kwargs)
    return told.value


@pytest.mark.parametrize(
    ("more", "mapping", "source", "dimensions"),
    [
        ({"source": "other"}, {"source": None}, "other", "{}"),
        ({"source": "gw"}, {}, "gw", "{}"),
        ({"source": ""}, {}, "gw", "{}"),
        ({"System": "x"}, {"source": None, "columns": {"source": "System"}}, "x", "{}"),
        ({"source": "web"}, {"dimensions": {"channel": "source"}}, "gw", '{"channel":"web"}'),
        ({"source": "web"}, {"ignore": ("source",)}, "gw", "{}"),
        ({"dimensions": '{"n": 1.50, "a": "x"}'}, {}, "gw", '{"a":"x","n":"1.5"}'),
        ({"dimensions": ""}, {}, "gw", "{}"),
        ({"dimensions.a": "x", "dimensions.b": ""}, {}, "gw", '{"a":"x"}'),
        ({"dimensions.a": "x", "dimensions.b": "y"}, {"ignore": ("dimensions.b",)}, "gw", '{"a":"x"}'),
        ({"dimensions.a": "x", "dimensions": '{"b":"y"}'}, {}, "gw", '{"a":"x","b":"y"}'),
        ({"dimensions.a": "x", "tier": "1"}, {"dimensions": {"tier": "tier"}}, "gw",
         '{"a":"x","tier":"1"}'),
        ({"dimensions.a": "x", "dimensions.b": "y"}, {"dimensions": {"c": "dimensions.a"}}, "gw",
         '{"c":"x"}'),
    ],
)  # fmt: skip
def test_sources_and_dimensions_are_read_where_they_stand(more, mapping, source, dimensions):
    found = record(more, **mapping)
    assert (found.source, found.dimensions) == (source, dimensions)


@pytest.mark.parametrize(
    ("more", "mapping", "code"),
    [
        ({"source": "other"}, {}, "usage.other_source"),
        ({"source": ""}, {"source": None}, "usage.bad_name"),
        ({}, {"source": None}, "mapping.no_source"),
        ({"dimensions": "x"}, {}, "usage.bad_json"),
        ({"dimensions": '["x"]'}, {}, "usage.no_object"),
        ({"dimensions": '{"a":1,"a":2}'}, {}, "usage.key_twice"),
        ({"dimensions.a": "x", "dimensions": '{"a":"y"}'}, {}, "usage.dimension_twice"),
        ({"dimensions.a": "x", "b": "y"}, {"dimensions": {"a": "b"}}, "mapping.dimension_twice"),
        ({"id ": "x"}, {"ignore": ("id",)}, "mapping.missing_field"),
    ],
)
def test_sources_and_dimensions_that_are_refused(more, mapping, code):
    assert refused(record, more, **mapping).code == code


@pytest.mark.parametrize(
    ("column", "hint"),
    [
        ("dimension.region", "--dimension region=dimension.region"),
        ("Dimensions.region", "--dimension region=Dimensions.region"),
        ("dimension_region", "--dimension region=dimension_region"),
        ("dimensions[region]", "--dimension region=dimensions[region]"),
        ("Dimensions", "--dimension NAME=Dimensions"),
        ("dimensons", "--dimension NAME=dimensons"),
        ("Source", "--map source=Source"),
        (" source", '--map "source= source"'),
    ],
)
def test_a_column_that_looks_like_something_that_would_be_missed_is_refused(column, hint):
    told = refused(record, {column: "x"})
    assert (told.code, told.field) == ("mapping.unread_column", column)
    assert hint in (told.hint or "")
    assert record({column: "x"}, ignore=(column,)).dimensions == "{}"


def test_other_columns_that_nothing_reads_are_told():
    header = [*FIELDS, "note", "source_ip", "resource", "level", "dimensions.a"]
    mapping = ColumnMapping("gw", ignore=("level",))
    assert unread_columns(mapping, header) == ["note", "source_ip", "resource"]
    strict = ColumnMapping("gw", strict=True)
    assert refused(parser, strict, header, {"calls"}).code == "mapping.unread_column"
    mapping = ColumnMapping("gw", id_from=("subject", "at"), constants={"meter": "calls"})
    assert unread_columns(mapping, FIELDS) == ["id", "meter"]


@pytest.mark.parametrize(
    ("mapping", "columns"),
    [
        (ColumnMapping("gw"), []),
        (ColumnMapping(), []),
        (ColumnMapping(time_zone="UTC"), [*FIELDS, "source", "dimensions{}"]),
        (ColumnMapping(dimensions={"a": "x.y"}), [*FIELDS, "source", "x.y", "dimensions{}"]),
        (ColumnMapping(dimensions={"a": "dimensions.a"}), [*FIELDS, "source", "dimensions.a"]),
        (ColumnMapping(ignore=("source", "dimensions")), FIELDS),
        (ColumnMapping(dimensions={"a": "source"}), [*FIELDS, "source", "dimensions{}"]),
        (ColumnMapping(columns={"source": "s", "at": "time"}),
         ["id", "subject", "meter", "time", "value", "s", "dimensions{}"]),
        (ColumnMapping(id_from=("subject", "at")),
         ["subject", "meter", "at", "value", "source", "dimensions{}"]),
    ],
)  # fmt: skip
def test_what_is_wanted_of_a_file_without_a_header(mapping, columns):
    assert wanted_columns(mapping) == columns


def test_the_refusal_of_a_missing_field_says_what_may_have_been_meant():
    told = refused(parser, ColumnMapping("gw"), ["id", "subject", "meter", "at", "Value"], set())
    assert told.code == "mapping.missing_field"
    assert "did you mean Value?" in told.hint
    assert "--map value=COLUMN" in told.hint
    told = refused(parser, ColumnMapping("gw", {"region": "r"}), FIELDS, set())
    assert "--dimension region=COLUMN" in told.hint
