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
order by m.key;

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
select subject, starts_at, ends_at from subscription
where tenant_id = %(tenant_id)s and plan_key = %(plan_key)s and starts_at < %(before)s
  and (ends_at is null or ends_at > %(after)s);

-- name: last_values
-- The last value of a meter before each instant, for each subject that has one. Two records of the same
-- instant are told apart as the roll-ups do; a record that was taken out of the count does not count.
-- Of months in the archive the last value of each day is known.
select s.name, e.at, u.value
from usage_name m
join usage_name s on s.tenant_id = m.tenant_id and s.kind = 'subject' and s.name = any(%(subjects)s)
cross join unnest(%(ends)s::timestamptz[]) as e(at)
cross join lateral (
    select x.value from (
        (select r.value, r.at, r.key from usage_record r
         where r.tenant_id = m.tenant_id and r.subject_id = s.name_id and r.meter_id = m.name_id
           and r.at < e.at
           and coalesce((select v.sign from usage_reversal v
                         where v.tenant_id = r.tenant_id and v.key = r.key
                         order by v.reversal_no desc limit 1), 1) = 1
         order by r.at desc, r.key desc limit 1)
        union all
        (select d.latest_value, d.latest_at, d.latest_key from usage_away(m.tenant_id) a
         join usage_day d on d.tenant_id = m.tenant_id and d.subject_id = s.name_id
             and d.meter_id = m.name_id and d.bucket >= a.starts_at and d.bucket < a.ends_at
         where d.latest_at < e.at
         order by d.latest_at desc, d.latest_key desc limit 1)) x
    order by x.at desc, x.key desc limit 1) u
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
