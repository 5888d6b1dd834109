-- Reports: configurations as named versions, and what sub-services said was used in a period.

create table report_config (
    tenant_id int not null references tenant,
    name text not null check (name ~ '^[a-z0-9][a-z0-9._-]{0,39}$'),
    digest text not null check (digest ~ '^[0-9a-f]{64}$'),
    services int not null check (services > 0),
    told text not null,
    created_at timestamptz not null,
    actor text not null,
    primary key (tenant_id, name)
);
create trigger immutable before update or delete or truncate on report_config
    for each statement execute function refuse_change();

-- Which version held since when: a chain without gaps, of which the last one holds.
create table report_activation (
    tenant_id int not null references tenant,
    number int not null check (number > 0),
    number_before int generated always as (nullif(number - 1, 0)) stored,
    name text not null,
    name_before text,
    at timestamptz not null,
    actor text not null,
    reason text not null,
    check ((number = 1) = (name_before is null)),
    check (name <> name_before),
    primary key (tenant_id, number),
    unique (tenant_id, number, name),
    foreign key (tenant_id, name) references report_config (tenant_id, name),
    foreign key (tenant_id, number_before, name_before) references report_activation (tenant_id, number, name)
);
create trigger immutable before update or delete or truncate on report_activation
    for each statement execute function refuse_change();

-- Where the pulling of a period stands.
create table report_state (
    tenant_id int not null references tenant,
    name text not null check (name ~ '^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$'),
    status text not null check (status in ('pulling', 'refused', 'built')),
    attempt_id uuid not null,
    config text not null,
    tries int not null check (tries > 0),
    next_at timestamptz,
    told text not null,
    changed_at timestamptz not null,
    check ((status = 'refused') = (next_at is not null)),
    primary key (tenant_id, name),
    foreign key (tenant_id, config) references report_config (tenant_id, name)
);

-- What was built stays; an attempt ends as one that was begun.
create function check_report_state() returns trigger language plpgsql as $$
begin
    if new.tenant_id = old.tenant_id and (
        old.status = 'built'
        or new.status <> 'pulling' and (old.status <> 'pulling' or new.attempt_id <> old.attempt_id))
    then
        raise exception 'the pulling of % does not go from % to %', new.name, old.status, new.status
            using errcode = 'check_violation', constraint = 'report_state_transition';
    end if;
    return new;
end $$;
create trigger transition before update on report_state
    for each row execute function check_report_state();

-- A report; those of a tenant never overlap.
create table report (
    tenant_id int not null references tenant,
    name text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    config text not null,
    services int not null check (services > 0),
    lines int not null check (lines >= 0),
    billed int not null check (billed between 0 and lines),
    digest text not null check (digest ~ '^[0-9a-f]{64}$'),
    built_at timestamptz not null,
    event_id uuid not null,
    check (starts_at < ends_at),
    primary key (tenant_id, name),
    foreign key (tenant_id, name) references report_state (tenant_id, name),
    foreign key (tenant_id, config) references report_config (tenant_id, name),
    constraint report_once exclude using gist (
        int4range(tenant_id, tenant_id, '[]') with &&, tstzrange(starts_at, ends_at) with &&)
);
create trigger immutable before update or delete or truncate on report
    for each statement execute function refuse_change();

create table report_part (
    tenant_id int not null,
    name text not null,
    service text not null,
    snapshot text not null,
    resources int not null check (resources >= 0),
    lines int not null check (lines >= 0),
    digest text not null check (digest ~ '^[0-9a-f]{64}$'),
    told text not null,
    primary key (tenant_id, name, service),
    foreign key (tenant_id, name) references report (tenant_id, name)
);
create trigger immutable before update or delete or truncate on report_part
    for each statement execute function refuse_change();

-- What the sub-services said, line by line. Like usage records they are a store of their own; the digests of
-- the parts, which stand in the journal, hold them.
create table report_line (
    tenant_id int not null,
    name text not null,
    service text not null,
    line_no int not null check (line_no > 0),
    customer text not null,
    resource text not null,
    item text not null,
    unit text not null,
    at timestamptz not null,
    at_told text not null,
    used text not null,
    included text not null,
    billable text not null,
    events bigint not null check (events >= 0),
    subject text not null,
    meter text not null,
    value text not null,
    check (used::numeric = included::numeric + billable::numeric and included::numeric >= 0
           and billable::numeric >= 0),
    primary key (tenant_id, name, service, line_no),
    unique (tenant_id, name, service, resource, item),
    foreign key (tenant_id, name, service) references report_part (tenant_id, name, service)
);
create index report_line_customer on report_line (tenant_id, customer, name);
create trigger immutable before update or delete or truncate on report_line
    for each statement execute function refuse_change();

-- A report has a part of every sub-service of its configuration, and every line that its parts say.
create function check_report() returns trigger language plpgsql as $$
begin
    if new.services <> (select services from report_config c
                        where c.tenant_id = new.tenant_id and c.name = new.config)
       or new.services <> (select count(*) from report_part p
                           where p.tenant_id = new.tenant_id and p.name = new.name)
       or exists (
           select from report_part p
           where p.tenant_id = new.tenant_id and p.name = new.name and p.lines <> (
               select count(*) from report_line l
               where l.tenant_id = p.tenant_id and l.name = p.name and l.service = p.service))
       or new.lines <> (select sum(p.lines) from report_part p
                        where p.tenant_id = new.tenant_id and p.name = new.name)
    then
        raise exception 'the report % is not complete', new.name
            using errcode = 'check_violation', constraint = 'report_complete';
    end if;
    return null;
end $$;
create constraint trigger complete after insert on report deferrable initially deferred
    for each row execute function check_report();

-- Evidence: what a sub-service answered that could not be believed, word for word.
create table report_answer (
    tenant_id int not null references tenant,
    answer_id uuid not null,
    service text not null,
    call text not null,
    status int,
    raw bytea not null,
    digest bytea not null check (digest = sha256(raw)),
    at timestamptz not null,
    primary key (tenant_id, answer_id)
);
create trigger immutable before update or delete or truncate on report_answer
    for each statement execute function refuse_change();

-- Work list, not part of the truth: who pulls a report right now.
create table report_claim (
    tenant_id int not null references tenant,
    name text not null,
    claimed_until timestamptz not null,
    primary key (tenant_id, name)
);

do $$
declare
    name text;
    immutable text[] := array['report_config', 'report_activation', 'report', 'report_part',
                              'report_line', 'report_answer'];
    mutable text[] := array['report_state', 'report_claim'];
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
