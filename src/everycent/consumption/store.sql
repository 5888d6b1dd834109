-- name: read_fold
select coalesce((select fold_id from usage_batch where tenant_id = %(tenant_id)s and fold_id is not null
                 order by fold_id desc limit 1), 0);

-- name: create_stage_tail
create temp table if not exists stage_tail (
    subject_id int4, meter_id int4, bucket timestamptz, dimensions_id int4, records int8, total numeric,
    low numeric, high numeric, latest_at timestamptz, latest_value numeric,
    latest_key uuid, digest bytea) on commit delete rows;

-- name: list_open_range
-- The first and the last batch that no fold has counted.
select min(batch_id) as first, max(batch_id) as last from usage_batch where tenant_id = %(tenant_id)s and fold_id is null;

-- name: fill_tail
-- What no fold has counted yet of the wanted series, by day.
insert into stage_tail
select u.subject_id, u.meter_id, date_bin('1 day', u.at, '2000-01-01 00:00Z'), u.dimensions_id,
       count(*), sum(u.value), min(u.value), max(u.value), max(u.at),
       (array_agg(u.value order by u.at, u.key))[count(*)],
       (array_agg(u.key order by u.at, u.key))[count(*)],
       sha256(string_agg(uuid_send(u.content), ''::bytea order by u.at, u.key))
from usage_record u
where u.tenant_id = %(tenant_id)s and u.batch_id between %(first)s and %(last)s
  and u.batch_id in (select batch_id from usage_batch
                     where tenant_id = %(tenant_id)s and fold_id is null)
  and (u.subject_id, u.meter_id) in (select subject_id, meter_id from stage_request)
group by 1, 2, 3, 4;

-- name: read_rollups
-- What is known of each wanted series over its spans: whole days from the roll-ups (and what is not
-- folded yet), parts of days from the records. A segment is found by the dimensions.
select w.request_no, sum(r.records)::bigint, coalesce(sum(r.total), 0), min(r.low), max(r.high),
       (array_agg(r.latest_value order by r.latest_at desc nulls last, r.latest_key desc)
           filter (where w.wants_latest))[1],
       sha256(string_agg(r.digest, ''::bytea order by r.bucket, r.dimensions_id))
from stage_request w
join stage_span p on p.span_set = w.span_set
cross join lateral (
    select d.bucket, d.dimensions_id, d.records, d.total, d.low, d.high, d.latest_at, d.latest_value,
           d.latest_key, d.digest
    from (
        select r.bucket, r.dimensions_id, r.records, r.total, r.low, r.high, r.latest_at,
               r.latest_value, r.latest_key, r.digest
        from usage_day r
        where p.is_days and r.tenant_id = %(tenant_id)s and r.subject_id = w.subject_id
          and r.meter_id = w.meter_id and r.bucket >= p.starts_at and r.bucket < p.ends_at
        union all
        select t.bucket, t.dimensions_id, t.records, t.total, t.low, t.high, t.latest_at,
               t.latest_value, t.latest_key, t.digest
        from stage_tail t
        where p.is_days and t.subject_id = w.subject_id and t.meter_id = w.meter_id
          and t.bucket >= p.starts_at and t.bucket < p.ends_at) d
    where w.own is null or exists (
        select from usage_name n where n.tenant_id = %(tenant_id)s and n.name_id = d.dimensions_id
          and n.told @> any(w.own::jsonb[])
          and not n.told @> any(w.others::jsonb[]))
    union all
    select p.starts_at, 0, count(*), sum(u.value), min(u.value), max(u.value), max(u.at),
           (array_agg(u.value order by u.at, u.key))[count(*)],
           (array_agg(u.key order by u.at, u.key))[count(*)],
           sha256(string_agg(uuid_send(u.content), ''::bytea order by u.at, u.key))
    from usage_standing(%(is_live)s) u
    where not p.is_days and u.tenant_id = %(tenant_id)s and u.subject_id = w.subject_id
      and u.meter_id = w.meter_id and u.at >= p.starts_at and u.at < p.ends_at
      and (w.own is null or exists (
        select from usage_name n where n.tenant_id = %(tenant_id)s and n.name_id = u.dimensions_id
          and n.told @> any(w.own::jsonb[])
          and not n.told @> any(w.others::jsonb[])))
    having count(*) > 0) r
where not w.is_counter
group by w.request_no;

-- name: read_groups
-- The same, for each value of a dimension apart; '' stands for records without it.
select w.request_no, coalesce(n.told ->> %(dimension)s, '') as value,
       sum(r.records)::bigint as records, sum(r.total) as total, min(r.low) as low, max(r.high) as high,
       (array_agg(r.latest_value order by r.latest_at desc nulls last, r.latest_key desc))[1] as latest
from stage_request w
join stage_span p on p.span_set = w.span_set
cross join lateral (
    select r.dimensions_id, r.records, r.total, r.low, r.high, r.latest_at, r.latest_value, r.latest_key
    from usage_day r
    where p.is_days and r.tenant_id = %(tenant_id)s and r.subject_id = w.subject_id
      and r.meter_id = w.meter_id and r.bucket >= p.starts_at and r.bucket < p.ends_at
    union all
    select t.dimensions_id, t.records, t.total, t.low, t.high, t.latest_at, t.latest_value, t.latest_key
    from stage_tail t
    where p.is_days and t.subject_id = w.subject_id and t.meter_id = w.meter_id
      and t.bucket >= p.starts_at and t.bucket < p.ends_at
    union all
    select u.dimensions_id, 1, u.value, u.value, u.value, u.at, u.value, u.key
    from usage_standing(%(is_live)s) u
    where not p.is_days and u.tenant_id = %(tenant_id)s and u.subject_id = w.subject_id
      and u.meter_id = w.meter_id and u.at >= p.starts_at and u.at < p.ends_at) r
join usage_name n on n.tenant_id = %(tenant_id)s and n.name_id = r.dimensions_id
where w.own is null or (n.told @> any(w.own::jsonb[])
    and not n.told @> any(w.others::jsonb[]))
group by 1, 2 having sum(r.records) > 0;

-- name: read_samples
-- Records counted by windows first, or one by one, and then those: how many they are, their sum, the
-- lowest, the highest and when that was (the earliest of equals), and the one at the nearest rank.
select request_no, count(*), sum(v), min(v), max(v),
       (array_agg(window_at order by v desc, window_at))[1],
       (array_agg(v order by v))[ceil(max(percentile) / 100 * count(*))::int]
from (
    select w.request_no, w.percentile, x.window_at,
           case w.each when 'sum' then sum(x.value) when 'count' then count(*)
               when 'min' then min(x.value) when 'max' then max(x.value)
               when 'average' then div(sum(x.value) * 1e18, count(*)) * 1e-18
               else (array_agg(x.value order by x.at desc, x.key desc))[1] end as v
    from stage_request w
    join stage_span p on p.span_set = w.span_set
    cross join lateral (
        select u.at, u.value, u.key, u.dimensions_id,
               case when w.window_set is not null then n.window_at
                    when w.fine_minutes is not null
                    then date_bin(make_interval(mins => w.fine_minutes), u.at, '2000-01-01 00:00Z')
                    else u.at end as window_at,
               case when w.window_set is null and w.fine_minutes is null then u.key end as one
        from usage_standing(%(is_live)s) u
        left join stage_window n on n.window_set = w.window_set
            and n.bucket = date_bin('15 minutes', u.at, '2000-01-01 00:00Z')
        where u.tenant_id = %(tenant_id)s and u.subject_id = w.subject_id and u.meter_id = w.meter_id
          and u.at >= p.starts_at and u.at < p.ends_at) x
    where w.is_sampled and (w.own is null or exists (
        select from usage_name d where d.tenant_id = %(tenant_id)s and d.name_id = x.dimensions_id
          and d.told @> any(w.own::jsonb[])
          and not d.told @> any(w.others::jsonb[])))
    group by w.request_no, w.percentile, w.each, x.window_at, x.one) y
group by request_no;

-- name: read_distinct
-- Distinct values of a dimension, for each wanted series; records without it do not count.
select w.request_no, count(distinct d.told ->> w.distinct_of)::bigint
from stage_request w
join stage_span p on p.span_set = w.span_set
cross join lateral (
    select r.dimensions_id from usage_day r
    where p.is_days and r.tenant_id = %(tenant_id)s and r.subject_id = w.subject_id
      and r.meter_id = w.meter_id and r.bucket >= p.starts_at and r.bucket < p.ends_at
      and r.records > 0
    union all
    select t.dimensions_id from stage_tail t
    where p.is_days and t.subject_id = w.subject_id and t.meter_id = w.meter_id
      and t.bucket >= p.starts_at and t.bucket < p.ends_at
    union all
    select u.dimensions_id from usage_standing(%(is_live)s) u
    where not p.is_days and u.tenant_id = %(tenant_id)s and u.subject_id = w.subject_id
      and u.meter_id = w.meter_id and u.at >= p.starts_at and u.at < p.ends_at) r
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = r.dimensions_id
where w.distinct_of is not null and not w.is_level and (w.own is null or (
    d.told @> any(w.own::jsonb[])
    and not d.told @> any(w.others::jsonb[])))
group by w.request_no;

-- name: read_changes
-- The records of levels in order of time.
select w.request_no, u.at, u.value, d.name
from stage_request w
join stage_span p on p.span_set = w.span_set
join usage_standing(%(is_live)s) u on u.tenant_id = %(tenant_id)s and u.subject_id = w.subject_id
    and u.meter_id = w.meter_id and u.at >= p.starts_at and u.at < p.ends_at
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = u.dimensions_id
where w.is_level
  and (w.own is null or (d.told @> any(w.own::jsonb[])
    and not d.told @> any(w.others::jsonb[])))
order by w.request_no, u.at, u.key;

-- name: read_levels
-- What holds of each set of dimensions when the period of a level begins: the sum of all records before
-- it, and the last of them.
select w.request_no, d.name, sum(r.total),
       max(r.latest_at),
       (array_agg(r.latest_value order by r.latest_at desc nulls last, r.latest_key desc))[1],
       (array_agg(r.latest_key order by r.latest_at desc nulls last, r.latest_key desc))[1]
from stage_request w
cross join lateral (
    select r.dimensions_id, r.records, r.total, r.latest_at, r.latest_value, r.latest_key
    from usage_day r
    where r.tenant_id = %(tenant_id)s and r.subject_id = w.subject_id
      and r.meter_id = w.meter_id and r.bucket < w.level_day
    union all
    select t.dimensions_id, t.records, t.total, t.latest_at, t.latest_value, t.latest_key
    from stage_tail t
    where t.subject_id = w.subject_id and t.meter_id = w.meter_id and t.bucket < w.level_day
    union all
    select u.dimensions_id, 1, u.value, u.at, u.value, u.key
    from usage_standing(%(is_live)s) u
    where u.tenant_id = %(tenant_id)s and u.subject_id = w.subject_id
      and u.meter_id = w.meter_id and u.at >= w.level_day and u.at < w.level_at) r
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = r.dimensions_id
where w.level_at is not null and r.records > 0 and (w.own is null or (
    d.told @> any(w.own::jsonb[])
    and not d.told @> any(w.others::jsonb[])))
group by w.request_no, d.name;

-- name: read_readings
-- Register readings in (start, end] of each wanted series.
select w.request_no, u.at, u.value, d.name, u.content
from stage_request w
join stage_span p on p.span_set = w.span_set
join usage_standing(%(is_live)s) u on u.tenant_id = %(tenant_id)s and u.subject_id = w.subject_id
    and u.meter_id = w.meter_id and u.at > p.starts_at and u.at <= p.ends_at
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = u.dimensions_id
where w.is_counter
order by w.request_no, u.at, u.content;

-- name: read_opening
-- The reading on which each wanted counter stands: the last one when its contract began, else the first
-- one since then and before the period. So what was used in periods that were billed without a reading
-- is not lost when readings come in. Of several at one instant it is the one that closes a period there
-- (`register.consumption`): an actual one before an estimate, then the highest.
select w.request_no, u.at, u.value, d.name
from stage_request w
join stage_span p on p.span_set = w.span_set
cross join lateral (
    select x.* from (
        (select u.at, u.value, u.dimensions_id, 1 as choice from usage_standing(%(is_live)s) u
         join usage_name n on n.tenant_id = u.tenant_id and n.name_id = u.dimensions_id
         where u.tenant_id = %(tenant_id)s and u.subject_id = w.subject_id and u.meter_id = w.meter_id
           and u.at <= w.since
         order by u.at desc, (n.told ->> 'role') = 'installed' desc nulls last,
                  (n.told ->> 'kind') = 'estimated' asc nulls first,
                  u.value desc, u.content
         limit 1)
        union all
        (select u.at, u.value, u.dimensions_id, 2 as choice from usage_standing(%(is_live)s) u
         join usage_name n on n.tenant_id = u.tenant_id and n.name_id = u.dimensions_id
         where u.tenant_id = %(tenant_id)s and u.subject_id = w.subject_id and u.meter_id = w.meter_id
           and u.at > w.since and u.at <= p.starts_at
         order by u.at, (n.told ->> 'role') = 'installed' desc nulls last,
                  (n.told ->> 'kind') = 'estimated' asc nulls first,
                  u.value desc, u.content
         limit 1)) x
    order by x.choice limit 1) u
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = u.dimensions_id
where w.is_counter;

-- name: page_records
-- The records that a line or a question counted, in order of time, after a record already shown: those
-- folded up to a fold and not taken back by then. Each span gives no more than a page, along the index;
-- a million records behind it cost nothing.
with found as (
    select r.* from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) as p(starts_at, ends_at)
    cross join lateral (
        select u.record_id, u.source_id, u.at, u.value, u.dimensions_id, u.key from usage_record u
        join usage_batch b on b.tenant_id = u.tenant_id and b.batch_id = u.batch_id
            and b.fold_id <= %(fold_id)s
        join usage_name n on n.tenant_id = u.tenant_id and n.name_id = u.dimensions_id
        where u.tenant_id = %(tenant_id)s and u.subject_id = %(subject_id)s
          and u.meter_id = %(meter_id)s
          and u.at >= greatest(p.starts_at, %(after_at)s) and u.at <= p.ends_at
          and case when %(ends_included)s then u.at > p.starts_at else u.at < p.ends_at end
          and (u.at, u.key) > (%(after_at)s, %(after_key)s)
          and (%(own)s::text[] is null or (
            n.told @> any(%(own)s::text[]::jsonb[])
            and not n.told
                @> any(%(others)s::text[]::jsonb[])))
          and coalesce((
            select v.sign from usage_reversal v
            join usage_batch vb on vb.tenant_id = v.tenant_id and vb.batch_id = v.batch_id
                and vb.fold_id <= %(fold_id)s
            where v.tenant_id = u.tenant_id and v.key = u.key
            order by v.reversal_no desc limit 1), 1) = 1
        order by u.at, u.key limit %(limit)s) r
    order by r.at, r.key limit %(limit)s)
select f.record_id, s.name as source, f.at, f.value, d.name as dimensions, f.key
from found f
join usage_name s on s.tenant_id = %(tenant_id)s and s.name_id = f.source_id
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = f.dimensions_id
order by f.at, f.key;

-- name: daily
-- What the records that are folded say of each of the given spans, and the highest sum of one window in
-- it.
select x.number, sum(x.records)::bigint as records, sum(x.total) as total, min(x.low) as low,
       max(x.high) as high,
       (array_agg(x.latest order by x.latest_at desc, x.latest_key desc))[1] as latest,
       max(x.total) as peak
from (
    select p.number, floor(extract(epoch from u.at) / (%(window_minutes)s * 60)) as window_no,
           count(*) as records, sum(u.value) as total, min(u.value) as low, max(u.value) as high,
           max(u.at) as latest_at, (array_agg(u.value order by u.at, u.key))[count(*)] as latest,
           (array_agg(u.key order by u.at, u.key))[count(*)] as latest_key
    from unnest(%(numbers)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        as p(number, starts_at, ends_at)
    join usage_standing(false) u on u.tenant_id = %(tenant_id)s and u.subject_id = %(subject_id)s
        and u.meter_id = %(meter_id)s and u.at >= p.starts_at and u.at < p.ends_at
    group by 1, 2) x
group by x.number order by x.number;

-- name: read_slots
-- What the staged series holds in numbered slots, for each value of a dimension apart ('' stands for
-- records without it, and for all of them when none is named), and the highest sum of one window: whole
-- days from the roll-ups and what is not folded yet, parts of days from the records.
select x.number, x.name, sum(x.records)::bigint, sum(x.total), min(x.low), max(x.high), max(x.latest_at),
       (array_agg(x.latest order by x.latest_at desc, x.latest_key desc))[1], max(x.total)
from (
    select p.number, coalesce(n.told ->> %(dimension)s::text, '') as name,
           floor(extract(epoch from r.bucket) / (%(window_minutes)s * 60)) as window_no,
           sum(r.records) as records, sum(r.total) as total, min(r.low) as low, max(r.high) as high,
           max(r.latest_at) as latest_at,
           (array_agg(r.latest_value order by r.latest_at desc, r.latest_key desc))[1] as latest,
           (array_agg(r.latest_key order by r.latest_at desc, r.latest_key desc))[1] as latest_key
    from stage_request w
    cross join unnest(%(numbers)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
                      %(days)s::bool[]) as p(number, starts_at, ends_at, is_days)
    cross join lateral (
        select r.bucket, r.dimensions_id, r.records, r.total, r.low, r.high, r.latest_at,
               r.latest_value, r.latest_key
        from usage_day r
        where p.is_days and r.tenant_id = %(tenant_id)s and r.subject_id = w.subject_id
          and r.meter_id = w.meter_id and r.bucket >= p.starts_at and r.bucket < p.ends_at
          and r.records > 0
        union all
        select t.bucket, t.dimensions_id, t.records, t.total, t.low, t.high, t.latest_at,
               t.latest_value, t.latest_key
        from stage_tail t
        where p.is_days and t.subject_id = w.subject_id and t.meter_id = w.meter_id
          and t.bucket >= p.starts_at and t.bucket < p.ends_at
        union all
        select u.at, u.dimensions_id, 1, u.value, u.value, u.value, u.at, u.value, u.key
        from usage_standing(%(is_live)s) u
        where not p.is_days and u.tenant_id = %(tenant_id)s and u.subject_id = w.subject_id
          and u.meter_id = w.meter_id and u.at >= p.starts_at and u.at < p.ends_at) r
    join usage_name n on n.tenant_id = %(tenant_id)s and n.name_id = r.dimensions_id
    where w.own is null or (n.told @> any(w.own::jsonb[])
        and not n.told @> any(w.others::jsonb[]))
    group by 1, 2, 3) x
group by 1, 2 order by 1, 2;

-- name: archived_uses
-- Which of some (series, span) ask for records of a day of which records are in the archive, as far as
-- the roll-ups know any that count.
select x.number, min(a.month) as month
from unnest(%(numbers)s::int[], %(subjects)s::int[], %(meters)s::int[], %(starts)s::timestamptz[],
            %(ends)s::timestamptz[]) as x(number, subject_id, meter_id, starts_at, ends_at)
join usage_away(%(tenant_id)s) a on a.starts_at < x.ends_at and a.ends_at > x.starts_at
where exists (
    select from usage_day d
    where d.tenant_id = %(tenant_id)s and d.subject_id = x.subject_id and d.meter_id = x.meter_id
      and d.bucket >= a.starts_at and d.bucket < a.ends_at
      and d.bucket > x.starts_at - interval '1 day' and d.bucket < x.ends_at and d.records > 0)
group by 1;

-- name: totals_of_days
-- Everybody's usage over a time: whole days from the roll-ups, parts of days from the records.
select subject_id, meter_id, sum(records)::bigint, sum(total), min(low), max(high)
from (
    select r.subject_id, r.meter_id, r.records, r.total, r.low, r.high from usage_day r
    where r.tenant_id = %(tenant_id)s and r.bucket >= %(first_day)s and r.bucket < %(last_day)s
      and r.records > 0
    union all
    select u.subject_id, u.meter_id, 1, u.value, u.value, u.value from usage_standing(false) u
    where u.tenant_id = %(tenant_id)s
      and (u.at >= %(starts_at)s and u.at < %(first_day)s
           or u.at >= %(last_day)s and u.at < %(ends_at)s)) x
group by 1, 2;

-- name: totals_of_records
-- The same from the records alone.
select u.subject_id, u.meter_id, count(*), sum(u.value), min(u.value), max(u.value)
from usage_record u
left join (
    select key from usage_reversal where tenant_id = %(tenant_id)s
    group by key having sum(sign) < 0) z on z.key = u.key
where u.tenant_id = %(tenant_id)s and u.at >= %(starts_at)s and u.at < %(ends_at)s and z.key is null
  and u.batch_id not in (
    select batch_id from usage_batch where tenant_id = %(tenant_id)s and fold_id is null)
group by 1, 2;
