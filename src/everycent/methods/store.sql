-- name: list_methods
select told from payment_method
where tenant_id = %(tenant_id)s
  and (%(customer_ids)s::uuid[] is null or customer_id = any(%(customer_ids)s))
  and (%(ids)s::uuid[] is null or method_id = any(%(ids)s))
order by customer_id, state, rank;
