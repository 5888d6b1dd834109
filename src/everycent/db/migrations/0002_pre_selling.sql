-- Customers, the catalogue, usage and subscriptions: who buys what, and how much was used.

create table customer (
    tenant_id int not null references tenant,
    customer_id uuid not null,
    key text not null check (length(key) between 1 and 200),
    name text not null check (length(name) between 1 and 200),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    time_zone text not null,
    email text,
    address text,
    tax_id text,
    tax_status text not null check (tax_status in ('taxed', 'exempt', 'reverse_charge')),
    tax_reason text,
    group_key text check (length(group_key) between 1 and 80),
    check (tax_status <> 'reverse_charge' or tax_id is not null),
    check (tax_status <> 'exempt' or tax_reason is not null),
    check (tax_status <> 'taxed' or tax_reason is null),
    primary key (tenant_id, customer_id),
    unique (tenant_id, key)
);

-- Who pays for a customer from an instant on; payer_id null: the customer itself again.
create table customer_payer (
    tenant_id int not null,
    customer_id uuid not null,
    starts_at timestamptz not null,
    starts_on date not null,
    payer_id uuid,
    reason text not null,
    check (payer_id <> customer_id),
    primary key (tenant_id, customer_id, starts_at),
    foreign key (tenant_id, customer_id) references customer,
    foreign key (tenant_id, payer_id) references customer
);
create index customer_payer_payer on customer_payer (tenant_id, payer_id);

-- What is sold, version by version; a version never changes.
create table catalog_version (
    tenant_id int not null references tenant,
    kind text not null check (kind in (
        'bands', 'calendar', 'coupon', 'feature', 'intake', 'meter', 'plan', 'policies', 'product',
        'segments', 'tax')),
    key text not null check (key ~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,119}$'),
    version int not null check (version > 0),
    at timestamptz not null,
    content text not null,
    primary key (tenant_id, kind, key, version)
);
create trigger immutable before update or delete or truncate on catalog_version
    for each statement execute function refuse_change();

-- Usage --------------------------------------------------------------------------------------------

-- Names are written once and stand as four bytes in every record; sets of dimensions are told as JSON.
create table usage_name (
    tenant_id int not null references tenant,
    kind text not null check (kind in ('source', 'subject', 'meter', 'dimensions')),
    name_id int generated always as identity,
    name text not null check (length(name) <= 2000),
    told jsonb generated always as (case when kind = 'dimensions' then name::jsonb end) stored,
    primary key (tenant_id, name_id),
    unique (tenant_id, kind, name)
);

create trigger immutable before update or delete or truncate on usage_name
    for each statement execute function refuse_change();

create sequence usage_batch_seq;
create sequence usage_fold_seq;

-- A batch is what one transaction took in. Folding gives it the number of the fold that counted it.
-- What was offered and not stored is counted with it, so that nothing that came is unaccounted for.
create table usage_batch (
    tenant_id int not null references tenant,
    batch_id bigint not null,
    recorded_at timestamptz not null,
    records int not null check (records >= 0),
    reversals int not null default 0 check (reversals >= 0),
    duplicates int not null default 0 check (duplicates >= 0),
    conflicts int not null default 0 check (conflicts >= 0),
    fold_id bigint,
    primary key (tenant_id, batch_id)
);
create index usage_batch_open on usage_batch (tenant_id, batch_id) where fold_id is null;
create index usage_batch_fold on usage_batch (tenant_id, fold_id);

-- Deduplication for ever: 16 bytes of (source, id) and 16 bytes of the content. It holds no time, so
-- that a record sent again with another time is seen as what it is: a conflict. The batch says where
-- the record itself is to be found. Keys stay when the records of an old month go to an archive.
create table usage_key (
    tenant_id int not null,
    key uuid not null,
    content uuid not null,
    batch_id bigint not null,
    primary key (tenant_id, key)
);
create trigger immutable before update or delete or truncate on usage_key
    for each statement execute function refuse_change();

create function utc_day(at timestamptz) returns date
language sql immutable parallel safe as $$ select date(timezone('UTC', at)) $$;

-- The days that a time touches, its end included. (`offset 0` keeps the planner from writing the sum out
-- where it stands: row-level security lets an index be searched for a value, but not for a sum of one.)
create function utc_days(starts_at timestamptz, ends_at timestamptz) returns setof date
language sql immutable parallel safe rows 31 as $$
    select utc_day(starts_at) + n from generate_series(0, utc_day(ends_at) - utc_day(starts_at)) n
    offset 0
$$;

create table usage_record (
    tenant_id int not null,
    subject_id int not null,
    meter_id int not null,
    dimensions_id int not null,
    at timestamptz not null,
    value numeric not null check (value > '-1e20'::numeric and value < '1e20'::numeric),
    key uuid not null,
    content uuid not null,
    source_id int not null,
    day date not null generated always as (utc_day(at)) stored,
    batch_id bigint not null,
    record_id text not null
) partition by range (at);
-- By day first and then by series (docs/decisions/0013): what comes in belongs to a few days, so that the
-- index grows in a few places that stay in memory, and not all over.
create index usage_record_day on usage_record (tenant_id, day, subject_id, meter_id);
create index usage_record_batch on usage_record using brin (batch_id)
    with (pages_per_range = 16, autosummarize = on);
create trigger immutable before update or delete on usage_record
    for each statement execute function refuse_change();

-- Corrections: why records were taken out of the count, or put back. A record is never changed; it is
-- reversed, with everything it said, as an entry in a ledger is.
create table usage_correction (
    tenant_id int not null references tenant,
    correction_id uuid not null,
    kind text not null check (kind in ('void', 'replace', 'backfill', 'undo')),
    reason text not null check (length(reason) between 1 and 500),
    undoes uuid,
    voided int not null check (voided >= 0),
    restored int not null check (restored >= 0),
    added int not null check (added >= 0),
    batch_id bigint not null,
    recorded_at timestamptz not null,
    actor text not null,
    event_id uuid not null,
    check ((kind = 'undo') = (undoes is not null)),
    primary key (tenant_id, correction_id),
    unique (tenant_id, undoes),
    foreign key (tenant_id, undoes) references usage_correction
);
create trigger immutable before update or delete or truncate on usage_correction
    for each statement execute function refuse_change();

-- The first reversal of a record takes it out, the second puts it back, and so on: odd numbers take
-- out, and a number can't be without the one before it.
create table usage_reversal (
    tenant_id int not null,
    key uuid not null,
    reversal_no smallint not null check (reversal_no > 0),
    previous_no smallint generated always as (nullif(reversal_no - 1, 0)) stored,
    sign smallint not null check (sign = case when reversal_no % 2 = 1 then -1 else 1 end),
    batch_id bigint not null,
    correction_id uuid not null,
    subject_id int not null,
    meter_id int not null,
    dimensions_id int not null,
    at timestamptz not null,
    value numeric not null,
    content uuid not null,
    source_id int not null,
    record_id text not null,
    primary key (tenant_id, key, reversal_no),
    foreign key (tenant_id, key, previous_no) references usage_reversal (tenant_id, key, reversal_no),
    foreign key (tenant_id, key) references usage_key
);
create index usage_reversal_batch on usage_reversal (tenant_id, batch_id);
create index usage_reversal_correction on usage_reversal (tenant_id, correction_id);
create trigger immutable before update or delete or truncate on usage_reversal
    for each statement execute function refuse_change();

-- What took the place of a record: its second saying, its third, and so on, each a record of its own. The
-- first one is the record that came in; of all sayings of a record at most one counts. They are found
-- here wherever the records themselves are, in the table or in the archive.
create table usage_saying (
    tenant_id int not null,
    first_key uuid not null,
    saying_no smallint not null check (saying_no > 1),
    previous_no smallint generated always as (nullif(saying_no - 1, 1)) stored,
    key uuid not null check (key <> first_key),
    primary key (tenant_id, first_key, saying_no),
    unique (tenant_id, key),
    foreign key (tenant_id, first_key, previous_no) references usage_saying (tenant_id, first_key, saying_no),
    foreign key (tenant_id, first_key) references usage_key,
    foreign key (tenant_id, key) references usage_key
);
create trigger immutable before update or delete or truncate on usage_saying
    for each statement execute function refuse_change();

-- A digest grows fold by fold: each fold's link is hashed on to what was there before, so that what is
-- known of a bucket can be added to without reading its records again.
create function digest_link(state bytea, link bytea) returns bytea
language sql immutable parallel safe as $$
    select case when state is null then link else sha256(state || link) end
$$;
create aggregate digest_chain(bytea) (sfunc = digest_link, stype = bytea, parallel = safe);

-- Whole days in UTC, for each set of dimensions apart: months are read from these, and the parts of days
-- at their ends from the records (docs/decisions/0012). The key carries what everybody's month adds up, in
-- order of the series: that is read from the index alone, and needs no table of half a million sums.
create table usage_day (
    tenant_id int not null,
    subject_id int not null,
    meter_id int not null,
    dimensions_id int not null,
    bucket timestamptz not null
        check (extract(epoch from bucket)::bigint % 86400 = 0),
    records bigint not null check (records >= 0),
    latest_at timestamptz,
    latest_key uuid,
    total numeric not null,
    low numeric,
    high numeric,
    latest_value numeric,
    digest bytea not null check (octet_length(digest) = 32),
    check (num_nulls(low, high, latest_at, latest_value, latest_key)
           = case when records = 0 then 5 else 0 end),
    primary key (tenant_id, subject_id, meter_id, bucket, dimensions_id) include (records, total)
);
create index usage_day_time on usage_day using brin (bucket) with (autosummarize = on);

-- The records that count: stored, not taken back, and folded unless all that is there is wanted.
-- (Whatever takes records back is folded in the transaction that does it.) The planner writes the
-- function out where it stands.
create function usage_standing(is_live boolean)
returns table (tenant_id int, subject_id int, meter_id int, dimensions_id int, at timestamptz,
               value numeric, key uuid, content uuid, source_id int, day date, batch_id bigint,
               record_id text, fold_id bigint)
language sql stable parallel safe as $$
    select u.tenant_id, u.subject_id, u.meter_id, u.dimensions_id, u.at, u.value, u.key, u.content,
           u.source_id, u.day, u.batch_id, u.record_id, b.fold_id
    from everycent.usage_record u
    join everycent.usage_batch b on b.tenant_id = u.tenant_id and b.batch_id = u.batch_id
        and (b.fold_id is not null or is_live)
    where coalesce((
        select v.sign from everycent.usage_reversal v
        where v.tenant_id = u.tenant_id and v.key = u.key
        order by v.reversal_no desc limit 1), 1) = 1
$$;

-- Partitions are months, made when the first record of one arrives. The application role may not
-- create tables, so this function does it as the owner.
create function ensure_usage_month(month date) returns void
language plpgsql security definer set search_path = everycent, pg_temp as $$
declare
    first date := date_trunc('month', month);
    child text := 'usage_record_' || to_char(first, 'YYYY_MM');
begin
    if to_regclass('everycent.' || child) is not null then
        return;
    end if;
    if first < '2000-01-01' or first > '2199-12-01' then
        raise exception 'usage in % is out of range', first using errcode = 'datetime_field_overflow';
    end if;
    perform pg_advisory_xact_lock(hashtext('everycent.' || child));
    if not exists (
        select from pg_class c
        where c.relname = child and c.relnamespace = 'everycent'::regnamespace)
    then
        -- Made apart and then attached: that waits for nobody who reads or writes other months.
        execute format(
            'create table everycent.%I (like everycent.usage_record including all)', child);
        execute format(
            'alter table everycent.usage_record attach partition everycent.%I '
            'for values from (%L) to (%L)',
            child, first::text || ' 00:00:00+00', (first + interval '1 month')::date::text || ' 00:00:00+00');
        execute format('alter table everycent.%I enable row level security', child);
        execute format('alter table everycent.%I force row level security', child);
        execute format(
            'create trigger immutable before update or delete or truncate on everycent.%I for each statement '
            'execute function everycent.refuse_change()', child);
    end if;
end $$;

-- Subscriptions ------------------------------------------------------------------------------------

create table subscription (
    tenant_id int not null references tenant,
    subscription_id uuid not null,
    customer_id uuid not null,
    key text not null check (length(key) between 1 and 200),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    subject text not null,
    time_zone text not null,
    starts_on date not null,
    ends_on date check (ends_on >= starts_on),
    starts_at timestamptz not null,
    ends_at timestamptz check (ends_at >= starts_at),
    changes text not null,
    changes_made smallint not null check (changes_made > 0),
    primary key (tenant_id, subscription_id),
    unique (tenant_id, key),
    foreign key (tenant_id, customer_id) references customer
);
create index subscription_customer on subscription (tenant_id, customer_id);

-- Stretches of time on one version of one plan. A phase that ends where it starts does not take place.
create table subscription_phase (
    tenant_id int not null,
    subscription_id uuid not null,
    phase_no smallint not null check (phase_no > 0),
    track text not null,
    change_no smallint not null check (change_no >= 0),
    plan_key text not null,
    plan_version int not null,
    anchor date not null,
    interval_months int not null check (interval_months >= 0),
    interval_days int not null check (interval_days >= 0),
    starts_at timestamptz not null,
    ends_at timestamptz check (ends_at >= starts_at),
    keeps smallint[] not null default '{}',
    check ((interval_months > 0) <> (interval_days > 0)),
    primary key (tenant_id, subscription_id, phase_no),
    foreign key (tenant_id, subscription_id) references subscription
);
create index subscription_phase_plan on subscription_phase (tenant_id, plan_key, plan_version);

-- Of one track one phase runs at a time. Only what was written has to be compared with its neighbours.
create function check_phases() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select exists (
        select from written n
        join everycent.subscription_phase p on p.tenant_id = n.tenant_id
            and p.subscription_id = n.subscription_id and p.track = n.track and p.phase_no <> n.phase_no
        where coalesce(n.ends_at > n.starts_at, true) and coalesce(p.ends_at > p.starts_at, true)
          and n.starts_at < coalesce(p.ends_at, 'infinity')
          and p.starts_at < coalesce(n.ends_at, 'infinity')) $q$ into wrong;
    if wrong then
        raise exception 'two phases of one track overlap'
            using errcode = 'exclusion_violation', constraint = 'subscription_phase_overlap';
    end if;
    return null;
end $$;
create trigger apart_when_new after insert on subscription_phase
    referencing new table as written for each statement execute function check_phases();
create trigger apart after update on subscription_phase
    referencing new table as written for each statement execute function check_phases();

-- Phases with what is beside them: whether one follows another one of its track without a gap, and is
-- followed by one.
create view phase_in_row with (security_invoker = true) as
select p.*, exists (
           select from subscription_phase o
           where o.tenant_id = p.tenant_id and o.subscription_id = p.subscription_id
             and o.track = p.track and o.ends_at = p.starts_at and o.starts_at < o.ends_at) as follows,
       exists (
           select from subscription_phase o
           where o.tenant_id = p.tenant_id and o.subscription_id = p.subscription_id
             and o.track = p.track and o.starts_at = p.ends_at
             and coalesce(o.ends_at > o.starts_at, true)) as is_followed
from subscription_phase p;
grant select on phase_in_row to everycent_app;
-- Terms one after the other that a change has brought about: the first ends on `ends_on`, the others so many
-- months and days later each (0: there are none), and none after `until`. The first sign of an end comes at
-- most `lead_days` before it. Found by how long they are, and within that by when they end.
create table subscription_term (
    tenant_id int not null,
    subscription_id uuid not null,
    change_no smallint not null check (change_no >= 0),
    ends_on date not null,
    every_months int not null check (every_months >= 0),
    every_days int not null check (every_days >= 0),
    lead_days int not null check (lead_days >= 0),
    until date,
    primary key (tenant_id, subscription_id, change_no),
    foreign key (tenant_id, subscription_id) references subscription
);
create index subscription_term_ends
    on subscription_term (tenant_id, every_months, every_days, lead_days, ends_on);

-- What a trial gives away opens when the trial ends. `own`: what is not the plan's; '' for nothing.
create table subscription_item (
    tenant_id int not null,
    subscription_id uuid not null,
    item_no smallint not null check (item_no > 0),
    phase_no smallint not null,
    plan_item_no smallint not null check (plan_item_no > 0),
    price_key text not null,
    in_advance boolean not null,
    opens_at timestamptz not null,
    own text not null,
    is_commitment boolean not null,
    primary key (tenant_id, subscription_id, item_no),
    foreign key (tenant_id, subscription_id, phase_no) references subscription_phase
);
create index subscription_item_commitment on subscription_item (tenant_id, subscription_id)
    where is_commitment;
