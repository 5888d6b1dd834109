-- name: find_payments
select p.payment_id, p.customer_id, p.currency, p.amount, p.source, p.provider, p.external_id,
       p.attempt_id, p.received_on, p.reference, e.payload, e.schema_version, m.move_no as moves,
       m.left_after as left, m.back_after as back, m.lost_after as lost
from payment p
join journal_event e on e.tenant_id = p.tenant_id and e.event_id = p.event_id
join lateral (
    select move_no, left_after, back_after, lost_after from payment_move m
    where m.tenant_id = p.tenant_id and m.payment_id = p.payment_id
    order by move_no desc limit 1) m on true
where p.tenant_id = %(tenant_id)s
  and (%(ids)s::uuid[] is null or p.payment_id = any(%(ids)s))
  and (%(customer_id)s::uuid is null or p.customer_id = %(customer_id)s)
  and (%(attempt_id)s::uuid is null or p.attempt_id = %(attempt_id)s)
  and (%(provider)s::text is null or p.provider = %(provider)s)
  and (%(amount)s::bigint is null or p.amount = %(amount)s)
  and (%(externals)s::text[] is null or p.external_id = any(%(externals)s))
  and (not %(only_left)s or p.left_over > 0)
  and (%(after_on)s::date is null or (p.received_on, p.payment_id) > (%(after_on)s, %(after_id)s::uuid))
order by p.received_on, p.payment_id limit %(limit)s;

-- name: lock_payments
-- Whoever moves a payment waits here for whoever else does, in the order of their ids.
select pg_advisory_xact_lock(hashtextextended('everycent.payment/' || id, %(tenant_id)s))
from unnest(%(ids)s::uuid[]) with ordinality as w(id, place) order by place;

-- name: moves_of
select m.move_no, m.kind, m.amount, m.left_after, m.back_after, m.lost_after, m.of_move, m.document_id,
       m.external_id, m.at, m.event_id, i.series, i.number
from payment_move m
left join invoice i on i.tenant_id = m.tenant_id and i.invoice_id = m.document_id
where m.tenant_id = %(tenant_id)s and m.payment_id = %(payment_id)s order by m.move_no;

-- name: applied_of
-- What a payment pays of each document.
select m.document_id, sum(case m.kind when 'applied' then m.amount else -m.amount end)::bigint as amount
from payment_move m
where m.tenant_id = %(tenant_id)s and m.payment_id = %(payment_id)s
  and m.kind in ('applied', 'unapplied')
group by 1 having sum(case m.kind when 'applied' then m.amount else -m.amount end) <> 0
order by max(m.move_no) desc;

-- name: receivable_off
-- What customers owe in the ledger is what is open of their documents, and of credit that they have not
-- paid yet.
with books as (
    select p.customer_id, p.currency, sum(p.amount) as amount from ledger_posting p
    where p.tenant_id = %(tenant_id)s and p.account_id = 1 group by 1, 2),
documents as (
    select customer_id, currency, sum(open) as amount from open_document
    where tenant_id = %(tenant_id)s group by 1, 2),
promised as (
    select g.customer_id, w.currency, sum(g.amount - coalesce(v.amount, 0)) as amount
    from credit_grant g
    join wallet w on w.tenant_id = g.tenant_id and w.wallet_id = g.wallet_id
    left join lateral (
        select sum(d.amount) as amount from credit_draw d
        where d.tenant_id = g.tenant_id and d.grant_id = g.grant_id and d.kind = 'void') v on true
    where g.tenant_id = %(tenant_id)s and g.is_owed group by 1, 2)
select c.key || ' ' || x.currency || ': the ledger has ' || sum(x.books) || ', open is ' || sum(x.open)
from (
    select customer_id, currency, amount as books, 0 as open from books
    union all select customer_id, currency, 0, amount from documents
    union all select customer_id, currency, 0, amount from promised) x
join customer c on c.tenant_id = %(tenant_id)s and c.customer_id = x.customer_id
group by c.key, x.currency having sum(x.books) <> sum(x.open) order by 1 limit 100;

-- name: unapplied_off
-- What we owe customers in the ledger is what is left of their payments, and paid credit that was taken
-- away again; what is nobody's is in suspense.
with books as (
    select p.customer_id, p.currency, -sum(p.amount) as amount from ledger_posting p
    where p.tenant_id = %(tenant_id)s and p.account_id in (4, 12) group by 1, 2),
lefts as (
    select p.customer_id, p.currency, sum(m.left_after) as amount
    from payment p
    join lateral (
        select m.left_after from payment_move m
        where m.tenant_id = p.tenant_id and m.payment_id = p.payment_id
        order by m.move_no desc limit 1) m on true
    where p.tenant_id = %(tenant_id)s group by 1, 2),
taken_away as (
    select g.customer_id, w.currency, sum(d.amount) as amount
    from credit_draw d
    join credit_grant g on g.tenant_id = d.tenant_id and g.grant_id = d.grant_id
    join wallet w on w.tenant_id = g.tenant_id and w.wallet_id = g.wallet_id
    where d.tenant_id = %(tenant_id)s and d.kind = 'void' and not g.is_owed
      and g.told::jsonb ->> 'basis' = 'paid' group by 1, 2)
select coalesce(x.customer_id::text, 'suspense') || ' ' || x.currency || ': the ledger has '
    || sum(x.books) || ', left of payments is ' || sum(x.left)
from (
    select customer_id, currency, amount as books, 0 as left from books
    union all select customer_id, currency, 0, amount from lefts
    union all select customer_id, currency, 0, amount from taken_away) x
group by x.customer_id, x.currency having sum(x.books) <> sum(x.left) order by 1 limit 100;

-- name: left_over_off
-- What a payment says is left of it is what its moves leave.
select p.payment_id::text || ' says ' || p.left_over || ', its moves leave ' || m.left_after
from payment p
join lateral (
    select m.left_after from payment_move m
    where m.tenant_id = p.tenant_id and m.payment_id = p.payment_id
    order by m.move_no desc limit 1) m on true
where p.tenant_id = %(tenant_id)s and m.left_after <> p.left_over limit 100;

-- name: payments_off
-- A payment pays what documents say that it settles, move by move.
select p.payment_id::text || ' move ' || m.move_no from payment_move m
join payment p on p.tenant_id = m.tenant_id and p.payment_id = m.payment_id
left join settlement s on s.tenant_id = m.tenant_id and s.payment_id = m.payment_id and s.move_no = m.move_no
where m.tenant_id = %(tenant_id)s
  and case m.kind when 'applied' then s.amount is distinct from m.amount or s.document_id <> m.document_id
                  when 'unapplied' then s.amount is distinct from -m.amount
                      or s.document_id <> m.document_id
                  else s.document_id is not null end
union all
select s.document_id::text || ' step ' || s.step from settlement s
where s.tenant_id = %(tenant_id)s and s.payment_id is not null and not exists (
    select from payment_move m
    where m.tenant_id = s.tenant_id and m.payment_id = s.payment_id and m.move_no = s.move_no)
limit 100;

-- name: refunds_off
-- What of a refund did not go is not more than was set aside for it.
select f.payment_id::text || ' move ' || f.move_no from payment_move f
join payment_move m on m.tenant_id = f.tenant_id and m.payment_id = f.payment_id and m.move_no = f.of_move
where f.tenant_id = %(tenant_id)s and f.of_move is not null and (m.kind <> 'refund' or f.amount > m.amount)
limit 100;

-- name: strangers_paid
-- A payment pays documents of its own customer, in its own currency.
select p.payment_id::text || ' pays ' || i.series || '-' || lpad(i.number::text, 6, '0')
from payment_move m
join payment p on p.tenant_id = m.tenant_id and p.payment_id = m.payment_id
join invoice i on i.tenant_id = m.tenant_id and i.invoice_id = m.document_id
where m.tenant_id = %(tenant_id)s
  and (p.customer_id is distinct from i.customer_id or p.currency <> i.currency)
limit 100;

-- name: payers_with_credit
-- Customers of some invoices of whom we hold something in the same currency: payments or credit notes.
select distinct i.customer_id from invoice i
where i.tenant_id = %(tenant_id)s and i.invoice_id = any(%(ids)s) and (
    exists (
        select from payment p
        where p.tenant_id = i.tenant_id and p.customer_id = i.customer_id and p.currency = i.currency
          and p.left_over > 0)
    or exists (
        select from open_document o
        where o.tenant_id = i.tenant_id and o.customer_id = i.customer_id and o.currency = i.currency
          and o.kind = 'credit_note' and o.open < 0))
order by 1;

-- name: payers_by_account
-- Whose an account is, as it was booked last.
select distinct on (payer_account) payer_account, customer_id from payment
where tenant_id = %(tenant_id)s and payer_account is not null and customer_id is not null
order by payer_account, received_on desc, payment_id desc;

-- name: known_externals
select external_id from payment
where tenant_id = %(tenant_id)s and provider = %(provider)s and external_id = any(%(externals)s);

-- name: in_suspense
-- Money of which nobody knows whose it is.
select payment_id, left_over as left, currency, provider, external_id, reference, received_on from payment
where tenant_id = %(tenant_id)s and customer_id is null and left_over > 0
  and (%(after_on)s::date is null or (received_on, payment_id) > (%(after_on)s, %(after_id)s::uuid))
order by received_on, payment_id limit %(limit)s;

-- name: broken_steps
-- Documents of which what is open does not go from step to step, beginning with what is owed.
select i.series || '-' || i.number || ' step ' || s.step
from settlement s
left join settlement p on p.tenant_id = s.tenant_id and p.document_id = s.document_id and p.step = s.step - 1
join invoice i on i.tenant_id = s.tenant_id and i.invoice_id = s.document_id
where s.tenant_id = %(tenant_id)s
  and (s.owed <> i.gross - i.prepaid or s.open_after <> s.open_before - s.amount
       or s.open_before is distinct from case when s.step = 1 then s.owed else p.open_after end)
limit 100;
