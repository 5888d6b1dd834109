-- Money in: what is still open of every document, payments and what became of them, and attempts to charge.

-- What is open of a document, as a chain: the first row begins with what is owed (the gross less what credit
-- paid), each further one with what the one before left. Nothing is settled beyond what is owed, and two
-- who settle at once can't both take the same step. What is owed of a credit note is below nothing.
-- `kind`: 'payment' (or, below nothing, what a payment no longer pays), 'document' (set off against
-- `other_id`), 'write_off'.
create table settlement (
    tenant_id int not null,
    document_id uuid not null,
    step int not null check (step > 0),
    step_before int generated always as (nullif(step - 1, 0)) stored,
    kind text not null check (kind in ('payment', 'document', 'write_off')),
    amount bigint not null check (amount <> 0),
    open_before bigint not null,
    open_after bigint not null check (open_after = open_before - amount),
    owed bigint not null check (owed <> 0),
    payment_id uuid,
    move_no int,
    other_id uuid,
    at timestamptz not null,
    event_id uuid not null,
    check (case when owed > 0 then open_before between 0 and owed and open_after between 0 and owed
           else open_before between owed and 0 and open_after between owed and 0 end),
    check ((kind = 'payment') = (payment_id is not null) and (payment_id is null) = (move_no is null)),
    check ((kind = 'document') = (other_id is not null)),
    primary key (tenant_id, document_id, step),
    unique (tenant_id, document_id, step, open_after, owed),
    foreign key (tenant_id, document_id, step_before, open_before, owed)
        references settlement (tenant_id, document_id, step, open_after, owed),
    foreign key (tenant_id, document_id) references invoice (tenant_id, invoice_id),
    foreign key (tenant_id, other_id) references invoice (tenant_id, invoice_id)
);
create index invoice_credit_note on invoice (tenant_id, customer_id) where kind = 'credit_note';
create index settlement_write_off on settlement (tenant_id, document_id) where kind = 'write_off';
create index settlement_payment on settlement (tenant_id, payment_id, move_no) where payment_id is not null;
create trigger immutable before update or delete or truncate on settlement
    for each statement execute function refuse_change();

-- Only the first step has to begin with what the document says: the others continue it.
create function check_settlements() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select exists (
        select from appended n where n.step = 1 and not exists (
            select from everycent.invoice i
            where i.tenant_id = n.tenant_id and i.invoice_id = n.document_id
              and i.gross - i.prepaid = n.owed and n.open_before = n.owed)) $q$ into wrong;
    if wrong then
        raise exception 'a document is settled from what it says is owed'
            using errcode = 'foreign_key_violation', constraint = 'settlement_first';
    end if;
    return null;
end $$;
create trigger begun after insert on settlement
    referencing new table as appended for each statement execute function check_settlements();

-- Documents with what is open of each, and after how many steps.
create view open_document with (security_invoker = true) as
select i.tenant_id, i.invoice_id, i.kind, i.series, i.number, i.customer_id, i.currency, i.issued_on,
       i.due_on, i.at, i.gross - i.prepaid as owed, coalesce(s.step, 0) as step,
       coalesce(s.open_after, i.gross - i.prepaid) as open, s.kind as settled_by
from invoice i
left join lateral (
    select s.step, s.open_after, s.kind from settlement s
    where s.tenant_id = i.tenant_id and s.document_id = i.invoice_id
    order by s.step desc limit 1) s on true;
grant select on open_document to everycent_app;

-- Credit notes over parts of an invoice's lines: `reduces` is the invoice.
alter table invoice add column reduces uuid,
    add check (reduces is null or (kind = 'credit_note' and credits is null and prepaid = 0));
create index invoice_reduces on invoice (reduces, tenant_id) where reduces is not null;

-- What credit notes took off the lines of invoices, as prices are told, as a chain by line: each step begins
-- with what the one before came to, and none leads beyond what the line was charged with (`total`). Two notes at
-- once can't take the same step. A note over the whole invoice takes all of each line, as its first step: so
-- nothing is taken off a line that was credited as a whole, nor the whole of one of which a part was.
create table line_credit (
    tenant_id int not null,
    invoice_id uuid not null,
    line_no int not null,
    step int not null check (step > 0),
    step_before int generated always as (nullif(step - 1, 0)) stored,
    credited_before bigint not null,
    credited_after bigint not null,
    total bigint not null,
    subscription_id uuid not null,
    item_no smallint not null,
    starts_at timestamptz not null,
    note_id uuid not null,
    constraint line_credit_within check (
        0 <= credited_before and credited_before < credited_after and credited_after <= total),
    check (step > 1 or credited_before = 0),
    primary key (tenant_id, invoice_id, line_no, step),
    unique (tenant_id, invoice_id, line_no, step, credited_after, total),
    constraint line_credit_chain
        foreign key (tenant_id, invoice_id, line_no, step_before, credited_before, total)
        references line_credit (tenant_id, invoice_id, line_no, step, credited_after, total),
    foreign key (tenant_id, invoice_id, line_no) references invoice_line (tenant_id, invoice_id, line_no),
    foreign key (tenant_id, note_id) references invoice (tenant_id, invoice_id)
);
create index line_credit_period on line_credit (subscription_id, item_no, starts_at, tenant_id);
create index line_credit_note on line_credit (note_id, tenant_id);
create trigger immutable before update or delete or truncate on line_credit
    for each statement execute function refuse_change();

-- What was taken off the lines of billed periods, by period.
create view period_credit with (security_invoker = true) as
select tenant_id, subscription_id, item_no, starts_at, sum(credited_after - credited_before)::bigint as amount
from line_credit group by 1, 2, 3, 4;
grant select on period_credit to everycent_app;

-- A line's chain ends at what the line was charged with; and what credit notes took off the lines of a
-- period is never more than is charged for it, after all that corrections gave back.
create function check_line_credits() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select exists (
        select from appended n where not exists (
            select from everycent.invoice_line l
            where l.tenant_id = n.tenant_id and l.invoice_id = n.invoice_id and l.line_no = n.line_no
              and l.net + l.tax_included = n.total and l.subscription_id = n.subscription_id
              and l.item_no = n.item_no and l.starts_at = n.starts_at)) $q$ into wrong;
    if wrong then
        raise exception 'a line is credited up to what it was charged with'
            using errcode = 'foreign_key_violation', constraint = 'line_credit_line';
    end if;
    execute $q$ select exists (
        select from appended n
        join everycent.period_said s on s.tenant_id = n.tenant_id
            and s.subscription_id = n.subscription_id and s.item_no = n.item_no
            and s.starts_at = n.starts_at
        where not s.taken_back and s.said_charged < (
            select c.amount from everycent.period_credit c
            where c.tenant_id = n.tenant_id and c.subscription_id = n.subscription_id
              and c.item_no = n.item_no and c.starts_at = n.starts_at)) $q$ into wrong;
    if wrong then
        raise exception 'no more is credited of a period than is charged for it'
            using errcode = 'check_violation', constraint = 'line_credit_period';
    end if;
    return null;
end $$;
create trigger chained after insert on line_credit
    referencing new table as appended for each statement execute function check_line_credits();

create function check_credited() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select exists (
        select from appended n where not n.taken_back and n.charged < (
            select c.amount from everycent.period_credit c
            where c.tenant_id = n.tenant_id and c.subscription_id = n.subscription_id
              and c.item_no = n.item_no and c.starts_at = n.starts_at)) $q$ into wrong;
    if wrong then
        raise exception 'a correction gives back what a credit note gave back before'
            using errcode = 'check_violation', constraint = 'period_correction_credited';
    end if;
    return null;
end $$;
create trigger credited after insert on period_correction
    referencing new table as appended for each statement execute function check_credited();

-- Ways in which customers can be charged. `token` is the provider's name for it; a card number never comes
-- here. The one with the lowest `rank` is tried first.
create table payment_method (
    tenant_id int not null references tenant,
    method_id uuid not null,
    customer_id uuid not null,
    provider text not null check (provider ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
    payer text not null check (length(payer) between 1 and 200),
    token text not null check (length(token) between 1 and 200 and token !~ '^[0-9 -]{12,25}$'),
    label text not null check (length(label) <= 100),
    rank int not null check (rank > 0),
    state text not null check (state in ('active', 'failed', 'removed')),
    mandate_id text check (length(mandate_id) between 1 and 35),
    told text not null,
    primary key (tenant_id, method_id),
    foreign key (tenant_id, customer_id) references customer
);
create index payment_method_mandate on payment_method (tenant_id, mandate_id) where mandate_id is not null;
create unique index payment_method_rank on payment_method (tenant_id, customer_id, rank)
    where state <> 'removed';

-- Money that came in. Nobody's, where a transfer names nobody that is known: it waits in suspense.
create table payment (
    tenant_id int not null references tenant,
    payment_id uuid not null,
    customer_id uuid,
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    amount bigint not null check (amount > 0),
    source text not null check (source in ('charge', 'transfer', 'debit', 'cash', 'other')),
    provider text not null,
    external_id text not null check (length(external_id) between 1 and 200),
    attempt_id uuid,
    received_on date not null,
    reference text not null check (length(reference) <= 500),
    left_over bigint not null check (left_over between 0 and amount),
    payer_account text check (length(payer_account) <= 40),
    event_id uuid not null,
    check (case source when 'charge' then attempt_id is not null when 'debit' then true
           else attempt_id is null end),
    unique (tenant_id, provider, external_id),
    foreign key (tenant_id, customer_id) references customer
);
-- Foreign keys are checked by plans that a session keeps from when the tables were empty. Then every index that
-- begins with the tenant seems as good as any other, and the one made last is taken: it has to be a key.
alter table payment add primary key (tenant_id, payment_id);
alter table payment add unique (tenant_id, payment_id, amount);
create index payment_customer on payment (customer_id, tenant_id, received_on);
create index payment_left on payment (tenant_id, customer_id, currency) where left_over > 0;
create index payment_payer on payment (tenant_id, payer_account, received_on) where payer_account is not null;
create unique index payment_attempt_once on payment (tenant_id, attempt_id) where attempt_id is not null;

-- What became of a payment, as a chain: `left_after` of it pays nothing yet, `back_after` went back to where
-- it came from (refunds, disputes). What goes back does not pay anything; what providers and banks took
-- beyond what had come in is lost (`lost_after`). A refund that did not go, or not all of it, names its
-- move (`of_move`), once.
create table payment_move (
    tenant_id int not null,
    payment_id uuid not null,
    move_no int not null check (move_no > 0),
    move_before int generated always as (nullif(move_no - 1, 0)) stored,
    kind text not null check (kind in ('received', 'assigned', 'applied', 'unapplied', 'refund',
        'refund_failed', 'refund_there', 'dispute', 'dispute_won', 'lost', 'lost_returned')),
    amount bigint not null check (amount >= 0),
    left_before bigint not null,
    left_after bigint not null check (left_after >= 0),
    back_before bigint not null,
    back_after bigint not null check (back_after >= 0),
    total bigint not null,
    document_id uuid,
    settles bigint generated always as
        (case kind when 'applied' then amount when 'unapplied' then -amount end) stored,
    external_id text,
    lost_before bigint not null,
    lost_after bigint not null check (lost_after >= 0),
    of_move int,
    at timestamptz not null,
    event_id uuid not null,
    check ((kind = 'refund_failed') = (of_move is not null)),
    check ((move_no = 1) = (kind = 'received')),
    check (lost_after = lost_before + case kind when 'lost' then amount when 'lost_returned' then -amount
                                                else 0 end),
    check ((document_id is not null) = (kind in ('applied', 'unapplied'))),
    check (left_after + back_after <= total),
    check (case kind
           when 'received' then (amount, left_before, left_after, back_before, back_after) =
                                (total, 0, total, 0, 0)
           when 'assigned' then amount = 0 and left_after = left_before and back_after = back_before
           when 'lost' then left_after = left_before and back_after = back_before
           when 'lost_returned' then left_after = left_before and back_after = back_before
           when 'applied' then left_after = left_before - amount and back_after = back_before
           when 'unapplied' then left_after = left_before + amount and back_after = back_before
           when 'refund_failed' then left_after = left_before + amount
                                     and back_after = back_before - amount
           when 'dispute_won' then left_after = left_before + amount and back_after = back_before - amount
           else left_after = left_before - amount and back_after = back_before + amount end),
    primary key (tenant_id, payment_id, move_no),
    unique (tenant_id, payment_id, move_no, left_after, back_after, lost_after, total),
    unique (tenant_id, payment_id, move_no, kind, amount),
    unique (tenant_id, payment_id, move_no, document_id, settles),
    foreign key (tenant_id, payment_id, total) references payment (tenant_id, payment_id, amount),
    foreign key (tenant_id, payment_id, move_before, left_before, back_before, lost_before, total)
        references payment_move (tenant_id, payment_id, move_no, left_after, back_after, lost_after, total),
    foreign key (tenant_id, payment_id, of_move) references payment_move (tenant_id, payment_id, move_no),
    foreign key (tenant_id, document_id) references invoice (tenant_id, invoice_id)
);
create unique index payment_move_undone on payment_move (tenant_id, payment_id, of_move)
    where of_move is not null;
create unique index payment_move_external on payment_move (tenant_id, payment_id, kind, external_id)
    where external_id is not null;
create trigger immutable before update or delete or truncate on payment_move
    for each statement execute function refuse_change();
alter table settlement add foreign key (tenant_id, payment_id, move_no, document_id, amount)
    references payment_move (tenant_id, payment_id, move_no, document_id, settles);

-- A payment pays documents of its own customer, in its own currency.
create function check_payer() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select exists (
        select from appended n
        join everycent.payment p on p.tenant_id = n.tenant_id and p.payment_id = n.payment_id
        join everycent.invoice i on i.tenant_id = n.tenant_id and i.invoice_id = n.document_id
        where n.kind = 'applied'
          and (p.customer_id is distinct from i.customer_id or p.currency <> i.currency)) $q$ into wrong;
    if wrong then
        raise exception 'a payment pays documents of its own customer, in its own currency'
            using errcode = 'foreign_key_violation', constraint = 'payment_move_payer';
    end if;
    return null;
end $$;
create trigger of_the_payer after insert on payment_move
    referencing new table as appended for each statement execute function check_payer();

-- Collection runs, a work list and not part of the truth: one per instant of a schedule, whoever opens it;
-- any number on demand.
create table collection_run (
    tenant_id int not null references tenant,
    run_id uuid not null,
    kind text not null check (kind in ('schedule', 'demand', 'retry')),
    as_of timestamptz not null,
    due_by date not null,
    scheduled_at timestamptz,
    state text not null check (state in ('open', 'paused', 'aborted', 'finished')),
    started_at timestamptz not null,
    finished_at timestamptz,
    check ((kind = 'schedule') = (scheduled_at is not null)),
    primary key (tenant_id, run_id),
    unique (tenant_id, scheduled_at)
);

-- Attempts to move money through a provider. At most one of an invoice is alive; and of every state in
-- which an invoice was (`step`), at most one attempt ever succeeds. No more is asked for than was open then.
create table payment_attempt (
    tenant_id int not null references tenant,
    attempt_id uuid not null,
    kind text not null check (kind in ('charge', 'refund')),
    reference text not null,
    invoice_id uuid,
    step int not null,
    open bigint not null,
    payment_id uuid,
    move_no int,
    move_kind text generated always as (case when move_no is not null then 'refund' end) stored,
    customer_id uuid not null,
    provider text not null,
    method_id uuid,
    amount bigint not null check (amount > 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    run_id uuid,
    tries int not null check (tries > 0),
    status text not null check (status in ('claimed', 'sending', 'unknown', 'pending', 'answered',
        'mismatched', 'succeeded', 'failed', 'cancelled')),
    fence int not null check (fence > 0),
    worker_id uuid not null,
    failure text,
    provider_id text,
    send_before timestamptz,
    gave_up_at timestamptz,
    look_at timestamptz,
    looks int not null,
    is_contradicted boolean not null,
    claimed_at timestamptz not null,
    changed_at timestamptz not null,
    retry_at timestamptz,
    told text not null,
    check ((kind = 'charge') = (invoice_id is not null) and (kind = 'refund') = (payment_id is not null)
           and (payment_id is null) = (move_no is null)),
    check (kind <> 'charge' or amount <= open),
    check ((status in ('failed', 'unknown', 'mismatched') or failure is null)
           and (status not in ('failed', 'mismatched') or failure is not null)),
    unique (tenant_id, reference),
    foreign key (tenant_id, customer_id) references customer,
    foreign key (tenant_id, invoice_id) references invoice (tenant_id, invoice_id),
    foreign key (tenant_id, payment_id, move_no, move_kind, amount)
        references payment_move (tenant_id, payment_id, move_no, kind, amount),
    foreign key (tenant_id, method_id) references payment_method,
    foreign key (tenant_id, run_id) references collection_run
);
alter table payment_attempt add primary key (tenant_id, attempt_id);
create unique index payment_attempt_alive on payment_attempt (tenant_id, invoice_id)
    where kind = 'charge' and not is_contradicted
      and status in ('claimed', 'sending', 'unknown', 'pending', 'answered', 'mismatched');
create unique index payment_attempt_step on payment_attempt (tenant_id, invoice_id, step)
    where kind = 'charge' and status not in ('failed', 'cancelled') and not is_contradicted;
create unique index payment_attempt_refund on payment_attempt (tenant_id, payment_id, move_no)
    where kind = 'refund' and status not in ('failed', 'cancelled') and not is_contradicted;
create index payment_attempt_provider on payment_attempt (tenant_id, provider_id)
    where provider_id is not null;
create index payment_attempt_retry on payment_attempt (tenant_id, retry_at)
    where kind = 'refund' and status = 'failed';
create index payment_attempt_payment on payment_attempt (payment_id, tenant_id) where payment_id is not null;
create index payment_attempt_contradicted on payment_attempt (tenant_id, claimed_at) where is_contradicted;
create index payment_attempt_invoice on payment_attempt (invoice_id, tenant_id, claimed_at);
create index payment_attempt_open on payment_attempt (tenant_id, status, look_at)
    where status not in ('succeeded', 'failed', 'cancelled');
alter table payment add foreign key (tenant_id, attempt_id) references payment_attempt;

-- The state machine. What was asked for never changes; nobody who was taken over from writes any more; and
-- only evidence that money moved leads out of what was final.
create function check_attempt() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.status <> 'claimed' then
            raise exception 'an attempt begins as claimed, not as %', new.status
                using errcode = 'check_violation', constraint = 'payment_attempt_transition';
        end if;
        return new;
    end if;
    if (new.kind, new.reference, new.amount, new.currency, new.provider, new.step, new.open,
        new.customer_id, new.tries)
       <> (old.kind, old.reference, old.amount, old.currency, old.provider, old.step, old.open,
           old.customer_id, old.tries)
       or (new.invoice_id, new.payment_id, new.move_no, new.method_id, new.run_id) is distinct from
          (old.invoice_id, old.payment_id, old.move_no, old.method_id, old.run_id)
    then
        raise exception 'what an attempt asks for never changes'
            using errcode = 'check_violation', constraint = 'payment_attempt_frozen';
    end if;
    if new.fence < old.fence or (new.fence = old.fence and new.worker_id <> old.worker_id) then
        raise exception 'the attempt is in other hands: the fence is %, not %', old.fence, new.fence
            using errcode = 'check_violation', constraint = 'payment_attempt_fence';
    end if;
    if (old.status || '>' || new.status) <> all (array[
        'claimed>sending', 'claimed>cancelled', 'claimed>failed',
        'sending>answered', 'sending>failed', 'sending>unknown', 'sending>pending', 'sending>mismatched',
        'unknown>answered', 'unknown>failed', 'unknown>unknown', 'unknown>pending', 'unknown>mismatched',
        'unknown>sending',
        'pending>answered', 'pending>failed', 'pending>pending', 'pending>mismatched', 'pending>unknown',
        'answered>succeeded', 'mismatched>answered', 'mismatched>failed', 'mismatched>mismatched',
        'failed>answered', 'cancelled>answered', 'failed>mismatched', 'cancelled>mismatched',
        case when new.kind = 'refund' then 'succeeded>failed' end])
    then
        raise exception 'an attempt does not go from % to %', old.status, new.status
            using errcode = 'check_violation', constraint = 'payment_attempt_transition';
    end if;
    return new;
end $$;
create trigger transition before update on payment_attempt
    for each row execute function check_attempt();
create trigger begun after insert on payment_attempt
    for each row execute function check_attempt();

-- An attempt begins at a state in which its invoice is: after so many settlements, with so much open.
create function check_claim() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    if not exists (select from appended) then
        return null;
    end if;
    execute $q$ select exists (
        select from appended n where n.kind = 'charge' and not exists (
            select from everycent.open_document o
            where o.tenant_id = n.tenant_id and o.invoice_id = n.invoice_id
              and o.step = n.step and o.open = n.open)) $q$ into wrong;
    if wrong then
        raise exception 'an attempt begins at the state in which its invoice is'
            using errcode = 'foreign_key_violation', constraint = 'payment_attempt_state';
    end if;
    return null;
end $$;
create trigger of_its_state after insert on payment_attempt
    referencing new table as appended for each statement execute function check_claim();

-- What is decided about collecting an invoice: not before `retry_at`, or not at all while `is_stopped`.
create table collection (
    tenant_id int not null,
    invoice_id uuid not null,
    tries int not null check (tries >= 0),
    retry_at timestamptz,
    is_stopped boolean not null,
    reason text not null,
    primary key (tenant_id, invoice_id),
    foreign key (tenant_id, invoice_id) references invoice (tenant_id, invoice_id)
);

-- What a person, or money that was taken back, has stopped: only putting it in the queue again ends that.
create table collection_hold (
    tenant_id int not null,
    invoice_id uuid not null,
    is_held boolean not null,
    reason text not null,
    primary key (tenant_id, invoice_id),
    foreign key (tenant_id, invoice_id) references invoice (tenant_id, invoice_id)
);
create index collection_retry on collection (tenant_id, retry_at) where retry_at is not null;
create index collection_held on collection (tenant_id, invoice_id)
    where is_stopped or retry_at is not null;

-- Open invoices with all that decides whether anything is collected for them: what was decided, the method that
-- is charged first, and what is under way. How much of one is due by a day says due_of.
create view collectable with (security_invoker = true) as
select o.tenant_id, o.invoice_id, o.series, o.number, o.customer_id, o.currency, o.step, o.open, o.due_on,
       coalesce(d.tries, 0) as tries, d.retry_at, d.reason,
       coalesce(d.is_stopped, false) or coalesce(h.is_held, false) as is_stopped,
       (select m.method_id from payment_method m
        where m.tenant_id = o.tenant_id and m.customer_id = o.customer_id and m.state = 'active'
        order by m.rank limit 1) as method_id,
       exists (
           select from payment_attempt a
           where a.tenant_id = o.tenant_id and a.invoice_id = o.invoice_id and not a.is_contradicted
             and (a.status in ('claimed', 'sending', 'unknown', 'pending', 'answered', 'mismatched')
                  or (a.status = 'succeeded' and a.step = o.step))) as is_under_way
from open_document o
left join lateral (
    select d.tries, d.retry_at, d.reason, d.is_stopped from collection d
    where d.tenant_id = o.tenant_id and d.invoice_id = o.invoice_id limit 1) d on true
left join lateral (
    select h.is_held from collection_hold h
    where h.tenant_id = o.tenant_id and h.invoice_id = o.invoice_id limit 1) h on true
where o.kind = 'invoice';
grant select on collectable to everycent_app;

-- Documents with all that decides about their payment: what is open, the attempt that is alive or else the
-- newest, and what was decided. `situation` says in a word what charging/status.py looks at.
create view payment_state with (security_invoker = true) as
select f.*, concat_ws('/', f.closed, coalesce(f.attempt_status, 'none'),
                      case when f.tries > 0 then 'tried' else 'fresh' end,
                      case when f.is_stopped then 'stopped' else 'free' end) as situation
from (
    select o.tenant_id, o.invoice_id, o.kind, o.series, o.number, o.customer_id, c.key as customer,
           o.currency, o.issued_on, o.due_on, o.owed, o.open,
           case when n.invoice_id is not null then 'credited' when o.open <> 0 then 'open'
                when o.settled_by = 'write_off' then 'written_off' else 'paid' end as closed,
           a.reference as attempt, a.status as attempt_status, a.claimed_at, a.changed_at,
           coalesce(d.tries, 0) as tries, d.retry_at, coalesce(h.is_held, false) or coalesce(d.is_stopped, false) as is_stopped,
           coalesce(case when h.is_held then h.reason end, d.reason, '') as reason,
           exists (
               select from payment_method m
               where m.tenant_id = o.tenant_id and m.customer_id = o.customer_id
                 and m.state = 'active') as has_method
    from open_document o
    join customer c on c.tenant_id = o.tenant_id and c.customer_id = o.customer_id
    left join invoice n on n.tenant_id = o.tenant_id and n.credits = o.invoice_id
    left join collection d on d.tenant_id = o.tenant_id and d.invoice_id = o.invoice_id
    left join collection_hold h on h.tenant_id = o.tenant_id and h.invoice_id = o.invoice_id
    left join lateral (
        select a.reference, a.status, a.claimed_at, a.changed_at from payment_attempt a
        where a.tenant_id = o.tenant_id and a.invoice_id = o.invoice_id and not a.is_contradicted
        order by a.status not in ('succeeded', 'failed', 'cancelled') desc, a.claimed_at desc,
                 a.attempt_id desc
        limit 1) a on true) f;
grant select on payment_state to everycent_app;

-- Parts in which an invoice is charged; what was agreed last holds.
create table instalment (
    tenant_id int not null,
    invoice_id uuid not null,
    agreement_no int not null check (agreement_no > 0),
    part_no int not null check (part_no > 0),
    due_on date not null,
    amount bigint not null check (amount > 0),
    event_id uuid not null,
    primary key (tenant_id, invoice_id, agreement_no, part_no),
    unique (tenant_id, invoice_id, agreement_no, due_on),
    foreign key (tenant_id, invoice_id) references invoice (tenant_id, invoice_id)
);
create trigger immutable before update or delete or truncate on instalment
    for each statement execute function refuse_change();

-- What the instalments of an invoice that fall due by a day leave to be charged now, of what is open; all of
-- it where none were agreed.
create function due_of(tenant int, invoice uuid, open bigint, by_day date) returns bigint
language sql stable set search_path = everycent, pg_temp as $$
    select case when count(*) = 0 then open
           else least(open, greatest(0, coalesce(sum(amount) filter (where due_on <= by_day), 0)
                                        - (sum(amount) - open)))::bigint end
    from instalment n
    where n.tenant_id = tenant and n.invoice_id = invoice and n.agreement_no = (
        select max(agreement_no) from instalment m
        where m.tenant_id = tenant and m.invoice_id = invoice)
$$;

-- Events that providers told, each once.
create table payment_notice (
    tenant_id int not null references tenant,
    provider text not null,
    notice_id text not null check (length(notice_id) between 1 and 200),
    told text not null,
    attempt_id uuid,
    payment_id uuid,
    at timestamptz not null,
    event_id uuid not null,
    primary key (tenant_id, provider, notice_id)
);
create index payment_notice_unfollowed on payment_notice (tenant_id, at)
    where told like '%a person has to look%';
create trigger immutable before update or delete or truncate on payment_notice
    for each statement execute function refuse_change();

-- Direct debits ---------------------------------------------------------------------------------------

-- Files of direct debits, as they went to the bank; the event has every debit, `digest` is the SHA-256 of the
-- file's bytes. What became of each debit is that of its attempt.
create table debit_file (
    tenant_id int not null references tenant,
    file_id uuid not null,
    message_id text not null check (length(message_id) between 1 and 29),
    account text not null,
    sent_on date not null,
    number int not null check (number > 0),
    total bigint not null check (total > 0),
    digest text not null check (digest ~ '^[0-9a-f]{64}$'),
    at timestamptz not null,
    event_id uuid not null,
    primary key (tenant_id, file_id),
    unique (tenant_id, message_id)
);
create index debit_file_at on debit_file (tenant_id, at);

-- `reference` is the end-to-end id. An attempt is in one file.
create table debit (
    tenant_id int not null,
    attempt_id uuid not null,
    file_id uuid not null,
    reference text not null check (length(reference) between 1 and 35),
    account text not null,
    mandate_id text not null,
    sequence text not null check (sequence in ('FRST', 'RCUR', 'FNAL', 'OOFF')),
    amount bigint not null check (amount > 0),
    currency text not null check (currency = 'EUR'),
    collect_on date not null,
    primary key (tenant_id, attempt_id),
    unique (tenant_id, reference),
    unique (tenant_id, attempt_id, file_id),
    foreign key (tenant_id, attempt_id) references payment_attempt,
    foreign key (tenant_id, file_id) references debit_file
);
create index debit_of_file on debit (tenant_id, file_id);
create index debit_of_mandate on debit (tenant_id, account, mandate_id);

-- Entries of statements that speak of a debit, each once: `account` and `entry` are the statement's. `charge` is
-- what the bank took on top of what it gave back.
create table debit_entry (
    tenant_id int not null,
    account text not null,
    entry text not null check (length(entry) between 1 and 200),
    attempt_id uuid not null,
    file_id uuid not null,
    booked_on date not null,
    amount bigint not null check (amount > 0),
    is_return boolean not null,
    code text,
    charge bigint not null check (charge >= 0),
    effect text not null check (effect in ('booked', 'contradicted', 'failed', 'taken_back',
        'cancelled_out', 'person')),
    at timestamptz not null,
    event_id uuid not null,
    check (is_return or charge = 0),
    primary key (tenant_id, account, entry),
    foreign key (tenant_id, attempt_id, file_id) references debit (tenant_id, attempt_id, file_id)
);
create index debit_entry_attempt on debit_entry (tenant_id, attempt_id);
create index debit_entry_file on debit_entry (tenant_id, file_id);

-- Files that never reached the bank, as a person says.
create table debit_withdrawal (
    tenant_id int not null,
    file_id uuid not null,
    reason text not null,
    at timestamptz not null,
    event_id uuid not null,
    primary key (tenant_id, file_id),
    foreign key (tenant_id, file_id) references debit_file
);

do $$
declare name text;
begin
    foreach name in array array['debit_file', 'debit', 'debit_entry', 'debit_withdrawal'] loop
        execute format('create trigger immutable before update or delete or truncate on everycent.%I '
                       'for each statement execute function refuse_change()', name);
    end loop;
end $$;

-- Work lists, not part of the truth -------------------------------------------------------------------

-- Processes that charge: each is alive as long as it says so before `lease_until`. What a process is by
-- `host`, `boot`, `space` (of process ids), `pid` and `born` proves to others on the same host that it is
-- gone.
create table payment_worker (
    tenant_id int not null references tenant,
    worker_id uuid not null,
    name text not null,
    host text not null,
    boot text not null,
    space text not null,
    pid int not null,
    born bigint not null,
    lease_until timestamptz not null,
    primary key (tenant_id, worker_id)
);

create table collection_item (
    tenant_id int not null,
    run_id uuid not null,
    invoice_id uuid not null,
    place bigint not null,
    state text not null check (state in ('waiting', 'claimed', 'done', 'skipped')),
    outcome text,
    attempt_id uuid,
    primary key (tenant_id, run_id, invoice_id),
    foreign key (tenant_id, run_id) references collection_run,
    foreign key (tenant_id, attempt_id) references payment_attempt,
    foreign key (tenant_id, invoice_id) references invoice (tenant_id, invoice_id)
);
create index collection_item_invoice on collection_item (tenant_id, invoice_id) where state = 'waiting';
create index collection_item_waiting on collection_item (tenant_id, run_id, place)
    where state in ('waiting', 'claimed');

do $$
declare
    name text;
    immutable text[] := array['line_credit', 'settlement', 'payment_move', 'payment_notice', 'instalment',
        'debit_file', 'debit', 'debit_entry', 'debit_withdrawal'];
    mutable text[] := array['payment_method', 'payment', 'payment_attempt', 'collection', 'collection_hold',
        'payment_worker', 'collection_run', 'collection_item'];
begin
    foreach name in array immutable || mutable loop
        execute format('alter table everycent.%I enable row level security', name);
        execute format('alter table everycent.%I force row level security', name);
        execute format(
            'create policy own_tenant on everycent.%I '
            'using (tenant_id = (select everycent.current_tenant())) '
            'with check (tenant_id = (select everycent.current_tenant()))', name);
        execute format('grant select, insert on everycent.%I to everycent_app', name);
    end loop;
    foreach name in array mutable loop
        execute format('grant update on everycent.%I to everycent_app', name);
    end loop;
end $$;
