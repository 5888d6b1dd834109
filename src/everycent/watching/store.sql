-- name: lock
-- One at a time changes thresholds, or writes down crossings and gaps.
select pg_advisory_xact_lock(hashtextextended('everycent.watch', %(tenant_id)s));

-- name: thresholds
select key, version, value, meter, subject, customer_id
from usage_threshold
where tenant_id = %(tenant_id)s and (not is_removed or %(with_removed)s)
  and (%(key)s::text is null or key = %(key)s) and (%(after)s::text is null or key > %(after)s)
order by key limit %(limit)s;

-- name: crossings
-- The newest first, after one that was shown already.
select c.key, c.version, c.starts_at, c.ends_at, c.value, c.reached, c.unit, c.as_of
from usage_crossing c
where c.tenant_id = %(tenant_id)s and (%(key)s::text is null or c.key = %(key)s)
  and (%(after_at)s::timestamptz is null
       or (%(after_at)s, c.key, c.version, c.starts_at)
        > (c.as_of, %(after_key)s, %(after_version)s::int, %(after_start)s::timestamptz))
order by c.as_of desc, c.key, c.version, c.starts_at limit %(limit)s;

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
select distinct plan_key, plan_version from subscription_phase where tenant_id = %(tenant_id)s;

-- name: terms
-- From when until when the usage of each subject is billed on some plans.
select f.plan_key, f.plan_version, s.subject, f.starts_at, f.ends_at
from unnest(%(keys)s::text[], %(versions)s::int[]) as p(key, version)
join subscription_phase f on f.tenant_id = %(tenant_id)s and f.plan_key = p.key
    and f.plan_version = p.version
join subscription s on s.tenant_id = f.tenant_id and s.subscription_id = f.subscription_id
where f.starts_at <= %(as_of)s and (f.ends_at is null or f.ends_at > f.starts_at);

-- name: holes
-- Stretches longer than allowed between one record that counts and the next that go beyond `looked_from`,
-- from the last record on that the roll-ups know by then (or from the start of the term), up to the end of
-- what is expected. Of a day in the archive the last record of each set of dimensions is known, and that
-- others may stand before it: what comes next may have come when that day began. Only what is a hole even
-- so is told, with the next record that is known.
with wanted as materialized (
    select x.*, coalesce((
        select r.latest_at from usage_day r
        where r.tenant_id = %(tenant_id)s and r.subject_id = x.subject_id and r.meter_id = x.meter_id
          and r.bucket >= x.first_day and r.bucket <= x.looked_from
          and r.latest_at >= x.since and r.latest_at <= x.looked_from
        order by r.bucket desc, r.latest_at desc limit 1), x.since) as anchor
    from (
        select *, date_bin('1 day', since, '2000-01-01 00:00Z') as first_day
        from unnest(%(numbers)s::int[], %(subject_ids)s::int[], %(meter_ids)s::int[],
                    %(since)s::timestamptz[], %(looked_from)s::timestamptz[], %(until)s::timestamptz[],
                    %(allowed)s::interval[])
            as n(number, subject_id, meter_id, since, looked_from, until, allowed)
        offset 0) x),
away as materialized (
    select a.starts_at, a.ends_at from usage_away(%(tenant_id)s) a
    where a.ends_at > (select min(anchor) from wanted)),
told as (
    select w.number, w.looked_from, w.allowed, u.at
    from wanted w
    cross join utc_days(w.anchor, w.until) as t(day)
    cross join lateral (
        select s.at from usage_standing(true) s
        where s.tenant_id = %(tenant_id)s and s.day = t.day and s.subject_id = w.subject_id
          and s.meter_id = w.meter_id and s.at > w.anchor and s.at < w.until
        offset 0) u
    union all
    select w.number, w.looked_from, w.allowed, u.at
    from wanted w
    join away a on a.starts_at < w.until and a.ends_at > w.anchor
    cross join lateral (
        select r.latest_at as at from usage_day r
        where r.tenant_id = %(tenant_id)s and r.subject_id = w.subject_id and r.meter_id = w.meter_id
          and r.bucket >= a.starts_at and r.bucket < a.ends_at
          and r.latest_at > w.anchor and r.latest_at < w.until
        offset 0) u
    union all
    select w.number, w.looked_from, w.allowed, w.anchor from wanted w
    union all
    select w.number, w.looked_from, w.allowed, w.until from wanted w)
select y.number, y.at, y.next_at, y.soonest = y.next_at as is_exact
from (
    select x.*, case when exists (
            select from away a where x.next_at >= a.starts_at and x.next_at < a.ends_at)
        then date_bin('1 day', x.next_at, '2000-01-01 00:00Z') else x.next_at end as soonest
    from (
        select number, looked_from, allowed, at,
               lead(at) over (partition by number order by at) as next_at
        from told) x
    where x.next_at - x.at > x.allowed and x.next_at > x.looked_from) y
where y.soonest - y.at > y.allowed and y.soonest > y.looked_from
order by y.number, y.at;

-- name: archived
-- Those of some places whose time up to `due_at` is in the archive, or a part of it.
select x.number
from unnest(%(numbers)s::int[], %(subject_ids)s::int[], %(meter_ids)s::int[],
            %(starts)s::timestamptz[], %(dues)s::timestamptz[])
    as x(number, subject_id, meter_id, starts_at, due_at)
where exists (
    select from usage_away(%(tenant_id)s) a
    where a.starts_at <= x.due_at and a.ends_at > x.starts_at);

-- name: followed
-- Those of some places after which a record that is known stands, not later than `due_at`.
select x.number
from (
    select *, date_bin('1 day', starts_at, '2000-01-01 00:00Z') as first_day
    from unnest(%(numbers)s::int[], %(subject_ids)s::int[], %(meter_ids)s::int[],
                %(starts)s::timestamptz[], %(dues)s::timestamptz[])
        as n(number, subject_id, meter_id, starts_at, due_at)
    offset 0) x
where exists (
    select from usage_day r
    where r.tenant_id = %(tenant_id)s and r.subject_id = x.subject_id and r.meter_id = x.meter_id
      and r.bucket >= x.first_day and r.bucket <= x.due_at
      and r.latest_at > x.starts_at and r.latest_at <= x.due_at)
  or exists (
    select from utc_days(x.starts_at, x.due_at) as t(day)
    cross join lateral (
        select from usage_standing(true) s
        where s.tenant_id = %(tenant_id)s and s.day = t.day and s.subject_id = x.subject_id
          and s.meter_id = x.meter_id and s.at > x.starts_at and s.at <= x.due_at
        offset 0) u);

-- name: gaps
-- Each with the first record after its beginning that is known: its end, if it has one. Of what is folded
-- the roll-ups tell the day. If that is in the archive, others may stand before its last one, which is
-- known: then the end is not exact.
with told as materialized (
    select g.*, s.name_id as subject_id, m.name_id as meter_id,
           date_bin('1 day', g.starts_at, '2000-01-01 00:00Z') as first_day
    from usage_gap g
    left join usage_name s on s.tenant_id = g.tenant_id and s.kind = 'subject' and s.name = g.subject
    left join usage_name m on m.tenant_id = g.tenant_id and m.kind = 'meter' and m.name = g.meter
    where g.tenant_id = %(tenant_id)s and (g.closed_at is null or not %(only_open)s)
      and (%(after_subject)s::text is null or exists (
        select from usage_gap a
        where a.tenant_id = %(tenant_id)s and a.subject = %(after_subject)s
          and a.meter = %(after_meter)s and a.starts_at = %(after_start)s::timestamptz
          and (g.closed_at is not null, a.noticed_at, g.subject, g.meter, g.starts_at)
            > (a.closed_at is not null, g.noticed_at, a.subject, a.meter, a.starts_at)))
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
      and (u.subject_id, u.meter_id) in (select subject_id, meter_id from told)),
ended as materialized (
    select g.*, least(c.latest_at, (
        select min(u.at) from usage_standing(false) u
        where u.tenant_id = %(tenant_id)s and u.day = c.day and u.at > g.starts_at
          and u.subject_id = g.subject_id and u.meter_id = g.meter_id), (
        select min(t.at) from tail t
        where t.subject_id = g.subject_id and t.meter_id = g.meter_id and t.at > g.starts_at)) as end_at
    from told g
    left join lateral (
        select utc_day(r.bucket) as day, r.latest_at from usage_day r
        where r.tenant_id = %(tenant_id)s and r.subject_id = g.subject_id and r.meter_id = g.meter_id
          and r.bucket >= g.first_day and r.latest_at > g.starts_at
        order by r.bucket, r.latest_at limit 1) c on true)
select e.subject, e.meter, e.starts_at, e.noticed_at, e.allowed_minutes, e.closed_at, e.outcome, e.end_at,
       not exists (
           select from usage_away(%(tenant_id)s) a
           where e.end_at >= a.starts_at and e.end_at < a.ends_at) as end_is_exact
from ended e
order by e.closed_at is not null, e.noticed_at desc, e.subject, e.meter, e.starts_at;

-- name: gaps_at
-- The gaps that are open, and those that began at some places.
select subject, meter, starts_at, noticed_at, allowed_minutes, closed_at, outcome
from usage_gap
where tenant_id = %(tenant_id)s and closed_at is null
union
select g.subject, g.meter, g.starts_at, g.noticed_at, g.allowed_minutes, g.closed_at, g.outcome
from unnest(%(subjects)s::text[], %(meters)s::text[], %(starts)s::timestamptz[])
    as w(subject, meter, starts_at)
join usage_gap g on g.tenant_id = %(tenant_id)s and g.subject = w.subject and g.meter = w.meter
    and g.starts_at = w.starts_at;
