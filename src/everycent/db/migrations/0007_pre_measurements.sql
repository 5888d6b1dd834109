-- Measurements: recurring ticks that write usage records, and which intervals they have covered.

create table measurement_version (
    tenant_id int not null references tenant,
    key text not null check (key ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}$'),
    version int not null check (version > 0),
    at timestamptz not null,
    content text not null,
    primary key (tenant_id, key, version)
);
create trigger immutable before update or delete or truncate on measurement_version
    for each statement execute function refuse_change();

-- The newest version of each, and whether it is halted.
create table measurement (
    tenant_id int not null references tenant,
    key text not null,
    version int not null,
    starts_at timestamptz not null,
    is_paused boolean not null,
    primary key (tenant_id, key),
    foreign key (tenant_id, key, version) references measurement_version
);

create function refuse_new_start() returns trigger language plpgsql as $$
begin
    raise exception 'a measurement begins once: the start of % is refused', new.key
        using errcode = 'restrict_violation', constraint = 'measurement_begins_once';
end $$;
create trigger begins_once before update on measurement for each row
    when (old.starts_at <> new.starts_at) execute function refuse_new_start();

-- What is covered, as a chain like that of billed periods: each interval begins where another one ends,
-- and the first row (starts_at null) ends where the measurement starts. Two can't begin or end
-- together, so no interval is measured twice; none can begin where nothing ends, so none is left out.
create table measurement_interval (
    tenant_id int not null,
    key text not null,
    starts_at timestamptz,
    ends_at timestamptz not null,
    version int not null,
    outcome text not null check (outcome in ('begun', 'taken', 'missed')),
    records int not null check (records >= 0),
    total numeric not null,
    conflicts int not null check (conflicts >= 0),
    reason text,
    event_id uuid not null,
    check (ends_at > starts_at),
    check ((starts_at is null) = (outcome = 'begun')),
    check ((reason is not null) = (outcome = 'missed')),
    check (outcome = 'taken' or (records = 0 and total = 0 and conflicts = 0)),
    primary key (tenant_id, key, ends_at),
    unique nulls not distinct (tenant_id, key, starts_at),
    foreign key (tenant_id, key, starts_at) references measurement_interval (tenant_id, key, ends_at)
);
create trigger immutable before update or delete or truncate on measurement_interval
    for each statement execute function refuse_change();

-- Only the first row of a chain has to name a measurement that exists: the others continue it.
create function check_measurement_chains() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select exists (
        select from appended n where n.starts_at is null and not exists (
            select from everycent.measurement m
            where m.tenant_id = n.tenant_id and m.key = n.key and m.starts_at = n.ends_at)) $q$
        into wrong;
    if wrong then
        raise exception 'a chain of intervals begins where its measurement starts'
            using errcode = 'foreign_key_violation', constraint = 'measurement_interval_start';
    end if;
    return null;
end $$;
create trigger begun after insert on measurement_interval
    referencing new table as appended for each statement execute function check_measurement_chains();

-- Why an interval is not measured yet; attempts = 0: nothing is wrong. Not part of the truth.
create table measurement_failure (
    tenant_id int not null,
    key text not null,
    starts_at timestamptz not null,
    code text not null,
    message text not null,
    since timestamptz not null,
    last_at timestamptz not null,
    attempts int not null check (attempts >= 0),
    primary key (tenant_id, key),
    foreign key (tenant_id, key) references measurement
);

-- What a source without memory told of the interval that is being measured: it can't be asked again.
-- Kept until the interval is covered, then null. Not part of the truth.
create table measurement_answer (
    tenant_id int not null,
    key text not null,
    starts_at timestamptz not null,
    content text,
    primary key (tenant_id, key),
    foreign key (tenant_id, key) references measurement
);

-- Who is asking a source just now, outside any transaction, and until when nobody else does. The fence
-- counts how often the work was taken on: whoever comes back with an answer and finds another number
-- was given up, and records nothing. `until` null: nobody is at it. Not part of the truth.
create table measurement_lease (
    tenant_id int not null,
    key text not null,
    worker text not null,
    fence bigint not null check (fence > 0),
    until timestamptz,
    primary key (tenant_id, key),
    foreign key (tenant_id, key) references measurement
);

do $$
declare
    name text;
    immutable text[] := array['measurement_version', 'measurement_interval'];
    mutable text[] := array[
        'measurement', 'measurement_failure', 'measurement_answer', 'measurement_lease'];
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
