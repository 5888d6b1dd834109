-- name: insert_names
-- New names only; a name that is there keeps its number.
insert into usage_name (tenant_id, kind, name)
select %(tenant_id)s, k, n from unnest(%(kinds)s::text[], %(names)s::text[]) as x(k, n)
on conflict do nothing;

-- name: read_names
select n.kind, n.name, n.name_id
from unnest(%(kinds)s::text[], %(names)s::text[]) as x(k, n_)
join usage_name n on n.tenant_id = %(tenant_id)s and n.kind = x.k and n.name = x.n_;

-- name: names_by_id
select name_id, name from usage_name where tenant_id = %(tenant_id)s and name_id = any(%(ids)s);

-- name: ensure_month
select ensure_usage_month(%(month)s);

-- name: next_batch
select nextval('usage_batch_seq');

-- name: create_stage
create temp table if not exists stage_usage (
    key uuid, content uuid, at timestamptz, subject_id int4, meter_id int4, dimensions_id int4,
    source_id int4, value text, record_id text) on commit delete rows;

-- name: copy_stage
copy stage_usage from stdin (format binary);

-- name: claim_keys
-- Deduplicate by key alone. In key order the index grows page by page, and transactions that claim the
-- same keys wait for each other and not in a circle.
insert into usage_key (tenant_id, key, content)
select %(tenant_id)s, key, content from stage_usage order by key
on conflict do nothing;

-- name: insert_all
insert into usage_record (tenant_id, subject_id, meter_id, dimensions_id, at, value, key, content,
                          source_id, batch_id, record_id)
select %(tenant_id)s, subject_id, meter_id, dimensions_id, at, value::numeric, key, content,
       source_id, %(batch_id)s, record_id
from stage_usage;

-- name: insert_claimed
-- Only the records whose keys this transaction has written.
insert into usage_record (tenant_id, subject_id, meter_id, dimensions_id, at, value, key, content,
                          source_id, batch_id, record_id)
select %(tenant_id)s, s.subject_id, s.meter_id, s.dimensions_id, s.at, s.value::numeric, s.key,
       s.content, s.source_id, %(batch_id)s, s.record_id
from stage_usage s
join usage_key k on k.tenant_id = %(tenant_id)s and k.key = s.key
where k.xmin = pg_current_xact_id()::xid;

-- name: conflicts
-- Keys of staged records that are known with other content.
select s.key, k.content from stage_usage s
join usage_key k on k.tenant_id = %(tenant_id)s and k.key = s.key
where k.content <> s.content;

-- name: insert_batch
insert into usage_batch (tenant_id, batch_id, recorded_at, records)
values (%(tenant_id)s, %(batch_id)s, %(recorded_at)s, %(records)s);

-- name: lock_fold
select pg_advisory_xact_lock(hashtextextended('everycent.fold', %(tenant_id)s));

-- name: hold_fold
-- No fold commits until the transaction ends: all its statements read the same roll-ups.
select pg_advisory_xact_lock_shared(hashtextextended('everycent.fold', %(tenant_id)s));

-- name: open_batches
-- Batches that no fold has counted, oldest first, up to about a number of records.
select batch_id from (
    select batch_id, sum(records) over (order by batch_id) - records as before
    from usage_batch where tenant_id = %(tenant_id)s and fold_id is null) b
where before < %(records)s;

-- name: next_fold
select nextval('usage_fold_seq');

-- name: mark_folded
update usage_batch set fold_id = %(fold_id)s
where tenant_id = %(tenant_id)s and batch_id = any(%(batches)s);

-- name: create_stage_fold
create temp table if not exists stage_fold (
    subject_id int4, meter_id int4, bucket timestamptz, dimensions_id int4, records int8, total numeric,
    low numeric, high numeric, latest_at timestamptz, latest_value numeric,
    latest_key uuid, digest bytea)
on commit delete rows;

-- name: create_stage_recount
create temp table if not exists stage_recount (
    subject_id int4, meter_id int4, bucket timestamptz, ends_at timestamptz, dimensions_id int4)
on commit delete rows;

-- name: gather
-- The new records by quarter hour.
insert into stage_fold
select subject_id, meter_id, date_bin('15 minutes', at, '2000-01-01 00:00Z') as bucket, dimensions_id,
       count(*) as records, sum(value) as total, min(value) as low, max(value) as high,
       max(at) as latest_at, (array_agg(value order by at desc, key desc))[1] as latest_value,
       (array_agg(key order by at desc, key desc))[1] as latest_key,
       sha256(string_agg(uuid_send(content), ''::bytea order by content)) as digest
from usage_record
where tenant_id = %(tenant_id)s and batch_id = any(%(batches)s)
  and batch_id between %(first)s and %(last)s
group by 1, 2, 3, 4;

-- name: find_known_buckets
-- Buckets that had records before: they are counted again from all their records, so that their
-- digest stays a digest of the whole.
insert into stage_recount
select a.subject_id, a.meter_id, a.bucket, a.bucket + interval '15 minutes', a.dimensions_id
from stage_fold a
join usage_rollup r on r.tenant_id = %(tenant_id)s and r.subject_id = a.subject_id
    and r.meter_id = a.meter_id and r.bucket = a.bucket and r.dimensions_id = a.dimensions_id;

-- name: add_buckets
-- Buckets that are new are counted from the new records alone.
insert into usage_rollup (tenant_id, subject_id, meter_id, bucket, dimensions_id, records, total,
                          low, high, latest_at, latest_value, latest_key, digest)
select %(tenant_id)s, subject_id, meter_id, bucket, dimensions_id, records, total, low, high,
       latest_at, latest_value, latest_key, digest
from stage_fold order by subject_id, meter_id, bucket
on conflict do nothing;

-- name: recount
-- The known buckets anew from all folded records. A few are found through the index by their bounds,
-- which stand in columns because row-level security lets no sum into an index condition; many are
-- joined by equality, for which the bucket of a record is computed.
update usage_rollup r set records = c.records, total = c.total, low = c.low, high = c.high,
    latest_at = c.latest_at, latest_value = c.latest_value,
    latest_key = c.latest_key, digest = c.digest
from (
    select w.subject_id, w.meter_id, w.bucket, w.dimensions_id, count(*) as records,
           sum(u.value) as total, min(u.value) as low, max(u.value) as high,
           max(u.at) as latest_at, (array_agg(u.value order by u.at desc, u.key desc))[1] as latest_value,
           (array_agg(u.key order by u.at desc, u.key desc))[1] as latest_key,
           sha256(string_agg(uuid_send(u.content), ''::bytea order by u.content)) as digest
    from stage_recount w
    join usage_record u on u.tenant_id = %(tenant_id)s and u.subject_id = w.subject_id
        and u.meter_id = w.meter_id and u.at >= w.bucket and u.at < w.ends_at
        and date_bin('15 minutes', u.at, '2000-01-01 00:00Z') = w.bucket
        and u.dimensions_id = w.dimensions_id
    where u.batch_id not in (
        select batch_id from usage_batch where tenant_id = %(tenant_id)s and fold_id is null)
    group by 1, 2, 3, 4) c
where r.tenant_id = %(tenant_id)s and r.subject_id = c.subject_id and r.meter_id = c.meter_id
  and r.bucket = c.bucket and r.dimensions_id = c.dimensions_id;

-- name: read_rollups
-- What the roll-ups say about each wanted series over its spans, with the fold they stand at.
with fold as materialized (
    select coalesce(max(fold_id), 0) as fold_id from usage_batch where tenant_id = %(tenant_id)s)
select w.request_no, max(f.fold_id), sum(r.records)::bigint, sum(r.total), min(r.low), max(r.high),
       (array_agg(r.latest_value order by r.latest_at desc, r.latest_key desc)
           filter (where w.wants_latest))[1],
       sha256(string_agg(r.digest, ''::bytea order by r.bucket, r.dimensions_id))
from stage_request w
cross join fold f
join stage_span p on p.span_set = w.span_set
join usage_rollup r on r.tenant_id = %(tenant_id)s and r.subject_id = w.subject_id
    and r.meter_id = w.meter_id and r.bucket >= p.starts_at and r.bucket < p.ends_at
group by w.request_no;

-- name: read_fold
select coalesce(max(fold_id), 0) from usage_batch where tenant_id = %(tenant_id)s;

-- name: read_peaks
-- The window with the highest sum, for each wanted series; the earliest of equals.
select distinct on (request_no) request_no, window_at, total
from (
    select w.request_no, sum(r.total) as total,
           to_timestamp(floor(extract(epoch from r.bucket) / (w.window_minutes * 60))
                        * (w.window_minutes * 60)) as window_at
    from stage_request w
    join stage_span p on p.span_set = w.span_set
    join usage_rollup r on r.tenant_id = %(tenant_id)s and r.subject_id = w.subject_id
        and r.meter_id = w.meter_id and r.bucket >= p.starts_at and r.bucket < p.ends_at
    where w.window_minutes is not null
    group by w.request_no, window_at) x
order by request_no, total desc, window_at;

-- name: read_distinct
-- Distinct values of a dimension, for each wanted series; records without it do not count.
select w.request_no, count(distinct d.name::jsonb ->> w.distinct_of)::bigint
from stage_request w
join stage_span p on p.span_set = w.span_set
join usage_rollup r on r.tenant_id = %(tenant_id)s and r.subject_id = w.subject_id
    and r.meter_id = w.meter_id and r.bucket >= p.starts_at and r.bucket < p.ends_at
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = r.dimensions_id
where w.distinct_of is not null
group by w.request_no;

-- name: read_readings
-- Register readings in (start, end] of each wanted series, as far as they are folded.
with fold as materialized (
    select coalesce(max(fold_id), 0) as fold_id from usage_batch where tenant_id = %(tenant_id)s)
select w.request_no, f.fold_id, u.at, u.value, d.name, u.content, u.dimensions_id
from stage_request w
cross join fold f
join stage_span p on p.span_set = w.span_set
join usage_record u on u.tenant_id = %(tenant_id)s and u.subject_id = w.subject_id
    and u.meter_id = w.meter_id and u.at > p.starts_at and u.at <= p.ends_at
join usage_batch b on b.tenant_id = u.tenant_id and b.batch_id = u.batch_id
    and b.fold_id <= f.fold_id
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = u.dimensions_id
where w.is_counter
order by w.request_no, u.at, u.content;

-- name: read_opening
-- The reading on which each wanted counter stands: the last one when its contract began, else the first
-- one since then and before the period. So what was used in periods that were billed without a reading
-- is not lost when readings come in.
select w.request_no, u.at, u.value, d.name
from stage_request w
join stage_span p on p.span_set = w.span_set
cross join lateral (
    select x.* from (
        (select u.at, u.value, u.dimensions_id, 1 as choice from usage_record u
         join usage_batch b on b.tenant_id = u.tenant_id and b.batch_id = u.batch_id
            and b.fold_id is not null
         join usage_name n on n.tenant_id = u.tenant_id and n.name_id = u.dimensions_id
         where u.tenant_id = %(tenant_id)s and u.subject_id = w.subject_id and u.meter_id = w.meter_id
           and u.at <= w.since
         order by u.at desc, (n.name::jsonb ->> 'role') = 'installed' desc nulls last,
                  (n.name::jsonb ->> 'kind') = 'estimated' asc nulls first, u.content
         limit 1)
        union all
        (select u.at, u.value, u.dimensions_id, 2 as choice from usage_record u
         join usage_batch b on b.tenant_id = u.tenant_id and b.batch_id = u.batch_id
            and b.fold_id is not null
         join usage_name n on n.tenant_id = u.tenant_id and n.name_id = u.dimensions_id
         where u.tenant_id = %(tenant_id)s and u.subject_id = w.subject_id and u.meter_id = w.meter_id
           and u.at > w.since and u.at <= p.starts_at
         order by u.at, (n.name::jsonb ->> 'role') = 'installed' desc nulls last,
                  (n.name::jsonb ->> 'kind') = 'estimated' asc nulls first, u.content
         limit 1)) x
    order by x.choice limit 1) u
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = u.dimensions_id
where w.is_counter;

-- name: page_records
-- The records behind a sealed part of a line, in order of time, after a record already shown. Each
-- span gives no more than a page, along the index; a million records behind it cost nothing.
with found as (
    select r.* from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) as p(starts_at, ends_at)
    cross join lateral (
        select u.record_id, u.source_id, u.at, u.value, u.dimensions_id, u.key from usage_record u
        join usage_batch b on b.tenant_id = u.tenant_id and b.batch_id = u.batch_id
            and b.fold_id <= %(fold_id)s
        where u.tenant_id = %(tenant_id)s and u.subject_id = %(subject_id)s
          and u.meter_id = %(meter_id)s
          and u.at >= greatest(p.starts_at, %(after_at)s) and u.at <= p.ends_at
          and case when %(ends_included)s then u.at > p.starts_at else u.at < p.ends_at end
          and (u.at, u.key) > (%(after_at)s, %(after_key)s)
        order by u.at, u.key limit %(limit)s) r
    order by r.at, r.key limit %(limit)s)
select f.record_id, s.name as source, f.at, f.value, d.name as dimensions, f.key
from found f
join usage_name s on s.tenant_id = %(tenant_id)s and s.name_id = f.source_id
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = f.dimensions_id
order by f.at, f.key;

-- name: daily
-- What the roll-ups hold in each of the given spans, which lie on quarter hours, and the highest sum
-- of one window in it.
select x.number, sum(x.records)::bigint as records, sum(x.total) as total, min(x.low) as low,
       max(x.high) as high, (array_agg(x.latest order by x.latest_at desc, x.latest_key desc))[1] as latest,
       max(x.total) as peak
from (
    select p.number, floor(extract(epoch from r.bucket) / (%(window_minutes)s * 60)) as window_no,
           sum(r.records) as records, sum(r.total) as total, min(r.low) as low, max(r.high) as high,
           max(r.latest_at) as latest_at,
           (array_agg(r.latest_value order by r.latest_at desc, r.latest_key desc))[1] as latest,
           (array_agg(r.latest_key order by r.latest_at desc, r.latest_key desc))[1] as latest_key
    from unnest(%(numbers)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        as p(number, starts_at, ends_at)
    join usage_rollup r on r.tenant_id = %(tenant_id)s and r.subject_id = %(subject_id)s
        and r.meter_id = %(meter_id)s and r.bucket >= p.starts_at and r.bucket < p.ends_at
    group by 1, 2) x
group by x.number order by x.number;

-- name: count_records
select count(*) from usage_record where tenant_id = %(tenant_id)s;

-- name: count_by_fold
select count(*) filter (where b.fold_id is null) as open, count(*) as batches,
       coalesce(sum(records), 0)::bigint as records,
       coalesce(sum(records) filter (where fold_id is null), 0)::bigint as open_records
from usage_batch b where tenant_id = %(tenant_id)s;

-- name: false_rollups
-- Roll-ups that differ from their raw records, or miss, or have none.
with raw as (
    select u.subject_id, u.meter_id, to_timestamp(floor(extract(epoch from u.at) / 900) * 900) as bucket,
           u.dimensions_id, count(*) as records, sum(u.value) as total, min(u.value) as low,
           max(u.value) as high, max(u.at) as latest_at,
           (array_agg(u.value order by u.at desc, u.key desc))[1] as latest_value,
           (array_agg(u.key order by u.at desc, u.key desc))[1] as latest_key,
           sha256(string_agg(uuid_send(u.content), ''::bytea order by u.content)) as digest
    from usage_record u
    join usage_batch b on b.tenant_id = u.tenant_id and b.batch_id = u.batch_id
        and b.fold_id is not null
    where u.tenant_id = %(tenant_id)s
    group by 1, 2, 3, 4)
select s.name || ' ' || m.name || ' ' || coalesce(raw.bucket, r.bucket)::text
       || case when raw.bucket is null then ': the roll-up has no records'
               when r.bucket is null then ': the records have no roll-up'
               else ': roll-up and records differ' end
from raw
full join (select * from usage_rollup where tenant_id = %(tenant_id)s) r
    using (subject_id, meter_id, bucket, dimensions_id)
left join usage_name s on s.tenant_id = %(tenant_id)s and s.name_id = subject_id
left join usage_name m on m.tenant_id = %(tenant_id)s and m.name_id = meter_id
where raw.bucket is null or r.bucket is null
   or (raw.records, raw.total, raw.low, raw.high, raw.latest_at, raw.latest_value, raw.latest_key,
       raw.digest)
      is distinct from (r.records, r.total, r.low, r.high, r.latest_at, r.latest_value, r.latest_key,
       r.digest)
limit 100;

-- name: unkeyed_records
-- Every record has its key once, with its content, and every key its record; batches count right.
select 'batch ' || b.batch_id || ' has ' || count(u.key) || ' records, not ' || b.records
from usage_batch b
left join usage_record u on u.tenant_id = b.tenant_id and u.batch_id = b.batch_id
where b.tenant_id = %(tenant_id)s
group by b.batch_id, b.records having count(u.key) <> b.records
union all
(select 'record ' || u.record_id || ' does not match its key' from usage_record u
 where u.tenant_id = %(tenant_id)s and not exists (
    select from usage_key k
    where k.tenant_id = u.tenant_id and k.key = u.key and k.content = u.content))
union all
select 'there are ' || k.n || ' keys and ' || u.n || ' records'
from (select count(*) as n from usage_key where tenant_id = %(tenant_id)s) k,
     (select count(*) as n from usage_record where tenant_id = %(tenant_id)s) u
where k.n <> u.n
limit 100;

-- name: read_fingerprints
-- Every record with what its key and its content are made of.
select u.key, u.content, u.source_id, u.record_id, u.subject_id, u.meter_id, u.at, u.value, u.dimensions_id
from usage_record u where u.tenant_id = %(tenant_id)s;

-- name: all_names
select name_id, name from usage_name where tenant_id = %(tenant_id)s;
