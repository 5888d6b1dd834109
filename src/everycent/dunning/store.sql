-- name: newest_terms
select version, at, content from dunning_terms
where tenant_id = %(tenant_id)s order by version desc limit 1;

-- name: lock_terms
-- Two people who apply a file at once take turns.
select pg_advisory_xact_lock(hashtextextended('everycent.dunning.terms', %(tenant_id)s));

-- name: accounts
-- Everybody who may have something overdue in a currency by a day, or of whom an episode runs, with the
-- number of the last episode and its steps, if it runs.
with concerned as (
    select distinct o.customer_id, o.currency from open_document o
    where o.tenant_id = %(tenant_id)s and o.kind = 'invoice' and o.open > 0 and o.due_on <= %(due_by)s
      and (%(customers)s::uuid[] is null or o.customer_id = any(%(customers)s))
    union
    select s.customer_id, s.currency from dunning_step s
    where s.tenant_id = %(tenant_id)s and s.number = 1
      and (%(customers)s::uuid[] is null or s.customer_id = any(%(customers)s))
      and not exists (select from dunning_end e
                      where e.tenant_id = s.tenant_id and e.customer_id = s.customer_id
                        and e.currency = s.currency and e.episode = s.episode))
select w.customer_id, w.currency, c.key, c.name, c.group_key, c.email, c.time_zone,
       coalesce(l.episode, 0) as episode, coalesce(t.keys, '{}') as keys, coalesce(t.days, '{}') as days,
       coalesce(t.events, '{}') as events
from concerned w
join customer c on c.tenant_id = %(tenant_id)s and c.customer_id = w.customer_id
left join lateral (
    select max(s.episode) as episode from dunning_step s
    where s.tenant_id = %(tenant_id)s and s.customer_id = w.customer_id and s.currency = w.currency
    ) l on true
left join lateral (
    select array_agg(s.step order by s.number) as keys, array_agg(s.taken_on order by s.number) as days,
           array_agg(s.event_id order by s.number) as events
    from dunning_step s
    where s.tenant_id = %(tenant_id)s and s.customer_id = w.customer_id and s.currency = w.currency
      and s.episode = l.episode
      and not exists (select from dunning_end e
                      where e.tenant_id = s.tenant_id and e.customer_id = s.customer_id
                        and e.currency = s.currency and e.episode = s.episode)) t on true
order by w.customer_id, w.currency;

-- name: owed_of
-- Open invoices of some customers that are due by a day, and what is known about charging them: whether an
-- attempt is under way or of unknown outcome, what is decided, and the last attempt.
select o.customer_id, o.currency, o.invoice_id, o.series, o.number, o.due_on, o.open,
       exists (
           select from payment_attempt a
           where a.tenant_id = o.tenant_id and a.invoice_id = o.invoice_id and not a.is_contradicted
             and a.status in ('claimed', 'sending', 'unknown', 'pending', 'answered', 'mismatched'))
           as is_under_way,
       coalesce(d.tries, 0) as tries,
       coalesce(d.is_stopped, false) as is_stopped, coalesce(d.reason, '') as reason, l.told as attempt
from open_document o
left join collection d on d.tenant_id = o.tenant_id and d.invoice_id = o.invoice_id
left join lateral (
    select a.told from payment_attempt a
    where a.tenant_id = o.tenant_id and a.invoice_id = o.invoice_id
    order by a.claimed_at desc, a.attempt_id desc limit 1) l on true
where o.tenant_id = %(tenant_id)s and o.kind = 'invoice' and o.open > 0 and o.due_on <= %(due_by)s
  and o.customer_id = any(%(customers)s)
order by o.customer_id, o.currency, o.due_on, o.series, o.number;

-- name: held_of
-- What customers have to pay with: what is left of payments, and credit notes that are open.
select h.customer_id, h.currency, sum(h.amount)::bigint from (
    select p.customer_id, p.currency, m.left_after as amount from payment p
    join lateral (
        select m.left_after from payment_move m
        where m.tenant_id = p.tenant_id and m.payment_id = p.payment_id
        order by m.move_no desc limit 1) m on true
    where p.tenant_id = %(tenant_id)s and p.customer_id = any(%(customers)s)
    union all
    select o.customer_id, o.currency, -o.open from open_document o
    where o.tenant_id = %(tenant_id)s and o.customer_id = any(%(customers)s) and o.open < 0) h
group by 1, 2;

-- name: steps_told
-- Events of steps, by their ids.
select event_id, schema_version, payload from journal_event
where tenant_id = %(tenant_id)s and event_id = any(%(events)s);

-- name: list_steps
-- Steps of a customer, or of everybody, the newest first, with the end of their episodes.
select s.customer_id, c.key as customer, s.currency, s.episode, s.number, s.campaign, s.step, s.taken_on,
       s.amount, e.why, e.ended_on, j.payload, j.schema_version
from dunning_step s
join customer c on c.tenant_id = s.tenant_id and c.customer_id = s.customer_id
join journal_event j on j.tenant_id = s.tenant_id and j.event_id = s.event_id
left join dunning_end e on e.tenant_id = s.tenant_id and e.customer_id = s.customer_id
    and e.currency = s.currency and e.episode = s.episode
where s.tenant_id = %(tenant_id)s and (%(customer_id)s::uuid is null or s.customer_id = %(customer_id)s)
  and (%(last_of)s::uuid is null or exists (
      select from dunning_step l
      where l.tenant_id = %(tenant_id)s and l.customer_id = %(last_of)s and l.currency = %(last_in)s
        and l.episode = %(last_episode)s and l.number = %(last_number)s
        and (s.at < l.at or s.at = l.at and (
             (s.customer_id, s.currency) > (l.customer_id, l.currency)
             or (s.customer_id, s.currency) = (l.customer_id, l.currency) and s.number < l.number))))
order by s.at desc, s.customer_id, s.currency, s.number desc limit %(limit)s;

-- name: steps_out_of_order
-- Steps on a day before that of the one before, and episodes that begin before the one before has ended.
select s.customer_id || ' ' || s.currency || ' episode ' || s.episode || ' step ' || s.number
from (
    select s.*, lag(s.taken_on) over w as day_before, lag(s.at) over w as at_before
    from dunning_step s where s.tenant_id = %(tenant_id)s
    window w as (partition by s.customer_id, s.currency, s.episode order by s.number)) s
left join dunning_end b on b.tenant_id = s.tenant_id and b.customer_id = s.customer_id
    and b.currency = s.currency and b.episode = s.episode - 1
where s.taken_on <= s.day_before or s.at < s.at_before
   or (s.number = 1 and s.episode > 1 and (b.at is null or s.at < b.at))
limit 100;

-- name: steps_without_message
-- Mails and webhooks that steps say they put in the queue, and that are not there.
select s.customer_id || ' ' || s.currency || ' episode ' || s.episode || ' step ' || s.number
from dunning_step s
join journal_event j on j.tenant_id = s.tenant_id and j.event_id = s.event_id
cross join lateral jsonb_array_elements_text(coalesce(j.payload::jsonb -> 'messages', '[]')) as q(message_id)
where s.tenant_id = %(tenant_id)s and not exists (
    select from message m where m.tenant_id = s.tenant_id and m.message_id = q.message_id::uuid)
limit 100;

-- name: stuck_messages
-- Messages that neither wait for a try nor are through.
select m.message_id::text from message m
left join message_state s on s.tenant_id = m.tenant_id and s.message_id = m.message_id
where m.tenant_id = %(tenant_id)s and (s.status is null or s.status = 'waiting' and s.next_at is null)
limit 100;
