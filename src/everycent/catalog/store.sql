-- name: newest
-- The newest version of everything, or of one kind, or of one entity.
select distinct on (kind, key) kind, key, version, at, content from catalog_version
where tenant_id = %(tenant_id)s
  and (%(kind)s::text is null or kind = %(kind)s) and (%(key)s::text is null or key = %(key)s)
order by kind, key, version desc;

-- name: terms
-- The newest versions of what everything is billed by.
select distinct on (kind, key) kind, key, version, content from catalog_version
where tenant_id = %(tenant_id)s and kind in ('intake', 'policies', 'tax')
order by kind, key, version desc;

-- name: newest_page
-- The same in order of kind and key, from behind one of them on.
select distinct on (kind, key) kind, key, version, at, content from catalog_version
where tenant_id = %(tenant_id)s
  and (%(kind)s::text is null or kind = %(kind)s)
  and (%(after_kind)s::text is null or (kind, key) > (%(after_kind)s, %(after_key)s))
order by kind, key, version desc limit %(limit)s;

-- name: version_row
select kind, key, version, at, content from catalog_version
where tenant_id = %(tenant_id)s and kind = %(kind)s and key = %(key)s and version = %(version)s;

-- name: versions_page
-- The versions of a thing, the newest first, from before one of them on.
select kind, key, version, at, content from catalog_version
where tenant_id = %(tenant_id)s and kind = %(kind)s and key = %(key)s
  and (%(before)s::int is null or version < %(before)s)
order by version desc limit %(limit)s;

-- name: read_version
select content from catalog_version
where tenant_id = %(tenant_id)s and kind = %(kind)s and key = %(key)s and version = %(version)s;

-- name: read_plans
-- Some versions of plans.
select v.key, v.version, v.content
from unnest(%(keys)s::text[], %(versions)s::int[]) as w(key, version)
join catalog_version v on v.tenant_id = %(tenant_id)s and v.kind = 'plan' and v.key = w.key
    and v.version = w.version;
-- name: versions
-- Since when the versions of a thing hold.
select version, at from catalog_version
where tenant_id = %(tenant_id)s and kind = %(kind)s and key = %(key)s order by version;

-- name: lock_catalog
-- Two people applying a catalogue at once take turns.
select pg_advisory_xact_lock(hashtextextended('everycent.catalog', %(tenant_id)s));
