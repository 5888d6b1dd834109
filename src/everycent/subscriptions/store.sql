-- name: find_subscriptions
-- By key.
select s.subscription_id, s.customer_id, s.key, s.currency, s.subject, s.time_zone, s.starts_on,
       s.starts_at, s.changes, s.changes_made, s.ends_on, s.ends_at
from subscription s
where s.tenant_id = %(tenant_id)s
  and (%(keys)s::text[] is null or s.key = any(%(keys)s))
  and s.customer_id between %(first)s and %(last)s
  and s.key > %(after)s
order by s.key limit %(limit)s;

-- name: find_owned
-- Those of some customers, and those that bill some subjects: each found by an index of its own.
select s.subscription_id, s.customer_id, s.key, s.currency, s.subject, s.time_zone, s.starts_on,
       s.starts_at, s.changes, s.changes_made, s.ends_on, s.ends_at
from (select subscription_id from subscription
      where tenant_id = %(tenant_id)s and customer_id = any(%(customer_ids)s::uuid[])
      union
      select subscription_id from subscription
      where tenant_id = %(tenant_id)s and subject = any(%(subjects)s::text[])) o
join subscription s on s.tenant_id = %(tenant_id)s and s.subscription_id = o.subscription_id
order by s.key;

-- name: find_phases
-- The phases of some subscriptions, each with its items as arrays.
select p.subscription_id, p.phase_no, p.change_no, p.plan_key, p.plan_version, p.anchor,
       p.interval_months, p.interval_days, p.starts_at, p.track, p.ends_at,
       p.keeps, i.numbers, i.of_plan, i.prices, i.advances, i.opens, i.owned,
       i.commitments
from subscription_phase p
cross join lateral (
    select coalesce(array_agg(item_no order by item_no), '{}') as numbers,
           coalesce(array_agg(plan_item_no order by item_no), '{}') as of_plan,
           coalesce(array_agg(price_key order by item_no), '{}') as prices,
           coalesce(array_agg(in_advance order by item_no), '{}') as advances,
           coalesce(array_agg(nullif(opens_at, p.starts_at) order by item_no), '{}') as opens,
           coalesce(array_agg(own order by item_no), '{}') as owned,
           coalesce(array_agg(is_commitment order by item_no), '{}') as commitments
    from subscription_item i
    where i.tenant_id = p.tenant_id and i.subscription_id = p.subscription_id
      and i.phase_no = p.phase_no) i
where p.tenant_id = %(tenant_id)s and p.subscription_id = any(%(subscription_ids)s)
order by p.subscription_id, p.phase_no;

-- name: billed_until
-- How far the items of each phase of some subscriptions are billed that are billed in arrears.
select b.subscription_id, i.phase_no, max(b.ends_at) from billed_period b
join subscription_item i on i.tenant_id = b.tenant_id and i.subscription_id = b.subscription_id
    and i.item_no = b.item_no
where b.tenant_id = %(tenant_id)s and b.subscription_id = any(%(subscription_ids)s)
  and b.invoice_id is not null and not i.in_advance
group by 1, 2;

-- name: on_older_versions
-- Contracts that have or will have a version of a plan before another one, from an instant on; those of one
-- customer beside one another.
select distinct s.key, s.customer_id
from subscription_phase p
join subscription s on s.tenant_id = p.tenant_id and s.subscription_id = p.subscription_id
where p.tenant_id = %(tenant_id)s and p.plan_key = %(plan_key)s and p.plan_version < %(version)s
  and coalesce(p.ends_at > greatest(p.starts_at, %(at)s), true)
  and (%(keys)s::text[] is null or s.key = any(%(keys)s))
order by s.customer_id, s.key;

-- name: terms_coming_up
-- Contracts of which a term ends, or a sign of that comes, between two days. Lengths of terms are few: each
-- is looked up once, and of each the terms that end in the time asked for, or did so many lengths before.
-- Four days allow for month ends and for clocks of other places.
with recursive lengths as (
    (select t.every_months, t.every_days, t.lead_days from subscription_term t
     where t.tenant_id = %(tenant_id)s
     order by t.every_months, t.every_days, t.lead_days limit 1)
    union all
    select n.every_months, n.every_days, n.lead_days from lengths l
    cross join lateral (
        select t.every_months, t.every_days, t.lead_days from subscription_term t
        where t.tenant_id = %(tenant_id)s
          and (t.every_months, t.every_days, t.lead_days) > (l.every_months, l.every_days, l.lead_days)
        order by t.every_months, t.every_days, t.lead_days limit 1) n
), spans as (
    select l.*, %(first)s::date - 4 as since, %(last)s::date + l.lead_days + 4 as until,
           greatest(l.every_months * 28 + l.every_days, 1) as least,
           (select min(t.ends_on) from subscription_term t
            where t.tenant_id = %(tenant_id)s and t.every_months = l.every_months
              and t.every_days = l.every_days and t.lead_days = l.lead_days) as oldest
    from lengths l
), windows as (
    select p.every_months, p.every_days, p.lead_days,
           make_interval(months => n * p.every_months, days => n * p.every_days) as later,
           (p.since - make_interval(months => n * p.every_months, days => n * p.every_days))::date as since,
           (p.until - make_interval(months => n * p.every_months, days => n * p.every_days))::date as until
    from spans p
    cross join lateral generate_series(
        0, case when p.every_months + p.every_days = 0 then 0
                else greatest(p.until - p.oldest, 0) / p.least end) n
)
select distinct s.key from windows w
join subscription_term t on t.tenant_id = %(tenant_id)s and t.every_months = w.every_months
    and t.every_days = w.every_days and t.lead_days = w.lead_days
    and t.ends_on between w.since - 4 and w.until + 4
    and coalesce(t.ends_on + w.later <= t.until + 4, true)
join subscription s on s.tenant_id = t.tenant_id and s.subscription_id = t.subscription_id
    and coalesce(s.ends_on >= %(first)s::date - 4, true)
order by s.key;

-- name: paid_beyond
-- A contract of a customer of which something was billed that somebody paid from an instant on.
select s.key from subscription s
join subscription_item i on i.tenant_id = s.tenant_id and i.subscription_id = s.subscription_id
join billed_period b on b.tenant_id = i.tenant_id and b.subscription_id = i.subscription_id
    and b.item_no = i.item_no and b.invoice_id is not null
where s.tenant_id = %(tenant_id)s and s.customer_id = %(customer_id)s
  and case when i.in_advance then b.starts_at >= %(at)s else b.ends_at > %(at)s end
order by s.key limit 1;

-- name: due_items
-- Items that may be due by as_of, of a range of customers: never too few, and hardly ever too many.
-- A period that begins on a boundary is a full interval long (four days allow for month ends and
-- clock changes); only a phase's first period can be shorter, or its last.
select s.customer_id, s.subscription_id, s.key, p.plan_key, p.plan_version, s.currency, s.subject,
       p.anchor, p.interval_months, p.interval_days, s.time_zone, i.opens_at, p.ends_at, i.item_no,
       i.plan_item_no, i.in_advance, c.ends_at as covered_until, i.own,
       i.own <> '' and p.follows as follows,
       i.own <> '' and p.is_followed as is_followed,
       i.in_advance and i.item_no = any(p.keeps) as is_kept, p.track, i.is_commitment
from subscription s
join phase_in_row p on p.tenant_id = s.tenant_id and p.subscription_id = s.subscription_id
join subscription_item i on i.tenant_id = p.tenant_id and i.subscription_id = p.subscription_id
    and i.phase_no = p.phase_no
cross join lateral (
    select b.ends_at from billed_period b
    where b.tenant_id = i.tenant_id and b.subscription_id = i.subscription_id
      and b.item_no = i.item_no
    order by b.ends_at desc limit 1) c
where s.tenant_id = %(tenant_id)s
  and s.customer_id between %(first)s and %(last)s
  and (%(holders)s::uuid[] is null or s.customer_id = any(%(holders)s))
  and (p.ends_at is null or c.ends_at < p.ends_at)
  and case when i.in_advance then c.ends_at <= %(as_of)s
           else c.ends_at < %(as_of)s and (
               c.ends_at = i.opens_at or p.ends_at <= %(as_of)s
               or c.ends_at + make_interval(months => p.interval_months, days => p.interval_days)
                  <= %(as_of)s::timestamptz + interval '4 days')
      end
order by s.customer_id, s.key, i.item_no;

-- name: due_corrections
-- Billed periods in advance that a phase's end by as_of cuts off, with what was said about each last:
-- too much is charged for them. Of a range of customers, or of some subscriptions.
select s.customer_id, s.subscription_id, s.key, c.plan_key, c.plan_version, s.currency, s.subject,
       c.anchor, c.interval_months, c.interval_days, s.time_zone, c.opens_at, c.ends_at, c.item_no,
       c.plan_item_no, c.own, c.follows, c.is_followed, c.billed_from, c.invoice_id, c.line_no,
       c.step, c.said_charged, c.said_prepaid, c.said_until, c.track
from subscription s
cross join lateral (
    select p.track, p.plan_key, p.plan_version, p.anchor, p.interval_months, p.interval_days, i.opens_at, p.ends_at,
           i.item_no, i.plan_item_no, i.own, i.own <> '' and p.follows as follows,
           i.own <> '' and p.is_followed as is_followed, b.starts_at as billed_from, b.invoice_id,
           b.line_no, b.step, b.said_charged, b.said_prepaid, b.said_until
    from phase_in_row p
    join subscription_item i on i.tenant_id = p.tenant_id and i.subscription_id = p.subscription_id
        and i.phase_no = p.phase_no and i.in_advance and not i.item_no = any(p.keeps)
    join period_said b on b.tenant_id = i.tenant_id and b.subscription_id = i.subscription_id
        and b.item_no = i.item_no and b.ends_at > p.ends_at and b.invoice_id is not null
    where p.tenant_id = s.tenant_id and p.subscription_id = s.subscription_id
      and p.ends_at <= %(as_of)s and not b.taken_back
      and b.said_until > greatest(p.ends_at, b.starts_at)
    offset 0) c  -- contract by contract: whatever is rare among all of them would else be looked for in all
where s.tenant_id = %(tenant_id)s and s.customer_id between %(first)s and %(last)s
  and (%(holders)s::uuid[] is null or s.customer_id = any(%(holders)s))
  and (%(ids)s::uuid[] is null or s.subscription_id = any(%(ids)s))
order by s.customer_id, s.key, c.item_no, c.billed_from;

-- name: commitments_again
-- Billed periods of commitments in which something was corrected, or billed later, with what was said about
-- each last: they may come to something else now.
select s.customer_id, s.subscription_id, s.key, p.plan_key, p.plan_version, s.currency, s.subject,
       p.anchor, p.interval_months, p.interval_days, s.time_zone, i.opens_at, i.item_no,
       i.plan_item_no, i.own,
       b.starts_at as billed_from, b.invoice_id, b.line_no, b.step, b.said_charged,
       b.said_prepaid, b.said_until
from subscription_item i
join subscription_phase p on p.tenant_id = i.tenant_id and p.subscription_id = i.subscription_id
    and p.phase_no = i.phase_no
join subscription s on s.tenant_id = i.tenant_id and s.subscription_id = i.subscription_id
join period_said b on b.tenant_id = i.tenant_id and b.subscription_id = i.subscription_id
    and b.item_no = i.item_no and b.ends_at <= %(as_of)s and b.invoice_id is not null
where i.tenant_id = %(tenant_id)s and i.is_commitment
  and s.customer_id between %(first)s and %(last)s
  and (%(holders)s::uuid[] is null or s.customer_id = any(%(holders)s))
  and not b.taken_back
  and (exists (
      select from period_correction o
      where o.tenant_id = i.tenant_id and o.subscription_id = i.subscription_id
        and o.item_no <> i.item_no and not o.taken_back
        and o.starts_at < b.ends_at and o.ends_before > b.starts_at)
    or exists (
      select from billed_period o
      join invoice later on later.tenant_id = o.tenant_id and later.invoice_id = o.invoice_id
      join journal_event made on made.tenant_id = later.tenant_id and made.event_id = later.event_id
      join invoice said on said.tenant_id = b.tenant_id and said.invoice_id = b.invoice_id
      join journal_event told on told.tenant_id = said.tenant_id and told.event_id = said.event_id
      where o.tenant_id = i.tenant_id and o.subscription_id = i.subscription_id
        and o.item_no <> i.item_no and o.starts_at < b.ends_at and o.ends_at > b.starts_at
        and (made.epoch, made.xid, made.seq) > (told.epoch, told.xid, told.seq)))
order by s.customer_id, s.key, i.item_no, b.starts_at;

-- name: counted
-- What was charged so far of some contracts within spans of time, by price: what is in advance where it
-- begins, everything else where it ends. Commitments themselves are not counted.
select w.n, i.price_key, sum(b.said_charged)
from unnest(%(ids)s::uuid[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
    with ordinality w (subscription_id, starts_at, ends_at, n)
join subscription_item i on i.tenant_id = %(tenant_id)s and i.subscription_id = w.subscription_id
    and not i.is_commitment
join period_said b on b.tenant_id = i.tenant_id and b.subscription_id = i.subscription_id
    and b.item_no = i.item_no and b.invoice_id is not null
    and case when i.in_advance then b.starts_at >= w.starts_at and b.starts_at < w.ends_at
             else b.ends_at > w.starts_at and b.ends_at <= w.ends_at end
group by w.n, i.price_key;

-- name: given_back
-- Until when the items of each phase of some subscriptions are charged, where time was given back.
select c.subscription_id, i.phase_no, min(c.ends_at) from period_correction c
join subscription_item i on i.tenant_id = c.tenant_id and i.subscription_id = c.subscription_id
    and i.item_no = c.item_no
where c.tenant_id = %(tenant_id)s and c.subscription_id = any(%(subscription_ids)s)
  and not c.taken_back and c.ends_at < c.ends_before
group by 1, 2;

-- name: open_items
-- The items of some subscriptions with their last billed period; starts_at null: nothing is billed yet.
select s.customer_id, s.subscription_id, s.key, p.plan_key, p.plan_version, s.currency, s.subject,
       p.anchor, p.interval_months, p.interval_days, s.time_zone, i.opens_at, p.ends_at, i.item_no,
       i.plan_item_no, i.in_advance, c.starts_at as billed_from, c.ends_at as covered_until, i.own,
       i.own <> '' and p.follows as follows,
       i.own <> '' and p.is_followed as is_followed,
       i.in_advance and i.item_no = any(p.keeps) as is_kept
from subscription s
join phase_in_row p on p.tenant_id = s.tenant_id and p.subscription_id = s.subscription_id
join subscription_item i on i.tenant_id = p.tenant_id and i.subscription_id = p.subscription_id
    and i.phase_no = p.phase_no
cross join lateral (
    select b.starts_at, b.ends_at from billed_period b
    where b.tenant_id = i.tenant_id and b.subscription_id = i.subscription_id
      and b.item_no = i.item_no
    order by b.ends_at desc limit 1) c
where s.tenant_id = %(tenant_id)s and s.subscription_id = any(%(subscription_ids)s)
order by s.customer_id, s.key, i.item_no;

-- name: item_frames
-- Who agreed to some items, by which clock, anchor and rule their periods are counted, since when they are
-- billed in their phase, until when, whose usage they bill, and whether other phases are on both sides.
select i.subscription_id, i.item_no, s.customer_id, p.anchor, p.interval_months, p.interval_days, s.time_zone,
       i.opens_at, p.ends_at, s.subject, i.own,
       i.own <> '' and exists (
           select from subscription_phase o
           where o.tenant_id = p.tenant_id and o.subscription_id = p.subscription_id
             and o.track = p.track and o.ends_at = p.starts_at and o.starts_at < o.ends_at) as follows,
       i.own <> '' and exists (
           select from subscription_phase o
           where o.tenant_id = p.tenant_id and o.subscription_id = p.subscription_id
             and o.track = p.track and o.starts_at = p.ends_at
             and coalesce(o.ends_at > o.starts_at, true)) as is_followed
from unnest(%(subscriptions)s::uuid[], %(items)s::int[]) as w(subscription_id, item_no)
join subscription_item i on i.tenant_id = %(tenant_id)s and i.subscription_id = w.subscription_id
    and i.item_no = w.item_no
join subscription_phase p on p.tenant_id = %(tenant_id)s and p.subscription_id = i.subscription_id
    and p.phase_no = i.phase_no
join subscription s on s.tenant_id = %(tenant_id)s and s.subscription_id = i.subscription_id;

-- name: overlapping_phases
-- Phases that begin before another one of the same track ends; what has no length is nowhere.
select s.key || ' phase ' || o.phase_no from (
    select subscription_id, phase_no, starts_at,
           max(coalesce(ends_at, 'infinity')) over (
               partition by subscription_id, track order by starts_at, phase_no
               rows between unbounded preceding and 1 preceding) as busy_until
    from subscription_phase
    where tenant_id = %(tenant_id)s and coalesce(ends_at > starts_at, true)) o
join subscription s on s.tenant_id = %(tenant_id)s and s.subscription_id = o.subscription_id
where o.busy_until > o.starts_at
limit 100;
