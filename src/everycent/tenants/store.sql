-- name: find_tenant
select tenant_id, slug, name, created_at from tenant where slug = %(slug)s;

-- name: list_tenants
select tenant_id, slug, name, created_at from tenant order by slug;

-- name: insert_tenant
insert into tenant (slug, name, created_at) values (%(slug)s, %(name)s, %(at)s)
on conflict (slug) do nothing returning tenant_id;

-- name: find_api_key
-- By digest, whosever it is; see 0006_pre_keys.sql.
select tenant_id, scopes from find_api_key(%(digest)s);

-- name: lock_key
select key_id, name, digest, scopes, created_at, revoked_at from api_key
where tenant_id = %(tenant_id)s and key_id = %(key_id)s for no key update;

-- name: list_keys
select key_id, name, scopes, created_at, revoked_at from api_key
where tenant_id = %(tenant_id)s order by created_at, key_id;
