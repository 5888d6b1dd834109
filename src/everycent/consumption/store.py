"""Series, days and records out: the reading statements over the requests that are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.consumption.requests import Rows, Use
from everycent.db import bulk, statements
from everycent.db.connection import Tx
from everycent.kernel.period import Period
from everycent.kernel.table import Table, table

SQL = statements.beside(__file__)

REQUEST = table(
    "request",
    "request_no int4, subject_id int4, meter_id int4, span_set int4, wants_latest bool,"
    " window_set int4, fine_minutes int4, is_sampled bool, each text, percentile numeric,"
    " distinct_of text, is_level bool, is_opening bool, is_counter bool, since timestamptz,"
    " own text[], others text[]",
    key="request_no",
)
SPAN = table(
    "span",
    "span_set int4, starts_at timestamptz, ends_at timestamptz, is_days bool, day date",
    key="span_set",
)
WINDOW_DAY = table(
    "window_day",
    "window_set int4, starts_at timestamptz, ends_at timestamptz, minutes int4, last_at timestamptz,"
    " first_at timestamptz",
    key="window_set, starts_at",
)
TAIL = table(
    "tail",
    "subject_id int4, meter_id int4, bucket timestamptz, dimensions_id int4, records int8,"
    " total numeric, low numeric, high numeric, latest_at timestamptz, latest_value numeric,"
    " latest_key uuid, digest bytea",
    key="subject_id",
)
_FEW = 500


Total = tuple[int, int, int, Decimal]
"""All records of a series in a period: the numbers of its subject and meter, how many they are, their sum.
Plain, as half a million of them are read at once."""


class Source(NamedTuple):
    """Where the reading statements find what is wanted: how each of them begins, and its parameters."""

    head: str
    params: dict[str, Any]


class Standing(NamedTuple):
    """How far usage is folded: the newest fold, and the first and the last batch that none has counted."""

    fold_id: int
    first: int | None
    last: int | None


def source(tx: Tx, rows: Rows, standing: Standing, *, is_live: bool) -> Source:
    """Puts what is wanted, and what is not folded yet of it when that is wanted too, where the reading
    statements find it. A few rows come with each statement; many are staged in temporary tables, of
    which the planner knows the size."""
    tables = ((REQUEST, rows.requests), (SPAN, rows.spans), (WINDOW_DAY, rows.windows))
    params: dict[str, Any] = {"tenant_id": tx.tenant_id, "is_live": is_live}
    is_few = sum(len(found) for _, found in tables) <= _FEW
    if is_few:
        heads = [_sent(target) for target, _ in tables]
        params |= {target.name: _json(target, found) for target, found in tables}
    else:
        for target, found in tables:
            name = bulk.stage(tx, target, found)
            tx.run(f"create index if not exists {name}_key on {name} ({', '.join(target.key)})")
            tx.run(f"analyze {name}")
        heads = [_staged(target) for target, _ in tables]
    head = "with " + ",\n".join(heads)
    if standing.first is None or not is_live:
        return Source(f"{head},\n{_sent(TAIL)}", params | {"tail": "[]"})
    asked = params | {"first": standing.first, "last": standing.last}
    if is_few:
        body = f"select coalesce(json_agg(t), '[]')::text from ({SQL['tail']}) t"  # noqa: S608 - ours
        return Source(
            f"{head},\n{_sent(TAIL)}", params | {"tail": tx.value(f"{head} {body}", asked)}
        )
    name = bulk.stage(tx, TAIL, ())
    columns = ", ".join(TAIL.names)
    tx.run(f"create index if not exists {name}_series on {name} (subject_id, meter_id, bucket)")
    tx.run(f"{head} insert into {name} ({columns}) {SQL['tail']}", asked)
    tx.run(f"analyze {name}")
    return Source(f"{head},\n{_staged(TAIL)}", params)


def _sent(target: Table) -> str:
    columns = ", ".join(f"{name} {kind}" for name, kind in target.columns)
    rows = f"jsonb_to_recordset(%({target.name})s::jsonb)"
    body = f"select * from {rows} as x({columns})"  # noqa: S608 - our own tables
    return f"{target.name} as not materialized ({body})"


def _staged(target: Table) -> str:
    columns = ", ".join(target.names)
    body = f"select {columns} from stage_{target.name}"  # noqa: S608 - our own tables
    return f"{target.name} as not materialized ({body})"


def _json(target: Table, rows: Sequence[Sequence[Any]]) -> str:
    names = target.names
    return msgspec.json.encode([dict(zip(names, row, strict=True)) for row in rows]).decode()


def read(
    tx: Tx, wanted: Source, statement: str, *, dimension: str | None = None
) -> list[tuple[Any, ...]]:
    """Runs one of the reading statements over what is wanted."""
    text = ",\n".join([wanted.head, SQL["parts"]])
    return tx.tuples(f"{text}\n{SQL[statement]}", wanted.params | {"dimension": dimension})


class Known(NamedTuple):
    """How far usage is folded, the numbers of names by kind and name, and the months (their first days) of
    which records are in the archive."""

    standing: Standing
    numbers: dict[tuple[str, str], int]
    archived: set[date]


def read_known(tx: Tx, pairs: Sequence[tuple[str, str]]) -> Known:
    """All that reading needs to know first, at once."""
    told = {
        "tenant_id": tx.tenant_id,
        "kinds": [kind for kind, _ in pairs],
        "names": [name for _, name in pairs],
    }
    (row,) = tx.tuples(SQL["read_known"], told)
    fold_id, first, last, kinds, names, numbers, months = row
    found = zip(zip(kinds, names, strict=True), numbers, strict=True)
    return Known(Standing(fold_id, first, last), dict(found), set(months))


def read_standing(tx: Tx) -> Standing:
    """How far usage is folded."""
    return Standing(*tx.tuples(SQL["read_standing"], {"tenant_id": tx.tenant_id})[0])


def page_records(
    tx: Tx,
    subject_id: int,
    meter_id: int,
    spans: Sequence[tuple[datetime, datetime]],
    ends_included: bool,
    fold_id: int,
    own: list[str] | None,
    others: list[str] | None,
    after: tuple[datetime, UUID],
    limit: int,
) -> list[Any]:
    """A page of the records in the spans, as folded up to `fold_id`; `own` and `others` are the
    patterns of a segment and of those before it."""
    return tx.rows(
        SQL["page_records"],
        {
            "tenant_id": tx.tenant_id,
            "subject_id": subject_id,
            "meter_id": meter_id,
            "starts": [start for start, _ in spans],
            "ends": [end for _, end in spans],
            "ends_included": ends_included,
            "fold_id": fold_id,
            "own": own,
            "others": others,
            "after_at": after[0],
            "after_key": after[1],
            "limit": limit,
        },
    )


def archived_uses(tx: Tx, uses: Sequence[Use], *, as_once: bool) -> dict[int, date]:
    """Of numbered (subject, meter, start, end) those that need records which are in the archive, with
    the first month of them: records that count, or `as_once` those that ever did."""
    numbers, subjects, meters, starts, ends = zip(*uses, strict=True)
    params = {
        "tenant_id": tx.tenant_id,
        "numbers": list(numbers),
        "subjects": list(subjects),
        "meters": list(meters),
        "starts": list(starts),
        "ends": list(ends),
        "as_once": as_once,
    }
    return dict(tx.tuples(SQL["archived_uses"], params))


def archived_days(tx: Tx, spans: Sequence[tuple[datetime, datetime]]) -> date | None:
    """The first month in the archive of which anybody's records in the spans are needed."""
    params = {
        "tenant_id": tx.tenant_id,
        "starts": [start for start, _ in spans],
        "ends": [end for _, end in spans],
    }
    month: date | None = tx.value(SQL["archived_days"], params)
    return month


def totals_of_days(tx: Tx, first_day: datetime, last_day: datetime) -> list[Total]:
    """Everybody's usage from the roll-ups of the days from `first_day` to before `last_day`."""
    params = {"tenant_id": tx.tenant_id, "first_day": first_day, "last_day": last_day}
    tx.share_by_parts()
    middle = tx.value(SQL["middle_subject"], params)
    return tx.tuples(SQL["totals_of_days"], params | {"middle": middle})


def totals_of_records(tx: Tx, period: Period) -> list[Total]:
    """Everybody's usage over a period from the records alone."""
    days = {"first_day": period.start.date(), "last_day": period.end.date()}
    return tx.tuples(SQL["totals_of_records"], _span(tx, period) | days)


def _span(tx: Tx, period: Period) -> dict[str, Any]:
    return {"tenant_id": tx.tenant_id, "starts_at": period.start, "ends_at": period.end}


def totals_of_tail(tx: Tx, period: Period) -> list[Total]:
    """Everybody's usage over a period as far as no fold has counted it."""
    _, first, last = read_standing(tx)
    if first is None:
        return []
    return tx.tuples(SQL["totals_of_tail"], _span(tx, period) | {"first": first, "last": last})


def near_names(tx: Tx, kind: str, name: str, limit: int) -> list[str]:
    """Names of the kind that stand beside `name` in the alphabet, so many on each side."""
    params = {"tenant_id": tx.tenant_id, "kind": kind, "name": name, "limit": limit}
    return [found for (found,) in tx.tuples(SQL["near_names"], params)]


def used(tx: Tx, series: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of the (subject, meter) of which there ever was a record."""
    _, first, last = read_standing(tx)
    params = {
        "tenant_id": tx.tenant_id,
        "first": first,
        "last": last,
        "subjects": [subject_id for subject_id, _ in series],
        "meters": [meter_id for _, meter_id in series],
    }
    return {(subject_id, meter_id) for subject_id, meter_id in tx.tuples(SQL["used"], params)}
