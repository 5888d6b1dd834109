-- Alarms: what is wrong now, and what was. What a source says of a subject has one open alarm at most.
create table alarm (
    tenant_id int not null references tenant,
    alarm_id uuid not null,
    source text not null check (length(source) between 1 and 100),
    kind text not null check (kind ~ '^[a-z_]+\.[a-z_]+$'),
    severity text not null check (severity in ('warning', 'critical')),
    subject text not null check (length(subject) between 1 and 200),
    message text not null,
    raised_at timestamptz not null,
    acknowledged_at timestamptz,
    acknowledged_by text,
    resolved_at timestamptz,
    resolved_by text,
    reason text not null default '',
    check ((acknowledged_at is null) = (acknowledged_by is null)),
    check ((resolved_at is null) = (resolved_by is null)),
    check (acknowledged_at >= raised_at and resolved_at >= raised_at),
    primary key (tenant_id, alarm_id)
);
create unique index alarm_open on alarm (tenant_id, source, kind, subject) where resolved_at is null;

-- What an alarm says never changes, and one that is resolved stays so.
create function check_alarm() returns trigger language plpgsql as $$
begin
    if (new.source, new.kind, new.severity, new.subject, new.message, new.raised_at)
       <> (old.source, old.kind, old.severity, old.subject, old.message, old.raised_at)
       or old.resolved_at is not null and new.resolved_at is distinct from old.resolved_at
    then
        raise exception 'an alarm does not change'
            using errcode = 'check_violation', constraint = 'alarm_frozen';
    end if;
    return new;
end $$;
create trigger frozen before update on alarm for each row execute function check_alarm();

alter table alarm enable row level security;
alter table alarm force row level security;
create policy own_tenant on alarm
    using (tenant_id = (select everycent.current_tenant()))
    with check (tenant_id = (select everycent.current_tenant()));
grant select, insert, update on alarm to everycent_app;
