"""A long history of usage, made inside the server: as if it had been taken in long ago."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg

SUBJECTS = 100_000
METERS = ("builds", "calls", "egress", "seats", "storage")
DIMENSIONS = 20
DIMENSION_SETS = 1_000
START = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = 31 * 86_400
BATCH = 500_000
_STEP = 5_000_000

_NAMES = """
insert into everycent.usage_name (tenant_id, kind, name)
select 1, 'subject', 'c' || lpad(n::text, 8, '0') from generate_series(0, %(subjects)s - 1) n
union all select 1, 'meter', m from unnest(%(meters)s::text[]) m
union all select 1, 'source', 'bench'
union all select 1, 'dimensions', d from unnest(%(dimensions)s::text[]) d
on conflict do nothing
"""

_RECORDS = """
insert into everycent.usage_record (tenant_id, subject_id, meter_id, dimensions_id, at, value, key,
    content, source_id, batch_id, record_id)
select 1, s.ids[1 + n %% %(subjects)s], m.ids[1 + (n / %(subjects)s) %% 5],
       d.ids[1 + n %% %(subjects)s %% %(sets)s],
       %(start)s::timestamptz + make_interval(secs => n::float8 * %(seconds)s / %(records)s),
       round((1 + n %% 977)::numeric / 8, 3), md5('k' || n)::uuid, md5('c' || n)::uuid, o.id,
       1 + n / %(batch)s, 'h-' || n
from generate_series(%(first)s::bigint, %(last)s::bigint) n,
     (select array_agg(name_id order by name) as ids from everycent.usage_name
      where kind = 'subject') s,
     (select array_agg(name_id order by name) as ids from everycent.usage_name
      where kind = 'meter') m,
     (select array_agg(name_id order by name_id) as ids from everycent.usage_name
      where kind = 'dimensions') d,
     (select name_id as id from everycent.usage_name where kind = 'source') o
"""

_KEYS = """
insert into everycent.usage_key (tenant_id, key, content, batch_id)
select 1, md5('k' || n)::uuid, md5('c' || n)::uuid, 1 + n / %(batch)s
from generate_series(%(first)s::bigint, %(last)s::bigint) n
"""

_BATCHES = """
insert into everycent.usage_batch (tenant_id, batch_id, recorded_at, records)
select 1, b, %(start)s, least(%(batch)s, %(records)s - (b - 1) * %(batch)s)
from generate_series(1, (%(records)s + %(batch)s - 1) / %(batch)s) b
"""


def dimension_sets() -> list[str]:
    """The sets of dimensions of all records, as canonical JSON."""
    return [
        "{" + ",".join(f'"d{k:02d}":"v{s * (k + 1) % 1009}"' for k in range(DIMENSIONS)) + "}"
        for s in range(DIMENSION_SETS)
    ]


def make(conninfo: str, records: int) -> None:
    """Fills the usage tables of tenant 1 with `records` records of January 2026, spread evenly over all
    subjects, meters and the time. Indexes are built afterwards, which is faster; nothing is folded."""
    params = {
        "subjects": SUBJECTS, "meters": list(METERS), "dimensions": dimension_sets(),
        "sets": DIMENSION_SETS, "start": START, "seconds": SECONDS, "records": records, "batch": BATCH,
    }  # fmt: skip
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute("set search_path = everycent")
        admin.execute(_NAMES.encode(), params)
        admin.execute("select ensure_usage_month('2026-01-01')")
        references = admin.execute(
            "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
            " where contype = 'f' and confrelid = 'usage_key'::regclass"
        ).fetchall()
        for table, name, _ in references:
            admin.execute(f"alter table {table} drop constraint {name}".encode())
        admin.execute("alter table usage_key drop constraint usage_key_pkey")
        admin.execute("drop index usage_record_day")
        for first in range(0, records, _STEP):
            part = params | {"first": first, "last": min(first + _STEP, records) - 1}
            admin.execute(_RECORDS.encode(), part)
            admin.execute(_KEYS.encode(), part)
        admin.execute("set maintenance_work_mem = '1GB'")
        admin.execute("alter table usage_key add primary key (tenant_id, key)")
        admin.execute(
            "create index usage_record_day on usage_record (tenant_id, day, subject_id, meter_id)"
        )
        for table, name, definition in references:
            admin.execute(f"alter table {table} add constraint {name} {definition}".encode())
        admin.execute(_BATCHES.encode(), params)
        admin.execute("select setval('usage_batch_seq', (select max(batch_id) from usage_batch))")
        admin.execute("vacuum (analyze)")
        admin.execute("checkpoint")
