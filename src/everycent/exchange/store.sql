-- name: lock_rates
-- Rates are numbered without gaps: two people who tell some take turns.
select pg_advisory_xact_lock(hashtextextended('everycent.exchange', %(tenant_id)s));

-- name: last_number
select coalesce(max(number), 0) from exchange_rate where tenant_id = %(tenant_id)s;

-- name: known
-- What holds now for the given pairs and days.
select distinct on (r.base, r.quote, r.day) r.base, r.quote, r.day, r.rate, r.source, r.step
from unnest(%(bases)s::text[], %(quotes)s::text[], %(days)s::date[]) as w(base, quote, day)
join exchange_rate r on r.tenant_id = %(tenant_id)s and r.base = w.base and r.quote = w.quote
    and r.day = w.day
order by r.base, r.quote, r.day, r.step desc;

-- name: quotes
-- The rates of some pairs for a span of days, and for each the newest one before the span, as they stood
-- when `upto` was the last number.
select q.base, q.quote, q.day, q.rate, q.source, q.number
from unnest(%(bases)s::text[], %(quotes)s::text[]) as w(base, quote)
cross join lateral (
    (select distinct on (r.day) r.base, r.quote, r.day, r.rate, r.source, r.number from exchange_rate r
     where r.tenant_id = %(tenant_id)s and r.base = w.base and r.quote = w.quote
       and r.day between %(first)s and %(last)s and r.number <= %(upto)s
     order by r.day, r.step desc)
    union all
    (select r.base, r.quote, r.day, r.rate, r.source, r.number from exchange_rate r
     where r.tenant_id = %(tenant_id)s and r.base = w.base and r.quote = w.quote
       and r.day < %(first)s and r.number <= %(upto)s
     order by r.day desc, r.step desc limit 1)) q;

-- name: list_rates
-- Rates with their corrections, the newest day first.
select r.number, r.base, r.quote, r.day, r.step, r.rate, r.source, e.recorded_at, e.actor,
       coalesce(e.payload::jsonb ->> 'reason', '') as reason
from exchange_rate r
join journal_event e on e.tenant_id = r.tenant_id and e.event_id = r.event_id
where r.tenant_id = %(tenant_id)s and (%(base)s::text is null or r.base = %(base)s)
  and (%(quote)s::text is null or r.quote = %(quote)s)
  and (%(since)s::date is null or r.day >= %(since)s) and (%(until)s::date is null or r.day <= %(until)s)
  and (%(after)s::bigint is null or exists (
       select from exchange_rate a
       where a.tenant_id = r.tenant_id and a.number = %(after)s
         and (r.day < a.day or (r.day = a.day and ((r.base, r.quote) > (a.base, a.quote)
              or ((r.base, r.quote) = (a.base, a.quote) and r.step < a.step))))))
order by r.day desc, r.base, r.quote, r.step desc limit %(limit)s;

-- name: broken_rates
-- Numbers that do not run from 1 on, and corrections that correct nothing.
select 'rate ' || number from (
    select number, row_number() over (order by number) as expected, step,
           row_number() over (partition by base, quote, day order by number) as expected_step
    from exchange_rate where tenant_id = %(tenant_id)s) r
where number <> expected or step <> expected_step limit 100;
