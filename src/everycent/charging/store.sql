-- name: register_worker
-- A process that charges says who it is.
insert into payment_worker (tenant_id, worker_id, name, host, boot, space, pid, born, lease_until)
values (%(tenant_id)s, %(worker_id)s, %(name)s, %(host)s, %(boot)s, %(space)s, %(pid)s, %(born)s,
        clock_timestamp() + %(lease)s::interval);

-- name: renew_lease
update payment_worker set lease_until = clock_timestamp() + %(lease)s::interval
where tenant_id = %(tenant_id)s and worker_id = %(worker_id)s;

-- name: end_lease
update payment_worker set lease_until = '-infinity'
where tenant_id = %(tenant_id)s and worker_id = %(worker_id)s;

-- name: workers_on
-- Other processes that have something under way, and whether they have been silent for longer than their
-- lease.
select w.worker_id, w.name, w.host, w.boot, w.space, w.pid, w.born,
       w.lease_until < clock_timestamp() as is_silent
from payment_worker w
where w.tenant_id = %(tenant_id)s and w.worker_id <> %(worker_id)s
  and exists (select from payment_attempt a
              where a.tenant_id = w.tenant_id and a.worker_id = w.worker_id
                and a.status in ('claimed', 'sending'))
order by w.worker_id;

-- name: attempts_of
-- What some processes have claimed or begun to send.
select told from payment_attempt
where tenant_id = %(tenant_id)s and worker_id = any(%(workers)s) and status in ('claimed', 'sending')
order by attempt_id for no key update;

-- name: lock_attempts
select attempt_id, told from payment_attempt
where tenant_id = %(tenant_id)s and attempt_id = any(%(ids)s)
order by attempt_id for no key update;

-- name: due_looks
-- Unknown and pending outcomes that it is time to ask about.
select told from payment_attempt
where tenant_id = %(tenant_id)s and status in ('unknown', 'pending', 'mismatched') and look_at <= %(at)s
  and provider = any(%(providers)s)
order by look_at, attempt_id limit %(limit)s for no key update skip locked;

-- name: unbooked
-- Attempts of which the provider's word is stored and nothing is booked yet.
select told from payment_attempt
where tenant_id = %(tenant_id)s and status = 'answered'
  and (%(after)s::uuid is null or attempt_id > %(after)s)
order by attempt_id limit %(limit)s for no key update skip locked;

-- name: has_open
-- Whether the outcome of something asked of a provider before then is open.
select exists (
    select from payment_attempt
    where tenant_id = %(tenant_id)s and provider = %(provider)s and claimed_at <= %(before)s
      and status in ('sending', 'unknown', 'pending', 'answered', 'mismatched'));

-- name: is_provider
select exists (select from payment_method where tenant_id = %(tenant_id)s and provider = %(provider)s)
    or exists (select from payment_attempt where tenant_id = %(tenant_id)s and provider = %(provider)s);

-- name: lock_notice
-- One process follows an event that a provider told.
select pg_advisory_xact_lock(hashtextextended('everycent.notice/' || %(key)s, %(tenant_id)s));

-- name: lock_provider
-- Places at a provider are handed out by one process at a time.
select pg_advisory_xact_lock(hashtextextended('everycent.provider/' || %(provider)s, %(tenant_id)s));

-- name: calls_open
-- How many calls of a provider are under way, in all processes, but for those that are over.
select count(*) from payment_attempt
where tenant_id = %(tenant_id)s and status = 'sending' and provider = %(provider)s
  and attempt_id <> all(%(over)s);

-- name: open_run
insert into collection_run (tenant_id, run_id, kind, as_of, due_by, scheduled_at, state, started_at)
values (%(tenant_id)s, %(run_id)s, %(kind)s, %(as_of)s, %(due_by)s, %(scheduled_at)s, 'open',
        %(started_at)s)
on conflict (tenant_id, scheduled_at) do nothing;

-- name: find_run
select run_id, kind, as_of, due_by, scheduled_at, state, started_at, finished_at from collection_run
where tenant_id = %(tenant_id)s and run_id = %(run_id)s;

-- name: find_scheduled_run
select run_id, kind, as_of, due_by, scheduled_at, state, started_at, finished_at from collection_run
where tenant_id = %(tenant_id)s and scheduled_at = %(scheduled_at)s;

-- name: list_runs
select run_id, kind, as_of, due_by, scheduled_at, state, started_at, finished_at from collection_run
where tenant_id = %(tenant_id)s and (%(is_open)s::boolean is null or (state in ('open', 'paused')) = %(is_open)s::boolean)
  and (%(before)s::uuid is null or (started_at, run_id) < (
      select started_at, run_id from collection_run where tenant_id = %(tenant_id)s and run_id = %(before)s))
order by started_at desc, run_id desc limit %(limit)s;

-- name: plan_run
-- Every invoice that is due and open, unless something is under way for it, it waits for its time, or
-- somebody stopped it. With retries only, those whose time has come and that can be charged.
insert into collection_item (tenant_id, run_id, invoice_id, place, state)
select %(tenant_id)s, %(run_id)s, o.invoice_id, row_number() over (order by o.due_on, o.series, o.number),
       'waiting'
from collectable o
where o.tenant_id = %(tenant_id)s and o.open > 0
  and (%(invoices)s::uuid[] is null or o.invoice_id = any(%(invoices)s))
  and due_of(o.tenant_id, o.invoice_id, o.open, %(due_by)s) > 0
  and case when %(only_retries)s
      then o.retry_at <= %(as_of)s and exists (
              select from payment_method m
              where m.tenant_id = o.tenant_id and m.method_id = o.method_id
                and m.provider = any(%(providers)s))
          and not exists (
              select from collection_item n
              join collection_run r on r.tenant_id = n.tenant_id and r.run_id = n.run_id and r.state = 'open'
              where n.tenant_id = o.tenant_id and n.invoice_id = o.invoice_id and n.state = 'waiting')
      else (o.due_on <= %(due_by)s or exists (
              select from instalment n
              where n.tenant_id = o.tenant_id and n.invoice_id = o.invoice_id))
          and coalesce(o.retry_at, '-infinity') <= %(as_of)s end
  and not o.is_stopped and not o.is_under_way;

-- name: take_items
-- Items of a run that nobody has claimed, for this transaction; without those of providers that are passed
-- over for now.
select i.invoice_id from collection_item i
join collection_run r on r.tenant_id = i.tenant_id and r.run_id = i.run_id and r.state = 'open'
where i.tenant_id = %(tenant_id)s and i.run_id = %(run_id)s and i.state = 'waiting'
  and (%(without)s::text[] = '{}' or not exists (
      select from collectable o
      join payment_method m on m.tenant_id = o.tenant_id and m.method_id = o.method_id
          and m.provider = any(%(without)s::text[])
      where o.tenant_id = i.tenant_id and o.invoice_id = i.invoice_id))
order by i.place limit %(limit)s for no key update of i skip locked;

-- name: to_collect
-- What has to be known of invoices to charge them: the customer, its best method, and what was decided.
select o.invoice_id, o.series, o.number, o.customer_id, o.currency, o.step, o.open, o.due_on,
       case when exists (select from instalment n
                         where n.tenant_id = o.tenant_id and n.invoice_id = o.invoice_id)
            then due_of(o.tenant_id, o.invoice_id, o.open, %(due_by)s) else o.open end as due,
       c.key as customer, c.group_key as customer_group,
       (select m.told from payment_method m
        where m.tenant_id = o.tenant_id and m.method_id = o.method_id) as method,
       o.tries, o.retry_at, o.is_stopped, o.reason, o.is_under_way,
       (select count(*) from payment_attempt a
        where a.tenant_id = o.tenant_id and a.invoice_id = o.invoice_id) as made
from collectable o
join lateral (
    select c.key, c.group_key from customer c
    where c.tenant_id = o.tenant_id and c.customer_id = o.customer_id limit 1) c on true
where o.tenant_id = %(tenant_id)s and o.invoice_id = any(%(ids)s)
order by o.invoice_id;

-- name: mark_items
-- What became of items of a run: those of `ids`, which are in order, so that what belongs to an item is found
-- by halving. A join with them compares each with each where the planner takes the run for a small one.
update collection_item i
set state = case
        when (%(states)s::text[])[width_bucket(i.invoice_id, %(ids)s::uuid[])] <> 'waiting'
        then (%(states)s::text[])[width_bucket(i.invoice_id, %(ids)s::uuid[])]
        when r.state = 'aborted' then 'skipped' else 'waiting' end,
    outcome = case
        when (%(states)s::text[])[width_bucket(i.invoice_id, %(ids)s::uuid[])] = 'waiting'
             and r.state = 'aborted' then 'aborted'
        else (%(outcomes)s::text[])[width_bucket(i.invoice_id, %(ids)s::uuid[])] end,
    attempt_id = coalesce((%(attempts)s::uuid[])[width_bucket(i.invoice_id, %(ids)s::uuid[])], i.attempt_id)
from collection_run r
where r.tenant_id = %(tenant_id)s and r.run_id = %(run_id)s and i.tenant_id = %(tenant_id)s
  and i.run_id = %(run_id)s and i.invoice_id = any(%(ids)s);

-- name: run_progress
select state, coalesce(outcome, '') as outcome, count(*) as invoices from collection_item
where tenant_id = %(tenant_id)s and run_id = %(run_id)s group by 1, 2 order by 1, 2;

-- name: finish_run
-- A run is finished when nothing of it waits or is claimed. What was answered needs no run to be booked.
update collection_run r set state = 'finished', finished_at = %(at)s
where r.tenant_id = %(tenant_id)s and r.run_id = %(run_id)s and r.state = 'open'
  and not exists (select from collection_item i
                  where i.tenant_id = r.tenant_id and i.run_id = r.run_id
                    and i.state in ('waiting', 'claimed')
                    and not exists (
                        select from payment_attempt a
                        where a.tenant_id = i.tenant_id and a.attempt_id = i.attempt_id
                          and a.status = 'answered'));

-- name: abort_items
update collection_item set state = 'skipped', outcome = 'aborted'
where tenant_id = %(tenant_id)s and run_id = %(run_id)s and state = 'waiting';

-- name: switch_run
update collection_run set state = %(to)s,
       finished_at = case when %(to)s = 'aborted' then %(at)s::timestamptz end
where tenant_id = %(tenant_id)s and run_id = %(run_id)s and state = any(%(from)s);

-- name: attempts
-- Attempts, the oldest first.
select told from payment_attempt
where tenant_id = %(tenant_id)s
  and (%(invoice_id)s::uuid is null or invoice_id = %(invoice_id)s)
  and (%(payment_id)s::uuid is null or payment_id = %(payment_id)s)
  and (%(ids)s::uuid[] is null or attempt_id = any(%(ids)s))
  and (%(references)s::text[] is null or reference = any(%(references)s))
  and (%(statuses)s::text[] is null or status = any(%(statuses)s))
order by claimed_at, attempt_id limit %(limit)s;

-- name: attempt_by_charge
select told from payment_attempt
where tenant_id = %(tenant_id)s and provider = %(provider)s and provider_id = %(provider_id)s
order by claimed_at limit 1;

-- name: stages_of
-- The audit trail: every stage of some attempts.
select stream, version, type, at, recorded_at, schema_version, payload from journal_event
where tenant_id = %(tenant_id)s and stream = any(%(streams)s) order by recorded_at, stream, version;

-- name: find_notices
select notice_id from payment_notice
where tenant_id = %(tenant_id)s and provider = %(provider)s and notice_id = any(%(ids)s);

-- name: has_retries
-- Whether a run of retries would have anything to do. Those whose time has come are few.
select exists (
    select from collection c
    join collectable o on o.tenant_id = c.tenant_id and o.invoice_id = c.invoice_id
    join payment_method m on m.tenant_id = o.tenant_id and m.method_id = o.method_id
        and m.provider = any(%(providers)s)
    where c.tenant_id = %(tenant_id)s and c.retry_at <= %(at)s
      and o.open > 0 and not o.is_stopped and not o.is_under_way
      and due_of(o.tenant_id, o.invoice_id, o.open, %(due_by)s) > 0
      and not exists (
          select from collection_item n
          join collection_run r on r.tenant_id = n.tenant_id and r.run_id = n.run_id
              and r.state = 'open'
          where n.tenant_id = c.tenant_id and n.invoice_id = c.invoice_id and n.state = 'waiting'));

-- name: unbooked_charges
-- A charge that succeeded has one payment over what was taken, and every such payment has its charge.
select a.reference || ' has no payment' from payment_attempt a
where a.tenant_id = %(tenant_id)s and a.kind = 'charge' and a.status = 'succeeded' and not exists (
    select from payment p
    where p.tenant_id = a.tenant_id and p.attempt_id = a.attempt_id and p.provider = a.provider
      and p.external_id = a.provider_id
      and p.amount = (a.told::jsonb -> 'state' ->> 'taken')::bigint
      and p.currency = a.told::jsonb -> 'state' ->> 'taken_currency')
union all
select p.external_id || ' has no charge' from payment p
where p.tenant_id = %(tenant_id)s and p.attempt_id is not null and not exists (
    select from payment_attempt a
    where a.tenant_id = p.tenant_id and a.attempt_id = p.attempt_id and a.status = 'succeeded')
limit 100;

-- name: charged_twice
-- Of one state of an invoice at most one attempt succeeded, and at most one is alive.
select i.series || '-' || lpad(i.number::text, 6, '0') || ' after ' || a.step || ' settlements'
from payment_attempt a
join invoice i on i.tenant_id = a.tenant_id and i.invoice_id = a.invoice_id
where a.tenant_id = %(tenant_id)s and a.kind = 'charge' and not a.is_contradicted
  and a.status not in ('failed', 'cancelled')
group by i.series, i.number, a.step having count(*) > 1 limit 100;

-- name: broken_trails
-- The audit trail is whole: claimed, sending, answered, succeeded, each by somebody and in order of time.
select a.reference || ' is ' || a.status || ' after ' || coalesce(t.stages, 'nothing')
from payment_attempt a
left join lateral (
    select string_agg(split_part(e.type, '.', 2), ' ' order by e.version) as stages,
           bool_or(e.recorded_at < e.before) as goes_back
    from (select type, version, recorded_at, lag(recorded_at) over (order by version) as before
          from journal_event e
          where e.tenant_id = a.tenant_id
            and e.stream = 'payment_attempt:' || a.reference) e) t on true
where a.tenant_id = %(tenant_id)s and (
    t.stages is null or t.goes_back or t.stages not like 'claimed%%'
    or (a.status = 'succeeded' and t.stages !~ '^claimed sending( [a-z]+)* answered( [a-z]+)* succeeded$')
    or (a.status in ('answered', 'pending', 'mismatched') and t.stages !~ '^claimed sending.* answered'))
limit 100;

-- name: waiting_refunds
-- Refunds that somebody asked for and no process has taken up.
select told from payment_attempt
where tenant_id = %(tenant_id)s and kind = 'refund' and status = 'claimed' and provider = %(provider)s
order by claimed_at, attempt_id limit %(limit)s for no key update skip locked;

-- name: refunds_of
-- The attempts to give back what a move has set aside.
select told from payment_attempt
where tenant_id = %(tenant_id)s and payment_id = %(payment_id)s and move_no = %(move_no)s
order by attempt_id for no key update;

-- name: set_aside
-- What a move has set aside, what of it did not go, and what went by attempts that are booked.
select m.amount,
       coalesce((select f.amount from payment_move f
                 where f.tenant_id = m.tenant_id and f.payment_id = m.payment_id
                   and f.of_move = m.move_no), 0) as returned,
       coalesce((select sum((a.told::jsonb -> 'state' ->> 'taken')::bigint) from payment_attempt a
                 where a.tenant_id = m.tenant_id and a.payment_id = m.payment_id
                   and a.move_no = m.move_no and a.status = 'succeeded'), 0)::bigint as went
from payment_move m
where m.tenant_id = %(tenant_id)s and m.payment_id = %(payment_id)s and m.move_no = %(move_no)s;

-- name: taken_there
-- What is booked of a refund that a provider told, by its id there.
select coalesce(sum(amount), 0)::bigint from payment_move
where tenant_id = %(tenant_id)s and payment_id = %(payment_id)s and external_id = %(external_id)s
  and kind in ('refund_there', 'lost');

-- name: refunds_to_retry
-- Refunds of which an attempt failed that is to be tried again, and no other one was made since, nor went.
select a.told from payment_attempt a
where a.tenant_id = %(tenant_id)s and a.kind = 'refund' and a.status = 'failed' and a.retry_at <= %(at)s
  and not exists (
      select from payment_attempt b
      where b.tenant_id = a.tenant_id and b.payment_id = a.payment_id and b.move_no = a.move_no
        and (b.tries > a.tries or b.status not in ('failed', 'cancelled')))
order by a.retry_at, a.attempt_id for no key update skip locked;

-- name: payment_states
-- Where invoices of a series stand, in order of their numbers: all, or those in some situations. `among`
-- leaves out what can't be in them without looking at it.
select invoice_id, kind, series, number, customer_id, customer, currency, issued_on, due_on, owed, open,
       closed, attempt, attempt_status, claimed_at, changed_at, tries, retry_at, is_stopped, reason,
       has_method
from payment_state s
where tenant_id = %(tenant_id)s and series = %(series)s and number > %(after)s
  and (%(situations)s::text[] is null or situation = any(%(situations)s))
  and (%(among)s <> 'alive' or invoice_id in (
      select a.invoice_id from payment_attempt a
      where a.tenant_id = %(tenant_id)s and a.kind = 'charge' and not a.is_contradicted
        and a.status in ('claimed', 'sending', 'unknown', 'pending', 'answered', 'mismatched')))
  and (%(among)s <> 'held' or invoice_id in (
      select c.invoice_id from collection c
      where c.tenant_id = %(tenant_id)s and (c.is_stopped or c.retry_at is not null)))
  and (%(among)s <> 'open' or open <> 0)
  and (%(among)s <> 'credited' or invoice_id in (
      select i.credits from invoice i where i.tenant_id = %(tenant_id)s and i.credits is not null))
  and (%(among)s <> 'written_off' or invoice_id in (
      select w.document_id from settlement w
      where w.tenant_id = %(tenant_id)s and w.kind = 'write_off'))
order by number offset %(offset)s limit %(limit)s;

-- name: payment_state_of
-- The same of one document.
select invoice_id, kind, series, number, customer_id, customer, currency, issued_on, due_on, owed, open,
       closed, attempt, attempt_status, claimed_at, changed_at, tries, retry_at, is_stopped, reason,
       has_method
from payment_state where tenant_id = %(tenant_id)s and invoice_id = %(invoice_id)s;

-- name: under_way
-- Those of some invoices for which an attempt is alive.
select distinct invoice_id from payment_attempt
where tenant_id = %(tenant_id)s and invoice_id = any(%(ids)s) and not is_contradicted
  and status in ('claimed', 'sending', 'unknown', 'pending', 'answered', 'mismatched');

-- name: needing_attention
select told from payment_attempt
where tenant_id = %(tenant_id)s and (status in ('unknown', 'mismatched', 'answered') or is_contradicted)
order by claimed_at, attempt_id;

-- name: to_collect_since
select coalesce(
    (select max(scheduled_at) from collection_run where tenant_id = %(tenant_id)s),
    (select min(at) from invoice where tenant_id = %(tenant_id)s and kind = 'invoice'));

-- name: last_agreement
select coalesce(max(agreement_no), 0) from instalment
where tenant_id = %(tenant_id)s and invoice_id = %(invoice_id)s;

-- name: owners
-- Whose some charges and refunds are, by the providers' ids.
select provider, provider_id, attempt_id from payment_attempt
where tenant_id = %(tenant_id)s and provider_id = any(%(ids)s)
  and status in ('answered', 'succeeded', 'mismatched', 'pending');

-- name: held
select invoice_id from collection_hold
where tenant_id = %(tenant_id)s and invoice_id = any(%(ids)s) and is_held;

-- name: called_off
-- Attempts that are not to be sent any more: the invoice was stopped, by a person or by evidence that money
-- came, or the method was given up or taken away. And those that are not to be sent now: their run is paused
-- or over. Sub-queries are looked up by key whatever the planner knows of tables that grow; joins were not.
select attempt_id, is_for_good
from (select a.attempt_id,
             coalesce((select c.is_stopped from collection c
                       where c.tenant_id = a.tenant_id and c.invoice_id = a.invoice_id), false)
             or coalesce((select h.is_held from collection_hold h
                          where h.tenant_id = a.tenant_id and h.invoice_id = a.invoice_id), false)
             or coalesce((select m.state <> 'active' from payment_method m
                          where m.tenant_id = a.tenant_id and m.method_id = a.method_id), false)
                 as is_for_good,
             coalesce((select r.state <> 'open' from collection_run r
                       where r.tenant_id = a.tenant_id and r.run_id = a.run_id), false) as waits
      from payment_attempt a
      where a.tenant_id = %(tenant_id)s and a.attempt_id = any(%(ids)s)
      offset 0) found
where is_for_good or waits;

-- name: unfollowed_notices
-- What providers told and nobody could follow.
select told from payment_notice
where tenant_id = %(tenant_id)s and told like '%%a person has to look%%'
order by at, notice_id;

-- name: stopped_invoices
-- Open invoices of which nothing is charged until somebody does something, and why.
select o.invoice_id, o.series, o.number, c.key as customer, o.currency, o.open, o.due_on, s.reason
from (
    select coalesce(d.invoice_id, h.invoice_id) as invoice_id,
           coalesce(nullif(h.reason, ''), d.reason, '') as reason
    from (select invoice_id, reason from collection
          where tenant_id = %(tenant_id)s and is_stopped) d
    full join (select invoice_id, reason from collection_hold
               where tenant_id = %(tenant_id)s and is_held) h on h.invoice_id = d.invoice_id
    union all
    select n.invoice_id, 'no payment method is left that could be charged'
    from collectable n
    where n.tenant_id = %(tenant_id)s and n.open > 0 and not n.is_stopped and not n.is_under_way
      and n.method_id is null
      and exists (select from payment_attempt a
                  where a.tenant_id = n.tenant_id and a.invoice_id = n.invoice_id)) s
join open_document o on o.tenant_id = %(tenant_id)s and o.invoice_id = s.invoice_id and o.open > 0
join customer c on c.tenant_id = o.tenant_id and c.customer_id = o.customer_id
order by o.due_on, o.series, o.number;

-- name: items_of
-- Invoices of a run, in the order in which it charges them: those in some states, or those of some ids.
select i.invoice_id, v.series, v.number, i.state, coalesce(i.outcome, '') as outcome
from collection_item i
join invoice v on v.tenant_id = i.tenant_id and v.invoice_id = i.invoice_id
where i.tenant_id = %(tenant_id)s and i.run_id = %(run_id)s
  and (%(states)s::text[] is null or i.state = any(%(states)s))
  and (%(ids)s::uuid[] is null or i.invoice_id = any(%(ids)s))
  and (%(without)s::text[] is null or coalesce(i.outcome, '') <> all(%(without)s))
order by i.place limit %(limit)s;
