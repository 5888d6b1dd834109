-- name: claim_messages
-- Messages whose time has come and that nobody is delivering, for so long.
insert into message_claim (tenant_id, message_id, claimed_until)
select s.tenant_id, s.message_id, clock_timestamp() + %(lease)s::interval
from message_state s
join message m on m.tenant_id = s.tenant_id and m.message_id = s.message_id
left join message_claim c on c.tenant_id = s.tenant_id and c.message_id = s.message_id
where s.tenant_id = %(tenant_id)s and s.status = 'waiting' and s.next_at <= %(at)s
  and m.kind = any(%(kinds)s) and coalesce(c.claimed_until, '-infinity') < clock_timestamp()
order by s.next_at, s.message_id limit %(limit)s
on conflict (tenant_id, message_id) do update set claimed_until = excluded.claimed_until
where message_claim.claimed_until < clock_timestamp()
returning message_id;

-- name: lock_states
-- Where messages stand, which nobody changes until the transaction ends.
select s.message_id, s.status, s.tries, s.next_at, s.reason, s.is_broken
from message_state s
where s.tenant_id = %(tenant_id)s and s.message_id = any(%(ids)s)
order by s.message_id for no key update;

-- name: release_claims
update message_claim set claimed_until = '-infinity'
where tenant_id = %(tenant_id)s and message_id = any(%(ids)s);

-- name: messages
-- Messages with where they stand, the newest first.
select m.message_id, m.told, m.at, s.status, s.tries, s.next_at, s.reason, s.is_broken,
       s.changed_at, c.key as customer
from message m
join message_state s on s.tenant_id = m.tenant_id and s.message_id = m.message_id
left join customer c on c.tenant_id = m.tenant_id and c.customer_id = m.customer_id
where m.tenant_id = %(tenant_id)s
  and (%(ids)s::uuid[] is null or m.message_id = any(%(ids)s))
  and (%(status)s::text is null or s.status = %(status)s)
  and (%(before)s::uuid is null or (m.at, m.message_id) < (
       select b.at, b.message_id from message b
       where b.tenant_id = %(tenant_id)s and b.message_id = %(before)s))
order by m.at desc, m.message_id desc limit %(limit)s;

-- name: broken_messages
-- Messages at which we failed ourselves and that are not delivered, the oldest first.
select s.message_id, m.occasion, s.reason from message_state s
join message m on m.tenant_id = s.tenant_id and m.message_id = s.message_id
where s.tenant_id = %(tenant_id)s and s.is_broken
order by m.at, m.message_id limit %(limit)s;

-- name: count_waiting
-- How many messages whose time has come wait, by kind.
select m.kind, count(*) from message_state s
join message m on m.tenant_id = s.tenant_id and m.message_id = s.message_id
where s.tenant_id = %(tenant_id)s and s.status = 'waiting' and s.next_at <= %(at)s
group by 1;
