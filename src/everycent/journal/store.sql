-- name: heads
-- The last version and hash of each of the given streams. From here on events of this transaction stand in
-- the journal's order after all that this statement can see: of their own stream, and of others that change
-- the same rows.
select s.stream, h.version, h.hash,
       set_config('everycent.order_floor',
                  (pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1)::text, true)
from unnest(%(streams)s::text[]) as s(stream)
left join lateral (
    select version, hash from journal_event e
    where e.tenant_id = %(tenant_id)s and e.stream = s.stream
    order by version desc limit 1) h on true;

-- name: read_stream
-- A stream from a version on.
select event_id, stream, version, type, schema_version, at, recorded_at, actor, cause, payload, hash
from journal_event
where tenant_id = %(tenant_id)s and stream = %(stream)s and version >= %(version)s
order by version limit %(limit)s;

-- name: read_event
-- One event by its id.
select event_id, stream, version, type, schema_version, at, recorded_at, actor, cause, payload, hash
from journal_event
where tenant_id = %(tenant_id)s and event_id = %(event_id)s;

-- name: read_since
-- Events after a cursor, in the order of (epoch, xid, seq), up to the oldest transaction still
-- running: an event below it could otherwise appear later behind a reader's back.
select event_id, stream, version, type, schema_version, at, recorded_at, actor, cause, payload, hash,
       epoch, xid::text::bigint as xid, seq
from journal_event
where tenant_id = %(tenant_id)s
  and (epoch, xid, seq) > (%(epoch)s, %(xid)s::text::xid8, %(seq)s)
  and (xid < pg_snapshot_xmin(pg_current_snapshot()) or epoch < current_epoch())
order by epoch, xid, seq
limit %(limit)s;

-- name: read_headings_since
-- The same without payloads: for whoever wants few of the events.
select event_id, stream, version, type, at, recorded_at, epoch, xid::text::bigint as xid, seq
from journal_event
where tenant_id = %(tenant_id)s
  and (epoch, xid, seq) > (%(epoch)s, %(xid)s::text::xid8, %(seq)s)
  and (xid < pg_snapshot_xmin(pg_current_snapshot()) or epoch < current_epoch())
order by epoch, xid, seq
limit %(limit)s;

-- name: read_found
-- Events of a stream, or of some types, after a cursor and up to another one; in the order and up to the
-- transaction of read_since.
select event_id, stream, version, type, schema_version, at, recorded_at, actor, cause, payload, hash,
       epoch, xid::text::bigint as xid, seq
from journal_event
where tenant_id = %(tenant_id)s
  and (%(stream)s::text is null or stream = %(stream)s)
  and (%(types)s::text[] is null or type = any(%(types)s))
  and (epoch, xid, seq) > (%(epoch)s, %(xid)s::text::xid8, %(seq)s)
  and (%(upto_epoch)s::int is null
       or (epoch, xid, seq) <= (%(upto_epoch)s, %(upto_xid)s::text::xid8, %(upto_seq)s))
  and (xid < pg_snapshot_xmin(pg_current_snapshot()) or epoch < current_epoch())
order by epoch, xid, seq
limit %(limit)s;

-- name: cursor_after
-- The place so many events after a cursor; none where there are not so many.
select epoch, xid::text::bigint as xid, seq from journal_event
where tenant_id = %(tenant_id)s
  and (epoch, xid, seq) > (%(epoch)s, %(xid)s::text::xid8, %(seq)s)
  and (xid < pg_snapshot_xmin(pg_current_snapshot()) or epoch < current_epoch())
order by epoch, xid, seq
offset %(events)s limit 1;

-- name: read_all
-- The whole journal in order, for replay.
select event_id, stream, version, type, schema_version, at, recorded_at, actor, cause, payload, hash
from journal_event
where tenant_id = %(tenant_id)s
order by epoch, xid, seq;

-- name: read_chains
-- The whole journal stream by stream, for checking the chain.
select event_id, stream, version, type, schema_version, at, recorded_at, actor, cause, payload, hash
from journal_event
where tenant_id = %(tenant_id)s
order by stream, version;

-- name: fence
-- Where the set of finished transactions ends: every event below is there for good.
select current_epoch() as epoch, pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xid,
       (select coalesce(max(seq), 0) from journal_event where tenant_id = %(tenant_id)s) as seq;

-- name: heads_below
-- The last event of every stream below a fence, in an order that no locale can change.
select stream, version, hash from (
    select distinct on (stream) stream, version, hash
    from journal_event
    where tenant_id = %(tenant_id)s
      and (epoch < %(epoch)s or (epoch = %(epoch)s and xid < %(xid)s::text::xid8))
    order by stream, version desc) h
order by stream collate "C";

-- name: lock_checkpoints
-- Two people sealing at once take turns.
select pg_advisory_xact_lock(hashtextextended('everycent.checkpoint', %(tenant_id)s));

-- name: last_checkpoint
select * from journal_checkpoint where tenant_id = %(tenant_id)s
order by checkpoint_no desc limit 1;

-- name: checkpoints
select checkpoint_no, recorded_at, epoch, xid::text::bigint as xid, seq, streams, events,
       root, previous, digest, public_key, signature
from journal_checkpoint where tenant_id = %(tenant_id)s order by checkpoint_no;

-- name: insert_checkpoint
insert into journal_checkpoint (tenant_id, checkpoint_no, recorded_at, epoch, xid, seq, streams,
    events, root, previous, digest, public_key, signature)
values (%(tenant_id)s, %(checkpoint_no)s, %(recorded_at)s, %(epoch)s, %(xid)s::text::xid8, %(seq)s,
    %(streams)s, %(events)s, %(root)s, %(previous)s, %(digest)s, %(public_key)s, %(signature)s);

-- name: count_events
select count(*) from journal_event where tenant_id = %(tenant_id)s;

-- name: list_written
-- What this transaction has appended so far, in savepoints too: rows that are seen though their writer is still
-- in progress. (A snapshot does not tell: our own number counts as done in it once a later one is.) xmin has the
-- lower half of the writer's number; the number meant is the one nearest to ours.
select event_id, stream, version, type, payload from journal_event
where tenant_id = %(tenant_id)s
  and (epoch, xid) >= (current_epoch(), pg_current_xact_id())
  and pg_xact_status(
      (pg_current_xact_id()::text::numeric - 2147483648
       + mod(xmin::text::numeric - pg_current_xact_id()::text::numeric + 2147483648 * 3::numeric
             + 4294967296 * div(pg_current_xact_id()::text::numeric, 4294967296), 4294967296)
      )::text::xid8) = 'in progress'
order by epoch, xid, seq;
