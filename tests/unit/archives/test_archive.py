"""Months, names and rows of the archive."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from everycent.archives import archive, projection
from everycent.journal.event import Event
from everycent.journal.types import decode
from everycent.kernel.canonical import encode
from everycent.kernel.table import Rows


@pytest.mark.parametrize(
    ("as_of", "accept_days", "first_open"),
    [
        ("2026-05-02T00:00", 0, "2026-05-01"),
        ("2026-05-01T00:00", 0, "2026-05-01"),
        ("2026-04-30T23:59", 0, "2026-04-01"),
        ("2026-05-02T00:00", 1, "2026-05-01"),
        ("2026-05-02T00:00", 2, "2026-04-01"),
        ("2026-01-31T12:00", 60, "2025-12-01"),
    ],
)
def test_a_month_is_open_as_long_as_records_of_it_are_taken(
    as_of: str, accept_days: int, first_open: str
) -> None:
    at = datetime.fromisoformat(as_of).replace(tzinfo=UTC)
    assert archive.first_open_month(at, accept_days) == date.fromisoformat(first_open)


@pytest.mark.parametrize(
    ("month", "after"),
    [("2026-01-01", "2026-02-01"), ("2026-02-01", "2026-03-01"), ("2025-12-01", "2026-01-01")],
)
def test_a_month_has_a_next_one(month: str, after: str) -> None:
    assert archive.next_month(date.fromisoformat(month)) == date.fromisoformat(after)


def test_a_file_is_named_after_tenant_month_part_and_bytes() -> None:
    name = archive.file_name("acme", date(2024, 11, 1), 2, bytes(range(32)))
    assert name == "acme-usage-2024-11-part2-000102030405.parquet"
    assert archive.manifest("acme", date(2024, 11, 1), 2)["month"] == "2024-11"


def test_an_event_makes_the_row_of_its_part_and_the_rows_of_what_came_back() -> None:
    month, at, event_id = date(2024, 11, 1), datetime(2026, 1, 1, tzinfo=UTC), UUID(int=7)
    said = archive.Archived(
        month, 1, "f", 10, "aa" * 32, 3, "-1.5", "bb" * 32, first_fold=4, last_fold=5,
        location="archive", reasons={"billed": 2, "too_late": 1},
    )  # fmt: skip
    payload = decode(archive.ARCHIVED, 1, encode(said))
    back = decode(archive.RESTORED, 1, encode(archive.Restored(month, (1, 2), 3)))
    rows = Rows()
    for told, project in ((payload, projection.archived), (back, projection.restored)):
        event = Event(event_id, archive.stream(month), 1, "x", at, at, "me", None, told, b"")
        project(event, rows, 9)
    assert rows.added == {
        projection.ARCHIVE: [
            (
                9,
                month,
                1,
                "f",
                "archive",
                10,
                b"\xaa" * 32,
                3,
                Decimal("-1.5"),
                b"\xbb" * 32,
                4,
                5,
                at,
                event_id,
            )
        ],
        projection.REASON: [(9, month, 1, "billed", 2), (9, month, 1, "too_late", 1)],
        projection.RESTORED: [(9, month, 1, at, event_id), (9, month, 2, at, event_id)],
    }
    assert archive.stream(month) == "usage:2024-11"
