-- Watching usage: thresholds and when they were crossed, and gaps in series that should not have any.

create table usage_threshold (
    tenant_id int not null references tenant,
    key text not null check (key ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}$'),
    version int not null check (version > 0),
    customer_id uuid,
    subject text,
    meter text,
    value numeric not null check (value > 0),
    is_removed boolean not null,
    check (num_nonnulls(customer_id, subject) = 1),
    primary key (tenant_id, key),
    foreign key (tenant_id, customer_id) references customer
);

-- Once per threshold and period: the key is the promise. A threshold that is set anew may be crossed anew.
create table usage_crossing (
    tenant_id int not null,
    key text not null,
    version int not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    value numeric not null,
    reached numeric not null check (reached >= value),
    unit text not null,
    as_of timestamptz not null,
    event_id uuid not null,
    primary key (tenant_id, key, version, starts_at),
    foreign key (tenant_id, key) references usage_threshold
);
create trigger immutable before update or delete or truncate on usage_crossing
    for each statement execute function refuse_change();

-- A gap begins at the last record before it, or where the term began. It is open until records fill it,
-- or somebody says why none will, or it turns out to be none; `allowed_minutes` was allowed when it opened.
create table usage_gap (
    tenant_id int not null references tenant,
    subject text not null,
    meter text not null,
    starts_at timestamptz not null,
    noticed_at timestamptz not null,
    allowed_minutes int not null check (allowed_minutes >= 0),
    closed_at timestamptz check (closed_at >= noticed_at),
    outcome text not null
        check (outcome in ('open', 'filled', 'accepted', 'not_expected', 'begins_earlier')),
    check ((closed_at is null) = (outcome = 'open')),
    primary key (tenant_id, subject, meter, starts_at)
);
create index usage_gap_open on usage_gap (tenant_id) where closed_at is null;

-- Thresholds and gaps look subscriptions up by whose usage they bill.
create index subscription_subject on subscription (tenant_id, subject);

do $$
declare
    name text;
    immutable text[] := array['usage_crossing'];
    mutable text[] := array['usage_threshold', 'usage_gap'];
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
