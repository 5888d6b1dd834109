-- name: figures
-- What is open, by the indexes of what is open: name, labels, value. What is done is counted only where sums
-- of it are kept.
with documents as materialized (
    select erp, status, count(*) as documents, min(batch_no) as oldest from erp_state
    where tenant_id = %(tenant_id)s and status in ('initiated', 'acknowledged') group by 1, 2
    union all
    select erp, status, count(*), null from erp_state
    where tenant_id = %(tenant_id)s and status in ('aborted', 'parked') group by 1, 2),
sent as materialized (
    select erp, sum(documents) as documents from erp_batch where tenant_id = %(tenant_id)s group by 1),
unsent as materialized (
    select count(*) as documents, min(e.recorded_at) as oldest
    from invoice i
    join journal_event e on e.tenant_id = i.tenant_id and e.event_id = i.event_id
    where i.tenant_id = %(tenant_id)s and %(erp)s::text is not null and i.issued_on >= %(since)s::date
      and not exists (
          select from erp_document d
          where d.tenant_id = i.tenant_id and d.erp = %(erp)s and d.document_id = i.invoice_id)),
waiting as (
    select erp, oldest from documents w where oldest is not null),
figure (name, labels, value) as (
    select 'alarms_open', array[kind, severity], count(*) from alarm
    where tenant_id = %(tenant_id)s and resolved_at is null group by kind, severity
    union all
    select 'alarm_oldest_seconds', array[severity], extract(epoch from %(at)s - min(raised_at)) from alarm
    where tenant_id = %(tenant_id)s and resolved_at is null group by severity
    union all
    select 'erp_documents', array[erp, status], documents from documents
    union all
    select 'erp_documents', array[s.erp, 'registered'], s.documents - coalesce((
        select sum(d.documents) from documents d where d.erp = s.erp), 0)
    from sent s
    union all
    select 'erp_documents', array[%(erp)s, 'not_begun'], documents from unsent where %(erp)s::text is not null
    union all
    select 'erp_oldest_waiting_seconds', array[erp], extract(epoch from %(at)s - min(oldest))
    from (select w.erp, b.at from waiting w
          join erp_batch b on b.tenant_id = %(tenant_id)s and b.erp = w.erp and b.batch_no = w.oldest
          union all
          select %(erp)s::text, oldest from unsent where documents > 0) o (erp, oldest)
    group by erp
    union all
    select 'payment_attempts', array[kind, status], count(*) from payment_attempt
    where tenant_id = %(tenant_id)s and status not in ('succeeded', 'failed', 'cancelled') group by kind, status
    union all
    select 'payment_oldest_unknown_seconds', '{}', extract(epoch from %(at)s - min(claimed_at))
    from payment_attempt where tenant_id = %(tenant_id)s and status = 'unknown' having count(*) > 0
    union all
    select 'messages', array[m.kind, s.status], count(*) from message_state s
    join message m on m.tenant_id = s.tenant_id and m.message_id = s.message_id
    where s.tenant_id = %(tenant_id)s and s.status in ('waiting', 'failed') group by m.kind, s.status
    union all
    select 'message_oldest_waiting_seconds', '{}', extract(epoch from %(at)s - min(m.at)) from message_state s
    join message m on m.tenant_id = s.tenant_id and m.message_id = s.message_id
    where s.tenant_id = %(tenant_id)s and s.status = 'waiting' having count(*) > 0
    union all
    select 'webhooks', array[e.key, d.status], count(*) from webhook_delivery d
    join webhook_endpoint e on e.tenant_id = d.tenant_id and e.endpoint_id = d.endpoint_id
    where d.tenant_id = %(tenant_id)s and d.status in ('waiting', 'failed') group by e.key, d.status
    union all
    select 'webhook_oldest_waiting_seconds', array[e.key], extract(epoch from %(at)s - min(j.recorded_at))
    from webhook_delivery d
    join webhook_endpoint e on e.tenant_id = d.tenant_id and e.endpoint_id = d.endpoint_id
    join journal_event j on j.tenant_id = d.tenant_id and j.event_id = d.event_id
    where d.tenant_id = %(tenant_id)s and d.status = 'waiting' group by e.key
    union all
    select 'reports_unbuilt', array[status], count(*) from report_state
    where tenant_id = %(tenant_id)s and status <> 'built' group by status
    union all
    select 'usage_rejected_records', array[door, code], sum(records) from usage_rejection
    where tenant_id = %(tenant_id)s group by door, code
    union all
    select 'usage_gaps_open', '{}', count(*) from usage_gap
    where tenant_id = %(tenant_id)s and closed_at is null
    union all
    select 'billing_run_open_seconds', '{}', extract(epoch from %(at)s - started_at) from billing_run
    where tenant_id = %(tenant_id)s and finished_at is null
    union all
    select 'billing_finished_seconds', '{}', extract(epoch from %(at)s - max(finished_at)) from billing_run
    where tenant_id = %(tenant_id)s having max(finished_at) is not null
    union all
    select 'billing_parked_customers', '{}', (
        select count(*) from billing_parked p where p.tenant_id = %(tenant_id)s and p.run_id = r.run_id)
    from (select run_id from billing_run where tenant_id = %(tenant_id)s
          order by started_at desc, run_id desc limit 1) r
    union all
    select 'checkpoint_seconds', '{}', extract(epoch from %(at)s - recorded_at)
    from (select recorded_at from journal_checkpoint where tenant_id = %(tenant_id)s
          order by checkpoint_no desc limit 1) c)
select name, labels::text[] as labels, greatest(floor(value), 0)::bigint as value from figure;

-- name: position
-- How many places of the journal were given out, of all tenants.
select pg_sequence_last_value('everycent.journal_seq');
