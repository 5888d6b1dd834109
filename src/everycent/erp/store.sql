-- name: waiting_documents
-- Final documents that are not handed over, in the order in which they were issued. A credit note waits until
-- the ERP has the invoice that it takes back.
select i.invoice_id, i.event_id
from invoice i
where i.tenant_id = %(tenant_id)s and i.issued_on >= %(since)s
  and not exists (
      select from erp_document d
      where d.tenant_id = i.tenant_id and d.erp = %(erp)s and d.document_id = i.invoice_id)
  and (coalesce(i.credits, i.reduces) is null or exists (
      select from erp_state s
      where s.tenant_id = i.tenant_id and s.erp = %(erp)s
        and s.document_id = coalesce(i.credits, i.reduces) and s.status = 'registered')
      or exists (
      select from invoice o
      where o.tenant_id = i.tenant_id and o.invoice_id = coalesce(i.credits, i.reduces)
        and o.issued_on < %(since)s))
order by i.at, i.series, i.number limit %(limit)s;

-- name: issued_events
select event_id, type, schema_version, payload from journal_event
where tenant_id = %(tenant_id)s and event_id = any(%(ids)s);

-- name: lock_batches
-- Whoever makes a batch does so alone.
select pg_advisory_xact_lock(hashtextextended('everycent.erp.' || %(erp)s, %(tenant_id)s));

-- name: last_batch
select batch_no, digest from erp_batch
where tenant_id = %(tenant_id)s and erp = %(erp)s order by batch_no desc limit 1;

-- name: due
-- What can be handed over now: batches of which nothing was taken yet and nothing goes alone, and documents
-- that go by themselves. What has waited longest comes first; nothing that somebody else is handing over.
with due as (
    select s.batch_no, bool_and(s.status = 'initiated' and not s.is_alone) as is_whole,
           min(s.next_at) as next_at
    from erp_state s
    where s.tenant_id = %(tenant_id)s and s.erp = %(erp)s and s.batch_no in (
        select batch_no from erp_state
        where tenant_id = %(tenant_id)s and erp = %(erp)s and status = 'initiated' and next_at <= %(at)s)
    group by 1),
units as (
    select b.batch_no, 0 as place, 'batch ' || b.batch_no as what, null::uuid as document_id, d.next_at
    from due d
    join erp_batch b on b.tenant_id = %(tenant_id)s and b.erp = %(erp)s and b.batch_no = d.batch_no
    where d.is_whole
    union all
    select s.batch_no, d.place, 'document ' || s.document_id, s.document_id, s.next_at
    from due u
    join erp_state s on s.tenant_id = %(tenant_id)s and s.erp = %(erp)s and s.batch_no = u.batch_no
    join erp_document d on d.tenant_id = s.tenant_id and d.erp = s.erp and d.document_id = s.document_id
    where not u.is_whole and s.status = 'initiated' and s.next_at <= %(at)s)
select batch_no, document_id, what from units u
where not exists (
    select from erp_claim c
    where c.tenant_id = %(tenant_id)s and c.erp = %(erp)s and c.what = u.what
      and c.claimed_until > clock_timestamp())
order by next_at, batch_no, place limit %(limit)s;

-- name: claim
-- Takes work for so long, unless somebody has it.
insert into erp_claim (tenant_id, erp, what, holder, claimed_until)
select %(tenant_id)s, %(erp)s, what, %(holder)s, clock_timestamp() + %(lease)s::interval
from unnest(%(what)s::text[]) as w(what) order by what
on conflict (tenant_id, erp, what) do update
set claimed_until = excluded.claimed_until, holder = excluded.holder
where erp_claim.claimed_until <= clock_timestamp()
returning what;

-- name: is_claimed
select exists (
    select from erp_claim
    where tenant_id = %(tenant_id)s and erp = %(erp)s and what = any(%(what)s) and holder = %(holder)s
      and claimed_until > clock_timestamp());

-- name: release_held
update erp_claim set claimed_until = '-infinity'
where tenant_id = %(tenant_id)s and erp = %(erp)s and holder = %(holder)s
  and claimed_until > clock_timestamp();

-- name: release
update erp_claim set claimed_until = '-infinity'
where tenant_id = %(tenant_id)s and erp = %(erp)s and what = any(%(what)s);

-- name: to_ask
-- Documents that the ERP has acknowledged and whose time to be asked about has come.
select document_id from erp_state s
where tenant_id = %(tenant_id)s and erp = %(erp)s and status = 'acknowledged' and next_at <= %(at)s
  and not exists (
      select from erp_claim c
      where c.tenant_id = s.tenant_id and c.erp = s.erp and c.what = 'ask ' || s.document_id
        and c.claimed_until > clock_timestamp())
order by next_at, document_id limit %(limit)s;

-- name: documents
-- Documents of an ERP with where they stand: those of a batch, or of the given ids, or in some state; all of
-- them after a place.
select d.erp, d.document_id, d.batch_no, d.place, d.reference, d.digest, i.event_id, s.told, s.changed_at,
       i.customer, i.issued_on, i.currency, i.gross
from erp_document d
join lateral (
    select s.status, s.told, s.changed_at from erp_state s
    where s.tenant_id = d.tenant_id and s.erp = d.erp and s.document_id = d.document_id limit 1) s on true
join lateral (
    select i.event_id, i.issued_on, i.currency, i.gross,
           (select c.key from customer c
            where c.tenant_id = i.tenant_id and c.customer_id = i.customer_id) as customer
    from invoice i
    where i.tenant_id = d.tenant_id and i.invoice_id = d.document_id limit 1) i on true
where d.tenant_id = %(tenant_id)s and d.erp = %(erp)s
  and (%(batch_no)s::int is null or d.batch_no = %(batch_no)s)
  and (%(ids)s::uuid[] is null or d.document_id = any(%(ids)s))
  and (%(status)s::text is null or s.status = %(status)s)
  and (d.batch_no, d.place) > (%(after_batch)s::int, %(after_place)s::int)
order by d.batch_no, d.place limit %(limit)s;

-- name: stuck
-- Documents with which something is wrong, those that wait for a person first, and those that were
-- acknowledged before an instant. What belongs to each is looked up by key, whatever the planner knows of
-- tables that grow.
select s.erp, s.document_id, s.batch_no, d.place, d.reference, d.digest, i.event_id, s.told, s.changed_at,
       i.customer, i.issued_on, i.currency, i.gross
from (select * from erp_state
      where tenant_id = %(tenant_id)s and erp = %(erp)s
        and (trouble is not null or status in ('aborted', 'parked'))
      union all
      select * from erp_state
      where tenant_id = %(tenant_id)s and erp = %(erp)s and status = 'acknowledged' and trouble is null
        and acknowledged_at <= %(slow_before)s) s
join lateral (
    select place, reference, digest from erp_document d
    where d.tenant_id = s.tenant_id and d.erp = s.erp and d.document_id = s.document_id limit 1) d on true
join lateral (
    select i.event_id, i.issued_on, i.currency, i.gross,
           (select c.key from customer c
            where c.tenant_id = i.tenant_id and c.customer_id = i.customer_id) as customer
    from invoice i
    where i.tenant_id = s.tenant_id and i.invoice_id = s.document_id limit 1) i on true
order by s.status in ('aborted', 'parked') desc, s.batch_no, d.place limit %(limit)s;

-- name: held_up
-- Credit notes that wait for an invoice which the ERP has refused, or which was tried too often: nothing but
-- a person's help brings them there.
select n.series, n.number, d.reference, s.status
from erp_state s
join erp_document d on d.tenant_id = s.tenant_id and d.erp = s.erp and d.document_id = s.document_id
join invoice n on n.tenant_id = s.tenant_id and (n.credits = s.document_id or n.reduces = s.document_id)
where s.tenant_id = %(tenant_id)s and s.erp = %(erp)s and s.status in ('aborted', 'parked')
  and not exists (
      select from erp_document o
      where o.tenant_id = n.tenant_id and o.erp = s.erp and o.document_id = n.invoice_id)
order by n.series, n.number limit %(limit)s;

-- name: lock_states
-- Where documents stand, which nobody changes until the transaction ends.
select document_id, told from erp_state
where tenant_id = %(tenant_id)s and erp = %(erp)s and document_id = any(%(ids)s)
order by document_id for no key update;

-- name: bills_of_others
-- Ids of the ERP that other documents have already.
select bill, document_id from erp_state
where tenant_id = %(tenant_id)s and erp = %(erp)s and bill = any(%(bills)s);

-- name: batches
select batch_no, documents, digest, previous, told, at, event_id from erp_batch
where tenant_id = %(tenant_id)s and erp = %(erp)s
  and (%(batch_no)s::int is null or batch_no = %(batch_no)s)
  and (%(before)s::int is null or batch_no < %(before)s)
order by batch_no desc limit %(limit)s;

-- name: counts
-- How many documents stand where; what is refused or parked is in trouble, as `stuck` lists it.
select status, count(*) as documents, min(next_at) as next_at,
       count(*) filter (where trouble is not null or status in ('aborted', 'parked')) as in_trouble
from erp_state where tenant_id = %(tenant_id)s and erp = %(erp)s group by 1;

-- name: put_answer
insert into erp_answer (tenant_id, answer_id, erp, what, status, raw, digest, why, at)
values (%(tenant_id)s, %(answer_id)s, %(erp)s, %(what)s, %(status)s, %(raw)s, sha256(%(raw)s), %(why)s, %(at)s);

-- name: answer
select answer_id, erp, what, status, raw, why, at from erp_answer
where tenant_id = %(tenant_id)s and answer_id = %(answer_id)s;

-- name: bad_batches
-- Batches that do not name the one before them, or have another number of documents than they say.
select b.erp || ' batch ' || b.batch_no from erp_batch b
left join erp_batch p on p.tenant_id = b.tenant_id and p.erp = b.erp and p.batch_no = b.batch_no - 1
where b.tenant_id = %(tenant_id)s and (
    b.previous <> coalesce(p.digest, repeat('0', 64))
    or b.documents <> (select count(*) from erp_document d
                       where d.tenant_id = b.tenant_id and d.erp = b.erp and d.batch_no = b.batch_no))
limit 100;

-- name: documents_without_state
select d.reference from erp_document d
where d.tenant_id = %(tenant_id)s and not exists (
    select from erp_state s
    where s.tenant_id = d.tenant_id and s.erp = d.erp and s.document_id = d.document_id
      and s.batch_no = d.batch_no)
limit 100;

-- name: answers_missing
-- Events that name evidence which is not there.
select e.stream from journal_event e
where e.tenant_id = %(tenant_id)s and e.type like 'erp.%%'
  and e.payload::jsonb ? 'answer_id' and not exists (
    select from erp_answer a
    where a.tenant_id = e.tenant_id and a.answer_id = (e.payload::jsonb ->> 'answer_id')::uuid)
limit 100;

-- name: notes_before_invoices
-- Credit notes that went to the ERP before the invoice that they take back, or together with it.
select d.reference from invoice n
join erp_document d on d.tenant_id = n.tenant_id and d.document_id = n.invoice_id
join erp_document o on o.tenant_id = d.tenant_id and o.erp = d.erp
    and o.document_id = coalesce(n.credits, n.reduces)
where n.tenant_id = %(tenant_id)s and n.kind = 'credit_note' and o.batch_no >= d.batch_no
limit 100;

-- name: batch_members
-- Batches with the digests of their documents in order.
select b.erp, b.batch_no, b.previous, b.digest, b.told,
       array_agg(d.digest order by d.place) as digests
from erp_batch b
join erp_document d on d.tenant_id = b.tenant_id and d.erp = b.erp and d.batch_no = b.batch_no
where b.tenant_id = %(tenant_id)s
group by b.erp, b.batch_no, b.previous, b.digest, b.told
order by b.erp, b.batch_no;

-- name: batch_sums
-- What the documents of batches come to, by currency.
select d.erp, d.batch_no, i.currency, count(*) as documents, sum(i.net)::bigint as net,
       sum(i.tax)::bigint as tax, sum(i.gross)::bigint as gross
from erp_document d
join invoice i on i.tenant_id = d.tenant_id and i.invoice_id = d.document_id
where d.tenant_id = %(tenant_id)s
group by d.erp, d.batch_no, i.currency
order by d.erp, d.batch_no, i.currency;
