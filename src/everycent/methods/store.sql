-- name: list_methods
select told from payment_method
where tenant_id = %(tenant_id)s
  and (%(customer_ids)s::uuid[] is null or customer_id = any(%(customer_ids)s))
  and (%(ids)s::uuid[] is null or method_id = any(%(ids)s))
  and (%(mandates)s::text[] is null or mandate_id = any(%(mandates)s))
order by customer_id, state, rank;

-- name: lock_mandates
select pg_advisory_xact_lock(hashtextextended('everycent.mandates', %(tenant_id)s));
