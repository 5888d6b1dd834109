-- Rights and row-level security for every table, in one place.

do $$
declare
    name text;
    immutable text[] := array[
        'journal_event', 'journal_checkpoint', 'ledger_account', 'ledger_entry', 'ledger_posting',
        'catalog_version', 'usage_name', 'usage_key', 'usage_record', 'billed_period',
        'invoice', 'invoice_line', 'invoice_tax', 'invoice_usage', 'billing_parked'];
    mutable text[] := array[
        'customer', 'subscription', 'subscription_item', 'number_series', 'usage_batch',
        'usage_rollup', 'billing_run', 'billing_chunk'];
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
grant select, insert on journal_epoch to everycent_app;
grant usage on all sequences in schema everycent to everycent_app;
revoke all on function ensure_usage_month(date) from public;
grant execute on function ensure_usage_month(date) to everycent_app;
