-- name: find_tenant
select tenant_id, slug, name, created_at from tenant where slug = %(slug)s;

-- name: own_tenant
select tenant_id, slug, name, created_at from tenant where tenant_id = %(tenant_id)s;

-- name: list_tenants
select tenant_id, slug, name, created_at from tenant order by slug;

-- name: insert_tenant
insert into tenant (slug, name, created_at) values (%(slug)s, %(name)s, %(at)s)
on conflict (slug) do nothing returning tenant_id;

-- name: page_of_tenants
-- By slug, from behind one on.
select tenant_id, slug, name, created_at from tenant where slug > %(after)s order by slug limit %(limit)s;
