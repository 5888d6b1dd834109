"""What a correction may be given: records inside its scope, each under an id of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from everycent.corrections.correction import MAX_RECORDS
from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period, instant_text
from everycent.metering.record import UsageRecord, check_id


class Scope(NamedTuple):
    """What a backfill is about: the records of these subjects and meters in a period, of one source
    only or of all."""

    subjects: tuple[str, ...]
    meters: tuple[str, ...]
    period: Period
    source: str | None = None


def check(scope: Scope, records: Sequence[UsageRecord]) -> None:
    """Raises Invalid `backfill.too_large`, `backfill.outside`, `backfill.id_twice`, and what `first_twice`
    raises."""
    if len(records) > MAX_RECORDS:
        raise too_large()
    subjects, meters = set(scope.subjects), set(scope.meters)
    for record in records:
        inside = (
            record.subject in subjects
            and record.meter in meters
            and scope.period.contains(record.at)
            and scope.source in (None, record.source)
        )
        if not inside:
            raise Invalid(
                "backfill.outside",
                f"the record {record.record_id!r} ({record.subject} {record.meter}"
                f" {instant_text(record.at)} {record.value}) lies outside of what is backfilled",
                field="records",
                value=record.record_id,
                hint="widen the span, or leave the record out",
            )
    twice = first_twice(records)
    if twice is not None:
        raise Invalid(
            "backfill.id_twice",
            f"the id {twice.record_id!r} of the source {twice.source!r} stands twice",
            field="records",
            value=twice.record_id,
            hint="say once what the record should be",
        )


def first_twice(records: Sequence[UsageRecord]) -> UsageRecord | None:
    """The first record under an id that stands before it, None where there is none. Raises Invalid
    `usage.bad_name`, `usage.reserved_id`."""
    seen: set[tuple[str, str]] = set()
    for record in records:
        check_id(record.record_id)
        if (record.source, record.record_id) in seen:
            return record
        seen.add((record.source, record.record_id))
    return None


def too_large() -> Invalid:
    """The refusal of more records than a correction may concern."""
    return Invalid(
        "backfill.too_large",
        f"a backfill may concern {MAX_RECORDS:,} records",
        field="span",
        hint="cut the span into shorter ones",
    )
