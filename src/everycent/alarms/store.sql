-- name: lock_source
-- Whoever says what is wrong with something takes turns with others who do.
select pg_advisory_xact_lock(hashtextextended('everycent.alarms.' || %(source)s, %(tenant_id)s));

-- name: open_of_source
select alarm_id, source, kind, severity, subject, message, raised_at, acknowledged_at, acknowledged_by,
       resolved_at, resolved_by, reason
from alarm where tenant_id = %(tenant_id)s and source = %(source)s and resolved_at is null
order by raised_at, alarm_id;

-- name: listed
-- Alarms, the newest first: those that are open, or all; of a kind or severity, and before one of them.
select alarm_id, source, kind, severity, subject, message, raised_at, acknowledged_at, acknowledged_by,
       resolved_at, resolved_by, reason
from alarm
where tenant_id = %(tenant_id)s and (not %(is_open)s or resolved_at is null)
  and (%(kind)s::text is null or kind = %(kind)s)
  and (%(severity)s::text is null or severity = %(severity)s)
  and (%(before)s::uuid is null or (raised_at, alarm_id) < (
      select b.raised_at, b.alarm_id from alarm b
      where b.tenant_id = %(tenant_id)s and b.alarm_id = %(before)s))
order by raised_at desc, alarm_id desc limit %(limit)s;

-- name: lock_alarm
select alarm_id, source, kind, severity, subject, message, raised_at, acknowledged_at, acknowledged_by,
       resolved_at, resolved_by, reason
from alarm where tenant_id = %(tenant_id)s and alarm_id = %(alarm_id)s for no key update;

-- name: alarm
select alarm_id, source, kind, severity, subject, message, raised_at, acknowledged_at, acknowledged_by,
       resolved_at, resolved_by, reason
from alarm where tenant_id = %(tenant_id)s and alarm_id = %(alarm_id)s;

-- name: untold
-- Documents that wait for a person, and no alarm was raised about them. Of more than a thousand at once the
-- first thousand have one.
select d.reference from (
    select s.tenant_id, s.erp, s.document_id from erp_state s
    join erp_document o on o.tenant_id = s.tenant_id and o.erp = s.erp and o.document_id = s.document_id
    where s.tenant_id = %(tenant_id)s and s.status in ('aborted', 'parked')
    order by s.batch_no, o.place limit 1000) w
join erp_document d on d.tenant_id = w.tenant_id and d.erp = w.erp and d.document_id = w.document_id
where not exists (
    select from alarm a
    where a.tenant_id = w.tenant_id and a.source = 'erp ' || w.erp and a.subject = d.reference
      and a.kind in ('erp.aborted', 'erp.parked'))
limit 100;
