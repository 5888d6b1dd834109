-- Rights and row-level security for every table, in one place.

do $$
declare
    name text;
    immutable text[] := array[
        'journal_event', 'journal_checkpoint', 'ledger_account', 'ledger_entry', 'ledger_posting',
        'catalog_version', 'usage_name', 'usage_key', 'usage_record', 'usage_correction',
        'usage_reversal', 'usage_saying', 'billed_period', 'period_correction', 'invoice', 'invoice_line', 'invoice_tax',
        'invoice_usage', 'billing_parked'];
    mutable text[] := array[
        'customer', 'customer_payer', 'subscription', 'subscription_phase', 'subscription_item', 'number_series', 'usage_batch',
        'subscription_term', 'usage_day', 'billing_run', 'billing_chunk'];
begin
    foreach name in array immutable || mutable loop
        execute format('alter table everycent.%I enable row level security', name);
        execute format('alter table everycent.%I force row level security', name);
        execute format(
            'create policy own_tenant on everycent.%I '
            'using (tenant_id = (select everycent.current_tenant())) '
            'with check (tenant_id = (select everycent.current_tenant()))', name);
        execute format('grant select, insert on everycent.%I to everycent_app', name);
    end loop;
    foreach name in array mutable loop
        execute format('grant update on everycent.%I to everycent_app', name);
    end loop;
end $$;

-- The list of tenants is looked up by slug before a tenant is set; only an operator may read it whole.
alter table tenant enable row level security;
alter table tenant force row level security;
create policy own_tenant on tenant using (
    tenant_id = (select current_tenant())
    or slug = current_setting('everycent.tenant_slug', true)
    or current_setting('everycent.operator', true) = 'on'
) with check (current_setting('everycent.operator', true) = 'on');
grant select, insert on tenant to everycent_app;

-- Where an event stands in the journal's order is the database's to say, not the writer's: nobody can
-- put one where readers have been already.
revoke insert on journal_event from everycent_app;
grant insert (tenant_id, stream, version, event_id, type, schema_version, at, recorded_at, actor,
    cause, payload, hash) on journal_event to everycent_app;
grant select on journal_epoch to everycent_app;
grant usage on all sequences in schema everycent to everycent_app;
revoke all on function ensure_usage_month(date) from public;
grant execute on function ensure_usage_month(date) to everycent_app;

-- The planner is told how large a table is when that has changed much since it was told last. Autovacuum
-- does the same a minute later; a bulk load does not want to wait for it. Only the owner may.
create function refresh_statistics() returns int
language plpgsql security definer set search_path = everycent, pg_temp as $$
declare
    name text;
    refreshed int := 0;
begin
    for name in
        select c.relname from pg_class c
        where c.relnamespace = 'everycent'::regnamespace and c.relkind = 'r'
          and pg_relation_size(c.oid) / current_setting('block_size')::int > 2 * greatest(c.relpages, 4)
        order by c.relname
    loop
        execute format('analyze everycent.%I', name);
        refreshed := refreshed + 1;
    end loop;
    return refreshed;
end $$;
revoke all on function refresh_statistics() from public;
grant execute on function refresh_statistics() to everycent_app;
