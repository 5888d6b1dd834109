-- name: lock
-- Whoever measures, changes or halts a measurement has it alone until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('everycent.measurement/' || %(key)s, %(tenant_id)s));

-- name: try_lock
select pg_try_advisory_xact_lock(
    hashtextextended('everycent.measurement/' || %(key)s, %(tenant_id)s));

-- name: states
-- Measurements with their newest version, how far time is covered, and what went wrong last.
select m.key, m.version, v.at, v.content, m.is_paused, c.ends_at as covered_until,
       f.starts_at as failed_starts_at, f.code, f.message, f.since, f.last_at, f.attempts
from measurement m
join measurement_version v on v.tenant_id = m.tenant_id and v.key = m.key and v.version = m.version
cross join lateral (
    select i.ends_at from measurement_interval i
    where i.tenant_id = m.tenant_id and i.key = m.key order by i.ends_at desc limit 1) c
left join measurement_failure f
    on f.tenant_id = m.tenant_id and f.key = m.key and f.attempts > 0
where m.tenant_id = %(tenant_id)s and (%(key)s::text is null or m.key = %(key)s)
  and m.key > %(after)s
order by m.key limit %(limit)s;

-- name: totals
-- How many intervals of each measurement are measured and missed, and what that came to.
select key, count(*) filter (where outcome = 'taken') as taken,
       count(*) filter (where outcome = 'missed') as missed,
       sum(records)::bigint as records, sum(conflicts)::bigint as conflicts, sum(total) as total
from measurement_interval
where tenant_id = %(tenant_id)s and (%(key)s::text is null or key = %(key)s)
group by key;

-- name: newest_intervals
-- The intervals covered last, the newest first.
select starts_at, ends_at, version, outcome, records, total::text as total, conflicts, reason, event_id
from measurement_interval
where tenant_id = %(tenant_id)s and key = %(key)s and starts_at is not null
order by ends_at desc limit %(limit)s;

-- name: spans_of_plan
-- When the subscriptions to a plan ran, as far as that meets the given time.
select s.subject, p.starts_at, p.ends_at
from subscription_phase p
join subscription s on s.tenant_id = p.tenant_id and s.subscription_id = p.subscription_id
where p.tenant_id = %(tenant_id)s and p.plan_key = %(plan_key)s and p.starts_at < %(before)s
  and (p.ends_at is null or p.ends_at > greatest(%(after)s, p.starts_at));

-- name: last_values
-- The last value of a meter before each instant, for each subject that has one. Two records of the same
-- instant are told apart as the roll-ups do; a record that was taken out of the count does not count.
-- Of months in the archive the last value of each day is known. Of what is folded the roll-ups tell the
-- day: one of the last two, as the last may hold only records from after the instant.
with tail as materialized (
    select r.subject_id, r.value, r.at, r.key from usage_record r
    where r.tenant_id = %(tenant_id)s
      and r.batch_id between (
        select min(batch_id) from usage_batch where tenant_id = %(tenant_id)s and fold_id is null) and (
        select max(batch_id) from usage_batch where tenant_id = %(tenant_id)s and fold_id is null)
      and r.batch_id in (
        select batch_id from usage_batch where tenant_id = %(tenant_id)s and fold_id is null)
      and r.meter_id = (select name_id from usage_name
                        where tenant_id = %(tenant_id)s and kind = 'meter' and name = %(meter)s))
select s.name, e.at, u.value
from usage_name m
join usage_name s on s.tenant_id = m.tenant_id and s.kind = 'subject' and s.name = any(%(subjects)s)
cross join unnest(%(ends)s::timestamptz[]) as e(at)
cross join lateral (
    select x.value from (
        (select r.value, r.at, r.key from (
            select distinct d.bucket, utc_day(d.bucket) as day from usage_day d
            where d.tenant_id = m.tenant_id and d.subject_id = s.name_id and d.meter_id = m.name_id
              and d.bucket < e.at and d.records > 0
            order by d.bucket desc limit 2) c
         join usage_standing(false) r on r.tenant_id = m.tenant_id and r.day = c.day
             and r.at >= c.bucket and r.at < c.bucket + interval '1 day'
             and r.subject_id = s.name_id and r.meter_id = m.name_id and r.at < e.at
         order by r.at desc, r.key desc limit 1)
        union all
        (select t.value, t.at, t.key from tail t
         where t.subject_id = s.name_id and t.at < e.at
         order by t.at desc, t.key desc limit 1)
        union all
        (select d.latest_value, d.latest_at, d.latest_key from usage_away(m.tenant_id) a
         join usage_day d on d.tenant_id = m.tenant_id and d.subject_id = s.name_id
             and d.meter_id = m.name_id and d.bucket >= a.starts_at and d.bucket < a.ends_at
         where d.latest_at < e.at
         order by d.latest_at desc, d.latest_key desc limit 1)) x
    order by x.at desc, x.key desc limit 1) u
where m.tenant_id = %(tenant_id)s and m.kind = 'meter' and m.name = %(meter)s;

-- name: hidden_levels
-- The month of which the archive may hold the last value before an instant: the roll-up of its day tells
-- only the last one of the whole day, which came at the instant or after it.
select min(a.month)
from usage_name m
join usage_name s on s.tenant_id = m.tenant_id and s.kind = 'subject' and s.name = any(%(subjects)s)
cross join unnest(%(ends)s::timestamptz[]) as e(at)
join usage_away(m.tenant_id) a on e.at >= a.starts_at and e.at < a.ends_at
join usage_day d on d.tenant_id = m.tenant_id and d.subject_id = s.name_id and d.meter_id = m.name_id
    and d.bucket > e.at - interval '1 day' and d.bucket < e.at and d.latest_at >= e.at and d.records > 0
where m.tenant_id = %(tenant_id)s and m.kind = 'meter' and m.name = %(meter)s;

-- name: put_failure
-- It fails since the first attempt after the last success.
insert into measurement_failure as f
    (tenant_id, key, starts_at, code, message, since, last_at, attempts)
values (%(tenant_id)s, %(key)s, %(starts_at)s, %(code)s, %(message)s, %(at)s, %(at)s, 1)
on conflict (tenant_id, key) do update set
    starts_at = excluded.starts_at, code = excluded.code, message = excluded.message,
    last_at = excluded.last_at,
    since = case when f.attempts > 0 then f.since else excluded.since end,
    attempts = f.attempts + 1;

-- name: clear_failure
update measurement_failure set attempts = 0
where tenant_id = %(tenant_id)s and key = %(key)s and attempts > 0;

-- name: find_lease
-- Until when a source is being asked; no row when nobody is at it.
select until from measurement_lease where tenant_id = %(tenant_id)s and key = %(key)s and until > %(now)s;

-- name: put_lease
-- Taken on by the only one who has the lock. The number tells it from whoever had it before.
insert into measurement_lease as l (tenant_id, key, worker, fence, until)
values (%(tenant_id)s, %(key)s, %(worker)s, 1, %(until)s)
on conflict (tenant_id, key) do update set
    worker = excluded.worker, fence = l.fence + 1, until = excluded.until
returning fence;

-- name: has_lease
-- One that ran out and that nobody has taken over still stands.
select exists (
    select from measurement_lease
    where tenant_id = %(tenant_id)s and key = %(key)s and fence = %(fence)s and until is not null);

-- name: end_lease
update measurement_lease set until = null
where tenant_id = %(tenant_id)s and key = %(key)s and fence = %(fence)s and until is not null;

-- name: put_answer
insert into measurement_answer (tenant_id, key, starts_at, content)
values (%(tenant_id)s, %(key)s, %(starts_at)s, %(content)s)
on conflict (tenant_id, key) do update set
    starts_at = excluded.starts_at, content = excluded.content;

-- name: find_answer
select content from measurement_answer
where tenant_id = %(tenant_id)s and key = %(key)s and starts_at = %(starts_at)s;

-- name: clear_answer
update measurement_answer set content = null
where tenant_id = %(tenant_id)s and key = %(key)s and content is not null;
