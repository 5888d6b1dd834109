"""The records of a correction out of a file: all of them sound, or none is taken.

A backfill says all that holds in a span. Without the rows that can't be read it would take back records
that are right, so one bad row refuses the file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from everycent.catalog.intake import IntakePolicy
from everycent.corrections.correction import MAX_RECORDS
from everycent.kernel.errors import Invalid
from everycent.metering.bounds import refusals_of
from everycent.metering.mapping import Parse, Reject, Rows, reject
from everycent.metering.record import UsageRecord
from everycent.metering.wire_plain import line_parser

_TOLD_ROWS = 20


class _Read(NamedTuple):
    """What was read so far, with the line and the text of each record, and the rows that are bad."""

    records: list[UsageRecord]
    lines: list[int]
    texts: list[str]
    bad: list[Reject]


def read_records(
    batches: Iterable[Rows], parse: Parse, policies: Mapping[str, IntakePolicy], now: datetime
) -> list[UsageRecord]:
    """Every record of a file, each within the bounds of its meter's intake policy. How old it may be is
    no bound here: corrections are about the past.

    Raises Invalid `correction.bad_rows`, which tells the first twenty lines with their reasons, and
    `correction.too_many_rows`.
    """
    read = _Read([], [], [], [])
    for rows in batches:
        read.bad.extend(rows.rejects)
        _parse(rows, parse, read)
        if len(read.records) + len(read.bad) > MAX_RECORDS:
            raise Invalid(
                "correction.too_many_rows",
                f"a correction may have {MAX_RECORDS:,} records",
                field="file",
                hint="cut the file, and with it the span, into shorter ones",
            )
    _check_ids(read)
    _check_bounds(read, policies, now)
    if read.bad:
        raise _bad_rows(sorted(read.bad))
    return read.records


def read_offered(
    texts: Sequence[str],
    meters: Collection[str],
    policies: Mapping[str, IntakePolicy],
    now: datetime,
) -> list[UsageRecord]:
    """The same of records that were sent in the plain form, a text each; lines count them from 1."""
    rows = Rows(range(1, len(texts) + 1), [[text] for text in texts], texts)
    return read_records([rows], line_parser(None, meters), policies, now)


def _parse(rows: Rows, parse: Parse, read: _Read) -> None:
    """Adds the rows: together when all are good, else one by one."""
    try:
        read.records.extend(parse(rows.cells))
    except Invalid:
        pass
    else:
        read.lines.extend(rows.lines)
        read.texts.extend(rows.texts)
        return
    for line, cells, text in zip(rows.lines, rows.cells, rows.texts, strict=True):
        try:
            read.records.extend(parse([cells]))
        except Invalid as refusal:
            read.bad.append(reject(line, refusal, text))
        else:
            read.lines.append(line)
            read.texts.append(text)


def _check_ids(read: _Read) -> None:
    first: dict[str, int] = {}
    for record, line, text in zip(read.records, read.lines, read.texts, strict=True):
        before = first.setdefault(record.record_id, line)
        if before != line:
            twice = Invalid(
                "correction.id_twice",
                f"the id {record.record_id!r} stands on line {before} already",
            )
            read.bad.append(reject(line, twice, text))


def _check_bounds(read: _Read, policies: Mapping[str, IntakePolicy], now: datetime) -> None:
    timeless = {
        meter: msgspec.structs.replace(policy, accept_days=None)
        for meter, policy in policies.items()
    }
    for position, refusal in refusals_of(read.records, timeless, now).items():
        read.bad.append(reject(read.lines[position], refusal, read.texts[position]))


def _bad_rows(bad: list[Reject]) -> Invalid:
    told = [f"  line {one.line}: {one.reason} [{one.code}]" for one in bad[:_TOLD_ROWS]]
    if len(bad) > _TOLD_ROWS:
        told.append(f"  and {len(bad) - _TOLD_ROWS:,} more")
    rows = "row" if len(bad) == 1 else "rows"
    return Invalid(
        "correction.bad_rows",
        "\n".join([f"{len(bad):,} {rows} can't be taken, so nothing was changed:", *told]),
        field="file",
        hint="correct the file and try again; it is taken whole or not at all",
    )
