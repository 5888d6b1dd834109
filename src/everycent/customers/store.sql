-- name: find_by_keys
select customer_id, key, name, currency, time_zone, email, address, tax_id, tax_status, tax_reason
from customer
where tenant_id = %(tenant_id)s and key = any(%(keys)s);

-- name: find_by_ids
select customer_id, key, name, currency, time_zone, email, address, tax_id, tax_status, tax_reason
from customer
where tenant_id = %(tenant_id)s and customer_id = any(%(ids)s);

-- name: list_page
select customer_id, key, name, currency, time_zone, email, address, tax_id, tax_status, tax_reason
from customer
where tenant_id = %(tenant_id)s and key > %(after)s order by key limit %(limit)s;

-- name: lock_range
-- Locks customers for the rest of the transaction: nobody else writes to their streams meanwhile.
select customer_id, key, name, currency, time_zone, email, address, tax_id, tax_status, tax_reason
from customer
where tenant_id = %(tenant_id)s and customer_id between %(first)s and %(last)s
order by customer_id for no key update;

-- name: payers_of
-- Who pays for some customers, in order of time.
select customer_id, payer_id, starts_on, starts_at, reason from customer_payer
where tenant_id = %(tenant_id)s and customer_id = any(%(ids)s) order by customer_id, starts_at;

-- name: paid_for
-- The customers for whom somebody of a range of ids pays at any time.
select distinct customer_id from customer_payer
where tenant_id = %(tenant_id)s and payer_id between %(first)s and %(last)s order by 1;

-- name: lock_ids
select customer_id, key, name, currency, time_zone, email, address, tax_id, tax_status, tax_reason
from customer
where tenant_id = %(tenant_id)s and customer_id = any(%(ids)s)
order by customer_id for no key update;
