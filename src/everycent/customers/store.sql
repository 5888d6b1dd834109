-- name: find_by_keys
select customer_id, key, name, currency, time_zone, email, address, tax_id, tax_status, tax_reason,
       group_key
from customer
where tenant_id = %(tenant_id)s and key = any(%(keys)s);

-- name: find_by_ids
select customer_id, key, name, currency, time_zone, email, address, tax_id, tax_status, tax_reason,
       group_key
from customer
where tenant_id = %(tenant_id)s and customer_id = any(%(ids)s);

-- name: list_page
select customer_id, key, name, currency, time_zone, email, address, tax_id, tax_status, tax_reason,
       group_key
from customer
where tenant_id = %(tenant_id)s and key > %(after)s order by key limit %(limit)s;

-- name: lock_range
-- Locks customers for the rest of the transaction: nobody else writes to their streams meanwhile.
select customer_id, key, name, currency, time_zone, email, address, tax_id, tax_status, tax_reason,
       group_key
from customer
where tenant_id = %(tenant_id)s and customer_id between %(first)s and %(last)s
order by customer_id for no key update;

-- name: payers_of
-- Who pays for some customers, in order of time.
select customer_id, payer_id, starts_on, starts_at, reason from customer_payer
where tenant_id = %(tenant_id)s and customer_id = any(%(ids)s) order by customer_id, starts_at;

-- name: payers_around
-- The same for the customers of a range of ids, and for those for whom somebody of it pays at any time.
select customer_id, payer_id, starts_on, starts_at, reason from customer_payer
where tenant_id = %(tenant_id)s and customer_id between %(first)s and %(last)s
union
select o.customer_id, o.payer_id, o.starts_on, o.starts_at, o.reason
from customer_payer p
join customer_payer o on o.tenant_id = p.tenant_id and o.customer_id = p.customer_id
where p.tenant_id = %(tenant_id)s and p.payer_id between %(first)s and %(last)s
order by customer_id, starts_at;

-- name: lock_ids
select customer_id, key, name, currency, time_zone, email, address, tax_id, tax_status, tax_reason,
       group_key
from customer
where tenant_id = %(tenant_id)s and customer_id = any(%(ids)s)
order by customer_id for no key update;
