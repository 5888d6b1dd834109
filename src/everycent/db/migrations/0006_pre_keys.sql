-- API keys: who may call the HTTP interface, for which tenant, and what for. Only the SHA-256 of a key is
-- kept. The rows follow from events; a revoked key stays as a row.

create table api_key (
    tenant_id int not null references tenant,
    key_id uuid not null,
    name text not null check (length(name) between 1 and 200),
    digest bytea not null unique check (octet_length(digest) = 32),
    scopes text[] not null check (cardinality(scopes) > 0),
    created_at timestamptz not null,
    revoked_at timestamptz check (revoked_at >= created_at),
    expires_at timestamptz check (expires_at > created_at),
    networks text[] not null,
    primary key (tenant_id, key_id)
);

-- A key is looked up before its tenant is known. Only the owner's function below may, and only by a
-- digest, which nobody can make who does not have the key.
alter table api_key enable row level security;
alter table api_key force row level security;
create policy own_tenant on api_key using (
    tenant_id = (select current_tenant())
    or (current_user = 'everycent_owner'
        and digest = decode(nullif(current_setting('everycent.key_digest', true), ''), 'hex'))
) with check (tenant_id = (select current_tenant()));
grant select, insert, update on api_key to everycent_app;

-- What a key that is not revoked allows, for which tenant, until when and from where; no row for any other
-- digest. The tenant's name is told to an operator's transaction only.
create function find_api_key(wanted bytea)
returns table (tenant_id int, slug text, key_id uuid, scopes text[], expires_at timestamptz, networks text[])
language plpgsql security definer set search_path = everycent, pg_temp as $$
begin
    perform set_config('everycent.key_digest', encode(wanted, 'hex'), true);
    return query select k.tenant_id, t.slug, k.key_id, k.scopes, k.expires_at, k.networks
        from api_key k join tenant t on t.tenant_id = k.tenant_id
        where k.digest = wanted and k.revoked_at is null;
    perform set_config('everycent.key_digest', '', true);
end $$;
revoke all on function find_api_key(bytea) from public;
grant execute on function find_api_key(bytea) to everycent_app;
