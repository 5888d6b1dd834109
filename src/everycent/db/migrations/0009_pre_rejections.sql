-- What was rejected at the doors, counted: records that could not be taken, by day (UTC), door and code.
-- The records themselves are not kept; whoever sent them was told.

create table usage_rejection (
    tenant_id int not null references tenant,
    day date not null,
    door text not null check (door in ('http', 'file', 'program')),
    code text not null check (code ~ '^[a-z_]+\.[a-z_]+$'),
    records bigint not null check (records > 0),
    primary key (tenant_id, day, door, code)
);

alter table usage_rejection enable row level security;
alter table usage_rejection force row level security;
create policy own_tenant on usage_rejection
    using (tenant_id = (select current_tenant())) with check (tenant_id = (select current_tenant()));
grant select, insert on usage_rejection to everycent_app;
-- Only the number changes: which day, door and code a row counts does not.
grant update (records) on usage_rejection to everycent_app;
