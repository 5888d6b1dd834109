-- Billing runs, invoices, and the tiling of time that keeps every period billed exactly once.

-- What has been billed of an item, as a chain: each row begins where another one ends, and the first
-- (starts_at null) ends where its item opens. Two rows can't begin or end together, so no
-- period is billed twice; a row can't begin where none ends, so none is left out. `prepaid` is what
-- credit paid of the period before taxes.
create table billed_period (
    tenant_id int not null,
    subscription_id uuid not null,
    item_no smallint not null,
    starts_at timestamptz,
    ends_at timestamptz not null,
    charged bigint,
    prepaid bigint not null default 0 check (prepaid >= 0),
    invoice_id uuid,
    line_no int,
    check (ends_at > starts_at),
    check ((starts_at is null) = (invoice_id is null) and (invoice_id is null) = (line_no is null)
           and (line_no is null) = (charged is null)),
    primary key (tenant_id, subscription_id, item_no, ends_at),
    unique nulls not distinct (tenant_id, subscription_id, item_no, starts_at),
    foreign key (tenant_id, subscription_id, item_no, starts_at)
        references billed_period (tenant_id, subscription_id, item_no, ends_at)
);
create trigger immutable before update or delete or truncate on billed_period
    for each statement execute function refuse_change();

-- What was said about a billed period later: what it comes to, and until when, in the place of what was
-- said before. Each step stands on the one before it; nobody takes the same step twice. `taken_back`: by
-- a credit note over the whole invoice, after which nothing is said about the period any more. No more
-- credit is given back than stands for the period (`prepaid`).
create table period_correction (
    tenant_id int not null,
    subscription_id uuid not null,
    item_no smallint not null,
    starts_at timestamptz not null,
    step smallint not null check (step > 0),
    step_before smallint generated always as (nullif(step - 1, 0)) stored,
    ends_before timestamptz not null,
    ends_at timestamptz not null,
    charged_before bigint not null,
    charged bigint not null,
    prepaid_before bigint not null default 0,
    prepaid bigint not null default 0 check (prepaid >= 0),
    taken_back boolean not null,
    invoice_id uuid not null,
    line_no int not null,
    check (starts_at <= ends_at and ends_at <= ends_before),
    check (not taken_back or (charged = 0 and prepaid = 0 and ends_at = starts_at)),
    primary key (tenant_id, subscription_id, item_no, starts_at, step),
    unique (tenant_id, invoice_id, line_no),
    unique (tenant_id, subscription_id, item_no, starts_at, step, ends_at, charged, prepaid),
    foreign key (tenant_id, subscription_id, item_no, starts_at, step_before, ends_before, charged_before,
                 prepaid_before)
        references period_correction (tenant_id, subscription_id, item_no, starts_at, step, ends_at, charged,
                                      prepaid),
    foreign key (tenant_id, subscription_id, item_no, starts_at)
        references billed_period (tenant_id, subscription_id, item_no, starts_at)
);
create trigger immutable before update or delete or truncate on period_correction
    for each statement execute function refuse_change();

-- Only the first step has to stand on what the period itself was billed with: the others continue it.
create function check_corrections() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select exists (
        select from appended n where n.step = 1 and not exists (
            select from everycent.billed_period b
            where b.tenant_id = n.tenant_id and b.subscription_id = n.subscription_id
              and b.item_no = n.item_no and b.starts_at = n.starts_at
              and b.ends_at = n.ends_before and b.charged = n.charged_before
              and b.prepaid = n.prepaid_before)) $q$ into wrong;
    if wrong then
        raise exception 'a correction stands on what the period was billed with'
            using errcode = 'foreign_key_violation', constraint = 'period_correction_first';
    end if;
    return null;
end $$;
create trigger begun after insert on period_correction
    referencing new table as appended for each statement execute function check_corrections();

-- Only the first row of a chain has to name an item that exists: the others continue it.
create function check_chains() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select exists (
        select from appended n where n.starts_at is null and not exists (
            select from everycent.subscription_item i
            join everycent.subscription_phase p using (tenant_id, subscription_id, phase_no)
            where i.tenant_id = n.tenant_id and i.subscription_id = n.subscription_id
              and i.item_no = n.item_no and i.opens_at = n.ends_at
              and i.opens_at >= p.starts_at)) $q$ into wrong;
    if wrong then
        raise exception 'a chain of billed periods begins where its item opens'
            using errcode = 'foreign_key_violation', constraint = 'billed_period_item';
    end if;
    return null;
end $$;
create trigger begun after insert on billed_period
    referencing new table as appended for each statement execute function check_chains();

-- Billed periods with what was said last about each: in how many steps, what it comes to and until when,
-- and where that stands.
create view period_said with (security_invoker = true) as
select b.*, coalesce(c.step, 0) as step, coalesce(c.charged, b.charged) as said_charged,
       coalesce(c.prepaid, b.prepaid) as said_prepaid,
       coalesce(c.ends_at, b.ends_at) as said_until, coalesce(c.invoice_id, b.invoice_id) as said_invoice,
       coalesce(c.line_no, b.line_no) as said_line, coalesce(c.taken_back, false) as taken_back
from billed_period b
left join lateral (
    select c.step, c.charged, c.prepaid, c.ends_at, c.invoice_id, c.line_no, c.taken_back
    from period_correction c
    where c.tenant_id = b.tenant_id and c.subscription_id = b.subscription_id
      and c.item_no = b.item_no and c.starts_at = b.starts_at
    order by c.step desc limit 1) c on true;
grant select on period_said to everycent_app;

create table number_series (
    tenant_id int not null references tenant,
    series text not null check (series ~ '^[A-Z0-9][A-Z0-9/-]{0,19}$'),
    last_number bigint not null check (last_number >= 0),
    last_issued_on date not null,
    primary key (tenant_id, series)
);

-- `prepaid` is what credit pays of it, less what is given back to credit; the rest of the gross is to be
-- paid. What is below nothing is a credit note; so is what gives back to credit alone.
create table invoice (
    tenant_id int not null,  -- that of its customer (check_invoices)
    invoice_id uuid not null,
    kind text not null check (kind in ('invoice', 'credit_note')),
    series text not null,
    number bigint not null check (number > 0),
    customer_id uuid not null,
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    issued_on date not null,
    due_on date not null check (due_on >= issued_on),
    at timestamptz not null,
    discount bigint not null,
    net bigint not null,
    tax bigint not null,
    gross bigint not null check (gross = net + tax),
    prepaid bigint not null default 0,
    credits uuid,
    event_id uuid not null,
    check (credits is null or kind = 'credit_note'),
    check (credits is not null or (kind = 'credit_note') = ((gross - prepaid, gross) < (0, 0))),
    check (case when credits is null then prepaid <= greatest(gross, 0)
           else prepaid >= least(gross, 0) end),
    primary key (tenant_id, invoice_id),
    unique (tenant_id, series, number),
    unique (tenant_id, credits)
);
create index invoice_customer on invoice (tenant_id, customer_id, at);

-- `net` is before discounts, `discount` what coupons take off it; with `tax_included` it is what the price
-- came to. Of several taxes `tax_category` has the
-- keys, joined with a plus sign.
create table invoice_line (
    tenant_id int not null,
    invoice_id uuid not null,
    line_no int not null check (line_no > 0),
    subscription_id uuid not null,
    item_no smallint not null,
    product text not null,
    description text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at >= starts_at),
    quantity numeric,
    unit text,
    net bigint not null,
    discount bigint not null,
    tax_included bigint not null,
    prepaid bigint not null default 0,
    tax_category text not null,
    primary key (tenant_id, invoice_id, line_no)
);

-- The amount is less than `within` from the percentage of the base, and a multiple of `step`.
create table invoice_tax (
    tenant_id int not null,
    invoice_id uuid not null,
    category text not null,
    percent numeric not null check (percent >= 0 and percent <= 100),
    is_included boolean not null,
    base bigint not null,
    amount bigint not null,
    step bigint not null check (step > 0),
    within bigint not null check (within > 0),
    check (amount % step = 0),
    primary key (tenant_id, invoice_id, category, percent, is_included)
);

-- Which usage a line counted: the records of a series inside the spans, as folded up to fold_id. `limits`
-- names the band or the segment to which it is limited.
create table invoice_usage (
    tenant_id int not null,
    invoice_id uuid not null,
    line_no int not null,
    part_no smallint not null check (part_no > 0),
    subject_id int not null,
    meter_id int not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    ends_included boolean not null,
    limits text,
    fold_id bigint not null,
    records bigint not null check (records >= 0),
    total numeric not null,
    digest bytea not null check (octet_length(digest) = 32),
    primary key (tenant_id, invoice_id, line_no, part_no)
);
create index invoice_usage_series on invoice_usage (tenant_id, subject_id, meter_id, starts_at);

create trigger immutable before update or delete or truncate on invoice
    for each statement execute function refuse_change();
create trigger immutable before update or delete or truncate on invoice_line
    for each statement execute function refuse_change();
create trigger immutable before update or delete or truncate on invoice_tax
    for each statement execute function refuse_change();
create trigger immutable before update or delete or truncate on invoice_usage
    for each statement execute function refuse_change();

-- Set-based in place of foreign keys and sums per row (docs/decisions/0003): lines and taxes come
-- first and the invoice last, in the same transaction, and must add up to it.
create function check_invoices() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select exists (
        select from appended n where (n.net, n.discount) <> (
            select coalesce(sum(l.net - l.discount), 0), coalesce(sum(l.discount), 0)
            from everycent.invoice_line l
            where l.tenant_id = n.tenant_id and l.invoice_id = n.invoice_id)) $q$ into wrong;
    if wrong then
        raise exception 'the lines of an invoice, less discounts, do not add up to its net'
            using errcode = 'check_violation', constraint = 'invoice_net_is_sum_of_lines';
    end if;
    execute $q$ select exists (
        select from appended n where n.tax <> (
            select coalesce(sum(t.amount), 0) from everycent.invoice_tax t
            where t.tenant_id = n.tenant_id and t.invoice_id = n.invoice_id)) $q$ into wrong;
    if wrong then
        raise exception 'the taxes of an invoice do not add up to its tax'
            using errcode = 'check_violation', constraint = 'invoice_tax_is_sum_of_taxes';
    end if;
    execute $q$ select exists (
        select from appended n where not exists (
            select from everycent.journal_event e
            where e.tenant_id = n.tenant_id and e.event_id = n.event_id)) $q$ into wrong;
    if wrong then
        raise exception 'an invoice needs the event that issued it'
            using errcode = 'foreign_key_violation', constraint = 'invoice_event';
    end if;
    execute $q$ select exists (
        select from appended n where not exists (
            select from everycent.customer c
            where c.tenant_id = n.tenant_id and c.customer_id = n.customer_id)) $q$ into wrong;
    if wrong then
        raise exception 'an invoice needs a customer'
            using errcode = 'foreign_key_violation', constraint = 'invoice_customer';
    end if;
    return null;
end $$;
create trigger complete after insert on invoice
    referencing new table as appended for each statement execute function check_invoices();

-- A finished invoice takes no more lines.
create function check_lines() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select exists (
        select from appended n join everycent.invoice i
            on i.tenant_id = n.tenant_id and i.invoice_id = n.invoice_id) $q$ into wrong;
    if wrong then
        raise exception 'an issued invoice takes no further %', tg_table_name
            using errcode = 'integrity_constraint_violation', constraint = 'invoice_is_final';
    end if;
    return null;
end $$;
create trigger final after insert on invoice_line
    referencing new table as appended for each statement execute function check_lines();
create trigger final after insert on invoice_tax
    referencing new table as appended for each statement execute function check_lines();
create trigger final after insert on invoice_usage
    referencing new table as appended for each statement execute function check_lines();

-- Billing runs: a work list, not part of the truth (docs/architecture.md) ---------------------------

-- `tax_versions`: by key the versions of the catalogue's tax tables when the run was opened; `policies`: the
-- values of those that were set then; `rates`: the number of the last exchange rate that was told by then.
create table billing_run (
    tenant_id int not null references tenant,
    run_id uuid not null,
    as_of timestamptz not null,
    time_zone text not null,
    payment_days int not null check (payment_days >= 0),
    tax_versions jsonb not null check (jsonb_typeof(tax_versions) = 'object'),
    policies jsonb not null check (jsonb_typeof(policies) = 'object'),
    rates bigint not null check (rates >= 0),
    started_at timestamptz not null,
    finished_at timestamptz,
    customers int not null default 0,
    chunks int not null default 0,
    primary key (tenant_id, run_id)
);
-- One run at a time: who starts a second one joins the first.
create unique index billing_run_open on billing_run (tenant_id) where finished_at is null;

create table billing_chunk (
    tenant_id int not null,
    run_id uuid not null,
    chunk_no int not null check (chunk_no > 0),
    first_customer uuid not null,
    last_customer uuid not null,
    done boolean not null default false,
    invoices int not null default 0,
    lines int not null default 0,
    parked int not null default 0,
    primary key (tenant_id, run_id, chunk_no),
    foreign key (tenant_id, run_id) references billing_run
);

create table billing_parked (
    tenant_id int not null,
    run_id uuid not null,
    customer_id uuid not null,
    code text not null,
    message text not null,
    primary key (tenant_id, run_id, customer_id),
    foreign key (tenant_id, run_id) references billing_run
);
create trigger immutable before update or delete or truncate on billing_parked
    for each statement execute function refuse_change();
