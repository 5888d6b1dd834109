-- Webhooks: endpoints, their secrets, how far each has come in the journal, and what is on its way.
create table webhook_endpoint (
    tenant_id int not null references tenant,
    endpoint_id uuid not null,
    key text not null check (key ~ '^[a-z0-9][a-z0-9_-]{0,59}$'),
    url text not null check (url ~ '^https?://' and length(url) <= 1400),
    is_enabled boolean not null,
    told text not null,
    changed_at timestamptz not null,
    primary key (tenant_id, endpoint_id),
    unique (tenant_id, key),
    unique (tenant_id, endpoint_id, url)
);

-- What webhooks are signed with, unreadable without a key that is not in here. A secret belongs to a URL: the
-- URL can't change while there are some, so that no other receiver gets what the first one can check. One that
-- signs no longer is empty.
create table webhook_secret (
    tenant_id int not null,
    endpoint_id uuid not null,
    fingerprint text not null check (fingerprint ~ '^[0-9a-f]{16}$'),
    url text,
    sealed bytea check (octet_length(sealed) between 40 and 200),
    made_at timestamptz not null,
    check ((url is null) = (sealed is null)),
    primary key (tenant_id, endpoint_id, fingerprint),
    constraint webhook_secret_url foreign key (tenant_id, endpoint_id, url)
        references webhook_endpoint (tenant_id, endpoint_id, url)
);

-- How far an endpoint has come in the journal: up to the event at (epoch, xid, seq) each that it wants has a
-- number, the last of them `number`. `failures` in a row, since `failing_since`; it is left alone up to
-- `rests_until`. `is_troubled`: it was disabled by us, and nothing came through since.
create table webhook_progress (
    tenant_id int not null,
    endpoint_id uuid not null,
    epoch int not null,
    xid xid8 not null,
    seq bigint not null,
    number bigint not null check (number >= 0),
    failures int not null default 0 check (failures >= 0),
    failing_since timestamptz,
    rests_until timestamptz,
    succeeded_at timestamptz,
    is_troubled boolean not null default false,
    check ((failures = 0) = (failing_since is null)),
    primary key (tenant_id, endpoint_id),
    foreign key (tenant_id, endpoint_id) references webhook_endpoint (tenant_id, endpoint_id)
);

create function check_webhook_progress() returns trigger language plpgsql as $$
begin
    if (new.epoch, new.xid, new.seq) < (old.epoch, old.xid, old.seq) or new.number < old.number then
        raise exception 'an endpoint does not go back in the journal'
            using errcode = 'check_violation', constraint = 'webhook_progress_forward';
    end if;
    return new;
end $$;
create trigger forward before update on webhook_progress
    for each row execute function check_webhook_progress();

-- Places from which numbers can be counted again: where an endpoint began, where it began to want something
-- else, and every so often. From here on `types` count, and the next one is `number` + 1.
create table webhook_mark (
    tenant_id int not null,
    endpoint_id uuid not null,
    epoch int not null,
    xid xid8 not null,
    seq bigint not null,
    number bigint not null check (number >= 0),
    types text not null,
    primary key (tenant_id, endpoint_id, epoch, xid, seq),
    foreign key (tenant_id, endpoint_id) references webhook_endpoint (tenant_id, endpoint_id)
);
create index webhook_mark_number on webhook_mark (tenant_id, endpoint_id, number);

-- What is on its way or failed, and the last that came through. `claims` counts those who have taken it up:
-- only the last of them says what came of it.
create table webhook_delivery (
    tenant_id int not null,
    endpoint_id uuid not null,
    number bigint not null check (number > 0),
    event_id uuid not null,
    stream text not null,
    type text not null,
    status text not null check (status in ('waiting', 'delivered', 'failed')),
    tries int not null default 0 check (tries >= 0),
    next_at timestamptz,
    claims int not null default 0 check (claims >= 0),
    claimed_until timestamptz not null default '-infinity',
    answered int,
    reason text not null default '',
    tried_at timestamptz,
    check ((status = 'waiting') = (next_at is not null)),
    primary key (tenant_id, endpoint_id, number),
    unique (tenant_id, endpoint_id, event_id),
    foreign key (tenant_id, endpoint_id) references webhook_endpoint (tenant_id, endpoint_id),
    foreign key (tenant_id, event_id) references journal_event (tenant_id, event_id)
);
create index webhook_delivery_waiting on webhook_delivery (tenant_id, endpoint_id, stream, number)
    where status = 'waiting';
create index webhook_delivery_due on webhook_delivery (tenant_id, endpoint_id, number)
    where status = 'waiting';
create index webhook_delivery_failed on webhook_delivery (tenant_id, endpoint_id, number)
    where status = 'failed';

-- A delivery tells of its event for ever.
create function check_webhook_delivery() returns trigger language plpgsql as $$
begin
    if (new.event_id, new.stream, new.type) <> (old.event_id, old.stream, old.type) then
        raise exception 'a delivery does not change what it tells'
            using errcode = 'check_violation', constraint = 'webhook_delivery_frozen';
    end if;
    return new;
end $$;
create trigger frozen before update on webhook_delivery
    for each row execute function check_webhook_delivery();

do $$
declare
    name text;
begin
    foreach name in array array['webhook_endpoint', 'webhook_secret', 'webhook_progress', 'webhook_mark',
                                'webhook_delivery'] loop
        execute format('alter table everycent.%I enable row level security', name);
        execute format('alter table everycent.%I force row level security', name);
        execute format(
            'create policy own_tenant on everycent.%I '
            'using (tenant_id = (select everycent.current_tenant())) '
            'with check (tenant_id = (select everycent.current_tenant()))', name);
        execute format('grant select, insert, update on everycent.%I to everycent_app', name);
    end loop;
end $$;

-- What came through is the journal's to tell: all but the last two hundred of an endpoint are forgotten. The
-- application deletes nothing, so the owner does, of the tenant that is at work.
create function forget_webhooks(endpoint uuid) returns void
language sql security definer set search_path = everycent, pg_temp as $$
    delete from webhook_delivery d
    where d.tenant_id = current_tenant() and d.endpoint_id = endpoint and d.status = 'delivered'
      and d.number <= (select p.number - 200 from webhook_progress p
                       where p.tenant_id = current_tenant() and p.endpoint_id = endpoint)
$$;
revoke all on function forget_webhooks(uuid) from public;
grant execute on function forget_webhooks(uuid) to everycent_app;
