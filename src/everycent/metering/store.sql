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

-- name: staged_known
-- The staged keys that are stored already, with their contents: one look-up each, in order.
select s.key, k.content
from (select key from stage_usage order by key) s
cross join lateral (
    select content from usage_key where tenant_id = %(tenant_id)s and key = s.key offset 0) k;

-- name: insert_keys
-- The keys that were not found. In key order the index grows page by page, and transactions that claim
-- the same keys wait for each other and not in a circle.
insert into usage_key (tenant_id, key, content, batch_id)
select %(tenant_id)s, key, content, %(batch_id)s from stage_usage s
where not exists (select from unnest(%(known)s::uuid[]) k(key) where k.key = s.key)
order by key;

-- name: claim_keys
-- The same where somebody else has stored one of the keys since they were looked for; tells which keys
-- were known.
with claimed as (
    insert into usage_key (tenant_id, key, content, batch_id)
    select %(tenant_id)s, key, content, %(batch_id)s from stage_usage order by key
    on conflict do nothing returning key)
select s.key from stage_usage s where not exists (select from claimed c where c.key = s.key);

-- name: insert_claimed
-- All but the records whose keys were known.
insert into usage_record (tenant_id, subject_id, meter_id, dimensions_id, at, value, key, content,
                          source_id, batch_id, record_id)
select %(tenant_id)s, s.subject_id, s.meter_id, s.dimensions_id, s.at, s.value::numeric, s.key,
       s.content, s.source_id, %(batch_id)s, s.record_id
from stage_usage s
where not exists (select from unnest(%(known)s::uuid[]) k(key) where k.key = s.key);

-- name: known_keys
-- The contents that are stored under some keys.
select key, content from usage_key where tenant_id = %(tenant_id)s and key = any(%(keys)s::uuid[]);

-- name: insert_batch
insert into usage_batch (tenant_id, batch_id, recorded_at, records, reversals, duplicates, conflicts)
values (%(tenant_id)s, %(batch_id)s, %(recorded_at)s, %(records)s, %(reversals)s, %(duplicates)s,
        %(conflicts)s);

-- name: records_by_key
-- The stored records of some keys. Their batches say where in the tables they are.
with wanted as materialized (
    select key, batch_id from usage_key where tenant_id = %(tenant_id)s and key = any(%(keys)s))
select u.key, s.name as source, u.record_id, j.name as subject, m.name as meter, u.at, u.value,
       d.name as dimensions, u.subject_id, u.meter_id, u.dimensions_id, u.content, u.source_id,
       coalesce((select max(v.reversal_no) from usage_reversal v
                 where v.tenant_id = %(tenant_id)s and v.key = u.key), 0)::int as reversals
from usage_record u
join wanted k on k.key = u.key and k.batch_id = u.batch_id
join usage_name s on s.tenant_id = %(tenant_id)s and s.name_id = u.source_id
join usage_name j on j.tenant_id = %(tenant_id)s and j.name_id = u.subject_id
join usage_name m on m.tenant_id = %(tenant_id)s and m.name_id = u.meter_id
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = u.dimensions_id
where u.tenant_id = %(tenant_id)s and u.batch_id = any(array(select distinct batch_id from wanted));

-- name: lock_fold
select pg_advisory_xact_lock(hashtextextended('everycent.fold', %(tenant_id)s));

-- name: open_batches
-- Batches that no fold has counted, oldest first, up to about a number of records.
select batch_id, reversals from (
    select batch_id, reversals,
           sum(records + reversals) over (order by batch_id) - records - reversals as before
    from usage_batch where tenant_id = %(tenant_id)s and fold_id is null
      and (%(until)s::bigint is null or batch_id <= %(until)s)) b
where before < %(records)s;

-- name: newest_open_batch
select coalesce(max(batch_id), 0) from usage_batch where tenant_id = %(tenant_id)s and fold_id is null;

-- name: next_fold
select nextval('usage_fold_seq');

-- name: mark_folded
update usage_batch set fold_id = %(fold_id)s
where tenant_id = %(tenant_id)s and batch_id = any(%(batches)s);

-- name: create_stage_fold
create temp table if not exists stage_fold (
    subject_id int4, meter_id int4, bucket timestamptz, dimensions_id int4, records int8, total numeric,
    low numeric, high numeric, latest_at timestamptz, latest_value numeric,
    latest_key uuid, digest bytea, is_reversed bool)
on commit delete rows;

-- name: gather
-- The new records by day. The digest is the fold's link: a hash over the contents in order of time and
-- key. All that depends on an order depends on the same one, so that one sort serves everything.
insert into stage_fold
select subject_id, meter_id, date_bin('1 day', at, '2000-01-01 00:00Z') as bucket, dimensions_id,
       count(*) as records, sum(value) as total, min(value) as low, max(value) as high,
       max(at) as latest_at, (array_agg(value order by at, key))[count(*)] as latest_value,
       (array_agg(key order by at, key))[count(*)] as latest_key,
       sha256(string_agg(uuid_send(content), ''::bytea order by at, key)) as digest, false
from usage_record
where tenant_id = %(tenant_id)s and batch_id = any(%(batches)s)
  and batch_id between %(first)s and %(last)s
group by 1, 2, 3, 4;

-- name: gather_reversed
-- The same where some of the batches take records back or put them back: those stand in the link with a
-- byte before their content that says so, and their days are counted again whatever stands here.
insert into stage_fold
select subject_id, meter_id, date_bin('1 day', at, '2000-01-01 00:00Z') as bucket, dimensions_id,
       count(*) as records, sum(value) as total, min(value) as low, max(value) as high,
       max(at) as latest_at, (array_agg(value order by at, key, sign))[count(*)] as latest_value,
       (array_agg(key order by at, key, sign))[count(*)] as latest_key,
       sha256(string_agg(entry, ''::bytea order by at, key, sign)) as digest, bool_or(is_reversal)
from (
    select subject_id, meter_id, dimensions_id, at, value, key, 0 as sign,
           uuid_send(content) as entry, false as is_reversal
    from usage_record
    where tenant_id = %(tenant_id)s and batch_id = any(%(batches)s)
      and batch_id between %(first)s and %(last)s
    union all
    select subject_id, meter_id, dimensions_id, at, value, key, sign,
           case sign when 1 then '\x01'::bytea else '\xff'::bytea end || uuid_send(content), true
    from usage_reversal
    where tenant_id = %(tenant_id)s and batch_id = any(%(batches)s)) e
group by 1, 2, 3, 4;

-- name: add_days
-- Known days are added to, new ones made.
insert into usage_day as r (tenant_id, subject_id, meter_id, bucket, dimensions_id, records, total,
                            low, high, latest_at, latest_value, latest_key, digest)
select %(tenant_id)s, subject_id, meter_id, bucket, dimensions_id, records, total, low, high,
       latest_at, latest_value, latest_key, digest
from stage_fold where not is_reversed order by subject_id, meter_id, bucket, dimensions_id
on conflict (tenant_id, subject_id, meter_id, bucket, dimensions_id) do update
set records = r.records + excluded.records, total = r.total + excluded.total,
    low = least(r.low, excluded.low), high = greatest(r.high, excluded.high),
    latest_at = greatest(r.latest_at, excluded.latest_at),
    latest_value = case when r.latest_at is null
        or (excluded.latest_at, excluded.latest_key) > (r.latest_at, r.latest_key)
        then excluded.latest_value else r.latest_value end,
    latest_key = case when r.latest_at is null
        or (excluded.latest_at, excluded.latest_key) > (r.latest_at, r.latest_key)
        then excluded.latest_key else r.latest_key end,
    digest = digest_link(r.digest, excluded.digest);

-- name: recount_days
-- Days in which records were taken back or put back are counted again from the records that count; the
-- digest only grows by the fold's link.
insert into usage_day as r (tenant_id, subject_id, meter_id, bucket, dimensions_id, records, total,
                            low, high, latest_at, latest_value, latest_key, digest)
select %(tenant_id)s, f.subject_id, f.meter_id, f.bucket, f.dimensions_id, c.records,
       coalesce(c.total, 0), c.low, c.high, c.latest_at, c.latest_value, c.latest_key, f.digest
from stage_fold f
cross join lateral (
    select count(*) as records, sum(u.value) as total, min(u.value) as low, max(u.value) as high,
           max(u.at) as latest_at, (array_agg(u.value order by u.at, u.key))[count(*)] as latest_value,
           (array_agg(u.key order by u.at, u.key))[count(*)] as latest_key
    from utc_days(f.bucket, f.bucket) as t(day)
    join usage_standing(false) u on u.tenant_id = %(tenant_id)s and u.day = t.day
      and u.subject_id = f.subject_id and u.meter_id = f.meter_id
      and u.at >= f.bucket and u.at < f.bucket + interval '1 day'
      and u.dimensions_id = f.dimensions_id) c
where f.is_reversed order by f.subject_id, f.meter_id, f.bucket, f.dimensions_id
on conflict (tenant_id, subject_id, meter_id, bucket, dimensions_id) do update
set records = excluded.records, total = excluded.total, low = excluded.low, high = excluded.high,
    latest_at = excluded.latest_at, latest_value = excluded.latest_value,
    latest_key = excluded.latest_key, digest = digest_link(r.digest, excluded.digest);

-- name: count_records
select count(*) from usage_record where tenant_id = %(tenant_id)s;

-- name: count_by_fold
select count(*) filter (where b.fold_id is null) as open, count(*) as batches,
       coalesce(sum(records), 0)::bigint as records,
       coalesce(sum(records) filter (where fold_id is null), 0)::bigint as open_records,
       coalesce(sum(duplicates), 0)::bigint as duplicates, coalesce(sum(conflicts), 0)::bigint as conflicts
from usage_batch b where tenant_id = %(tenant_id)s;

-- name: false_rollups
-- Roll-ups that differ from their raw records, or miss, or have none: days counted again from the
-- records, their digests link by link, fold by fold. Looked at is a span of whole months without those
-- in `away`; records that were loaded out of the archive count with those in the table.
with voided as materialized (
    select key from usage_reversal where tenant_id = %(tenant_id)s group by key having sum(sign) < 0),
said as (
    select u.subject_id, u.meter_id, u.dimensions_id, u.at, u.value, u.key, b.fold_id,
           0 as sign, uuid_send(u.content) as entry, z.key is null as stands
    from (
        select subject_id, meter_id, dimensions_id, at, value, key, content, batch_id
        from usage_record
        where tenant_id = %(tenant_id)s and at >= %(starts_at)s and at < %(ends_at)s
        union all
        select subject_id, meter_id, dimensions_id, at, value, key, content, batch_id
        from stage_archived) u
    join usage_batch b on b.tenant_id = %(tenant_id)s and b.batch_id = u.batch_id
        and b.fold_id is not null
    left join voided z on z.key = u.key
    where %(away)s::timestamptz[] = '{}' or date_trunc('month', u.at, 'UTC') <> all(%(away)s)
    union all
    select v.subject_id, v.meter_id, v.dimensions_id, v.at, v.value, v.key, b.fold_id, v.sign,
           case v.sign when 1 then '\x01'::bytea else '\xff'::bytea end || uuid_send(v.content), false
    from usage_reversal v
    join usage_batch b on b.tenant_id = v.tenant_id and b.batch_id = v.batch_id
        and b.fold_id is not null
    where v.tenant_id = %(tenant_id)s and v.at >= %(starts_at)s and v.at < %(ends_at)s
      and (%(away)s::timestamptz[] = '{}' or date_trunc('month', v.at, 'UTC') <> all(%(away)s))),
links as (
    select subject_id, meter_id, date_bin('1 day', at, '2000-01-01 00:00Z') as bucket,
           dimensions_id, fold_id, count(*) filter (where stands) as records,
           sum(value) filter (where stands) as total, min(value) filter (where stands) as low,
           max(value) filter (where stands) as high, max(at) filter (where stands) as latest_at,
           (array_agg(value order by at desc, key desc) filter (where stands))[1] as latest_value,
           (array_agg(key order by at desc, key desc) filter (where stands))[1] as latest_key,
           sha256(string_agg(entry, ''::bytea order by at, key, sign)) as link
    from said group by 1, 2, 3, 4, 5),
days as (
    select subject_id, meter_id, bucket, dimensions_id, sum(records)::bigint as records,
           coalesce(sum(total), 0) as total, min(low) as low, max(high) as high,
           max(latest_at) as latest_at,
           (array_agg(latest_value order by latest_at desc nulls last, latest_key desc))[1]
               as latest_value,
           (array_agg(latest_key order by latest_at desc nulls last, latest_key desc))[1] as latest_key,
           digest_chain(link order by fold_id) as digest
    from links group by 1, 2, 3, 4),
different as (
    select subject_id, meter_id, coalesce(a.bucket, r.bucket) as bucket,
           a.bucket is null as is_extra, r.bucket is null as is_missing
    from days a
    full join (
        select * from usage_day
        where tenant_id = %(tenant_id)s and bucket >= %(starts_at)s and bucket < %(ends_at)s
          and (%(away)s::timestamptz[] = '{}' or date_trunc('month', bucket, 'UTC') <> all(%(away)s))) r
        using (subject_id, meter_id, bucket, dimensions_id)
    where a.digest is null or r.digest is null
       or (a.records, a.total, a.low, a.high, a.latest_at, a.latest_value, a.latest_key, a.digest)
          is distinct from
          (r.records, r.total, r.low, r.high, r.latest_at, r.latest_value, r.latest_key, r.digest))
select s.name || ' ' || m.name || ' ' || x.bucket::date::text
       || case when x.is_extra then ': the roll-up has no records'
               when x.is_missing then ': the records have no roll-up'
               else ': roll-up and records differ' end
from different x
left join usage_name s on s.tenant_id = %(tenant_id)s and s.name_id = x.subject_id
left join usage_name m on m.tenant_id = %(tenant_id)s and m.name_id = x.meter_id
limit 100;

-- name: false_reversals
-- Reversals that say something else than the record they take back (unless its month is in the archive),
-- have no correction, or are not as many as their correction and their batch say.
select 'the reversal of ' || v.record_id || ' is not what was recorded' from usage_reversal v
where v.tenant_id = %(tenant_id)s
  and not exists (
    select from usage_away(%(tenant_id)s) a where v.at >= a.starts_at and v.at < a.ends_at)
  and not exists (
    select from utc_days(v.at, v.at) as t(day)
    join usage_record u on u.tenant_id = v.tenant_id and u.day = t.day and u.subject_id = v.subject_id
      and u.meter_id = v.meter_id and u.at = v.at and u.key = v.key
      and (u.dimensions_id, u.value, u.content, u.source_id, u.record_id)
        = (v.dimensions_id, v.value, v.content, v.source_id, v.record_id))
union all
select 'correction ' || coalesce(c.correction_id, v.correction_id) || ' took back '
       || coalesce(v.voided, 0) || ' and put back ' || coalesce(v.restored, 0)
       || ' records, which is not what it says'
from (select * from usage_correction where tenant_id = %(tenant_id)s) c
full join (
    select correction_id, count(*) filter (where sign = -1) as voided,
           count(*) filter (where sign = 1) as restored, min(batch_id) as first_batch,
           max(batch_id) as last_batch
    from usage_reversal where tenant_id = %(tenant_id)s group by 1) v using (correction_id)
where (coalesce(v.voided, 0), coalesce(v.restored, 0)) is distinct from (c.voided, c.restored)
   or v.first_batch <> c.batch_id or v.last_batch <> c.batch_id
union all
select 'batch ' || b.batch_id || ' has ' || count(v.key) || ' reversals, not ' || b.reversals
from usage_batch b
left join usage_reversal v on v.tenant_id = b.tenant_id and v.batch_id = b.batch_id
where b.tenant_id = %(tenant_id)s
group by b.batch_id, b.reversals having count(v.key) <> b.reversals
limit 100;

-- name: list_voided
-- How many records are taken back at present.
select count(*) from (
    select key from usage_reversal where tenant_id = %(tenant_id)s group by key having sum(sign) < 0) v;

-- name: unkeyed_records
-- Every record has its key once, with its content, and every key its record, in the table or in the
-- archive; batches count right.
with away as materialized (
    select b.batch_id, sum(b.records) as n from usage_away_parts(%(tenant_id)s) p
    join usage_archive_batch b on b.tenant_id = %(tenant_id)s and b.month = p.month
        and b.part_no = p.part_no
    group by 1)
select 'batch ' || b.batch_id || ' has ' || coalesce(u.n, 0) + coalesce(a.n, 0) || ' records, not '
       || b.records
from usage_batch b
left join (
    select batch_id, count(*) as n from usage_record where tenant_id = %(tenant_id)s group by 1) u
    on u.batch_id = b.batch_id
left join away a on a.batch_id = b.batch_id
where b.tenant_id = %(tenant_id)s and coalesce(u.n, 0) + coalesce(a.n, 0) <> b.records
union all
(select 'record ' || u.record_id || ' does not match its key' from usage_record u
 where u.tenant_id = %(tenant_id)s and not exists (
    select from usage_key k
    where k.tenant_id = u.tenant_id and k.key = u.key and k.content = u.content
      and k.batch_id = u.batch_id))
union all
select 'there are ' || k.n || ' keys and ' || u.n + a.n || ' records'
from (select count(*) as n from usage_key where tenant_id = %(tenant_id)s) k,
     (select count(*) as n from usage_record where tenant_id = %(tenant_id)s) u,
     (select coalesce(sum(n), 0) as n from away) a
where k.n <> u.n + a.n
limit 100;

-- name: read_fingerprints
-- Every record with what its key and its content are made of.
select u.key, u.content, u.source_id, u.record_id, u.subject_id, u.meter_id, u.at, u.value, u.dimensions_id
from usage_record u where u.tenant_id = %(tenant_id)s;

-- name: all_names
select name_id, name from usage_name where tenant_id = %(tenant_id)s;

-- name: reverse
-- A reversal says everything that its record said. Only records in the right state are reversed.
insert into usage_reversal (tenant_id, key, reversal_no, sign, batch_id, correction_id, subject_id,
                            meter_id, dimensions_id, at, value, content, source_id, record_id)
select %(tenant_id)s, u.key, x.reversals + 1, %(sign)s, %(batch_id)s, %(correction_id)s, u.subject_id,
       u.meter_id, u.dimensions_id, u.at, u.value, u.content, u.source_id, u.record_id
from stage_reversal w
join usage_key k on k.tenant_id = %(tenant_id)s and k.key = w.key
join usage_record u on u.tenant_id = k.tenant_id and u.batch_id = k.batch_id and u.key = k.key
    and u.batch_id = any(array(
        select distinct n.batch_id from stage_reversal s
        join usage_key n on n.tenant_id = %(tenant_id)s and n.key = s.key))
cross join lateral (
    select coalesce(max(v.reversal_no), 0) as reversals from usage_reversal v
    where v.tenant_id = %(tenant_id)s and v.key = w.key) x
where x.reversals %% 2 = case %(sign)s when -1 then 0 else 1 end;

-- name: list_reversed
select v.key, s.name as source, v.record_id, j.name as subject, m.name as meter, v.at, v.value,
       d.name as dimensions
from usage_reversal v
join usage_name s on s.tenant_id = v.tenant_id and s.name_id = v.source_id
join usage_name j on j.tenant_id = v.tenant_id and j.name_id = v.subject_id
join usage_name m on m.tenant_id = v.tenant_id and m.name_id = v.meter_id
join usage_name d on d.tenant_id = v.tenant_id and d.name_id = v.dimensions_id
where v.tenant_id = %(tenant_id)s and v.batch_id = %(batch_id)s and v.sign = %(sign)s;

-- name: standing_in
-- The records that count of some subjects and meters in a period.
select u.key, s.name as source, u.record_id, j.name as subject, m.name as meter, u.at, u.value,
       d.name as dimensions, u.content
from usage_name j
cross join usage_name m
cross join utc_days(%(starts_at)s, %(ends_at)s) as t(day)
join usage_standing(true) u on u.tenant_id = %(tenant_id)s and u.day = t.day
    and u.subject_id = j.name_id and u.meter_id = m.name_id
    and u.at >= %(starts_at)s and u.at < %(ends_at)s
join usage_name s on s.tenant_id = %(tenant_id)s and s.name_id = u.source_id
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = u.dimensions_id
where j.tenant_id = %(tenant_id)s and j.kind = 'subject' and j.name = any(%(subjects)s)
  and m.tenant_id = %(tenant_id)s and m.kind = 'meter' and m.name = any(%(meters)s)
  and (%(source)s::text is null or s.name = %(source)s)
order by u.at, u.key limit %(limit)s;

-- name: touched_by
-- What a correcting batch took back, put back and added, and whether it is no longer so.
select v.key, case v.sign when -1 then 'voided' else 'restored' end as what,
       (select max(l.reversal_no) %% 2 from usage_reversal l
        where l.tenant_id = v.tenant_id and l.key = v.key) <> v.reversal_no %% 2 as is_later
from usage_reversal v
where v.tenant_id = %(tenant_id)s and v.batch_id = %(batch_id)s
union all
select u.key, 'added', coalesce((
    select max(l.reversal_no) from usage_reversal l
    where l.tenant_id = u.tenant_id and l.key = u.key), 0) %% 2 = 1
from usage_record u
where u.tenant_id = %(tenant_id)s and u.batch_id = %(batch_id)s;

-- name: ensure_staged_months
-- The months of staged records, made again where somebody has just dropped one.
select ensure_usage_month(month)
from (select distinct date_trunc('month', at, 'UTC')::date as month from stage_usage) m;

-- name: create_stage_archived
-- Records out of the archive, to be counted with those in the table.
create temp table if not exists stage_archived (
    subject_id int4, meter_id int4, dimensions_id int4, at timestamptz, value numeric, key uuid,
    content uuid, source_id int4, batch_id int8, record_id text) on commit delete rows;

-- name: archived_months
select month from usage_away(%(tenant_id)s);

-- name: add_rejections
-- In order of codes, so that transactions that add to the same rows wait for each other and not in a circle.
insert into usage_rejection as r (tenant_id, day, door, code, records)
select %(tenant_id)s, %(day)s, %(door)s, x.code, x.records
from unnest(%(codes)s::text[], %(records)s::bigint[]) as x(code, records) order by x.code
on conflict (tenant_id, day, door, code) do update set records = r.records + excluded.records;

-- name: list_rejections
-- What was rejected at each door for each reason, the most frequent first.
select door, code, sum(records)::bigint as records, min(day) as first_day, max(day) as last_day
from usage_rejection where tenant_id = %(tenant_id)s group by 1, 2 order by 3 desc, 1, 2;

-- name: index_stage_archived
create index if not exists stage_archived_series on stage_archived (subject_id, meter_id, at);

-- name: records_behind
-- The raw records behind numbered uses, as they stood when a fold had counted them: what was folded by then
-- and not taken back by then, in order of time and key. Every day of a use is looked at, whatever roll-ups
-- say of it; only the days before it, where all of them are wanted (is_open), are told by roll-ups. What a
-- record is looked up with stands in subqueries, so that no planner may begin there.
with raw as (
    select s.behind_no, s.fold_id, r.*
    from stage_behind s
    cross join lateral (
        select d::date as day
        from generate_series(utc_day(s.starts_at), utc_day(s.ends_at), interval '1 day') d
        union
        select utc_day(d.bucket) from usage_day d
        where s.is_open and d.tenant_id = %(tenant_id)s and d.subject_id = s.subject_id
          and d.meter_id = s.meter_id and d.bucket < s.starts_at) t
    cross join lateral (
        select u.at, u.key, u.value, u.dimensions_id, u.batch_id from usage_record u
        where u.tenant_id = %(tenant_id)s and u.day = t.day and u.subject_id = s.subject_id
          and u.meter_id = s.meter_id and u.at <= s.ends_at and (s.is_open or u.at >= s.starts_at)
        offset 0) r  -- a look-up by index for each day, whatever the planner thinks of ranges
    union all
    select s.behind_no, s.fold_id, r.*
    from stage_behind s
    cross join lateral (
        select a.at, a.key, a.value, a.dimensions_id, a.batch_id from stage_archived a
        where a.subject_id = s.subject_id and a.meter_id = s.meter_id and a.at <= s.ends_at
          and (s.is_open or a.at >= s.starts_at)
        offset 0) r)
select r.behind_no, r.at, r.value, r.dimensions_id
from raw r
where (
    select b.fold_id from usage_batch b
    where b.tenant_id = %(tenant_id)s and b.batch_id = r.batch_id) <= r.fold_id
  and coalesce((
    select v.sign from usage_reversal v
    join usage_batch c on c.tenant_id = v.tenant_id and c.batch_id = v.batch_id
        and c.fold_id <= r.fold_id
    where v.tenant_id = %(tenant_id)s and v.key = r.key
    order by v.reversal_no desc limit 1), 1) = 1
order by r.behind_no, r.at, r.key;
