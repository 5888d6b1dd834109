-- Exchange rates, and what documents say in the currency of the seller's country.

-- A log. Numbers run from 1 on: each refers to the one before it, so that whoever knows the last number
-- knows all that was told by then. There is one rate for a pair and day; each correction (`step` 2 and on)
-- stands on the one before.
create table exchange_rate (
    tenant_id int not null references tenant,
    number bigint not null check (number > 0),
    number_before bigint generated always as (nullif(number - 1, 0)) stored,
    base text not null check (base ~ '^[A-Z]{3}$'),
    quote text not null check (quote ~ '^[A-Z]{3}$'),
    day date not null,
    step smallint not null check (step > 0),
    step_before smallint generated always as (nullif(step - 1, 0)) stored,
    rate numeric not null check (rate > 0 and rate <= 1000000000000),
    source text not null check (length(source) between 1 and 100),
    event_id uuid not null,
    check (base <> quote),
    primary key (tenant_id, number),
    unique (tenant_id, base, quote, day, step),
    unique (tenant_id, number, base, quote, day, rate),
    foreign key (tenant_id, number_before) references exchange_rate (tenant_id, number),
    foreign key (tenant_id, base, quote, day, step_before)
        references exchange_rate (tenant_id, base, quote, day, step)
);
create trigger immutable before update or delete or truncate on exchange_rate
    for each statement execute function refuse_change();

-- The sums of a document in another currency. Each is rounded once from the document's own, so that net and
-- taxes may miss the gross by the `rounding`, which is less than a unit for each of them. `parts`: the rates as
-- they are frozen in the event, and of which lines.
create table invoice_home (
    tenant_id int not null,
    invoice_id uuid not null,
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    net bigint not null,
    tax bigint not null,
    rounding bigint not null,
    gross bigint not null,
    parts text not null,
    check (gross = net + tax + rounding),
    primary key (tenant_id, invoice_id)
);

create table invoice_home_tax (
    tenant_id int not null,
    invoice_id uuid not null,
    category text not null,
    percent numeric not null,
    is_included boolean not null,
    base bigint not null,
    amount bigint not null,
    primary key (tenant_id, invoice_id, category, percent, is_included),
    foreign key (tenant_id, invoice_id, category, percent, is_included) references invoice_tax
);

-- The rates by which a document was made: of its lines, and with line 0 of its sums in the home currency. Each
-- is one that was told, to the digit.
create table invoice_rate (
    tenant_id int not null,
    invoice_id uuid not null,
    line_no int not null check (line_no >= 0),
    quote_no smallint not null check (quote_no > 0),
    number bigint not null,
    base text not null,
    quote text not null,
    day date not null,
    rate numeric not null,
    primary key (tenant_id, invoice_id, line_no, quote_no),
    foreign key (tenant_id, number, base, quote, day, rate)
        references exchange_rate (tenant_id, number, base, quote, day, rate)
);

-- Like lines and taxes these come before the invoice, and none after it (0003).
create function check_homes() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select exists (
        select from appended n
        join everycent.invoice_home h on h.tenant_id = n.tenant_id and h.invoice_id = n.invoice_id
        where h.currency = n.currency or (h.tax, true) <> (
            select coalesce(sum(t.amount), 0), count(t.amount) = count(*)
            from everycent.invoice_tax x
            left join everycent.invoice_home_tax t on t.tenant_id = x.tenant_id
                and t.invoice_id = x.invoice_id and t.category = x.category
                and t.percent = x.percent and t.is_included = x.is_included
            where x.tenant_id = n.tenant_id and x.invoice_id = n.invoice_id)) $q$ into wrong;
    if wrong then
        raise exception 'the taxes in the home currency are not those of the invoice, or do not add up'
            using errcode = 'check_violation', constraint = 'invoice_home_tax_is_sum_of_taxes';
    end if;
    return null;
end $$;
create trigger home after insert on invoice
    referencing new table as appended for each statement execute function check_homes();

do $$
declare
    name text;
begin
    foreach name in array array['invoice_home', 'invoice_home_tax', 'invoice_rate'] loop
        execute format(
            'create trigger immutable before update or delete or truncate on everycent.%I '
            'for each statement execute function everycent.refuse_change()', name);
        execute format(
            'create trigger final after insert on everycent.%I '
            'referencing new table as appended for each statement execute function everycent.check_lines()',
            name);
    end loop;
    foreach name in array array['exchange_rate', 'invoice_home', 'invoice_home_tax', 'invoice_rate'] loop
        execute format('alter table everycent.%I enable row level security', name);
        execute format('alter table everycent.%I force row level security', name);
        execute format(
            'create policy own_tenant on everycent.%I '
            'using (tenant_id = (select everycent.current_tenant())) '
            'with check (tenant_id = (select everycent.current_tenant()))', name);
        execute format('grant select, insert on everycent.%I to everycent_app', name);
    end loop;
end $$;
