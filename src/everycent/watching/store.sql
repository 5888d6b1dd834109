-- name: lock
-- One at a time changes thresholds, or writes down crossings and gaps.
select pg_advisory_xact_lock(hashtextextended('everycent.watch', %(tenant_id)s));

-- name: thresholds
select key, version, value, meter, subject, customer_id
from usage_threshold
where tenant_id = %(tenant_id)s and (not is_removed or %(with_removed)s)
  and (%(key)s::text is null or key = %(key)s)
order by key;

-- name: crossings
-- The newest first.
select key, version, starts_at, ends_at, value, reached, unit, as_of
from usage_crossing
where tenant_id = %(tenant_id)s and (%(key)s::text is null or key = %(key)s)
order by as_of desc, key limit %(limit)s;

-- name: crossed_already
-- Which of some (threshold, version, period) were crossed.
select c.key, c.version, c.starts_at
from unnest(%(keys)s::text[], %(versions)s::int[], %(starts)s::timestamptz[]) as w(key, version, starts_at)
join usage_crossing c on c.tenant_id = %(tenant_id)s and c.key = w.key and c.version = w.version
    and c.starts_at = w.starts_at;

-- name: new_batches
-- Batches that were not folded when somebody last looked, or have come since then.
select batch_id, fold_id from usage_batch
where tenant_id = %(tenant_id)s and (fold_id is null or fold_id > %(fold_id)s);

-- name: touched
-- Of some subjects those that have records in some batches, or records taken back or put back.
select n.name from usage_name n
where n.tenant_id = %(tenant_id)s and n.kind = 'subject' and n.name = any(%(subjects)s)
  and n.name_id in (
    select u.subject_id from usage_record u
    where u.tenant_id = %(tenant_id)s and u.batch_id between %(first)s and %(last)s
      and u.batch_id = any(%(batches)s)
    union
    select v.subject_id from usage_reversal v
    where v.tenant_id = %(tenant_id)s and v.batch_id = any(%(batches)s));

-- name: plans_in_use
select distinct plan_key, plan_version from subscription where tenant_id = %(tenant_id)s;

-- name: terms
-- From when until when the usage of each subject is billed on some plans.
select s.plan_key, s.plan_version, s.subject, s.starts_at, s.ends_at
from unnest(%(keys)s::text[], %(versions)s::int[]) as p(key, version)
join subscription s on s.tenant_id = %(tenant_id)s and s.plan_key = p.key
    and s.plan_version = p.version
where s.starts_at <= %(as_of)s;

-- name: holes
-- Stretches longer than allowed between one record that counts and the next, from the last record at or
-- before `looked_from` (or, without one, from the start of the term) up to the end of what is expected.
with wanted as materialized (
    select x.*, coalesce((
        select u.at from utc_days(x.since, x.looked_from) as t(day)
        cross join lateral (
            select max(r.at) as at from usage_standing(true) r
            where r.tenant_id = %(tenant_id)s and r.day = t.day
              and r.subject_id = x.subject_id and r.meter_id = x.meter_id
              and r.at >= x.since and r.at <= x.looked_from) u
        where u.at is not null
        order by t.day desc limit 1), x.since) as anchor
    from unnest(%(numbers)s::int[], %(subject_ids)s::int[], %(meter_ids)s::int[],
                %(since)s::timestamptz[], %(looked_from)s::timestamptz[], %(until)s::timestamptz[],
                %(allowed)s::interval[])
        as x(number, subject_id, meter_id, since, looked_from, until, allowed)),
told as (
    select w.number, w.allowed, u.at
    from wanted w
    cross join utc_days(w.anchor, w.until) as t(day)
    cross join lateral (
        select s.at from usage_standing(true) s
        where s.tenant_id = %(tenant_id)s and s.day = t.day and s.subject_id = w.subject_id
          and s.meter_id = w.meter_id and s.at > w.anchor and s.at < w.until
        offset 0) u
    union all
    select w.number, w.allowed, w.anchor from wanted w
    union all
    select w.number, w.allowed, w.until from wanted w)
select number, at, next_at from (
    select number, allowed, at, lead(at) over (partition by number order by at) as next_at from told) x
where next_at - at > allowed
order by number, at;

-- name: gaps
-- Each with the first record after its beginning: its end, if it has one. Of what is folded the roll-ups
-- tell the day: one of the first two, as the first may hold only records from before the gap.
with told as materialized (
    select g.*, s.name_id as subject_id, m.name_id as meter_id
    from usage_gap g
    left join usage_name s on s.tenant_id = g.tenant_id and s.kind = 'subject' and s.name = g.subject
    left join usage_name m on m.tenant_id = g.tenant_id and m.kind = 'meter' and m.name = g.meter
    where g.tenant_id = %(tenant_id)s and (g.closed_at is null or not %(only_open)s)
    order by g.closed_at is not null, g.noticed_at desc, g.subject, g.meter, g.starts_at
    limit %(limit)s),
tail as materialized (
    select u.subject_id, u.meter_id, u.at from usage_record u
    where u.tenant_id = %(tenant_id)s
      and u.batch_id between (
        select min(batch_id) from usage_batch where tenant_id = %(tenant_id)s and fold_id is null) and (
        select max(batch_id) from usage_batch where tenant_id = %(tenant_id)s and fold_id is null)
      and u.batch_id in (
        select batch_id from usage_batch where tenant_id = %(tenant_id)s and fold_id is null)
      and (u.subject_id, u.meter_id) in (select subject_id, meter_id from told))
select g.subject, g.meter, g.starts_at, g.noticed_at, g.closed_at, g.outcome, least((
    select min(u.at) from (
        select distinct r.bucket, utc_day(r.bucket) as day from usage_day r
        where r.tenant_id = %(tenant_id)s and r.subject_id = g.subject_id and r.meter_id = g.meter_id
          and r.bucket > g.starts_at - interval '1 day' and r.records > 0
        order by r.bucket limit 2) c
    join usage_standing(false) u on u.tenant_id = %(tenant_id)s and u.day = c.day
        and u.at >= c.bucket and u.at < c.bucket + interval '1 day'
        and u.subject_id = g.subject_id and u.meter_id = g.meter_id and u.at > g.starts_at), (
    select min(t.at) from tail t
    where t.subject_id = g.subject_id and t.meter_id = g.meter_id and t.at > g.starts_at)) as ends_at
from told g
order by g.closed_at is not null, g.noticed_at desc, g.subject, g.meter, g.starts_at;

-- name: gaps_at
-- The gaps that are open, and those that began at some places.
select subject, meter, starts_at, noticed_at, closed_at, outcome
from usage_gap
where tenant_id = %(tenant_id)s and closed_at is null
union
select g.subject, g.meter, g.starts_at, g.noticed_at, g.closed_at, g.outcome
from unnest(%(subjects)s::text[], %(meters)s::text[], %(starts)s::timestamptz[])
    as w(subject, meter, starts_at)
join usage_gap g on g.tenant_id = %(tenant_id)s and g.subject = w.subject and g.meter = w.meter
    and g.starts_at = w.starts_at;
