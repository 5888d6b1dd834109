-- Access: when a key was used last, what was answered to requests that may come twice, and who did what.

-- Beside the keys and not in them: it follows from no event.
create table api_key_use (
    tenant_id int not null,
    key_id uuid not null,
    used_at timestamptz not null,
    primary key (tenant_id, key_id),
    foreign key (tenant_id, key_id) references api_key
);
create function check_api_key_use() returns trigger language plpgsql as $$
begin
    if new.used_at < old.used_at and new.tenant_id = old.tenant_id then
        new.used_at = old.used_at;
    end if;
    return new;
end $$;
create trigger forward before update on api_key_use
    for each row execute function check_api_key_use();

-- What was answered to a request with an Idempotency-Key. One that is not answered yet was begun, by a request
-- that has transactions of its own; begun at the epoch, it was refused.
create table request_answer (
    tenant_id int not null references tenant,
    key text not null check (length(key) between 1 and 255),
    digest bytea not null check (octet_length(digest) = 32),
    begun_at timestamptz not null,
    answered_at timestamptz check (answered_at >= begun_at),
    status smallint check (status between 200 and 299),
    headers text,
    body bytea,
    check ((answered_at is null) = (status is null) and (status is null) = (body is null)
           and (status is null) = (headers is null)),
    primary key (tenant_id, key)
);
create function check_request_answer() returns trigger language plpgsql as $$
begin
    if old.status is not null or new.key <> old.key
       or new.digest <> old.digest and old.begun_at <> 'epoch' then
        raise exception 'an answer does not change'
            using errcode = 'check_violation', constraint = 'request_answer_frozen';
    end if;
    return new;
end $$;
create trigger frozen before update on request_answer
    for each row execute function check_request_answer();
-- The application deletes nothing: this forgets some that were begun more than 30 days ago, or were refused.
create function forget_answers(most int) returns int
language plpgsql security definer set search_path = everycent, pg_temp as $$
declare
    forgotten int;
begin
    delete from request_answer
    where tenant_id = (select everycent.current_tenant()) and key in (
        select key from request_answer
        where tenant_id = (select everycent.current_tenant()) and begun_at < now() - interval '30 days'
        order by begun_at limit most for update skip locked);
    get diagnostics forgotten = row_count;
    return forgotten;
end $$;
create index request_answer_begun on request_answer (tenant_id, begun_at);  -- the oldest are forgotten first

-- Who did what, or tried to, from where.
create table audit_entry (
    tenant_id int not null references tenant,
    entry_id uuid not null,
    at timestamptz not null,
    actor text not null check (length(actor) between 1 and 200),
    address text not null check (length(address) <= 100),
    agent text not null check (length(agent) <= 200),
    operation text not null check (length(operation) between 1 and 100),
    path text not null check (length(path) <= 500),
    status smallint not null check (status between 100 and 599),
    code text not null check (length(code) <= 100),
    request_id text not null check (length(request_id) <= 100),
    primary key (tenant_id, entry_id)
);
create index audit_entry_at on audit_entry (tenant_id, at desc, entry_id desc);
create trigger immutable before update or delete or truncate on audit_entry
    for each statement execute function refuse_change();

do $$
declare name text;
begin
    foreach name in array array['api_key_use', 'request_answer', 'audit_entry'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy own_tenant on %I'
            ' using (tenant_id = (select everycent.current_tenant()))'
            ' with check (tenant_id = (select everycent.current_tenant()))', name);
    end loop;
end $$;
grant select, insert, update on api_key_use, request_answer to everycent_app;
grant select, insert on audit_entry to everycent_app;
revoke all on function forget_answers(int) from public;
grant execute on function forget_answers(int) to everycent_app;
