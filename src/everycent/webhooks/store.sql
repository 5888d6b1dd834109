-- name: endpoints
-- Endpoints by key with how far they have come.
select e.endpoint_id, e.told, p.epoch, p.xid::text::bigint as xid, p.seq, p.number, p.failures,
       p.failing_since, p.rests_until, p.succeeded_at, p.is_troubled,
       (select count(*) from webhook_delivery d where d.tenant_id = e.tenant_id
        and d.endpoint_id = e.endpoint_id and d.status = 'waiting') as waiting,
       (select count(*) from webhook_delivery d where d.tenant_id = e.tenant_id
        and d.endpoint_id = e.endpoint_id and d.status = 'failed') as failed
from webhook_endpoint e
join webhook_progress p on p.tenant_id = e.tenant_id and p.endpoint_id = e.endpoint_id
where e.tenant_id = %(tenant_id)s and e.key = coalesce(%(key)s, e.key) and e.key > %(after)s
order by e.key limit %(limit)s;

-- name: enabled
-- Endpoints that are told something, with how far they have come.
select e.endpoint_id, p.epoch, p.xid::text::bigint as xid, p.seq
from webhook_endpoint e
join webhook_progress p on p.tenant_id = e.tenant_id and p.endpoint_id = e.endpoint_id
where e.tenant_id = %(tenant_id)s and e.is_enabled
order by e.endpoint_id;

-- name: endpoint_id
select endpoint_id from webhook_endpoint where tenant_id = %(tenant_id)s and key = %(key)s;

-- name: lock_progress
-- How far an endpoint has come, which nobody changes until the transaction ends; whoever changes the endpoint
-- itself does this first too.
select epoch, xid::text::bigint as xid, seq, number, failures, failing_since, rests_until, succeeded_at,
       is_troubled
from webhook_progress
where tenant_id = %(tenant_id)s and endpoint_id = %(endpoint_id)s for no key update;

-- name: endpoint
select told from webhook_endpoint where tenant_id = %(tenant_id)s and endpoint_id = %(endpoint_id)s;

-- name: cursor
select epoch, xid::text::bigint as xid, seq from webhook_progress
where tenant_id = %(tenant_id)s and endpoint_id = %(endpoint_id)s;

-- name: insert_progress
insert into webhook_progress (tenant_id, endpoint_id, epoch, xid, seq, number)
values (%(tenant_id)s, %(endpoint_id)s, %(epoch)s, %(xid)s::text::xid8, %(seq)s, 0);

-- name: move_progress
update webhook_progress
set epoch = %(epoch)s, xid = %(xid)s::text::xid8, seq = %(seq)s, number = %(number)s
where tenant_id = %(tenant_id)s and endpoint_id = %(endpoint_id)s;

-- name: set_health
update webhook_progress
set failures = %(failures)s, failing_since = %(failing_since)s, rests_until = %(rests_until)s,
    succeeded_at = %(succeeded_at)s, is_troubled = %(is_troubled)s
where tenant_id = %(tenant_id)s and endpoint_id = %(endpoint_id)s;

-- name: put_mark
insert into webhook_mark (tenant_id, endpoint_id, epoch, xid, seq, number, types)
values (%(tenant_id)s, %(endpoint_id)s, %(epoch)s, %(xid)s::text::xid8, %(seq)s, %(number)s, %(types)s)
on conflict (tenant_id, endpoint_id, epoch, xid, seq) do update set types = excluded.types;

-- name: marks_from
-- The last mark before a number, and all that follow it.
select epoch, xid::text::bigint as xid, seq, number, types from webhook_mark m
where m.tenant_id = %(tenant_id)s and m.endpoint_id = %(endpoint_id)s
  and (m.epoch, m.xid, m.seq) >= (
      select b.epoch, b.xid, b.seq from webhook_mark b
      where b.tenant_id = %(tenant_id)s and b.endpoint_id = %(endpoint_id)s and b.number < %(number)s
      order by b.epoch desc, b.xid desc, b.seq desc limit 1)
order by m.epoch, m.xid, m.seq;

-- name: insert_secret
insert into webhook_secret (tenant_id, endpoint_id, fingerprint, url, sealed, made_at)
values (%(tenant_id)s, %(endpoint_id)s, %(fingerprint)s, %(url)s, %(sealed)s, %(made_at)s);

-- name: drop_secrets
-- Empties all secrets of an endpoint but some.
update webhook_secret set sealed = null, url = null
where tenant_id = %(tenant_id)s and endpoint_id = %(endpoint_id)s and sealed is not null
  and fingerprint <> all(%(kept)s);

-- name: secrets
select endpoint_id, fingerprint, sealed from webhook_secret
where tenant_id = %(tenant_id)s and endpoint_id = any(%(endpoints)s) and sealed is not null;

-- name: count_waiting
select count(*) from webhook_delivery
where tenant_id = %(tenant_id)s and endpoint_id = %(endpoint_id)s and status = 'waiting';

-- name: put_deliveries
-- Events to be sent, from their first try on; those that are known are sent again.
insert into webhook_delivery (tenant_id, endpoint_id, number, event_id, stream, type, status, next_at)
select %(tenant_id)s, %(endpoint_id)s, n.number, n.event_id, n.stream, n.type, 'waiting', %(at)s
from unnest(%(numbers)s::bigint[], %(events)s::uuid[], %(streams)s::text[], %(types)s::text[])
     as n(number, event_id, stream, type)
on conflict (tenant_id, endpoint_id, number)
do update set status = 'waiting', tries = 0, next_at = excluded.next_at;

-- name: prune
-- Forgets what came through, but the last.
select forget_webhooks(%(endpoint_id)s);

-- name: lock_claims
-- Who takes something up does so alone, so that no endpoint gets more at once than it may.
select pg_advisory_xact_lock(hashtextextended('everycent.webhook.claim', %(tenant_id)s));

-- name: claim
-- Deliveries whose time has come and that nobody has in hand. Of one subject the first goes before the others;
-- an endpoint that failed last gets one at a time, and none while it rests.
with places as (
    select p.endpoint_id, case when p.failures > 0 then 1 else %(at_once)s end - (
        select count(*) from webhook_delivery c
        where c.tenant_id = p.tenant_id and c.endpoint_id = p.endpoint_id and c.status = 'waiting'
          and c.claimed_until > clock_timestamp()) as room
    from webhook_progress p
    join webhook_endpoint e on e.tenant_id = p.tenant_id and e.endpoint_id = p.endpoint_id
    where p.tenant_id = %(tenant_id)s and e.is_enabled
      and coalesce(p.rests_until, '-infinity') <= %(at)s),
due as (
    select d.endpoint_id, d.number from places o
    cross join lateral (
        select d.endpoint_id, d.number, d.next_at from webhook_delivery d
        where d.tenant_id = %(tenant_id)s and d.endpoint_id = o.endpoint_id and d.status = 'waiting'
          and d.next_at <= %(at)s and d.claimed_until < clock_timestamp()
          and not exists (
              select from webhook_delivery b
              where b.tenant_id = d.tenant_id and b.endpoint_id = d.endpoint_id and b.stream = d.stream
                and b.number < d.number and b.status = 'waiting')
        order by d.number limit greatest(o.room, 0)) d
    order by d.next_at, d.endpoint_id, d.number limit %(limit)s)
update webhook_delivery d
set claims = d.claims + 1, claimed_until = clock_timestamp() + %(lease)s::interval
from due where d.tenant_id = %(tenant_id)s and d.endpoint_id = due.endpoint_id and d.number = due.number
returning d.endpoint_id, d.number, d.event_id, d.claims, d.tries;

-- name: lock_delivery
-- A delivery, if nobody has taken it up since.
select tries from webhook_delivery
where tenant_id = %(tenant_id)s and endpoint_id = %(endpoint_id)s and number = %(number)s
  and claims = %(claims)s and status = 'waiting'
for no key update;

-- name: set_delivery
update webhook_delivery
set status = %(status)s, tries = %(tries)s, next_at = %(next_at)s, answered = %(answered)s,
    reason = %(reason)s, tried_at = %(at)s, claimed_until = '-infinity'
where tenant_id = %(tenant_id)s and endpoint_id = %(endpoint_id)s and number = %(number)s;

-- name: hurry
-- Whoever can be reached again is told all that waits, in its order and not as late as it was planned.
update webhook_delivery set next_at = %(at)s
where tenant_id = %(tenant_id)s and endpoint_id = %(endpoint_id)s and status = 'waiting'
  and next_at > %(at)s;

-- name: begin_anew
-- What waits is tried now, as if for the first time.
update webhook_delivery set next_at = %(at)s, tries = 0
where tenant_id = %(tenant_id)s and endpoint_id = %(endpoint_id)s and status = 'waiting';

-- name: deliveries
-- What is on its way, failed, or came through lately, the newest first.
select d.number, d.event_id, d.stream, d.type, d.status, d.tries, d.next_at, d.answered, d.reason,
       d.tried_at, d.claimed_until > clock_timestamp() as is_in_hand
from webhook_delivery d
where d.tenant_id = %(tenant_id)s and d.endpoint_id = %(endpoint_id)s
  and d.status = coalesce(%(status)s, d.status) and d.number < %(before)s
order by d.number desc limit %(limit)s;

-- name: beyond_the_fence
-- Endpoints that have read what may still get something put before it.
select e.key from webhook_progress p
join webhook_endpoint e on e.tenant_id = p.tenant_id and e.endpoint_id = p.endpoint_id
where p.tenant_id = %(tenant_id)s
  and (p.epoch, p.xid, p.seq) > (current_epoch(), pg_snapshot_xmin(pg_current_snapshot()), 0)
order by e.key limit 100;
