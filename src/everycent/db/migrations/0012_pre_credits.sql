-- Prepaid credit: wallets, grants, and the chain of draws that can never take out more than went in.

create table wallet (
    tenant_id int not null references tenant,
    wallet_id uuid not null,
    customer_id uuid not null,
    key text not null check (key ~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,119}$'),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    told text not null,
    primary key (tenant_id, wallet_id),
    unique (tenant_id, key),
    foreign key (tenant_id, customer_id) references customer
);
create index wallet_customer on wallet (tenant_id, customer_id);

-- `told` is the grant as it was made: scope, unit, renewal. Those that a renewal brought share a series.
create table credit_grant (
    tenant_id int not null,
    grant_id uuid not null,
    wallet_id uuid not null,
    customer_id uuid not null,
    number int not null check (number > 0),
    amount bigint not null check (amount > 0),
    effective_at timestamptz not null,
    expires_at timestamptz check (expires_at > effective_at),
    series uuid not null,
    renews boolean not null,
    is_owed boolean not null,
    basis text not null check (basis in ('paid', 'promotional')),
    reference text not null check (length(reference) <= 200),
    told text not null,
    at timestamptz not null,
    event_id uuid not null,
    primary key (tenant_id, grant_id),
    unique (tenant_id, grant_id, amount),
    unique (tenant_id, series, effective_at),
    foreign key (tenant_id, wallet_id) references wallet
);
create index credit_grant_wallet on credit_grant (tenant_id, wallet_id, number);
-- One payment is credit once, whoever says it how often. What is owed names an agreement, not a payment.
create unique index credit_grant_booked on credit_grant (tenant_id, wallet_id, reference)
    where basis = 'paid' and not is_owed;
create trigger immutable before update or delete or truncate on credit_grant
    for each statement execute function refuse_change();

-- A chain, as billed periods are one: each draw begins with what the one before left, nobody else can
-- take the same place, and what is left is never below nothing nor above what was granted. Two workers
-- that draw on one grant at once therefore can't both write.
create table credit_draw (
    tenant_id int not null,
    grant_id uuid not null,
    draw_no int not null check (draw_no >= 0),
    previous_no int generated always as (nullif(draw_no - 1, -1)) stored,
    kind text not null check (kind in ('grant', 'invoice', 'return', 'expiry', 'void')),
    amount bigint not null,
    left_before bigint,
    left_after bigint not null check (left_after >= 0),
    granted bigint not null,
    document_id uuid,
    at timestamptz not null,
    event_id uuid not null,
    check (left_after <= granted),
    check ((kind = 'grant') = (draw_no = 0)),
    check (case when draw_no = 0 then left_before is null and amount = 0 and left_after = granted
           else left_before is not null and left_after = left_before - amount end),
    check (case kind when 'grant' then true when 'return' then amount < 0 else amount > 0 end),
    check ((kind in ('invoice', 'return')) = (document_id is not null)),
    primary key (tenant_id, grant_id, draw_no),
    unique (tenant_id, grant_id, draw_no, left_after),
    foreign key (tenant_id, grant_id, granted) references credit_grant (tenant_id, grant_id, amount),
    foreign key (tenant_id, grant_id, previous_no, left_before)
        references credit_draw (tenant_id, grant_id, draw_no, left_after),
    foreign key (tenant_id, document_id) references invoice (tenant_id, invoice_id)
);
create index credit_draw_document on credit_draw (tenant_id, document_id) where document_id is not null;
create trigger immutable before update or delete or truncate on credit_draw
    for each statement execute function refuse_change();

-- Which lines of its document a draw paid before taxes, or was given back for; `place` is that of the draw
-- among those of the document, in whose order they were drawn.
create table credit_draw_line (
    tenant_id int not null,
    document_id uuid not null,
    line_no int not null check (line_no > 0),
    place int not null check (place > 0),
    grant_id uuid not null,
    draw_no int not null,
    amount bigint not null check (amount <> 0),
    primary key (tenant_id, document_id, line_no, place),
    unique (tenant_id, grant_id, draw_no, line_no),
    foreign key (tenant_id, grant_id, draw_no) references credit_draw (tenant_id, grant_id, draw_no)
);
create trigger immutable before update or delete or truncate on credit_draw_line
    for each statement execute function refuse_change();

-- What a line says that credit paid of it before taxes is what was drawn for it, and what was drawn for
-- lines is the whole draw, when the transaction ends.
create function check_draw_lines() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select coalesce((
        select l.prepaid from everycent.invoice_line l
        where l.tenant_id = $1 and l.invoice_id = $2 and l.line_no = $3), 0) <> coalesce((
        select sum(d.amount) from everycent.credit_draw_line d
        where d.tenant_id = $1 and d.document_id = $2 and d.line_no = $3), 0) $q$
    into wrong
    using new.tenant_id, coalesce(to_jsonb(new) ->> 'document_id', to_jsonb(new) ->> 'invoice_id')::uuid,
          new.line_no;
    if not wrong and tg_table_name = 'credit_draw_line' then
        execute $q$ select not exists (
            select from everycent.credit_draw d
            where d.tenant_id = $1 and d.grant_id = $2 and d.draw_no = $3 and d.document_id = $4
              and d.amount = (
                  select sum(l.amount) from everycent.credit_draw_line l
                  where l.tenant_id = $1 and l.grant_id = $2 and l.draw_no = $3)) $q$
        into wrong using new.tenant_id, new.grant_id, new.draw_no, new.document_id;
    end if;
    if wrong then
        raise exception 'what credit paid of a line is not what was drawn for it'
            using errcode = 'check_violation', constraint = 'line_prepaid_is_sum_of_draws';
    end if;
    return null;
end $$;
create constraint trigger prepaid after insert on invoice_line deferrable initially deferred
    for each row when (new.prepaid <> 0) execute function check_draw_lines();
create constraint trigger prepaid after insert on credit_draw_line deferrable initially deferred
    for each row execute function check_draw_lines();

-- What a document says that credit paid is what was drawn for it, when the transaction ends.
create function check_prepaid() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select exists (
        select from everycent.invoice i where i.tenant_id = $1 and i.invoice_id = $2
          and i.prepaid <> (
              select coalesce(sum(d.amount), 0) from everycent.credit_draw d
              where d.tenant_id = i.tenant_id and d.document_id = i.invoice_id)) $q$
    into wrong
    using new.tenant_id, coalesce(to_jsonb(new) ->> 'document_id', to_jsonb(new) ->> 'invoice_id')::uuid;
    if wrong then
        raise exception 'what credit paid of an invoice is not what was drawn for it'
            using errcode = 'check_violation', constraint = 'invoice_prepaid_is_sum_of_draws';
    end if;
    return null;
end $$;
create constraint trigger prepaid after insert on invoice deferrable initially deferred
    for each row when (new.prepaid <> 0) execute function check_prepaid();
create constraint trigger prepaid after insert on credit_draw deferrable initially deferred
    for each row when (new.document_id is not null) execute function check_prepaid();

-- Top-ups that a rule made due. At most one of a wallet is open: that is what makes it one per crossing.
create table wallet_top_up (
    tenant_id int not null,
    wallet_id uuid not null,
    due_no int not null check (due_no > 0),
    state text not null check (state in ('open', 'paid', 'withdrawn')),
    rule_version int not null check (rule_version > 0),
    below bigint not null,
    amount bigint not null check (amount > 0),
    balance bigint not null,
    as_of timestamptz not null,
    primary key (tenant_id, wallet_id, due_no),
    foreign key (tenant_id, wallet_id) references wallet
);
create unique index wallet_top_up_open on wallet_top_up (tenant_id, wallet_id) where state = 'open';

do $$
declare
    name text;
    immutable text[] := array['credit_grant', 'credit_draw', 'credit_draw_line'];
    mutable text[] := array['wallet', 'wallet_top_up'];
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
