-- name: lock
-- Whoever writes a file of an account, or says what became of one, waits here for whoever else does.
select pg_advisory_xact_lock(hashtextextended('everycent.debits/' || id, %(tenant_id)s))
from unnest(%(ids)s::text[]) with ordinality as w(id, place) order by place;

-- name: due
-- Open invoices that are due, or to be tried again, of customers who pay first by a mandate for an account of
-- ours; whether each may be collected is decided when it is locked. Those of which it is known now that they may
-- not come last, so that they take no place away.
select o.invoice_id,
       o.currency <> 'EUR' or o.is_stopped or coalesce(o.retry_at > %(at)s, false) as is_blocked
from collectable o
join payment_method m on m.tenant_id = o.tenant_id and m.method_id = o.method_id
    and m.provider = %(account)s and m.mandate_id is not null
where o.tenant_id = %(tenant_id)s and o.open > 0 and not o.is_under_way
  and (o.due_on <= %(due_by)s or o.retry_at <= %(at)s or exists (
      select from instalment n where n.tenant_id = o.tenant_id and n.invoice_id = o.invoice_id))
  and due_of(o.tenant_id, o.invoice_id, o.open, %(due_by)s) > 0
order by is_blocked, o.due_on, o.series, o.number;

-- name: used_mandates
-- Mandates by which something was collected, or is about to be.
select distinct d.mandate_id from debit d
join payment_attempt a on a.tenant_id = d.tenant_id and a.attempt_id = d.attempt_id
    and a.status not in ('failed', 'cancelled')
where d.tenant_id = %(tenant_id)s and d.account = %(account)s and d.mandate_id = any(%(mandates)s);

-- name: find_file
select e.payload, e.schema_version from debit_file f
join journal_event e on e.tenant_id = f.tenant_id and e.event_id = f.event_id
where f.tenant_id = %(tenant_id)s and f.message_id = %(message_id)s;

-- name: files
-- Files, the newest first, with what became of their debits.
select f.message_id, f.account, f.sent_on, f.number, f.total, f.digest, f.at, w.reason as withdrawn,
       t.first_on, t.last_on, t.pending, t.succeeded, t.failed, t.others, t.returned
from debit_file f
left join debit_withdrawal w on w.tenant_id = f.tenant_id and w.file_id = f.file_id
join lateral (
    select min(d.collect_on) as first_on, max(d.collect_on) as last_on,
           count(*) filter (where a.status = 'pending') as pending,
           count(*) filter (where a.status = 'succeeded' and r.entry is null) as succeeded,
           count(*) filter (where a.status = 'succeeded' and r.entry is not null) as returned,
           count(*) filter (where a.status = 'failed') as failed,
           count(*) filter (where a.status not in ('pending', 'succeeded', 'failed')) as others
    from debit d
    join payment_attempt a on a.tenant_id = d.tenant_id and a.attempt_id = d.attempt_id
    left join lateral (
        select e.entry from debit_entry e
        where e.tenant_id = d.tenant_id and e.attempt_id = d.attempt_id and e.effect = 'taken_back'
        limit 1) r on true
    where d.tenant_id = f.tenant_id and d.file_id = f.file_id) t on true
where f.tenant_id = %(tenant_id)s
  and (%(message_id)s::text is null or f.message_id = %(message_id)s)
  and (%(before)s::text is null or (f.at, f.message_id) < (
      select b.at, b.message_id from debit_file b
      where b.tenant_id = %(tenant_id)s and b.message_id = %(before)s))
order by f.at desc, f.message_id desc limit %(limit)s;

-- name: silent
-- Files of which debits are pending although the bank was to collect them long ago.
select f.message_id, f.account, count(*) as pending, min(d.collect_on) as first_on
from debit d
join payment_attempt a on a.tenant_id = d.tenant_id and a.attempt_id = d.attempt_id
    and a.status = 'pending'
join debit_file f on f.tenant_id = d.tenant_id and f.file_id = d.file_id
where d.tenant_id = %(tenant_id)s and d.collect_on <= %(day)s
group by f.message_id, f.account, f.at order by f.at;

-- name: statuses_of_file
select d.attempt_id, a.reference, a.status, a.failure from debit d
join payment_attempt a on a.tenant_id = d.tenant_id and a.attempt_id = d.attempt_id
where d.tenant_id = %(tenant_id)s and d.file_id = %(file_id)s;

-- name: entries_of_file
select e.account, e.entry, e.booked_on, d.reference, e.amount, e.is_return, e.code, e.charge, e.effect
from debit_entry e
join debit d on d.tenant_id = e.tenant_id and d.attempt_id = e.attempt_id
where e.tenant_id = %(tenant_id)s and e.file_id = %(file_id)s
order by e.at, e.booked_on, e.account, e.entry;

-- name: is_withdrawn
select exists (
    select from debit_withdrawal where tenant_id = %(tenant_id)s and file_id = %(file_id)s);

-- name: count_entries
select count(*) from debit_entry where tenant_id = %(tenant_id)s and file_id = %(file_id)s;

-- name: debits_by_reference
select d.reference, d.attempt_id, d.file_id, f.message_id, d.amount, d.currency, a.customer_id,
       a.invoice_id, a.reference as attempt
from debit d
join debit_file f on f.tenant_id = d.tenant_id and f.file_id = d.file_id
join payment_attempt a on a.tenant_id = d.tenant_id and a.attempt_id = d.attempt_id
where d.tenant_id = %(tenant_id)s and d.reference = any(%(references)s);

-- name: known_entries
-- Entries of an account that were taken in before, by their names or by the debits that they spoke of.
select e.entry, d.reference from debit_entry e
join debit d on d.tenant_id = e.tenant_id and d.attempt_id = e.attempt_id
where e.tenant_id = %(tenant_id)s and e.account = %(account)s and e.entry = any(%(entries)s)
union
select e.entry, d.reference from debit d
join debit_entry e on e.tenant_id = d.tenant_id and e.attempt_id = d.attempt_id
where d.tenant_id = %(tenant_id)s and e.account = %(account)s and d.reference = any(%(debits)s);

-- name: effects
select attempt_id, effect from debit_entry
where tenant_id = %(tenant_id)s and attempt_id = any(%(ids)s);

-- name: false_sums
-- A file comes to its debits.
select f.message_id || ' says ' || f.number || ' debits of ' || f.total || ', and has '
    || count(d.attempt_id) || ' of ' || coalesce(sum(d.amount), 0)
from debit_file f
left join debit d on d.tenant_id = f.tenant_id and d.file_id = f.file_id
where f.tenant_id = %(tenant_id)s
group by f.file_id, f.message_id, f.number, f.total
having count(d.attempt_id) <> f.number or coalesce(sum(d.amount), 0) <> f.total
limit 100;

-- name: strays
-- A debit asks for what its attempt asks for, and every attempt that went to a bank is in a file.
select d.reference || ' is not what its attempt asks for' from debit d
join payment_attempt a on a.tenant_id = d.tenant_id and a.attempt_id = d.attempt_id
where d.tenant_id = %(tenant_id)s
  and (a.amount, a.currency, a.provider, a.told::jsonb -> 'attempt' ->> 'way')
      is distinct from (d.amount, d.currency, d.account, 'debit')
union all
select a.reference || ' is in no file' from payment_attempt a
where a.tenant_id = %(tenant_id)s and a.told::jsonb -> 'attempt' ->> 'way' = 'debit' and not exists (
    select from debit d where d.tenant_id = a.tenant_id and d.attempt_id = a.attempt_id)
limit 100;

-- name: false_effects
-- What statements said about debits happened: what came is a payment, what went back is no payment any more.
select e.entry || ' was ' || e.effect || ', and ' || d.reference || ' is ' || a.status
from debit_entry e
join debit d on d.tenant_id = e.tenant_id and d.attempt_id = e.attempt_id
join payment_attempt a on a.tenant_id = e.tenant_id and a.attempt_id = e.attempt_id
left join payment p on p.tenant_id = e.tenant_id and p.attempt_id = e.attempt_id
where e.tenant_id = %(tenant_id)s and case e.effect
    when 'booked' then p.external_id is distinct from e.entry or p.source <> 'debit'
    when 'contradicted' then p.external_id is distinct from e.entry or not a.is_contradicted
    when 'failed' then a.status in ('pending', 'sending', 'claimed')
    when 'taken_back' then e.amount - e.charge is distinct from (
        select sum(m.amount) from payment_move m
        where m.tenant_id = p.tenant_id and m.payment_id = p.payment_id
          and m.kind in ('dispute', 'lost') and m.external_id = e.entry)
    else false end
union all
select f.message_id || ' is withdrawn, and ' || d.reference || ' is ' || a.status
from debit_withdrawal w
join debit_file f on f.tenant_id = w.tenant_id and f.file_id = w.file_id
join debit d on d.tenant_id = w.tenant_id and d.file_id = w.file_id
join payment_attempt a on a.tenant_id = d.tenant_id and a.attempt_id = d.attempt_id
where w.tenant_id = %(tenant_id)s and a.status <> 'failed' and not a.is_contradicted
limit 100;
