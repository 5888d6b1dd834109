-- name: find_subscriptions
-- By key.
select s.subscription_id, s.customer_id, s.key, s.currency, s.subject, s.time_zone, s.starts_on,
       s.starts_at, s.changes, s.changes_made, s.ends_on, s.ends_at
from subscription s
where s.tenant_id = %(tenant_id)s
  and (%(keys)s::text[] is null or s.key = any(%(keys)s))
  and (%(customer_id)s::uuid is null or s.customer_id = %(customer_id)s)
  and (%(customer_ids)s::uuid[] is null or s.customer_id = any(%(customer_ids)s)
       or s.subject = any(%(subjects)s::text[]))
  and s.key > %(after)s
order by s.key limit %(limit)s;

-- name: find_phases
-- The phases of some subscriptions, each with its items as arrays.
select p.subscription_id, p.phase_no, p.change_no, p.plan_key, p.plan_version, p.anchor,
       p.interval_months, p.interval_days, p.starts_at, p.track, p.ends_at,
       p.keeps, i.numbers, i.of_plan, i.prices, i.advances, i.opens, i.rules
from subscription_phase p
cross join lateral (
    select array_agg(item_no order by item_no) as numbers,
           array_agg(plan_item_no order by item_no) as of_plan,
           array_agg(price_key order by item_no) as prices,
           array_agg(in_advance order by item_no) as advances,
           array_agg(nullif(opens_at, p.starts_at) order by item_no) as opens,
           array_agg(proration order by item_no) as rules
    from subscription_item i
    where i.tenant_id = p.tenant_id and i.subscription_id = p.subscription_id
      and i.phase_no = p.phase_no) i
where p.tenant_id = %(tenant_id)s and p.subscription_id = any(%(subscription_ids)s)
order by p.subscription_id, p.phase_no;

-- name: billed_until
-- How far the items of each phase of a subscription are billed that are billed in arrears.
select i.phase_no, max(b.ends_at) from billed_period b
join subscription_item i on i.tenant_id = b.tenant_id and i.subscription_id = b.subscription_id
    and i.item_no = b.item_no
where b.tenant_id = %(tenant_id)s and b.subscription_id = %(subscription_id)s
  and b.invoice_id is not null and not i.in_advance
group by 1;

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
       i.plan_item_no, i.in_advance, c.ends_at as covered_until, i.proration,
       i.proration <> '' and exists (
           select from subscription_phase o
           where o.tenant_id = p.tenant_id and o.subscription_id = p.subscription_id
             and o.track = p.track and o.ends_at = p.starts_at and o.starts_at < o.ends_at) as follows,
       i.proration <> '' and exists (
           select from subscription_phase o
           where o.tenant_id = p.tenant_id and o.subscription_id = p.subscription_id
             and o.track = p.track and o.starts_at = p.ends_at
             and coalesce(o.ends_at > o.starts_at, true)) as is_followed
from subscription s
join subscription_phase p on p.tenant_id = s.tenant_id and p.subscription_id = s.subscription_id
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
select s.customer_id, s.subscription_id, s.key, p.plan_key, p.plan_version, s.currency, s.subject,
       p.anchor, p.interval_months, p.interval_days, s.time_zone, i.opens_at, p.ends_at, i.item_no,
       i.plan_item_no, i.proration,
       i.proration <> '' and exists (
           select from subscription_phase o
           where o.tenant_id = p.tenant_id and o.subscription_id = p.subscription_id
             and o.track = p.track and o.ends_at = p.starts_at and o.starts_at < o.ends_at) as follows,
       i.proration <> '' and exists (
           select from subscription_phase o
           where o.tenant_id = p.tenant_id and o.subscription_id = p.subscription_id
             and o.track = p.track and o.starts_at = p.ends_at
             and coalesce(o.ends_at > o.starts_at, true)) as is_followed,
       b.starts_at as billed_from, b.invoice_id, b.line_no, coalesce(c.step, 0) as step,
       coalesce(c.charged, b.charged) as charged, coalesce(c.ends_at, b.ends_at) as charged_until
from subscription_phase p
join subscription s on s.tenant_id = p.tenant_id and s.subscription_id = p.subscription_id
join subscription_item i on i.tenant_id = p.tenant_id and i.subscription_id = p.subscription_id
    and i.phase_no = p.phase_no and i.in_advance
join billed_period b on b.tenant_id = i.tenant_id and b.subscription_id = i.subscription_id
    and b.item_no = i.item_no and b.ends_at > p.ends_at and b.invoice_id is not null
left join lateral (
    select c.step, c.charged, c.ends_at, c.taken_back from period_correction c
    where c.tenant_id = b.tenant_id and c.subscription_id = b.subscription_id
      and c.item_no = b.item_no and c.starts_at = b.starts_at
    order by c.step desc limit 1) c on true
where p.tenant_id = %(tenant_id)s and p.ends_at <= %(as_of)s and not i.item_no = any(p.keeps)
  and s.customer_id between %(first)s and %(last)s
  and (%(holders)s::uuid[] is null or s.customer_id = any(%(holders)s))
  and (%(ids)s::uuid[] is null or s.subscription_id = any(%(ids)s))
  and c.taken_back is not true
  and coalesce(c.ends_at, b.ends_at) > greatest(p.ends_at, b.starts_at)
order by s.customer_id, s.key, i.item_no, b.starts_at;

-- name: given_back
-- Until when the items of each phase of a subscription are charged, where time was given back.
select i.phase_no, min(c.ends_at) from period_correction c
join subscription_item i on i.tenant_id = c.tenant_id and i.subscription_id = c.subscription_id
    and i.item_no = c.item_no
where c.tenant_id = %(tenant_id)s and c.subscription_id = %(subscription_id)s and not c.taken_back
  and c.ends_at < c.ends_before
group by 1;

-- name: open_items
-- The items of some subscriptions with their last billed period; starts_at null: nothing is billed yet.
select s.customer_id, s.subscription_id, s.key, p.plan_key, p.plan_version, s.currency, s.subject,
       p.anchor, p.interval_months, p.interval_days, s.time_zone, i.opens_at, p.ends_at, i.item_no,
       i.plan_item_no, i.in_advance, c.starts_at as billed_from, c.ends_at as covered_until, i.proration,
       i.proration <> '' and exists (
           select from subscription_phase o
           where o.tenant_id = p.tenant_id and o.subscription_id = p.subscription_id
             and o.track = p.track and o.ends_at = p.starts_at and o.starts_at < o.ends_at) as follows,
       i.proration <> '' and exists (
           select from subscription_phase o
           where o.tenant_id = p.tenant_id and o.subscription_id = p.subscription_id
             and o.track = p.track and o.starts_at = p.ends_at
             and coalesce(o.ends_at > o.starts_at, true)) as is_followed
from subscription s
join subscription_phase p on p.tenant_id = s.tenant_id and p.subscription_id = s.subscription_id
join subscription_item i on i.tenant_id = p.tenant_id and i.subscription_id = p.subscription_id
    and i.phase_no = p.phase_no
cross join lateral (
    select b.starts_at, b.ends_at from billed_period b
    where b.tenant_id = i.tenant_id and b.subscription_id = i.subscription_id
      and b.item_no = i.item_no
    order by b.ends_at desc limit 1) c
where s.tenant_id = %(tenant_id)s and s.subscription_id = any(%(subscription_ids)s)
order by s.customer_id, s.key, i.item_no;
