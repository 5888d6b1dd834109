-- name: read_standing
-- The newest fold, and the first and the last batch that none has counted.
select coalesce((select fold_id from usage_batch where tenant_id = %(tenant_id)s and fold_id is not null
                 order by fold_id desc limit 1), 0) as fold_id,
       min(batch_id) as first, max(batch_id) as last
from usage_batch where tenant_id = %(tenant_id)s and fold_id is null;

-- name: read_known
-- All that reading needs to know first: the same, the numbers of names, and the months that are archived.
select b.fold_id, b.first, b.last, n.kinds, n.names, n.numbers,
       array(select month from usage_away(%(tenant_id)s)) as months
from (select coalesce((select fold_id from usage_batch
                       where tenant_id = %(tenant_id)s and fold_id is not null
                       order by fold_id desc limit 1), 0) as fold_id,
             min(batch_id) as first, max(batch_id) as last
      from usage_batch where tenant_id = %(tenant_id)s and fold_id is null) b
cross join (select coalesce(array_agg(n.kind), '{}') as kinds, coalesce(array_agg(n.name), '{}') as names,
                   coalesce(array_agg(n.name_id), '{}') as numbers
            from unnest(%(kinds)s::text[], %(names)s::text[]) as x(k, n_)
            join usage_name n on n.tenant_id = %(tenant_id)s and n.kind = x.k and n.name = x.n_) n;

-- name: tail
-- What no fold has counted yet of the wanted series, by day.
select u.subject_id, u.meter_id, date_bin('1 day', u.at, '2000-01-01 00:00Z') as bucket, u.dimensions_id,
       count(*) as records, sum(u.value) as total, min(u.value) as low, max(u.value) as high,
       max(u.at) as latest_at, (array_agg(u.value order by u.at, u.key))[count(*)] as latest_value,
       (array_agg(u.key order by u.at, u.key))[count(*)] as latest_key,
       sha256(string_agg(uuid_send(u.content), ''::bytea order by u.at, u.key)) as digest
from usage_record u
where u.tenant_id = %(tenant_id)s and u.batch_id between %(first)s and %(last)s
  and u.batch_id in (select batch_id from usage_batch
                     where tenant_id = %(tenant_id)s and fold_id is null)
  and (u.subject_id, u.meter_id) in (select subject_id, meter_id from request)
group by 1, 2, 3, 4

-- name: parts
-- What stands before every reading statement: what is known of each request over its spans. `day_part`
-- is its whole days, from the roll-ups and what is not folded yet; `record_part` its parts of days, from
-- the records; `part` is both. A segment is found by the dimensions. Readings of counters are read apart.
day_part as not materialized (
    select w.*, d.bucket, d.dimensions_id, d.records, d.total, d.low, d.high, d.latest_at,
           d.latest_value, d.latest_key, d.digest
    from request w
    join span p on p.span_set = w.span_set
    cross join lateral (
        select r.bucket, r.dimensions_id, r.records, r.total, r.low, r.high, r.latest_at,
               r.latest_value, r.latest_key, r.digest
        from usage_day r
        where r.tenant_id = %(tenant_id)s and r.subject_id = w.subject_id
          and r.meter_id = w.meter_id and r.bucket >= p.starts_at and r.bucket < p.ends_at
        union all
        select t.bucket, t.dimensions_id, t.records, t.total, t.low, t.high, t.latest_at,
               t.latest_value, t.latest_key, t.digest
        from tail t
        where t.subject_id = w.subject_id and t.meter_id = w.meter_id
          and t.bucket >= p.starts_at and t.bucket < p.ends_at) d
    where p.is_days and not w.is_counter and (w.own is null or exists (
        select from usage_name n where n.tenant_id = %(tenant_id)s and n.name_id = d.dimensions_id
          and n.told @> any(w.own::jsonb[]) and not n.told @> any(w.others::jsonb[])))),
record_part as not materialized (
    select w.*, p.starts_at as piece_at, u.at, u.dimensions_id, u.value, u.key, u.content
    from request w
    join span p on p.span_set = w.span_set
    cross join lateral (
        select s.at, s.dimensions_id, s.value, s.key, s.content from usage_standing(%(is_live)s) s
        where s.tenant_id = %(tenant_id)s and s.day = p.day and s.subject_id = w.subject_id
          and s.meter_id = w.meter_id and s.at >= p.starts_at and s.at < p.ends_at
        offset 0) u  -- a look-up by index for each day, whatever the planner thinks of ranges
    where not p.is_days and not w.is_counter and (w.own is null or exists (
        select from usage_name n where n.tenant_id = %(tenant_id)s and n.name_id = u.dimensions_id
          and n.told @> any(w.own::jsonb[]) and not n.told @> any(w.others::jsonb[])))),
part as not materialized (
    select request_no, distinct_of, is_opening, wants_latest, dimensions_id, records, total, low, high,
           latest_at, latest_value, latest_key
    from day_part where records > 0
    union all
    select request_no, distinct_of, is_opening, wants_latest, dimensions_id, 1::bigint, value, value,
           value, at, value, key
    from record_part)

-- name: read_rollups
-- The numbers of each request, and the digest over all of its records. What has no roll-up of a whole day
-- is summed up span by span first, as it is sealed.
select x.request_no, sum(x.records)::bigint, coalesce(sum(x.total), 0), min(x.low), max(x.high),
       (array_agg(x.latest_value order by x.latest_at desc nulls last, x.latest_key desc)
           filter (where x.wants_latest))[1],
       sha256(string_agg(x.digest, ''::bytea order by x.bucket, x.dimensions_id))
from (
    select request_no, wants_latest, bucket, dimensions_id, records, total, low, high, latest_at,
           latest_value, latest_key, digest
    from day_part where not is_opening
    union all
    select request_no, wants_latest, piece_at, 0, count(*), sum(value), min(value), max(value), max(at),
           (array_agg(value order by at, key))[count(*)], (array_agg(key order by at, key))[count(*)],
           sha256(string_agg(uuid_send(content), ''::bytea order by at, key))
    from record_part where not is_opening
    group by request_no, wants_latest, piece_at) x
group by x.request_no;

-- name: read_groups
-- The same without digests for each value of a dimension apart; '' stands for records without it, and for
-- all of them where no dimension is named.
select x.request_no, coalesce(n.told ->> %(dimension)s::text, '') as value,
       sum(x.records)::bigint as records, sum(x.total) as total, min(x.low) as low, max(x.high) as high,
       (array_agg(x.latest_value order by x.latest_at desc, x.latest_key desc))[1] as latest
from part x
join usage_name n on n.tenant_id = %(tenant_id)s and n.name_id = x.dimensions_id
group by 1, 2 order by 1, 2;

-- name: read_dimensions
-- The dimensions that the records of the requests have.
select distinct k.name
from (select distinct dimensions_id from part) x
join usage_name n on n.tenant_id = %(tenant_id)s and n.name_id = x.dimensions_id
cross join lateral jsonb_object_keys(n.told) as k(name)
order by 1;

-- name: read_samples
-- Records counted by windows first, or one by one, and then those: how many they are, their sum, the
-- lowest, the highest and when that was (the earliest of equals), and the one at the nearest rank.
select request_no, count(*), sum(v), min(v), max(v),
       (array_agg(window_at order by v desc, window_at))[1],
       (array_agg(v order by v))[ceil(max(percentile) / 100 * count(*))::int]
from (
    select x.request_no, x.percentile, x.window_at,
           case x.each when 'sum' then sum(x.value) when 'count' then count(*)
               when 'min' then min(x.value) when 'max' then max(x.value)
               when 'average' then div(sum(x.value) * 1e18, count(*)) * 1e-18
               else (array_agg(x.value order by x.at desc, x.key desc))[1] end as v
    from (
        select r.request_no, r.percentile, r.each, r.at, r.value, r.key,
               case when r.window_set is not null
                    then greatest(least(date_bin(make_interval(mins => n.minutes), r.at, n.starts_at),
                                        n.last_at), n.first_at)
                    when r.fine_minutes is not null
                    then date_bin(make_interval(mins => r.fine_minutes), r.at, '2000-01-01 00:00Z')
                    else r.at end as window_at,
               case when r.window_set is null and r.fine_minutes is null then r.key end as one
        from record_part r
        left join window_day n on n.window_set = r.window_set and r.at >= n.starts_at
            and r.at < n.ends_at
        where r.is_sampled) x
    group by x.request_no, x.percentile, x.each, x.window_at, x.one) y
group by request_no;

-- name: read_distinct
-- Distinct values of a dimension, for each wanted series; records without it do not count.
select x.request_no, count(distinct d.told ->> x.distinct_of)::bigint
from part x
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = x.dimensions_id
where x.distinct_of is not null
group by x.request_no;

-- name: read_changes
-- The records of levels in order of time.
select r.request_no, r.at, r.value, d.name
from record_part r
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = r.dimensions_id
where r.is_level
order by r.request_no, r.at, r.key;

-- name: read_events
-- The records of the requests in order of time.
select r.request_no, r.at, r.key, r.value, d.name
from record_part r
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = r.dimensions_id
where not r.is_opening
order by r.request_no, r.at, r.key;

-- name: read_openings
-- What holds of each set of dimensions when the period of a level that records change begins: the sum of
-- all records before it, and the last of them.
select x.request_no, d.name, sum(x.total), max(x.latest_at),
       (array_agg(x.latest_value order by x.latest_at desc, x.latest_key desc))[1],
       (array_agg(x.latest_key order by x.latest_at desc, x.latest_key desc))[1]
from part x
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = x.dimensions_id
where x.is_opening and not x.wants_latest
group by x.request_no, d.name;

-- name: read_last_level
-- The last record before the period of a level that records set, of each of the spans before it. Backwards
-- along the index, so that what was set last is found however long ago the first one was.
select w.request_no, d.name, l.total, l.latest_at, l.latest_value, l.latest_key
from request w
join span p on p.span_set = w.span_set
cross join lateral (
    (select r.dimensions_id, r.total, r.latest_at, r.latest_value, r.latest_key
     from usage_day r
     where p.is_days and r.tenant_id = %(tenant_id)s and r.subject_id = w.subject_id
       and r.meter_id = w.meter_id and r.bucket >= p.starts_at and r.bucket < p.ends_at
       and r.records > 0 and (w.own is null or exists (
         select from usage_name n where n.tenant_id = %(tenant_id)s and n.name_id = r.dimensions_id
           and n.told @> any(w.own::jsonb[]) and not n.told @> any(w.others::jsonb[])))
     order by r.bucket desc, r.latest_at desc, r.latest_key desc limit 1)
    union all
    (select t.dimensions_id, t.total, t.latest_at, t.latest_value, t.latest_key
     from tail t
     where p.is_days and t.subject_id = w.subject_id and t.meter_id = w.meter_id
       and t.bucket >= p.starts_at and t.bucket < p.ends_at and (w.own is null or exists (
         select from usage_name n where n.tenant_id = %(tenant_id)s and n.name_id = t.dimensions_id
           and n.told @> any(w.own::jsonb[]) and not n.told @> any(w.others::jsonb[])))
     order by t.latest_at desc, t.latest_key desc limit 1)
    union all
    (select u.dimensions_id, u.value, u.at, u.value, u.key
     from usage_standing(%(is_live)s) u
     where not p.is_days and u.tenant_id = %(tenant_id)s and u.day = p.day
       and u.subject_id = w.subject_id and u.meter_id = w.meter_id
       and u.at >= p.starts_at and u.at < p.ends_at
       and (w.own is null or exists (
         select from usage_name n where n.tenant_id = %(tenant_id)s and n.name_id = u.dimensions_id
           and n.told @> any(w.own::jsonb[]) and not n.told @> any(w.others::jsonb[])))
     order by u.at desc, u.key desc limit 1)) l
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = l.dimensions_id
where w.is_opening and w.wants_latest;

-- name: read_readings
-- Register readings in (start, end] of each wanted series.
select w.request_no, u.at, u.value, d.name, u.content
from request w
join span p on p.span_set = w.span_set
cross join lateral (
    select s.at, s.dimensions_id, s.value, s.content from usage_standing(%(is_live)s) s
    where s.tenant_id = %(tenant_id)s and s.day = p.day and s.subject_id = w.subject_id
      and s.meter_id = w.meter_id and s.at > p.starts_at and s.at <= p.ends_at
    offset 0) u
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = u.dimensions_id
where w.is_counter
order by w.request_no, u.at, u.content;

-- name: read_opening
-- The reading on which each wanted counter stands: the last one when its contract began, else the first
-- one since then and before the period. So what was used in periods that were billed without a reading
-- is not lost when readings come in. Of several at one instant it is the one that closes a period there
-- (`register.consumption`): an actual one before an estimate, then the highest. The roll-ups and what is
-- not folded tell the days to look at: two on each side, as the first may hold only the other side's.
select w.request_no, u.at, u.value, d.name
from request w
join span p on p.span_set = w.span_set and p.day = utc_day(p.starts_at)
cross join lateral (
    select x.* from (
        (select u.at, u.value, u.dimensions_id, 1 as choice
         from (
            (select distinct r.bucket, utc_day(r.bucket) as day from usage_day r
             where r.tenant_id = %(tenant_id)s and r.subject_id = w.subject_id
               and r.meter_id = w.meter_id and r.bucket <= w.since and r.records > 0
               and not exists (
                 select from usage_away(%(tenant_id)s) a
                 where r.bucket >= a.starts_at and r.bucket < a.ends_at)
             order by r.bucket desc limit 2)
            union
            (select distinct t.bucket, utc_day(t.bucket) as day from tail t
             where t.subject_id = w.subject_id and t.meter_id = w.meter_id and t.bucket <= w.since
             order by t.bucket desc limit 2)) c
         join usage_standing(%(is_live)s) u on u.tenant_id = %(tenant_id)s
             and u.day = c.day and u.at >= c.bucket
             and u.at < c.bucket + interval '1 day' and u.at <= w.since
             and u.subject_id = w.subject_id and u.meter_id = w.meter_id
         join usage_name n on n.tenant_id = u.tenant_id and n.name_id = u.dimensions_id
         order by u.at desc, (n.told ->> 'role') = 'installed' desc nulls last,
                  (n.told ->> 'kind') = 'estimated' asc nulls first,
                  u.value desc, u.content
         limit 1)
        union all
        (select u.at, u.value, u.dimensions_id, 2 as choice
         from (
            (select distinct r.bucket, utc_day(r.bucket) as day from usage_day r
             where r.tenant_id = %(tenant_id)s and r.subject_id = w.subject_id
               and r.meter_id = w.meter_id and r.bucket > w.since - interval '1 day'
               and r.bucket <= p.starts_at and r.records > 0 and not exists (
                 select from usage_away(%(tenant_id)s) a
                 where r.bucket >= a.starts_at and r.bucket < a.ends_at)
             order by r.bucket limit 2)
            union
            (select distinct t.bucket, utc_day(t.bucket) as day from tail t
             where t.subject_id = w.subject_id and t.meter_id = w.meter_id
               and t.bucket > w.since - interval '1 day' and t.bucket <= p.starts_at
             order by t.bucket limit 2)) c
         join usage_standing(%(is_live)s) u on u.tenant_id = %(tenant_id)s
             and u.day = c.day and u.at >= c.bucket
             and u.at < c.bucket + interval '1 day' and u.at <= p.starts_at and u.at > w.since
             and u.subject_id = w.subject_id and u.meter_id = w.meter_id
         join usage_name n on n.tenant_id = u.tenant_id and n.name_id = u.dimensions_id
         order by u.at, (n.told ->> 'role') = 'installed' desc nulls last,
                  (n.told ->> 'kind') = 'estimated' asc nulls first,
                  u.value desc, u.content
         limit 1)) x
    order by x.choice limit 1) u
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = u.dimensions_id
where w.is_counter;

-- name: page_records
-- The records that a line or a question counted, in order of time, after a record already shown: those
-- folded up to a fold and not taken back by then. Day by day, and no further than the page reaches: a
-- million records behind it cost nothing.
with day as (
    select distinct p.starts_at, p.ends_at, utc_day(r.bucket) as day
    from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) as p(starts_at, ends_at)
    join usage_day r on r.tenant_id = %(tenant_id)s and r.subject_id = %(subject_id)s
        and r.meter_id = %(meter_id)s and r.bucket <= p.ends_at
        and r.bucket > greatest(p.starts_at, %(after_at)s) - interval '1 day'
    order by day),
found as (
    select r.* from day p
    cross join lateral (
        select u.record_id, u.source_id, u.at, u.value, u.dimensions_id, u.key from usage_record u
        join usage_batch b on b.tenant_id = u.tenant_id and b.batch_id = u.batch_id
            and b.fold_id <= %(fold_id)s
        join usage_name n on n.tenant_id = u.tenant_id and n.name_id = u.dimensions_id
        where u.tenant_id = %(tenant_id)s and u.day = p.day
          and u.subject_id = %(subject_id)s and u.meter_id = %(meter_id)s
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
    order by p.day, r.at, r.key limit %(limit)s)
select f.record_id, s.name as source, f.at, f.value, d.name as dimensions, f.key
from found f
join usage_name s on s.tenant_id = %(tenant_id)s and s.name_id = f.source_id
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = f.dimensions_id
order by f.at, f.key;

-- name: archived_uses
-- Which of some (series, span) ask for records of a day of which records are in the archive, as far as
-- the roll-ups know any that count, or ever did.
select x.number, min(a.month) as month
from unnest(%(numbers)s::int[], %(subjects)s::int[], %(meters)s::int[], %(starts)s::timestamptz[],
            %(ends)s::timestamptz[]) as x(number, subject_id, meter_id, starts_at, ends_at)
join usage_away(%(tenant_id)s) a on a.starts_at < x.ends_at and a.ends_at > x.starts_at
where exists (
    select from usage_day d
    where d.tenant_id = %(tenant_id)s and d.subject_id = x.subject_id and d.meter_id = x.meter_id
      and d.bucket >= a.starts_at and d.bucket < a.ends_at
      and d.bucket > x.starts_at - interval '1 day' and d.bucket < x.ends_at
      and (%(as_once)s or d.records > 0))
group by 1;

-- name: archived_days
-- The first month of which records of anybody that count are in the archive, in some spans.
select min(a.month) from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) as x(starts_at, ends_at)
join usage_away(%(tenant_id)s) a on a.starts_at < x.ends_at and a.ends_at > x.starts_at
where exists (
    select from usage_day d
    where d.tenant_id = %(tenant_id)s and d.bucket >= a.starts_at and d.bucket < a.ends_at
      and d.bucket > x.starts_at - interval '1 day' and d.bucket < x.ends_at and d.records > 0);

-- name: totals_of_tail
-- Everybody's usage over a time as far as no fold has counted it.
select u.subject_id, u.meter_id, count(*), sum(u.value)
from usage_record u
where u.tenant_id = %(tenant_id)s and u.batch_id between %(first)s and %(last)s
  and u.batch_id in (select batch_id from usage_batch
                     where tenant_id = %(tenant_id)s and fold_id is null)
  and u.at >= %(starts_at)s and u.at < %(ends_at)s
group by 1, 2;

-- name: near_names
-- Names of a kind that stand beside one in the alphabet.
(select name from usage_name
 where tenant_id = %(tenant_id)s and kind = %(kind)s and name >= %(name)s order by name limit %(limit)s)
union all
(select name from usage_name
 where tenant_id = %(tenant_id)s and kind = %(kind)s and name < %(name)s
 order by name desc limit %(limit)s);

-- name: used
-- Those of some series of which there ever was a record, taken back or not.
select x.subject_id, x.meter_id
from unnest(%(subjects)s::int[], %(meters)s::int[]) as x(subject_id, meter_id)
where exists (
    select from usage_day d
    where d.tenant_id = %(tenant_id)s and d.subject_id = x.subject_id and d.meter_id = x.meter_id)
union
select u.subject_id, u.meter_id
from unnest(%(subjects)s::int[], %(meters)s::int[]) as x(subject_id, meter_id)
join usage_record u on u.tenant_id = %(tenant_id)s and u.subject_id = x.subject_id
    and u.meter_id = x.meter_id and u.batch_id between %(first)s and %(last)s
    and u.batch_id in (select batch_id from usage_batch
                       where tenant_id = %(tenant_id)s and fold_id is null);

-- name: middle_subject
select ((min(name_id)::bigint + max(name_id)) / 2)::int from usage_name
where tenant_id = %(tenant_id)s and kind = 'subject';

-- name: totals_of_days
-- Everybody's usage over whole days. Two processes take half of the subjects each, so that nothing has to
-- be put together afterwards: that would take as long as adding up.
select * from (
    (select subject_id, meter_id, sum(records)::bigint, sum(total) from usage_day
     where tenant_id = %(tenant_id)s and subject_id <= %(middle)s
       and bucket >= %(first_day)s and bucket < %(last_day)s
     group by 1, 2 having sum(records) > 0)
    union all
    (select subject_id, meter_id, sum(records)::bigint, sum(total) from usage_day
     where tenant_id = %(tenant_id)s and subject_id > %(middle)s
       and bucket >= %(first_day)s and bucket < %(last_day)s
     group by 1, 2 having sum(records) > 0)) x;

-- name: totals_of_records
-- Everybody's usage over a time from the records alone, folded or not.
select u.subject_id, u.meter_id, count(*), sum(u.value)
from usage_record u
left join (
    select key from usage_reversal where tenant_id = %(tenant_id)s
    group by key having sum(sign) < 0) z on z.key = u.key
where u.tenant_id = %(tenant_id)s and u.day between %(first_day)s and %(last_day)s
  and u.at >= %(starts_at)s and u.at < %(ends_at)s and z.key is null
group by 1, 2;
