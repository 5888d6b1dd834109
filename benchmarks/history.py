"""A long history of usage, made inside the server: as if it had been taken in and folded long ago."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg

SUBJECTS = 100_000
METERS = ("calls", "storage", "egress", "seats", "builds")
DIMENSIONS = 20
DIMENSION_SETS = 1_000
START = datetime(2026, 1, 1, tzinfo=UTC)
_BATCH = 500_000

_NAMES = """
insert into everycent.usage_name (tenant_id, kind, name)
select 1, 'subject', 'c' || lpad(n::text, 8, '0') from generate_series(0, {subjects} - 1) n
union all select 1, 'meter', m from unnest(%(meters)s::text[]) m
union all select 1, 'source', 'bench'
union all select 1, 'dimensions', d from unnest(%(dimensions)s::text[]) d
on conflict do nothing
"""

_RECORDS = """
insert into everycent.usage_record (tenant_id, subject_id, meter_id, dimensions_id, at, value, key,
    content, source_id, batch_id, record_id)
select 1, s.ids[1 + n %% {subjects}], m.ids[1 + (n / {subjects}) %% 5], d.ids[1 + (n %% {subjects}) %% {sets}],
       %(start)s::timestamptz + make_interval(secs => n::float8 * {seconds} / {records}),
       round((1 + n %% 977)::numeric / 8, 3), md5('k' || n)::uuid, md5('c' || n)::uuid, o.id,
       %(batch)s + n / {batch}, 'h-' || n
from generate_series(%(first)s::bigint, %(last)s::bigint) n,
     (select array_agg(name_id order by name_id) as ids from everycent.usage_name
      where kind = 'subject') s,
     (select array_agg(name_id order by name_id) as ids from everycent.usage_name
      where kind = 'meter') m,
     (select array_agg(name_id order by name_id) as ids from everycent.usage_name
      where kind = 'dimensions') d,
     (select name_id as id from everycent.usage_name where kind = 'source') o
"""
