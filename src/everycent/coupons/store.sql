-- name: lock_coupon
-- Two people who apply the same coupon take turns: its applications are counted.
select pg_advisory_xact_lock(hashtextextended('everycent.coupon/' || %(coupon)s, %(tenant_id)s));

-- name: count_applied
select count(*) from coupon_application where tenant_id = %(tenant_id)s and coupon = %(coupon)s;

-- name: held_of
-- What the customers of a range of ids were given, in order of customer and number, with what was taken.
select a.customer_id, a.content, u.use_no, u.redemption_no, u.rest
from coupon_application a
left join lateral (
    select use_no, redemption_no, rest from coupon_use
    where tenant_id = a.tenant_id and application_id = a.application_id
    order by use_no desc limit 1) u on true
where a.tenant_id = %(tenant_id)s and a.customer_id between %(first)s and %(last)s
order by a.customer_id, a.order_no;

-- name: list_held
-- The same for everybody, or one customer, with the customer's key and what was taken in all.
select c.key as customer, c.currency, a.content, u.uses, u.redemptions, u.rest, u.taken
from coupon_application a
join customer c on c.tenant_id = a.tenant_id and c.customer_id = a.customer_id
cross join lateral (
    select count(*) as uses, coalesce(max(redemption_no), 0) as redemptions,
           coalesce(sum(amount), 0)::bigint as taken,
           coalesce((array_agg(rest order by use_no desc))[1], 0) as rest
    from coupon_use where tenant_id = a.tenant_id and application_id = a.application_id) u
where a.tenant_id = %(tenant_id)s
  and (%(customer_id)s::uuid is null or a.customer_id = %(customer_id)s)
  and (%(after)s::uuid is null or (c.key, a.order_no) > (
      select d.key, b.order_no from coupon_application b
      join customer d on d.tenant_id = b.tenant_id and d.customer_id = b.customer_id
      where b.tenant_id = %(tenant_id)s and b.application_id = %(after)s))
order by c.key, a.order_no limit %(limit)s;

-- name: find_application
select content from coupon_application
where tenant_id = %(tenant_id)s and coupon = %(coupon)s and number = %(number)s;

-- name: broken_uses
-- Coupons whose uses don't run from 1 on one after the other, or that were used more often than they may.
select a.coupon || '-' || a.number || ' use ' || u.use_no
from (select *, lag(use_no) over w as use_before, lag(redemption_no) over w as redemption_before,
             lag(rest) over w as rest_before
      from coupon_use where tenant_id = %(tenant_id)s
      window w as (partition by application_id order by use_no)) u
left join coupon_application a on a.tenant_id = u.tenant_id and a.application_id = u.application_id
where a.application_id is null or u.use_no <> coalesce(u.use_before, 0) + 1
   or u.redemption_no - coalesce(u.redemption_before, 0) not in (0, 1)
   or (u.redemption_no = coalesce(u.redemption_before, 0) and coalesce(u.rest_before, 0) = 0)
   or u.times is distinct from a.times or u.redemption_no > a.times
limit 100;
