-- name: late_mark
select fold_id, meters from late_mark where tenant_id = %(tenant_id)s;

-- name: hold_late
select pg_advisory_xact_lock(hashtext('late_usage'), %(tenant_id)s);

-- name: mark_late
-- What folds since the mark have changed of days that may be billed: the days, with the last such fold.
-- The batches' numbers lead to the few blocks in which their records lie. In order, so that two who mark
-- at once wait for each other and not in a circle.
with batches as materialized (
    select batch_id, fold_id from usage_batch
    where tenant_id = %(tenant_id)s and fold_id > %(since)s and fold_id <= %(upto)s),
bounds as materialized (select min(batch_id) as low, max(batch_id) as high from batches),
changed as (
    select r.subject_id, r.meter_id, r.day, b.fold_id
    from usage_record r join batches b using (batch_id)
    where r.tenant_id = %(tenant_id)s and r.meter_id = any(%(meters)s) and r.at < %(billed)s
      and r.batch_id >= (select low from bounds) and r.batch_id <= (select high from bounds)
    union all
    select v.subject_id, v.meter_id, utc_day(v.at), b.fold_id
    from usage_reversal v join batches b using (batch_id)
    where v.tenant_id = %(tenant_id)s and v.meter_id = any(%(meters)s) and v.at < %(billed)s)
insert into late_usage as l (tenant_id, subject_id, meter_id, day, fold_id)
select %(tenant_id)s, subject_id, meter_id, day, max(fold_id) from changed
group by 2, 3, 4 order by 2, 3, 4
on conflict (tenant_id, subject_id, meter_id, day)
do update set fold_id = greatest(l.fold_id, excluded.fold_id);

-- name: put_late_mark
insert into late_mark (tenant_id, fold_id, meters) values (%(tenant_id)s, %(upto)s, %(meters)s)
on conflict (tenant_id) do update set fold_id = excluded.fold_id, meters = excluded.meters;

-- name: billed_to
-- Before which instant all usage lies that was billed, wherever the issuer's day ends; the newest fold; and
-- whether a run is open, which may be writing lines over usage as it was before that fold.
select (select max(last_issued_on) + 2 from number_series where tenant_id = %(tenant_id)s)::timestamp
           at time zone 'UTC' as billed,
       (select max(fold_id) from usage_batch where tenant_id = %(tenant_id)s) as fold_id,
       exists (select from billing_run where tenant_id = %(tenant_id)s and finished_at is null) as is_billing;

-- name: newest_fold
select max(fold_id) from usage_batch where tenant_id = %(tenant_id)s;

-- name: late_lines
-- Periods of which usage has changed since what was said about them last, with that; and the later
-- periods of the same item, where they stand on readings or levels of before. Of the items of which a range
-- of customers got an invoice, or that are told beside; where subjects are told, only of those. Live, what
-- came since the mark counts too, folded or not.
with batches as materialized (
    select batch_id, fold_id from usage_batch
    where %(is_live)s and tenant_id = %(tenant_id)s and fold_id > %(since)s
    union all
    select batch_id, %(upto)s::bigint + 1 from usage_batch
    where %(is_live)s and tenant_id = %(tenant_id)s and fold_id is null),
bounds as materialized (select min(batch_id) as low, max(batch_id) as high from batches),
late as materialized (
    select subject_id, meter_id, day, fold_id from late_usage
    where tenant_id = %(tenant_id)s and meter_id = any(%(meters)s)
      and (%(subjects)s::int[] is null or subject_id = any(%(subjects)s))
    union all
    select r.subject_id, r.meter_id, r.day, b.fold_id
    from usage_record r join batches b using (batch_id)
    where %(is_live)s and r.tenant_id = %(tenant_id)s and r.meter_id = any(%(meters)s)
      and (%(subjects)s::int[] is null or r.subject_id = any(%(subjects)s))
      and r.batch_id >= (select low from bounds) and r.batch_id <= (select high from bounds)
    union all
    select v.subject_id, v.meter_id, utc_day(v.at), b.fold_id
    from usage_reversal v join batches b using (batch_id)
    where %(is_live)s and v.tenant_id = %(tenant_id)s and v.meter_id = any(%(meters)s)
      and (%(subjects)s::int[] is null or v.subject_id = any(%(subjects)s))),
hit as materialized (
    select distinct u.invoice_id, u.line_no,
           u.ends_included or coalesce(u.limits::jsonb -> 'by_records' is not null, false) as goes_on
    from (select subject_id, meter_id, day, max(fold_id) as fold_id from late group by 1, 2, 3) l
    join invoice_usage u on u.tenant_id = %(tenant_id)s and u.subject_id = l.subject_id
        and u.meter_id = l.meter_id and u.starts_at < l.day + 1 and u.ends_at >= l.day
        and u.fold_id < l.fold_id),
touched as (
    select distinct n.subscription_id, n.item_no, n.starts_at, h.goes_on, h.invoice_id, h.line_no
    from hit h
    join invoice i on i.tenant_id = %(tenant_id)s and i.invoice_id = h.invoice_id
        and (h.goes_on or i.customer_id between %(first)s and %(last)s)
    join invoice_line n on n.tenant_id = %(tenant_id)s and n.invoice_id = h.invoice_id
        and n.line_no = h.line_no),
stale as (
    select distinct t.subscription_id, t.item_no, t.starts_at, t.goes_on
    from touched t
    join period_said b on b.tenant_id = %(tenant_id)s and b.subscription_id = t.subscription_id
        and b.item_no = t.item_no and b.starts_at = t.starts_at
    where not b.taken_back and t.invoice_id = b.said_invoice and t.line_no = b.said_line),
wanted as (
    select subscription_id, item_no, starts_at from stale
    union
    select b.subscription_id, b.item_no, b.starts_at
    from stale s
    join billed_period b on b.tenant_id = %(tenant_id)s and b.subscription_id = s.subscription_id
        and b.item_no = s.item_no and b.starts_at > s.starts_at
    where s.goes_on)
select * from (
    select i.customer_id, s.customer_id as holder_id, s.subscription_id, s.key, b.item_no, s.time_zone,
           s.ends_at as contract_ends_at, b.starts_at, b.invoice_id, b.line_no, b.step,
           b.said_charged as charged, b.said_prepaid as prepaid, b.said_until as charged_until,
           i.event_id, b.said_line,
           bool_or(i.customer_id between %(first)s and %(last)s or s.subscription_id = any(%(also)s::uuid[]))
               over (partition by s.subscription_id, b.item_no) as is_asked
    from wanted w
    join subscription s on s.tenant_id = %(tenant_id)s and s.subscription_id = w.subscription_id
    join period_said b on b.tenant_id = %(tenant_id)s and b.subscription_id = w.subscription_id
        and b.item_no = w.item_no and b.starts_at = w.starts_at
    join invoice i on i.tenant_id = %(tenant_id)s and i.invoice_id = b.said_invoice
    where not b.taken_back) x
where is_asked order by key, item_no, starts_at;

-- name: reserve_numbers
-- The last lock that a billing transaction takes: numbers without gaps are handed out one at a time.
insert into number_series as s (tenant_id, series, last_number, last_issued_on)
values (%(tenant_id)s, %(series)s, %(count)s, %(issued_on)s)
on conflict (tenant_id, series) do update
set last_number = s.last_number + excluded.last_number,
    last_issued_on = greatest(s.last_issued_on, excluded.last_issued_on)
returning last_number, last_issued_on;

-- name: billed_customers
-- Customers with periods in a span that were billed to anybody, or to some customers, with how many.
select s.customer_id, count(*) from billed_period b
join subscription s on s.tenant_id = b.tenant_id and s.subscription_id = b.subscription_id
where b.tenant_id = %(tenant_id)s and b.invoice_id is not null
  and b.starts_at >= %(start)s and b.ends_at <= %(end)s
  and (%(payers)s::uuid[] is null or exists (
      select from invoice i where i.tenant_id = b.tenant_id and i.invoice_id = b.invoice_id
        and i.customer_id = any(%(payers)s::uuid[])))
group by 1 order by 1;

-- name: billed_lines
-- What was said last about the billed periods of some customers in a span, unless it was taken back; with
-- who got the invoice.
select s.customer_id, i.customer_id as payer_id, s.currency, i.event_id, b.said_line
from subscription s
join period_said b on b.tenant_id = s.tenant_id and b.subscription_id = s.subscription_id
join invoice i on i.tenant_id = b.tenant_id and i.invoice_id = b.said_invoice
where s.tenant_id = %(tenant_id)s and s.customer_id = any(%(customers)s) and b.invoice_id is not null
  and b.starts_at >= %(start)s and b.ends_at <= %(end)s and not b.taken_back
order by s.customer_id, s.key, b.item_no, b.starts_at;

-- name: home_parts
-- The rates of documents that have one in a home currency.
select invoice_id, parts from invoice_home
where tenant_id = %(tenant_id)s and currency = %(currency)s and invoice_id = any(%(ids)s);

-- name: homes
-- Every document in a home currency, with its rows and the event in which it is frozen.
select h.invoice_id, i.credits is not null as takes_back, i.reduces is not null as is_part, e.payload, e.schema_version, h.currency, h.net,
       h.tax, h.rounding, h.gross,
       array(select category || ' ' || percent || ' ' || is_included || ' ' || base || ' ' || amount
             from invoice_home_tax t
             where t.tenant_id = h.tenant_id and t.invoice_id = h.invoice_id) as taxes
from invoice_home h
left join invoice i on i.tenant_id = h.tenant_id and i.invoice_id = h.invoice_id
left join journal_event e on e.tenant_id = i.tenant_id and e.event_id = i.event_id
where h.tenant_id = %(tenant_id)s;

-- name: false_rates
-- Rates of documents that are not in the table of rates as they are here, and documents that should say by
-- which rate they are told in the home currency.
select coalesce(i.series || '-' || lpad(i.number::text, 6, '0'), r.invoice_id::text) || ' rate '
    || r.base || '/' || r.quote
from invoice_rate r
left join invoice i on i.tenant_id = r.tenant_id and i.invoice_id = r.invoice_id
left join exchange_rate x on x.tenant_id = r.tenant_id and x.number = r.number
where r.tenant_id = %(tenant_id)s
  and (i.invoice_id is null or (x.base, x.quote, x.day, x.rate) is distinct from
       (r.base, r.quote, r.day, r.rate))
union all
select 'document ' || h.invoice_id from invoice_home h
where h.tenant_id = %(tenant_id)s and not exists (
    select from invoice_rate r
    where r.tenant_id = h.tenant_id and r.invoice_id = h.invoice_id and r.line_no = 0)
limit 100;

-- name: billed_since
-- The items of some subscriptions of which something was billed since an instant, with what issued it.
select distinct b.subscription_id, b.item_no, i.event_id from billed_period b
join invoice i on i.tenant_id = b.tenant_id and i.invoice_id = b.invoice_id
join journal_event e on e.tenant_id = b.tenant_id and e.event_id = i.event_id
    and e.recorded_at >= %(since)s
where b.tenant_id = %(tenant_id)s and b.subscription_id = any(%(ids)s);

-- name: dated_after
-- Series that have a document of a later date than a day.
select series, last_issued_on from number_series
where tenant_id = %(tenant_id)s and last_issued_on > %(day)s order by series;

-- name: last_dated
select last_issued_on from number_series where tenant_id = %(tenant_id)s and series = %(series)s;

-- name: closing_lines
-- The newest billed line of each of the given items, and the event that issued its invoice. The event
-- itself is read once, however many of its lines are asked for.
-- Where it was corrected, the correction stands for it; one that was taken back still says where it ended.
select w.subscription_id, w.item_no, i.event_id,
       case when b.taken_back then b.line_no else b.said_line end
from unnest(%(subscriptions)s::uuid[], %(items)s::int[]) as w(subscription_id, item_no)
cross join lateral (
    select b.invoice_id, b.line_no, b.said_invoice, b.said_line, b.taken_back from period_said b
    where b.tenant_id = %(tenant_id)s and b.subscription_id = w.subscription_id
      and b.item_no = w.item_no and b.invoice_id is not null
    order by b.ends_at desc limit 1) b
join invoice i on i.tenant_id = %(tenant_id)s
    and i.invoice_id = case when b.taken_back then b.invoice_id else b.said_invoice end;

-- name: find_invoice
-- By printed name (series and number) or by id.
select invoice_id, kind, series, number, customer_id, currency, issued_on, due_on, at, net, tax, gross,
       prepaid, credits, reduces, event_id
from invoice where tenant_id = %(tenant_id)s
  and (invoice_id = %(invoice_id)s or (series = %(series)s and number = %(number)s));

-- name: list_invoices
select i.invoice_id, i.kind, i.series, i.number, i.customer_id, c.key as customer, c.name as customer_name,
       i.currency, i.issued_on, i.due_on, i.at, i.net, i.tax, i.gross, i.prepaid, i.credits, i.reduces, i.event_id,
       exists (select from invoice n where n.tenant_id = i.tenant_id and n.credits = i.invoice_id)
           as credited
from invoice i
join customer c on c.tenant_id = i.tenant_id and c.customer_id = i.customer_id
where i.tenant_id = %(tenant_id)s
  and (%(customer_id)s::uuid is null or i.customer_id = %(customer_id)s)
  and (i.issued_on, i.series, i.number) > (%(after_on)s::date, %(after_series)s, %(after_number)s)
  and (%(kind)s::text is null or i.kind = %(kind)s)
  and (%(first)s::date is null or i.issued_on >= %(first)s)
  and (%(last)s::date is null or i.issued_on <= %(last)s)
  and (%(state)s::text is null or (
      select case %(state)s when 'open' then o.open <> 0
             when 'overdue' then o.open > 0 and i.due_on < %(today)s::date else o.open = 0 end
      from (select coalesce((
          select s.open_after from settlement s
          where s.tenant_id = i.tenant_id and s.document_id = i.invoice_id
          order by s.step desc limit 1), i.gross - i.prepaid) as open) o))
order by i.issued_on, i.series, i.number limit %(limit)s;

-- name: list_documents
-- The documents behind what customers owe, by id.
select invoice_id, kind, series, number, issued_on, due_on, gross, credits, reduces, event_id from invoice
where tenant_id = %(tenant_id)s and invoice_id = any(%(ids)s) order by issued_on, series, number;

-- name: credit_of
select series, number from invoice where tenant_id = %(tenant_id)s and credits = %(invoice_id)s;

-- name: line_notes_of
-- The credit notes over parts of an invoice's lines, in order.
select invoice_id, series, number, event_id, -gross as gross from invoice
where tenant_id = %(tenant_id)s and reduces = %(invoice_id)s order by series, number;

-- name: lines_left
-- The lines of an invoice: what each was charged with, what credit notes took off it in how many steps, and
-- what is charged for its period after corrections and credit notes.
select l.line_no, l.net + l.tax_included as total, coalesce(c.step, 0) as step,
       coalesce(c.credited_after, 0) as credited, s.said_charged - coalesce(p.amount, 0) as of_period,
       s.said_invoice, s.said_line, l.prepaid
from invoice_line l
join period_said s on s.tenant_id = l.tenant_id and s.subscription_id = l.subscription_id
    and s.item_no = l.item_no and s.starts_at = l.starts_at
left join period_credit p on p.tenant_id = l.tenant_id and p.subscription_id = l.subscription_id
    and p.item_no = l.item_no and p.starts_at = l.starts_at
left join lateral (
    select c.step, c.credited_after from line_credit c
    where c.tenant_id = l.tenant_id and c.invoice_id = l.invoice_id and c.line_no = l.line_no
    order by c.step desc limit 1) c on true
where l.tenant_id = %(tenant_id)s and l.invoice_id = %(invoice_id)s order by l.line_no;

-- name: credited_periods
-- What credit notes took off the lines of some periods, where they did.
select w.n, p.amount
from unnest(%(subscriptions)s::uuid[], %(items)s::int[], %(starts)s::timestamptz[])
    with ordinality as w (subscription_id, item_no, starts_at, n)
join period_credit p on p.tenant_id = %(tenant_id)s and p.subscription_id = w.subscription_id
    and p.item_no = w.item_no and p.starts_at = w.starts_at;

-- name: correction_of
-- A document that corrects a line of an invoice.
select i.series, i.number from invoice_line l
join period_correction c on c.tenant_id = l.tenant_id and c.subscription_id = l.subscription_id
    and c.item_no = l.item_no and c.starts_at = l.starts_at and c.invoice_id <> l.invoice_id
join invoice i on i.tenant_id = c.tenant_id and i.invoice_id = c.invoice_id
where l.tenant_id = %(tenant_id)s and l.invoice_id = %(invoice_id)s
order by i.series, i.number limit 1;

-- name: insert_run
-- Two schedulers may say this at once: one of them makes the run, the other one finds it.
insert into billing_run
    (tenant_id, run_id, as_of, time_zone, payment_days, tax_versions, policies, rates, started_at)
values (%(tenant_id)s, %(run_id)s, %(as_of)s, %(time_zone)s, %(payment_days)s, %(tax_versions)s::jsonb,
        %(policies)s::jsonb, %(rates)s, %(started_at)s)
on conflict (tenant_id) where finished_at is null do nothing;

-- name: open_run
select run_id, as_of, time_zone, payment_days, tax_versions, policies, rates, started_at, finished_at,
       customers, chunks
from billing_run
where tenant_id = %(tenant_id)s and finished_at is null;

-- name: plan_run
update billing_run set customers = %(customers)s, chunks = %(chunks)s
where tenant_id = %(tenant_id)s and run_id = %(run_id)s;

-- name: claim_chunk
-- The first chunk that nobody works on.
select chunk_no, first_customer, last_customer from billing_chunk
where tenant_id = %(tenant_id)s and run_id = %(run_id)s and not done
order by chunk_no limit 1 for no key update skip locked;

-- name: wait_for_chunk
-- Waits until whoever works on the chunk has committed or died, and says whether it is done.
select done from billing_chunk
where tenant_id = %(tenant_id)s and run_id = %(run_id)s and chunk_no = %(chunk_no)s for share;

-- name: first_open_chunk
select min(chunk_no) from billing_chunk
where tenant_id = %(tenant_id)s and run_id = %(run_id)s and not done;

-- name: finish_chunk
update billing_chunk set done = true, invoices = %(invoices)s, lines = %(lines)s, parked = %(parked)s
where tenant_id = %(tenant_id)s and run_id = %(run_id)s and chunk_no = %(chunk_no)s;

-- name: finish_run
update billing_run set finished_at = %(finished_at)s
where tenant_id = %(tenant_id)s and run_id = %(run_id)s and finished_at is null;

-- name: insert_parked
insert into billing_parked (tenant_id, run_id, customer_id, code, message)
values (%(tenant_id)s, %(run_id)s, %(customer_id)s, %(code)s, %(message)s);

-- name: run_progress
select count(*) as chunks, count(*) filter (where done) as done, coalesce(sum(invoices), 0)::bigint as invoices,
       coalesce(sum(lines), 0)::bigint as lines, coalesce(sum(parked), 0)::bigint as parked
from billing_chunk where tenant_id = %(tenant_id)s and run_id = %(run_id)s;

-- name: run_parked
select c.key as customer, p.code, p.message from billing_parked p
join customer c on c.tenant_id = p.tenant_id and c.customer_id = p.customer_id
where p.tenant_id = %(tenant_id)s and p.run_id = %(run_id)s and c.key > %(after)s
order by c.key limit %(limit)s;

-- name: list_runs
-- Runs with their sums, the newest first, of those before one.
select r.run_id, r.as_of, r.started_at, r.finished_at, r.customers, r.chunks,
       coalesce(sum(c.invoices), 0)::bigint as invoices, coalesce(sum(c.lines), 0)::bigint as lines,
       coalesce(sum(c.parked), 0)::bigint as parked, count(*) filter (where c.done) as chunks_done
from billing_run r
left join billing_chunk c on c.tenant_id = r.tenant_id and c.run_id = r.run_id
where r.tenant_id = %(tenant_id)s and (%(run_id)s::uuid is null or r.run_id = %(run_id)s)
  and (%(before)s::uuid is null or (r.started_at, r.run_id) < (
       select b.started_at, b.run_id from billing_run b
       where b.tenant_id = %(tenant_id)s and b.run_id = %(before)s))
group by r.run_id, r.as_of, r.started_at, r.finished_at, r.customers, r.chunks
order by r.started_at desc, r.run_id desc limit %(limit)s;

-- name: false_sums
-- Invoices whose lines, less discounts, and taxes do not add up.
select i.series || '-' || i.number from invoice i
where i.tenant_id = %(tenant_id)s and (
    i.gross <> i.net + i.tax
    or (i.net, i.discount) <> (
        select coalesce(sum(l.net - l.discount), 0), coalesce(sum(l.discount), 0) from invoice_line l
        where l.tenant_id = i.tenant_id and l.invoice_id = i.invoice_id)
    or i.tax <> (select coalesce(sum(t.amount), 0) from invoice_tax t
                 where t.tenant_id = i.tenant_id and t.invoice_id = i.invoice_id))
limit 100;

-- name: false_bases
-- Taxes whose base is not the sum of the lines of their category, after discounts and less what was prepaid
-- before taxes.
select i.series || '-' || i.number || ' ' || t.category
from invoice i join (
    select tenant_id, invoice_id, category, sum(base) as base from invoice_tax group by 1, 2, 3) t
    on t.tenant_id = i.tenant_id and t.invoice_id = i.invoice_id
where i.tenant_id = %(tenant_id)s and t.base <> (
    select coalesce(sum(l.net - l.discount - l.prepaid), 0) from invoice_line l
    where l.tenant_id = i.tenant_id and l.invoice_id = i.invoice_id
      and t.category = any(string_to_array(l.tax_category, '+')))
limit 100;

-- name: false_taxes
-- Taxes that are further from percent of the base than their roundings can be.
select i.series || '-' || i.number || ' ' || t.category
from invoice i join invoice_tax t on t.tenant_id = i.tenant_id and t.invoice_id = i.invoice_id
where i.tenant_id = %(tenant_id)s and abs(t.amount - t.base * t.percent / 100) >= t.within
limit 100;

-- name: unbooked_invoices
-- Invoices of which another amount is booked to be paid than is left after credit.
select i.series || '-' || i.number || ': ' || i.gross - i.prepaid || ' payable, ' || coalesce(b.amount, 0) || ' booked'
from invoice i
left join (
    select e.tenant_id, e.document_id, sum(p.amount) as amount
    from ledger_entry e
    join ledger_posting p on p.tenant_id = e.tenant_id and p.entry_id = e.entry_id and p.account_id = 1
    where e.tenant_id = %(tenant_id)s and e.kind in ('invoice', 'credit_note')
    group by 1, 2) b on b.tenant_id = i.tenant_id and b.document_id = i.invoice_id
where i.tenant_id = %(tenant_id)s and i.gross - i.prepaid <> coalesce(b.amount, 0)
limit 100;

-- name: unbooked_discounts
-- Invoices whose discounts differ from what the ledger has booked for them, and uses of coupons that no
-- invoice knows.
select i.series || '-' || i.number || ': ' || i.discount || ' taken off, ' || coalesce(b.amount, 0)
       || ' booked'
from invoice i
left join (
    select e.tenant_id, e.document_id, sum(p.amount) as amount
    from ledger_entry e
    join ledger_posting p on p.tenant_id = e.tenant_id and p.entry_id = e.entry_id and p.account_id = 21
    where e.tenant_id = %(tenant_id)s and e.kind in ('invoice', 'credit_note')
    group by 1, 2) b on b.tenant_id = i.tenant_id and b.document_id = i.invoice_id
where i.tenant_id = %(tenant_id)s and i.discount <> coalesce(b.amount, 0)
union all
select 'use ' || u.use_no || ' of the coupon application ' || u.application_id || ' has no invoice'
from coupon_use u
where u.tenant_id = %(tenant_id)s and not exists (
    select from invoice i where i.tenant_id = u.tenant_id and i.invoice_id = u.invoice_id
        and i.credits is null)
limit 100;

-- name: undocumented_entries
select e.entry_id::text from ledger_entry e
where e.tenant_id = %(tenant_id)s and e.kind in ('invoice', 'credit_note') and not exists (
    select from invoice i where i.tenant_id = e.tenant_id and i.invoice_id = e.document_id
        and i.event_id = e.entry_id)
limit 100;

-- name: number_gaps
-- Series that do not run from 1 without a gap, or whose counter is elsewhere.
select coalesce(i.series, s.series) || ': ' || coalesce(i.n, 0) || ' documents, numbers '
       || coalesce(i.low, 0) || ' to ' || coalesce(i.high, 0) || ', counter at ' || coalesce(s.last_number, 0)
from (select series, count(*) as n, count(distinct number) as d, min(number) as low, max(number) as high
      from invoice where tenant_id = %(tenant_id)s group by series) i
full join (select series, last_number from number_series where tenant_id = %(tenant_id)s) s using (series)
where i.n is distinct from i.high or i.low <> 1 or i.d <> i.n or i.high is distinct from s.last_number;

-- name: number_order
-- Documents that are dated before one with a lower number.
select series || '-' || number from (
    select series, number, issued_on,
           max(issued_on) over (partition by series order by number
                                rows between unbounded preceding and 1 preceding) as before
    from invoice where tenant_id = %(tenant_id)s) x
where issued_on < before limit 100;

-- name: broken_tiling
-- Items whose billed periods overlap, leave a hole, or do not begin where they open.
select s.key || ' item ' || i.item_no
from subscription_item i
join subscription s on s.tenant_id = i.tenant_id and s.subscription_id = i.subscription_id
join subscription_phase p on p.tenant_id = i.tenant_id and p.subscription_id = i.subscription_id
    and p.phase_no = i.phase_no
left join lateral (
    select count(*) filter (where starts_at is null and ends_at = i.opens_at) as seeds,
           count(*) filter (where starts_at is null) as all_seeds,
           bool_and(starts_at is null or starts_at = before) as tiled
    from (select b.starts_at, b.ends_at, lag(b.ends_at) over (order by b.ends_at) as before
          from billed_period b
          where b.tenant_id = i.tenant_id and b.subscription_id = i.subscription_id
            and b.item_no = i.item_no) x) t on true
where i.tenant_id = %(tenant_id)s and not (t.seeds = 1 and t.all_seeds = 1 and t.tiled)
limit 100;

-- name: periods_without_lines
-- Billed periods and invoice lines that do not belong to each other.
select 'period of item ' || b.item_no || ' at ' || b.ends_at from billed_period b
where b.tenant_id = %(tenant_id)s and b.invoice_id is not null and not exists (
    select from invoice_line l
    where l.tenant_id = b.tenant_id and l.invoice_id = b.invoice_id and l.line_no = b.line_no
      and l.subscription_id = b.subscription_id and l.item_no = b.item_no
      and l.starts_at = b.starts_at and l.ends_at = b.ends_at and l.net + l.tax_included = b.charged
      and l.prepaid = b.prepaid)
union all
select 'line ' || l.line_no || ' of ' || i.series || '-' || i.number
from invoice_line l join invoice i on i.tenant_id = l.tenant_id and i.invoice_id = l.invoice_id
where l.tenant_id = %(tenant_id)s and not exists (
    select from billed_period b
    where b.tenant_id = l.tenant_id and b.invoice_id = l.invoice_id and b.line_no = l.line_no)
  and not exists (
    select from period_correction c
    where c.tenant_id = l.tenant_id and c.invoice_id = l.invoice_id and c.line_no = l.line_no
      and c.subscription_id = l.subscription_id and c.item_no = l.item_no
      and c.starts_at = l.starts_at and c.charged - c.charged_before = l.net + l.tax_included
      and c.prepaid - c.prepaid_before = l.prepaid
      and (c.taken_back or c.ends_at = l.ends_at))
  and not (i.reduces is not null and (l.net + l.tax_included = 0 or exists (
    select from line_credit c
    where c.tenant_id = l.tenant_id and c.note_id = l.invoice_id and c.invoice_id = i.reduces
      and c.line_no = l.line_no and c.credited_before - c.credited_after = l.net + l.tax_included)))
union all
select 'correction ' || c.step || ' of item ' || c.item_no || ' at ' || c.starts_at
from period_correction c where c.tenant_id = %(tenant_id)s and not exists (
    select from invoice_line l
    where l.tenant_id = c.tenant_id and l.invoice_id = c.invoice_id and l.line_no = c.line_no)
limit 100;

-- name: false_line_credits
-- What credit notes take off lines: steps that do not stand on each other or lead past the line, that no note
-- tells, or that leave less of a period than was given back of it.
select 'step ' || c.step || ' of line ' || c.line_no || ' of '
    || coalesce(i.series || '-' || lpad(i.number::text, 6, '0'), c.invoice_id::text)
from (
    select c.*, row_number() over w as place, lag(credited_after, 1, 0::bigint) over w as stood
    from line_credit c where c.tenant_id = %(tenant_id)s
    window w as (partition by invoice_id, line_no order by step)) c
left join invoice i on i.tenant_id = c.tenant_id and i.invoice_id = c.invoice_id
left join invoice_line l on l.tenant_id = c.tenant_id and l.invoice_id = c.invoice_id
    and l.line_no = c.line_no
left join invoice n on n.tenant_id = c.tenant_id and n.invoice_id = c.note_id
left join invoice_line t on t.tenant_id = c.tenant_id and t.invoice_id = c.note_id
    and t.line_no = c.line_no
where c.step <> c.place or c.credited_before <> c.stood or c.credited_after <= c.credited_before
   or c.credited_after > c.total or l.net + l.tax_included is distinct from c.total
   or (l.subscription_id, l.item_no, l.starts_at)
      is distinct from (c.subscription_id, c.item_no, c.starts_at)
   or coalesce(n.credits, n.reduces) is distinct from c.invoice_id
   or t.net + t.tax_included is distinct from c.credited_before - c.credited_after
   or (n.credits is not null and c.credited_after <> c.total)
union all
select 'period of item ' || s.item_no || ' at ' || s.starts_at || ': ' || s.said_charged || ' charged, '
    || p.amount || ' credited'
from period_credit p
join period_said s on s.tenant_id = p.tenant_id and s.subscription_id = p.subscription_id
    and s.item_no = p.item_no and s.starts_at = p.starts_at
where p.tenant_id = %(tenant_id)s and not s.taken_back and s.said_charged < p.amount
limit 100;

-- name: line_note_events
-- The credit notes over parts of lines with the events in which they and their invoices are frozen, in the
-- order in which each invoice was credited.
select n.series, n.number, n.net, n.tax, n.gross, n.discount, e.payload, e.schema_version, o.payload,
       o.schema_version
from invoice n
left join invoice i on i.tenant_id = n.tenant_id and i.invoice_id = n.reduces
left join journal_event e on e.tenant_id = n.tenant_id and e.event_id = n.event_id
left join journal_event o on o.tenant_id = i.tenant_id and o.event_id = i.event_id
where n.tenant_id = %(tenant_id)s and n.reduces is not null
order by n.reduces, n.series, n.number;

-- name: invoices_without_events
-- Invoices that the journal does not know as they are, by counting both sides.
select i.series || '-' || i.number || ' has no event of its own' from invoice i
where i.tenant_id = %(tenant_id)s and not exists (
    select from journal_event e where e.tenant_id = i.tenant_id and e.event_id = i.event_id
        and e.type in ('invoice.issued', 'invoice.credited', 'invoice.lines_credited'))
union all
select 'event ' || e.event_id || ' has no invoice' from journal_event e
where e.tenant_id = %(tenant_id)s and e.type in ('invoice.issued', 'invoice.credited', 'invoice.lines_credited') and not exists (
    select from invoice i where i.tenant_id = e.tenant_id and i.event_id = e.event_id)
limit 100;

-- name: seal_spans
-- The different limits and periods that lines have counted.
select distinct limits, starts_at, ends_at from invoice_usage
where tenant_id = %(tenant_id)s and not ends_included;

-- name: stage_sealed
-- What there is to count again: each series, time and fold once, however many lines stand on it.
create temp table if not exists stage_sealed (
    recount_no int8, subject_id int4, meter_id int4, limits text, starts_at timestamptz,
    ends_at timestamptz, fold_id int8) on commit delete rows;

-- name: fill_sealed
insert into stage_sealed
select row_number() over (), x.* from (
    select distinct subject_id, meter_id, limits, starts_at, ends_at, fold_id
    from invoice_usage s where tenant_id = %(tenant_id)s and not ends_included and not exists (
        select from usage_away(%(tenant_id)s) a
        where s.starts_at < a.ends_at and s.ends_at > a.starts_at)) x;

-- name: stage_counted
create temp table if not exists stage_counted (
    recount_no int8, records int8, total numeric, digest bytea) on commit delete rows;

-- name: fill_counted
-- What was sealed, counted again from raw: the records and reversals that had been folded then, with
-- digests link by link as the folds made them for whole days, and over the records for parts of days.
insert into stage_counted
with pieces as materialized (
    select c.recount_no, c.subject_id, c.meter_id, c.fold_id, p.span_start, p.span_end, p.is_days,
           p.own, p.others
    from stage_sealed c
    join stage_seal p on p.period_start = c.starts_at and p.period_end = c.ends_at
        and coalesce(p.limits, '') = coalesce(c.limits, '')),
said as (
    select c.recount_no, c.is_days, c.span_start, c.own, c.others, r.at, r.key, r.dimensions_id,
           b.fold_id, 0 as sign, r.value, uuid_send(r.content) as entry
    from pieces c
    cross join lateral (
        select u.at, u.key, u.value, u.content, u.dimensions_id, u.batch_id
        from (
            select distinct utc_day(d.bucket) as day from usage_day d
            where d.tenant_id = %(tenant_id)s and d.subject_id = c.subject_id
              and d.meter_id = c.meter_id and d.bucket > c.span_start - interval '1 day'
              and d.bucket < c.span_end) t
        join usage_record u on u.tenant_id = %(tenant_id)s and u.day = t.day
            and u.subject_id = c.subject_id and u.meter_id = c.meter_id
            and u.at >= c.span_start and u.at < c.span_end
        offset 0) r  -- a look-up by index for each day, whatever the planner thinks of ranges
    join usage_batch b on b.tenant_id = %(tenant_id)s and b.batch_id = r.batch_id
        and b.fold_id <= c.fold_id
    union all
    select c.recount_no, c.is_days, c.span_start, c.own, c.others, v.at, v.key, v.dimensions_id,
           b.fold_id, v.sign, v.value,
           case v.sign when 1 then '\x01'::bytea else '\xff'::bytea end || uuid_send(v.content)
    from usage_reversal v
    join usage_batch b on b.tenant_id = v.tenant_id and b.batch_id = v.batch_id
    join pieces c on c.subject_id = v.subject_id and c.meter_id = v.meter_id
        and v.at >= c.span_start and v.at < c.span_end and b.fold_id <= c.fold_id
    where v.tenant_id = %(tenant_id)s),
limited as (
    select s.* from said s
    where s.own is null or exists (
        select from usage_name d where d.tenant_id = %(tenant_id)s and d.name_id = s.dimensions_id
          and d.told @> any(s.own::jsonb[]) and not d.told @> any(s.others::jsonb[]))),
links as (
    select recount_no, dimensions_id, fold_id, date_bin('1 day', at, '2000-01-01 00:00Z') as bucket,
           sum(case sign when 0 then 1 else sign end) as records,
           sum(case sign when 0 then 1 else sign end * value) as total,
           sha256(string_agg(entry, ''::bytea order by at, key, sign)) as link
    from limited where is_days group by 1, 2, 3, 4),
standing as (
    select recount_no, span_start as bucket, at, key, max(value) as value,
           max(entry) filter (where sign = 0) as entry
    from limited where not is_days
    group by 1, 2, 3, 4 having sum(case sign when 0 then 1 else sign end) > 0),
buckets as (
    select recount_no, bucket, dimensions_id, sum(records) as records, sum(total) as total,
           digest_chain(link order by fold_id) as digest
    from links group by 1, 2, 3
    union all
    select recount_no, bucket, 0, count(*), sum(value),
           sha256(string_agg(entry, ''::bytea order by at, key))
    from standing group by 1, 2)
select recount_no, sum(records), sum(total),
       sha256(string_agg(digest, ''::bytea order by bucket, dimensions_id))
from buckets group by 1;

-- name: false_seals
-- Lines whose sealed usage differs from the records.
select i.series || '-' || i.number || ' line ' || u.line_no || ': ' || u.records || ' records sealed, '
       || coalesce(n.records, 0) || ' found'
from invoice_usage u
join invoice i on i.tenant_id = u.tenant_id and i.invoice_id = u.invoice_id
join stage_sealed c on c.subject_id = u.subject_id and c.meter_id = u.meter_id
    and c.starts_at = u.starts_at and c.ends_at = u.ends_at and c.fold_id = u.fold_id
    and coalesce(c.limits, '') = coalesce(u.limits, '')
left join stage_counted n on n.recount_no = c.recount_no
where u.tenant_id = %(tenant_id)s and not u.ends_included
  and ((u.records, u.total) is distinct from (coalesce(n.records, 0), coalesce(n.total, 0))
       or (n.digest is not null and u.digest is distinct from n.digest))
limit 100;

-- name: counter_seals
-- Seals over register readings, with the readings that they should have counted.
select i.series || '-' || i.number || ' line ' || u.line_no as name, u.records, u.total, u.digest,
       coalesce(array_agg(r.content order by r.at, r.content) filter (where r.at is not null), '{}')
           as contents,
       coalesce(sum(r.value), 0) as sum
from invoice_usage u
join invoice i on i.tenant_id = u.tenant_id and i.invoice_id = u.invoice_id
left join lateral (
    select r.at, r.content, r.value
    from (
        select distinct utc_day(d.bucket) as day from usage_day d
        where d.tenant_id = %(tenant_id)s and d.subject_id = u.subject_id and d.meter_id = u.meter_id
          and d.bucket > u.starts_at - interval '1 day' and d.bucket <= u.ends_at) t
    join usage_record r on r.tenant_id = %(tenant_id)s and r.day = t.day
        and r.subject_id = u.subject_id and r.meter_id = u.meter_id
        and r.at > u.starts_at and r.at <= u.ends_at
    join usage_batch b on b.tenant_id = r.tenant_id and b.batch_id = r.batch_id
        and b.fold_id <= u.fold_id
    where coalesce((
        select v.sign from usage_reversal v
        join usage_batch vb on vb.tenant_id = v.tenant_id and vb.batch_id = v.batch_id
            and vb.fold_id <= u.fold_id
        where v.tenant_id = r.tenant_id and v.key = r.key
        order by v.reversal_no desc limit 1), 1) = 1
    offset 0) r on true
where u.tenant_id = %(tenant_id)s and u.ends_included and not exists (
    select from usage_away(%(tenant_id)s) a where u.starts_at < a.ends_at and u.ends_at >= a.starts_at)
group by i.series, i.number, u.line_no, u.part_no, u.records, u.total, u.digest;

-- name: stage_standing
-- Records with reversals: whether they stand at present, and the folds that reversed them.
create temp table if not exists stage_standing (
    key uuid primary key, stands bool, folds int8[]) on commit delete rows;

-- name: fill_standing
insert into stage_standing
select v.key, sum(v.sign) = 0, array_agg(b.fold_id) from usage_reversal v
join usage_batch b on b.tenant_id = v.tenant_id and b.batch_id = v.batch_id
where v.tenant_id = %(tenant_id)s group by v.key;

-- name: usage_in_billed_time
-- Records of a span that lie in a period that a line has counted: whether they were there when it did,
-- whether they stand, whether all invoices of the period were taken back by credit notes, and whether late
-- ones of their meter are written off without asking.
with spans as materialized (
    select subject_id, meter_id, starts_at, ends_at, ends_included, max(fold_id) as fold_id,
           bool_and(c.credits is not null) as is_credited
    from invoice_usage l
    left join invoice c on c.tenant_id = %(tenant_id)s and c.credits = l.invoice_id
    where l.tenant_id = %(tenant_id)s group by 1, 2, 3, 4, 5),
covered as (
    select u.key, u.subject_id, u.meter_id, u.batch_id, u.at, max(s.fold_id) as billed,
           bool_and(s.is_credited) as is_credited
    from usage_record u
    join spans s on s.subject_id = u.subject_id and s.meter_id = u.meter_id
      and (u.at > s.starts_at or (u.at = s.starts_at and not s.ends_included))
      and (u.at < s.ends_at or (u.at = s.ends_at and s.ends_included))
    where u.tenant_id = %(tenant_id)s and u.at >= %(first_at)s and u.at < %(last_at)s
    group by 1, 2, 3, 4, 5),
told as (
    select c.key, c.at, c.batch_id, c.subject_id, c.meter_id, coalesce(z.stands, true) as stands,
           b.fold_id as came, z.folds, c.billed, c.is_credited
    from covered c
    join usage_batch b on b.tenant_id = %(tenant_id)s and b.batch_id = c.batch_id
    left join stage_standing z on z.key = c.key)
select key, at, batch_id, subject_id, meter_id, case
    when not stands and stood then 'voided_after_bill'
    when not stands then 'voided'
    when stood and is_credited then 'credited'
    when stood then 'billed'
    when meter_id = any(%(written_off)s) then 'written_off'
    else 'too_late' end as reason
from told, lateral (
    select came <= billed and (folds is null or (
        select count(*) from unnest(folds) f(fold_id) where f.fold_id <= billed) %% 2 = 0) as stood) x;

-- name: usage_elsewhere
-- The reason of every record of a span that lies outside all billed time. stage_priced holds what subscriptions price.
-- The first line over a register stands on its newest reading until its start (base_at); what came later
-- and is not older than that would have changed it. Within a trial that gives usage away no item is open.
with spans as materialized (
    select distinct subject_id, meter_id, starts_at, ends_at, ends_included
    from invoice_usage where tenant_id = %(tenant_id)s),
terms as materialized (
    select n.name_id as subject_id, p.starts_at, coalesce(p.ends_at, 'infinity') as ends_at, (
               select min(i.opens_at) from subscription_item i
               where i.tenant_id = p.tenant_id and i.subscription_id = p.subscription_id
                 and i.phase_no = p.phase_no) as opens_at
    from subscription s
    join subscription_phase p on p.tenant_id = s.tenant_id and p.subscription_id = s.subscription_id
    join usage_name n on n.tenant_id = s.tenant_id and n.kind = 'subject' and n.name = s.subject
    where s.tenant_id = %(tenant_id)s),
opened as materialized (
    select f.subject_id, f.meter_id, f.starts_at, f.fold_id, (
        select max(r.at)
        from (
            select distinct utc_day(d.bucket) as day from usage_day d
            where d.tenant_id = %(tenant_id)s and d.subject_id = f.subject_id
              and d.meter_id = f.meter_id and d.bucket <= f.starts_at) t
        cross join lateral (
            select s.key, s.at, s.batch_id from usage_record s
            where s.tenant_id = %(tenant_id)s and s.day = t.day and s.subject_id = f.subject_id
              and s.meter_id = f.meter_id and s.at <= f.starts_at
            offset 0) r
        join usage_batch b on b.tenant_id = %(tenant_id)s and b.batch_id = r.batch_id
            and b.fold_id <= f.fold_id
        left join stage_standing z on z.key = r.key
        where z.key is null or (
            select count(*) from unnest(z.folds) n(fold_id) where n.fold_id <= f.fold_id) %% 2 = 0
        ) as base_at
    from (
        select distinct on (subject_id, meter_id) subject_id, meter_id, starts_at, fold_id
        from invoice_usage where tenant_id = %(tenant_id)s and ends_included
        order by subject_id, meter_id, starts_at, fold_id desc) f
    where f.starts_at >= %(first_at)s)
select u.key, u.at, u.batch_id, u.subject_id, u.meter_id, case
    when u.at <= o.starts_at then (
        select case
            when not coalesce(z.stands, true) and x.stood and u.at = o.base_at then 'voided_after_bill'
            when not coalesce(z.stands, true) then 'voided'
            when x.stood or u.at < o.base_at then 'opening_reading'
            when u.meter_id = any(%(written_off)s) then 'written_off'
            else 'too_late' end
        from usage_batch b, lateral (
            select coalesce(b.fold_id <= o.fold_id, false) and (z.folds is null or (
                select count(*) from unnest(z.folds) n(fold_id)
                where n.fold_id <= o.fold_id) %% 2 = 0) as stood) x
        where b.tenant_id = %(tenant_id)s and b.batch_id = u.batch_id)
    when not coalesce(z.stands, true) then 'voided'
    when c.subject_id is null then 'no_subscription'
    when i.key is null then 'outside_term'
    when m.subject_id is null then 'not_priced'
    when i.is_free then 'trial'
    else 'not_yet_billed' end as reason
from usage_record u
left join stage_standing z on z.key = u.key
left join (select distinct subject_id from terms) c on c.subject_id = u.subject_id
left join (
    select r.key, bool_and(r.at < t.opens_at) as is_free from usage_record r
    join terms t on t.subject_id = r.subject_id and r.at >= t.starts_at and r.at < t.ends_at
    where r.tenant_id = %(tenant_id)s and r.at >= %(first_at)s and r.at < %(last_at)s
    group by r.key) i
    on i.key = u.key
left join stage_priced m on m.subject_id = u.subject_id and m.meter_id = u.meter_id
left join opened o on o.subject_id = u.subject_id and o.meter_id = u.meter_id
where u.tenant_id = %(tenant_id)s and u.at >= %(first_at)s and u.at < %(last_at)s and not exists (
    select from spans s
    where s.subject_id = u.subject_id and s.meter_id = u.meter_id
      and (u.at > s.starts_at or (u.at = s.starts_at and not s.ends_included))
      and (u.at < s.ends_at or (u.at = s.ends_at and s.ends_included)));

-- name: unpriced_parts
-- Records in billed time that lie in a band or a segment no line asked for, where a period was billed by
-- such parts only; those that came later are too late, whatever their part. Apart from each other those of
-- periods whose invoices were all taken back, and of others.
with limited as (
    select subject_id, meter_id, starts_at, ends_at, limits, records, fold_id,
           jsonb_build_array(limits::jsonb -> 'bands', limits::jsonb -> 'segments') as sets,
           limits is null or (limits::jsonb -> 'bands' is null and limits::jsonb -> 'segments' is null)
               as is_whole,
           c.credits is not null as is_credited
    from invoice_usage l
    left join invoice c on c.tenant_id = %(tenant_id)s and c.credits = l.invoice_id
    where l.tenant_id = %(tenant_id)s),
periods as (
    select subject_id, meter_id, starts_at, ends_at, bool_and(is_credited) as is_credited
    from limited group by 1, 2, 3, 4 having not bool_or(is_whole)),
parted as (
    select subject_id, meter_id, starts_at, ends_at, max(records) as records, max(fold_id) as fold_id
    from (
        select subject_id, meter_id, starts_at, ends_at, sets, sum(records) as records,
               max(fold_id) as fold_id
        from (
            select distinct on (subject_id, meter_id, starts_at, ends_at, sets, part)
                   subject_id, meter_id, starts_at, ends_at, sets, records, fold_id
            from limited, lateral (
                select jsonb_build_array(limits::jsonb -> 'band', limits::jsonb -> 'segment') as part) x
            where not is_whole
            order by subject_id, meter_id, starts_at, ends_at, sets, part, fold_id desc) d
        group by 1, 2, 3, 4, 5) e
    group by 1, 2, 3, 4)
select p.is_credited, sum(greatest((
    select count(*) from (
        select distinct utc_day(r.bucket) as day from usage_day r
        where r.tenant_id = %(tenant_id)s and r.subject_id = p.subject_id and r.meter_id = p.meter_id
          and r.bucket > p.starts_at - interval '1 day' and r.bucket < p.ends_at) t
    join usage_record u on u.tenant_id = %(tenant_id)s and u.day = t.day
        and u.subject_id = p.subject_id and u.meter_id = p.meter_id
        and u.at >= p.starts_at and u.at < p.ends_at
    join usage_batch b on b.tenant_id = u.tenant_id and b.batch_id = u.batch_id
        and b.fold_id <= d.fold_id
    left join stage_standing z on z.key = u.key
    where (z.key is null or z.stands and (
        select count(*) from unnest(z.folds) f(fold_id) where f.fold_id <= d.fold_id) %% 2 = 0))
    - d.records, 0))::bigint
from periods p join parted d using (subject_id, meter_id, starts_at, ends_at) group by 1;

-- name: limited_spans
-- The different limits and periods of lines that counted a band or a segment, of periods that touch a span.
select distinct limits, starts_at, ends_at from invoice_usage
where tenant_id = %(tenant_id)s and not ends_included and starts_at < %(last_at)s and ends_at > %(first_at)s
  and (limits::jsonb -> 'bands' is not null or limits::jsonb -> 'segments' is not null);

-- name: unpriced_records
-- The same one by one, of a span: what stood when a period was billed by parts only, stands now, and lies
-- in none of the parts. stage_seal holds their pieces.
with limited as (
    select subject_id, meter_id, starts_at, ends_at, limits, fold_id,
           limits is null or (limits::jsonb -> 'bands' is null and limits::jsonb -> 'segments' is null)
               as is_whole
    from invoice_usage
    where tenant_id = %(tenant_id)s and not ends_included
      and starts_at < %(last_at)s and ends_at > %(first_at)s),
periods as materialized (
    select subject_id, meter_id, starts_at, ends_at, max(fold_id) as fold_id
    from limited group by 1, 2, 3, 4 having not bool_or(is_whole)),
pieces as materialized (
    select distinct l.subject_id, l.meter_id, p.span_start, p.span_end, p.own, p.others
    from limited l
    join periods using (subject_id, meter_id, starts_at, ends_at)
    join stage_seal p on p.period_start = l.starts_at and p.period_end = l.ends_at and p.limits = l.limits)
select u.key, u.at, u.batch_id, 'part_not_priced' as reason
from periods p
cross join lateral (
    select distinct utc_day(r.bucket) as day from usage_day r
    where r.tenant_id = %(tenant_id)s and r.subject_id = p.subject_id and r.meter_id = p.meter_id
      and r.bucket > p.starts_at - interval '1 day' and r.bucket < p.ends_at) t
cross join lateral (
    select s.key, s.at, s.batch_id, s.tenant_id, s.subject_id, s.meter_id, s.dimensions_id
    from usage_record s
    where s.tenant_id = %(tenant_id)s and s.day = t.day
      and s.subject_id = p.subject_id and s.meter_id = p.meter_id
      and s.at >= p.starts_at and s.at < p.ends_at
      and s.at >= %(first_at)s and s.at < %(last_at)s
    offset 0) u
join usage_batch b on b.tenant_id = u.tenant_id and b.batch_id = u.batch_id and b.fold_id <= p.fold_id
left join stage_standing z on z.key = u.key
where (z.key is null or z.stands and (
        select count(*) from unnest(z.folds) f(fold_id) where f.fold_id <= p.fold_id) %% 2 = 0)
  and not exists (
    select from pieces s
    where s.subject_id = u.subject_id and s.meter_id = u.meter_id
      and u.at >= s.span_start and u.at < s.span_end and (s.own is null or exists (
        select from usage_name d where d.tenant_id = %(tenant_id)s and d.name_id = u.dimensions_id
          and d.told @> any(s.own::jsonb[]) and not d.told @> any(s.others::jsonb[]))));

-- name: corrected_lines
-- The lines of invoices that stand whose time holds a record that a correcting batch took back, put
-- back or added; and later lines of the same series that may stand on what was before them.
with changed as materialized (
    select subject_id, meter_id, at from usage_reversal
    where tenant_id = %(tenant_id)s and batch_id = %(batch_id)s
    union
    select subject_id, meter_id, at from usage_record
    where tenant_id = %(tenant_id)s and batch_id = %(batch_id)s),
firsts as (select subject_id, meter_id, min(at) as at from changed group by 1, 2),
found as (
    select u.invoice_id, u.line_no, u.part_no, true as is_inside
    from changed c
    join invoice_usage u on u.tenant_id = %(tenant_id)s and u.subject_id = c.subject_id
        and u.meter_id = c.meter_id and u.starts_at <= c.at and u.ends_at >= c.at
        and case when u.ends_included then u.starts_at < c.at else u.ends_at > c.at end
    union
    select u.invoice_id, u.line_no, u.part_no, false
    from firsts c
    join invoice_usage u on u.tenant_id = %(tenant_id)s and u.subject_id = c.subject_id
        and u.meter_id = c.meter_id and u.starts_at >= c.at
        and (u.ends_included or u.limits::jsonb -> 'by_records' is not null))
select i.event_id, f.line_no, f.part_no, bool_or(f.is_inside) as is_inside
from found f
join invoice i on i.tenant_id = %(tenant_id)s and i.invoice_id = f.invoice_id and i.credits is null
join invoice_line l on l.tenant_id = %(tenant_id)s and l.invoice_id = f.invoice_id
    and l.line_no = f.line_no
where not exists (
    select from invoice n where n.tenant_id = i.tenant_id and n.credits = i.invoice_id)
  and not exists (  -- what was said about the period last stands for it
    select from period_correction c
    where c.tenant_id = l.tenant_id and c.subscription_id = l.subscription_id
      and c.item_no = l.item_no and c.starts_at = l.starts_at
      and c.step > coalesce((
        select o.step from period_correction o
        where o.tenant_id = l.tenant_id and o.invoice_id = l.invoice_id and o.line_no = l.line_no), 0))
group by i.series, i.number, i.event_id, f.line_no, f.part_no
order by i.series, i.number, f.line_no, f.part_no;

-- name: issued_events
-- The events that issued some invoices.
select event_id, schema_version, payload from journal_event
where tenant_id = %(tenant_id)s and event_id = any(%(event_ids)s);

-- name: made_as_of
-- As of which instants invoices were made: those of their runs; without a run, of their events.
select e.event_id, coalesce(r.as_of, e.at)
from unnest(%(event_ids)s::uuid[], %(run_ids)s::uuid[]) as a(event_id, run_id)
join journal_event e on e.tenant_id = %(tenant_id)s and e.event_id = a.event_id
left join billing_run r on r.tenant_id = e.tenant_id and r.run_id = a.run_id;

-- name: lock_documents
-- Whoever settles a document waits here for whoever else does, in the order of their ids.
select pg_advisory_xact_lock(hashtextextended('everycent.document/' || id, %(tenant_id)s))
from unnest(%(ids)s::uuid[]) with ordinality as w(id, place) order by place;

-- name: open_of
select invoice_id, step, owed, open from open_document
where tenant_id = %(tenant_id)s and invoice_id = any(%(ids)s) order by invoice_id;

-- name: open_documents
-- Documents with what is open of each: those of the given ids, or of a customer; only what is open still.
select invoice_id, kind, series, number, customer_id, currency, issued_on, due_on, at, owed, step, open
from open_document
where tenant_id = %(tenant_id)s and (%(ids)s::uuid[] is null or invoice_id = any(%(ids)s))
  and (%(customer_id)s::uuid is null or customer_id = %(customer_id)s)
  and (not %(only_open)s or open <> 0)
order by due_on, series, number limit %(limit)s;

-- name: written_off
-- What is written off of documents, less what was taken back of that.
select document_id, sum(amount)::bigint from settlement
where tenant_id = %(tenant_id)s and document_id = any(%(ids)s) and kind = 'write_off'
group by 1 having sum(amount) <> 0;

-- name: documents_by_events
-- The documents that events issued, with the time that their lines cover.
select v.kind, v.customer_id, v.currency, v.gross, v.prepaid, l.starts_at, l.ends_at
from invoice v
cross join lateral (
    select min(l.starts_at) as starts_at, max(l.ends_at) as ends_at from invoice_line l
    where l.tenant_id = v.tenant_id and l.invoice_id = v.invoice_id) l
where v.tenant_id = %(tenant_id)s and v.event_id = any(%(ids)s)
order by v.kind, v.customer_id, v.currency, l.starts_at, v.gross, v.prepaid;
