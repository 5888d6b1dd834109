-- Late usage that bills have to follow: a work list, found again from the records at any time.

-- Days of a series to which something was added, or of which something was taken back, by folds since
-- the mark; of meters whose late usage is billed, up to the end of what was billed by then.
create table late_usage (
    tenant_id int not null,
    subject_id int not null,
    meter_id int not null,
    day date not null,
    fold_id bigint not null,
    primary key (tenant_id, subject_id, meter_id, day)
);

-- Up to which fold the list is complete, for which meters.
create table late_mark (
    tenant_id int not null references tenant,
    fold_id bigint not null,
    meters int[] not null,
    primary key (tenant_id)
);

do $$
declare name text;
begin
    foreach name in array array['late_usage', 'late_mark'] loop
        execute format('alter table everycent.%I enable row level security', name);
        execute format('alter table everycent.%I force row level security', name);
        execute format(
            'create policy own_tenant on everycent.%I '
            'using (tenant_id = (select everycent.current_tenant())) '
            'with check (tenant_id = (select everycent.current_tenant()))', name);
        execute format('grant select, insert, update on everycent.%I to everycent_app', name);
    end loop;
end $$;
