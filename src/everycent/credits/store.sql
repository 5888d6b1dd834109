-- name: find_wallets
-- By key, or those of some customers, or all in order of their keys.
select told from wallet
where tenant_id = %(tenant_id)s
  and (%(keys)s::text[] is null or key = any(%(keys)s))
  and (%(customer_ids)s::uuid[] is null or customer_id = any(%(customer_ids)s))
  and key > %(after)s
order by key limit %(limit)s;

-- name: wallets_behind
-- Those of a customer, and of all who pay for it at any time.
select told from wallet
where tenant_id = %(tenant_id)s
  and customer_id = any(%(customer_id)s::uuid || array(
      select payer_id from customer_payer
      where tenant_id = %(tenant_id)s and customer_id = %(customer_id)s and payer_id is not null))
order by key;

-- name: open_lots
-- Grants that are not used up or come again, of the customers of a range of ids, each with its last draw;
-- and some that are named, whatever is left of them.
select w.told as wallet, g.told as told, d.left_after, d.draw_no
from wallet w
join credit_grant g on g.tenant_id = w.tenant_id and g.wallet_id = w.wallet_id
cross join lateral (
    select d.draw_no, d.left_after from credit_draw d
    where d.tenant_id = g.tenant_id and d.grant_id = g.grant_id
    order by d.draw_no desc limit 1) d
where w.tenant_id = %(tenant_id)s and w.customer_id between %(first)s and %(last)s
  and (d.left_after > 0 or g.grant_id = any(%(also)s::uuid[]) or g.renews and not exists (
      select from credit_grant n
      where n.tenant_id = g.tenant_id and n.series = g.series and n.effective_at > g.effective_at))
order by w.wallet_id, g.number, g.effective_at;

-- name: draws_of_periods
-- What was drawn for some billed periods before taxes, and given back: for the line with which each was
-- billed, and for those that corrected it, in order.
select w.subscription_id, w.item_no, w.starts_at, l.grant_id, l.amount
from unnest(%(subscriptions)s::uuid[], %(items)s::int[], %(starts)s::timestamptz[])
    as w(subscription_id, item_no, starts_at)
cross join lateral (
    select 0 as step, b.invoice_id, b.line_no from billed_period b
    where b.tenant_id = %(tenant_id)s and b.subscription_id = w.subscription_id
      and b.item_no = w.item_no and b.starts_at = w.starts_at
    union all
    select c.step, c.invoice_id, c.line_no from period_correction c
    where c.tenant_id = %(tenant_id)s and c.subscription_id = w.subscription_id
      and c.item_no = w.item_no and c.starts_at = w.starts_at) s
join credit_draw_line l on l.tenant_id = %(tenant_id)s and l.document_id = s.invoice_id
    and l.line_no = s.line_no
order by w.subscription_id, w.item_no, w.starts_at, s.step, l.place;

-- name: lots
-- Grants by id, each with its wallet and last draw.
select w.told as wallet, g.told as told, d.left_after, d.draw_no, g.is_owed
from credit_grant g
join wallet w on w.tenant_id = g.tenant_id and w.wallet_id = g.wallet_id
cross join lateral (
    select d.draw_no, d.left_after from credit_draw d
    where d.tenant_id = g.tenant_id and d.grant_id = g.grant_id
    order by d.draw_no desc limit 1) d
where g.tenant_id = %(tenant_id)s and g.grant_id = any(%(grant_ids)s)
order by g.number, g.effective_at;

-- name: last_number
select coalesce(max(number), 0) from credit_grant
where tenant_id = %(tenant_id)s and wallet_id = %(wallet_id)s;

-- name: booked_before
-- The number of the grant that a payment was put into a wallet with.
select number from credit_grant
where tenant_id = %(tenant_id)s and wallet_id = %(wallet_id)s and reference = %(reference)s
  and basis = 'paid' and not is_owed
limit 1;

-- name: history
-- Everything that happened to the grants of a wallet, in order of when it was written.
select g.grant_id, g.number, g.effective_at, g.expires_at, g.reference, g.told, d.draw_no, d.kind,
       d.amount, d.left_after, d.at, i.series, i.number as document
from credit_grant g
join credit_draw d on d.tenant_id = g.tenant_id and d.grant_id = g.grant_id
left join invoice i on i.tenant_id = d.tenant_id and i.invoice_id = d.document_id
where g.tenant_id = %(tenant_id)s and g.wallet_id = %(wallet_id)s
order by g.number, g.effective_at, d.draw_no;

-- name: last_top_ups
-- The newest due top-up of each of some wallets.
select distinct on (wallet_id) wallet_id, due_no, state, rule_version, below, amount, balance, as_of
from wallet_top_up
where tenant_id = %(tenant_id)s and wallet_id = any(%(wallet_ids)s)
order by wallet_id, due_no desc;

-- name: overdrawn_grants
-- Grants whose draws do not add up to what was granted and what is left, one by one.
select g.grant_id::text || ': ' || g.amount || ' granted, ' || coalesce(d.drawn, 0) || ' drawn, '
       || coalesce(l.left_after, -1) || ' left'
from credit_grant g
left join (
    select tenant_id, grant_id, sum(amount) as drawn, count(*) as draws, max(draw_no) as last_no,
           bool_and(left_after between 0 and granted) as fits
    from credit_draw group by 1, 2) d on d.tenant_id = g.tenant_id and d.grant_id = g.grant_id
left join credit_draw l on l.tenant_id = g.tenant_id and l.grant_id = g.grant_id
    and l.draw_no = d.last_no
where g.tenant_id = %(tenant_id)s
  and (d.drawn is null or d.draws <> d.last_no + 1 or not d.fits
       or l.left_after <> g.amount - d.drawn)
limit 100;

-- name: false_balances
-- Customers whose wallets hold something else than the ledger owes them in services.
select coalesce(w.customer_id, p.customer_id)::text || ' ' || coalesce(w.currency, p.currency) || ': '
       || coalesce(w.held, 0) || ' in wallets, ' || coalesce(p.owed, 0) || ' in the ledger'
from (
    select g.customer_id, w.currency, sum(g.amount - d.drawn)::bigint as held
    from credit_grant g
    join wallet w on w.tenant_id = g.tenant_id and w.wallet_id = g.wallet_id
    join (select tenant_id, grant_id, sum(amount) as drawn from credit_draw group by 1, 2) d
        on d.tenant_id = g.tenant_id and d.grant_id = g.grant_id
    where g.tenant_id = %(tenant_id)s group by 1, 2) w
full join (
    select customer_id, currency, -sum(amount)::bigint as owed from ledger_posting
    where tenant_id = %(tenant_id)s and account_id = 13 group by 1, 2) p
    on p.customer_id = w.customer_id and p.currency = w.currency
where coalesce(w.held, 0) <> coalesce(p.owed, 0)
limit 100;

-- name: payments_granted_twice
-- Payments that are credit of a wallet more than once. What is owed is none.
select w.key || ': ' || g.reference || ', grants ' || string_agg(g.number::text, ', ' order by g.number)
from credit_grant g
join wallet w on w.tenant_id = g.tenant_id and w.wallet_id = g.wallet_id
where g.tenant_id = %(tenant_id)s and g.basis = 'paid' and not g.is_owed
group by w.wallet_id, w.key, g.reference having count(*) > 1
limit 100;

-- name: undocumented_draws
-- Draws without their invoice or their event, and documents and lines that say something else was
-- prepaid. A draw before taxes is that of its lines, and others have none.
select 'draw ' || d.draw_no || ' on ' || d.grant_id from credit_draw d
where d.tenant_id = %(tenant_id)s and (
    d.document_id is not null and not exists (
        select from invoice i where i.tenant_id = d.tenant_id and i.invoice_id = d.document_id
            and i.event_id = d.event_id)
    or not exists (
        select from journal_event e where e.tenant_id = d.tenant_id and e.event_id = d.event_id))
union all
select i.series || '-' || i.number || ': ' || i.prepaid || ' prepaid' from invoice i
left join (
    select tenant_id, document_id, sum(amount) as drawn from credit_draw
    where document_id is not null group by 1, 2) d
    on d.tenant_id = i.tenant_id and d.document_id = i.invoice_id
where i.tenant_id = %(tenant_id)s and i.prepaid <> coalesce(d.drawn, 0)
union all
select 'line ' || coalesce(l.line_no, d.line_no) || ' of ' || coalesce(l.invoice_id, d.document_id) || ': '
       || coalesce(l.prepaid, 0) || ' prepaid, ' || coalesce(d.drawn, 0) || ' drawn'
from (
    select invoice_id, line_no, prepaid from invoice_line
    where tenant_id = %(tenant_id)s and prepaid <> 0) l
full join (
    select document_id, line_no, sum(amount) as drawn from credit_draw_line
    where tenant_id = %(tenant_id)s group by 1, 2) d
    on d.document_id = l.invoice_id and d.line_no = l.line_no
where coalesce(l.prepaid, 0) <> coalesce(d.drawn, 0)
union all
select 'draw ' || d.draw_no || ' on ' || d.grant_id || ': ' || coalesce(x.drawn, 0) || ' of its lines'
from credit_draw d
join credit_grant g on g.tenant_id = d.tenant_id and g.grant_id = d.grant_id
join wallet w on w.tenant_id = g.tenant_id and w.wallet_id = g.wallet_id
left join (
    select document_id, grant_id, draw_no, sum(amount) as drawn from credit_draw_line
    where tenant_id = %(tenant_id)s group by 1, 2, 3) x
    on x.grant_id = d.grant_id and x.draw_no = d.draw_no and x.document_id = d.document_id
where d.tenant_id = %(tenant_id)s and d.document_id is not null and coalesce(x.drawn, 0) <> case
    when coalesce((w.told::jsonb ->> 'before_tax')::bool, false) then d.amount else 0 end
limit 100;

-- name: left_before
-- What was left of each grant of some customers before an event of theirs was written, each draw counted
-- anew; without an event what is left now.
select a.place, w.told as wallet, g.told as told, d.rest::bigint
from unnest(%(customer_ids)s::uuid[], %(event_ids)s::uuid[]) with ordinality as a(customer_id, event_id, place)
join wallet w on w.tenant_id = %(tenant_id)s and w.customer_id = a.customer_id
join credit_grant g on g.tenant_id = w.tenant_id and g.wallet_id = w.wallet_id
left join journal_event e on e.tenant_id = w.tenant_id and e.event_id = a.event_id
cross join lateral (
    select sum(case when d.draw_no = 0 then d.granted else -d.amount end) as rest
    from credit_draw d
    join journal_event j on j.tenant_id = d.tenant_id and j.event_id = d.event_id
    where d.tenant_id = g.tenant_id and d.grant_id = g.grant_id
      and (e.version is null or j.version < e.version)) d
where d.rest is not null
order by a.place, w.wallet_id, g.number, g.effective_at;
