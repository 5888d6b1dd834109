-- Coupons that customers have, and what they took off: never more often than they may.

-- `number` counts the applications of a coupon to anybody, at most `most` of them; `order_no` those to the
-- customer. `content` is the application with the coupon as it was defined then.
create table coupon_application (
    tenant_id int not null references tenant,
    application_id uuid not null,
    customer_id uuid not null,
    coupon text not null,
    version int not null,
    number int not null check (number > 0),
    most int,
    order_no int not null check (order_no > 0),
    subscription_id uuid,
    starts_on date not null,
    ends_on date check (ends_on >= starts_on),
    times int check (times > 0),
    content text not null,
    constraint coupon_application_limit check (number <= most),
    primary key (tenant_id, application_id),
    unique (tenant_id, coupon, number),
    unique (tenant_id, customer_id, order_no),
    foreign key (tenant_id, customer_id) references customer,
    foreign key (tenant_id, subscription_id) references subscription
);

-- What a coupon took off an invoice (minor units, as prices are told) and what is left of a fixed amount.
-- Uses count the invoices; a redemption is a use that counts towards `times`: all but those of a rest.
create table coupon_use (
    tenant_id int not null,
    application_id uuid not null,
    use_no int not null check (use_no > 0),
    redemption_no int not null check (redemption_no > 0 and redemption_no <= use_no),
    times int,
    invoice_id uuid not null,
    amount bigint not null check (amount >= 0),
    rest bigint not null check (rest >= 0),
    constraint coupon_use_times check (redemption_no <= times),
    primary key (tenant_id, application_id, use_no),
    unique (tenant_id, application_id, invoice_id),
    foreign key (tenant_id, application_id) references coupon_application
);
create index coupon_use_invoice on coupon_use (tenant_id, invoice_id);
create trigger immutable before update or delete or truncate on coupon_use
    for each statement execute function refuse_change();

-- A use follows the one before it; one that counts no further has a rest to take from.
create function check_coupon_uses() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select exists (
        select from appended n
        join everycent.coupon_application a on a.tenant_id = n.tenant_id
            and a.application_id = n.application_id
        left join everycent.coupon_use b on b.tenant_id = n.tenant_id
            and b.application_id = n.application_id and b.use_no = n.use_no - 1
        where n.times is distinct from a.times
           or (n.use_no > 1 and b.use_no is null)
           or n.redemption_no - coalesce(b.redemption_no, 0) not in (0, 1)
           or (n.redemption_no = coalesce(b.redemption_no, 0) and coalesce(b.rest, 0) = 0)) $q$ into wrong;
    if wrong then
        raise exception 'a use of a coupon follows the one before it'
            using errcode = 'check_violation', constraint = 'coupon_use_chain';
    end if;
    return null;
end $$;
create trigger follows after insert on coupon_use
    referencing new table as appended for each statement execute function check_coupon_uses();

-- An issued invoice takes no further discount (check_lines is that of its lines).
create trigger final after insert on coupon_use
    referencing new table as appended for each statement execute function check_lines();

do $$
declare
    name text;
begin
    foreach name in array array['coupon_application', 'coupon_use'] loop
        execute format('alter table everycent.%I enable row level security', name);
        execute format('alter table everycent.%I force row level security', name);
        execute format(
            'create policy own_tenant on everycent.%I '
            'using (tenant_id = (select everycent.current_tenant())) '
            'with check (tenant_id = (select everycent.current_tenant()))', name);
        execute format('grant select, insert on everycent.%I to everycent_app', name);
    end loop;
    grant update on coupon_application to everycent_app;
end $$;
