-- name: find_api_key
-- By digest, whosever it is; see 0006_pre_keys.sql.
select tenant_id, slug, key_id, scopes, expires_at, networks from find_api_key(%(digest)s);

-- name: lock_key
select key_id, name, digest, scopes, created_at, revoked_at, expires_at, networks from api_key
where tenant_id = %(tenant_id)s and key_id = %(key_id)s for no key update;

-- name: list_keys
select k.key_id, k.name, k.scopes, k.created_at, k.revoked_at, k.expires_at,
    k.networks, u.used_at
from api_key k left join api_key_use u on u.tenant_id = k.tenant_id and u.key_id = k.key_id
where k.tenant_id = %(tenant_id)s order by k.created_at, k.key_id;

-- name: note_use
insert into api_key_use (tenant_id, key_id, used_at) values (%(tenant_id)s, %(key_id)s, %(at)s)
on conflict (tenant_id, key_id) do update set used_at = excluded.used_at;

-- name: take_turn
-- Whether nobody else works on a request with this key, until the transaction ends.
select pg_try_advisory_xact_lock(hashtextextended('request ' || %(tenant_id)s || ' ' || %(key)s, 0));

-- name: find_answer
select digest, begun_at, status, headers, body from request_answer
where tenant_id = %(tenant_id)s and key = %(key)s;

-- name: begin_answer
insert into request_answer (tenant_id, key, digest, begun_at)
values (%(tenant_id)s, %(key)s, %(digest)s, %(at)s)
on conflict (tenant_id, key) do update set begun_at = excluded.begun_at, digest = excluded.digest;

-- name: forget_answer
-- What was begun was refused, and did nothing.
update request_answer set begun_at = 'epoch'
where tenant_id = %(tenant_id)s and key = %(key)s and status is null;

-- name: keep_answer
insert into request_answer
    (tenant_id, key, digest, begun_at, answered_at, status, headers, body)
values (%(tenant_id)s, %(key)s, %(digest)s, %(at)s, %(at)s, %(status)s, %(headers)s, %(body)s)
-- What was refused before under this key is no more: the key is this request's now.
on conflict (tenant_id, key) do update set digest = excluded.digest,
    begun_at = case when request_answer.begun_at = 'epoch' then excluded.begun_at
                    else request_answer.begun_at end,
    answered_at = greatest(excluded.answered_at, request_answer.begun_at),
    status = excluded.status, headers = excluded.headers, body = excluded.body;

-- name: forget_answers
select forget_answers(%(most)s);

-- name: add_entry
insert into audit_entry
    (tenant_id, entry_id, at, actor, address, agent, operation, path, status, code, request_id)
values (%(tenant_id)s, %(entry_id)s, %(at)s, %(actor)s, %(address)s, %(agent)s, %(operation)s, %(path)s,
        %(status)s, %(code)s, %(request_id)s);

-- name: entries
-- The newest first; of those before one, of an actor, of an operation, within a time.
select entry_id, at, actor, address, agent, operation, path, status, code, request_id
from audit_entry
where tenant_id = %(tenant_id)s
  and (%(actor)s::text is null or actor = %(actor)s)
  and (%(operation)s::text is null or operation = %(operation)s)
  and (%(start)s::timestamptz is null or at >= %(start)s)
  and (%(end)s::timestamptz is null or at < %(end)s)
  and (%(before)s::uuid is null or (at, entry_id) < (
      select b.at, b.entry_id from audit_entry b
      where b.tenant_id = %(tenant_id)s and b.entry_id = %(before)s))
order by at desc, entry_id desc limit %(limit)s;

-- name: find_members
-- By the person, in whatever tenant; see 0021_pre_members.sql.
select tenant_id, slug, member_id, role, is_bound
from find_members(%(issuer)s, %(subject)s, %(email)s);

-- name: list_members
select member_id, role, email, issuer, subject, added_at, bound_at, removed_at from member
where tenant_id = %(tenant_id)s and (%(is_former)s or removed_at is null)
  and (%(after)s::uuid is null or (added_at, member_id) > (
      select b.added_at, b.member_id from member b
      where b.tenant_id = %(tenant_id)s and b.member_id = %(after)s))
order by added_at, member_id limit %(limit)s;

-- name: lock_members
-- Those who are members, each held until the transaction ends.
select member_id, role, email, issuer, subject, added_at, bound_at, removed_at from member
where tenant_id = %(tenant_id)s and removed_at is null order by member_id for no key update;

-- name: find_member
select member_id, role, email, issuer, subject, added_at, bound_at, removed_at from member
where tenant_id = %(tenant_id)s and member_id = %(member_id)s;
