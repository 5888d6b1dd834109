-- name: find_subscriptions
-- With their items as two arrays, by key.
select s.subscription_id, s.customer_id, s.key, s.plan_key, s.plan_version, s.currency, s.subject,
       s.anchor, s.interval_months, s.interval_days, s.time_zone, s.starts_on, s.starts_at, s.ends_on,
       s.ends_at, i.numbers, i.prices, i.advances
from subscription s
cross join lateral (
    select array_agg(item_no order by item_no) as numbers,
           array_agg(price_key order by item_no) as prices,
           array_agg(in_advance order by item_no) as advances
    from subscription_item i
    where i.tenant_id = s.tenant_id and i.subscription_id = s.subscription_id) i
where s.tenant_id = %(tenant_id)s
  and (%(keys)s::text[] is null or s.key = any(%(keys)s))
  and (%(customer_id)s::uuid is null or s.customer_id = %(customer_id)s)
  and (%(customer_ids)s::uuid[] is null or s.customer_id = any(%(customer_ids)s)
       or s.subject = any(%(subjects)s::text[]))
  and s.key > %(after)s
order by s.key limit %(limit)s;

-- name: billed_until
-- How far the items in arrears of a subscription are billed.
select max(b.ends_at) from billed_period b
join subscription_item i on i.tenant_id = b.tenant_id and i.subscription_id = b.subscription_id
    and i.item_no = b.item_no and not i.in_advance
where b.tenant_id = %(tenant_id)s and b.subscription_id = %(subscription_id)s
  and b.invoice_id is not null;

-- name: due_items
-- Items that may be due by as_of, of a range of customers: never too few, and hardly ever too many.
-- A period that begins on a boundary is a full interval long (four days allow for month ends and
-- clock changes); only a contract's first period can be shorter, or its last.
select s.customer_id, s.subscription_id, s.key, s.plan_key, s.plan_version, s.currency, s.subject,
       s.anchor, s.interval_months, s.interval_days, s.time_zone, s.starts_at, s.ends_at, i.item_no, i.in_advance,
       c.ends_at as covered_until
from subscription s
join subscription_item i on i.tenant_id = s.tenant_id and i.subscription_id = s.subscription_id
cross join lateral (
    select b.ends_at from billed_period b
    where b.tenant_id = i.tenant_id and b.subscription_id = i.subscription_id
      and b.item_no = i.item_no
    order by b.ends_at desc limit 1) c
where s.tenant_id = %(tenant_id)s
  and s.customer_id between %(first)s and %(last)s
  and (s.ends_at is null or c.ends_at < s.ends_at)
  and case when i.in_advance then c.ends_at <= %(as_of)s
           else c.ends_at < %(as_of)s and (
               c.ends_at = s.starts_at or s.ends_at <= %(as_of)s
               or c.ends_at + make_interval(months => s.interval_months, days => s.interval_days)
                  <= %(as_of)s::timestamptz + interval '4 days')
      end
order by s.customer_id, s.key, i.item_no;

-- name: open_items
-- The items of some subscriptions with their last billed period; starts_at null: nothing is billed yet.
select s.customer_id, s.subscription_id, s.key, s.plan_key, s.plan_version, s.currency, s.subject,
       s.anchor, s.interval_months, s.interval_days, s.time_zone, s.starts_at, s.ends_at, i.item_no,
       i.in_advance, c.starts_at as billed_from, c.ends_at as covered_until
from subscription s
join subscription_item i on i.tenant_id = s.tenant_id and i.subscription_id = s.subscription_id
cross join lateral (
    select b.starts_at, b.ends_at from billed_period b
    where b.tenant_id = i.tenant_id and b.subscription_id = i.subscription_id
      and b.item_no = i.item_no
    order by b.ends_at desc limit 1) c
where s.tenant_id = %(tenant_id)s and s.subscription_id = any(%(subscription_ids)s)
order by s.customer_id, s.key, i.item_no;
