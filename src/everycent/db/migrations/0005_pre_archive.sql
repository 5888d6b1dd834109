-- The archive: months of usage records that were written to files, and whether the table has them still.
-- Keys, roll-ups, seals and batches stay in the database for ever; only the records leave.

-- A part is one file: what the table held of a month and no other part had. Late records make a second.
create table usage_archive (
    tenant_id int not null references tenant,
    month date not null check (extract(day from month) = 1),
    part_no int not null check (part_no > 0),
    file text not null check (file ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$'),
    location text not null check (length(location) between 1 and 4096),
    bytes bigint not null check (bytes > 0),
    sha256 bytea not null check (octet_length(sha256) = 32),
    records bigint not null check (records > 0),
    total numeric not null,
    digest bytea not null check (octet_length(digest) = 32),
    first_fold bigint not null,
    last_fold bigint not null,
    archived_at timestamptz not null,
    event_id uuid not null,
    check (last_fold >= first_fold),
    primary key (tenant_id, month, part_no),
    unique (tenant_id, file)
);
create trigger immutable before update or delete or truncate on usage_archive
    for each statement execute function refuse_change();

-- How many records of each batch are in a part. What one batch has in one month comes and goes together.
create table usage_archive_batch (
    tenant_id int not null,
    month date not null,
    part_no int not null,
    batch_id bigint not null,
    records int not null check (records > 0),
    primary key (tenant_id, month, part_no, batch_id),
    foreign key (tenant_id, month, part_no) references usage_archive
);
create trigger immutable before update or delete or truncate on usage_archive_batch
    for each statement execute function refuse_change();

-- Why the records of a part were billed or not when it was written: later nobody can look.
create table usage_archive_reason (
    tenant_id int not null,
    month date not null,
    part_no int not null,
    reason text not null check (length(reason) between 1 and 60),
    records bigint not null check (records > 0),
    primary key (tenant_id, month, part_no, reason),
    foreign key (tenant_id, month, part_no) references usage_archive
);
create trigger immutable before update or delete or truncate on usage_archive_reason
    for each statement execute function refuse_change();

-- When the records of a part left the table.
create table usage_dropped (
    tenant_id int not null,
    month date not null,
    part_no int not null,
    dropped_at timestamptz not null,
    primary key (tenant_id, month, part_no),
    foreign key (tenant_id, month, part_no) references usage_archive
);
create trigger immutable before update or delete or truncate on usage_dropped
    for each statement execute function refuse_change();

-- When they came back. The part is history then: archiving the month again makes a new one.
create table usage_restored (
    tenant_id int not null,
    month date not null,
    part_no int not null,
    restored_at timestamptz not null,
    event_id uuid not null,
    primary key (tenant_id, month, part_no),
    foreign key (tenant_id, month, part_no) references usage_dropped
);
create trigger immutable before update or delete or truncate on usage_restored
    for each statement execute function refuse_change();

-- Whether a tenant holds what the table has of its month, whoever else archives it, and whether the month
-- may go with usage that is still to be billed: the last word counts.
create table usage_hold (
    tenant_id int not null references tenant,
    month date not null check (extract(day from month) = 1),
    hold_no int not null check (hold_no > 0),
    is_held boolean not null,
    even_unbilled boolean not null,
    said_at timestamptz not null,
    primary key (tenant_id, month, hold_no)
);
create trigger immutable before update or delete or truncate on usage_hold
    for each statement execute function refuse_change();

-- The parts whose records are in a file and not in the table, and the months that miss any.
create function usage_away_parts(tenant int) returns table (month date, part_no int)
language sql stable as $$
    select d.month, d.part_no from everycent.usage_dropped d
    where d.tenant_id = tenant and not exists (
        select from everycent.usage_restored r
        where r.tenant_id = d.tenant_id and r.month = d.month and r.part_no = d.part_no)
$$;
create function usage_away(tenant int)
returns table (month date, starts_at timestamptz, ends_at timestamptz)
language sql stable as $$
    select p.month, p.month::timestamp at time zone 'UTC',
           (p.month + interval '1 month') at time zone 'UTC'
    from everycent.usage_away_parts(tenant) p group by p.month
$$;

-- A bucket in which a record is taken back is counted again from its records: they have to be there.
-- Holding the table keeps the month from being dropped before the transaction ends.
create function refuse_reversal_in_archive() returns trigger language plpgsql as $$
declare missing date;
begin
    lock table only everycent.usage_record in access share mode;
    execute $q$
        select a.month from (
            select distinct tenant_id, date_trunc('month', at, 'UTC') as month from appended) n
        cross join lateral everycent.usage_away(n.tenant_id) a
        where a.starts_at = n.month limit 1 $q$ into missing;
    if missing is not null then
        raise exception 'records of % are in the archive: restore the month first', missing
            using errcode = 'restrict_violation', constraint = 'usage_reversal_in_archive';
    end if;
    return null;
end $$;
create trigger in_table after insert on usage_reversal
    referencing new table as appended for each statement execute function refuse_reversal_in_archive();

-- Whether a tenant's records of a month are others than those of the recorded parts that the table still
-- covers, batch by batch; `only` some batches, or (null) all. It is called as the owner, for whom row-level
-- security holds too: the tenant has to be set.
create function usage_month_differs(holder int, first date, only_batches bigint[]) returns boolean
language plpgsql stable set search_path = everycent, pg_temp as $$
declare
    differs boolean;
    own_batches text := case when only_batches is null then '' else 'and batch_id = any($4)' end;
begin
    execute format($q$
        select exists (
            select from (
                select batch_id, count(*) as n from everycent.usage_record
                where tenant_id = $1 and at >= $2::timestamp at time zone 'UTC'
                  and at < $3::timestamp at time zone 'UTC' %1$s
                group by 1) u
            full join (
                select b.batch_id, sum(b.records) as n from everycent.usage_archive_batch b
                where b.tenant_id = $1 and b.month = $2 %1$s and not exists (
                    select from everycent.usage_dropped d
                    where d.tenant_id = b.tenant_id and d.month = b.month and d.part_no = b.part_no)
                group by 1) a using (batch_id)
            where u.n is distinct from a.n) $q$, own_batches)
        into differs using holder, first, (first + interval '1 month')::date, only_batches;
    return differs;
end $$;

-- How often records of a month were taken out of the table or put back, of one tenant.
create function usage_month_moves(holder int, first date) returns bigint
language sql stable set search_path = everycent, pg_temp as $$
    select (select count(*) from everycent.usage_dropped where tenant_id = holder and month = first)
         + (select count(*) from everycent.usage_restored where tenant_id = holder and month = first)
$$;

-- Whether a tenant holds a month of which the table covers a part.
create function usage_month_is_held(holder int, first date) returns boolean
language sql stable set search_path = everycent, pg_temp as $$
    select coalesce((
        select h.is_held from usage_hold h where h.tenant_id = holder and h.month = first
        order by h.hold_no desc limit 1), false)
    and exists (
        select from usage_archive a
        where a.tenant_id = holder and a.month = first and not exists (
            select from usage_dropped d
            where d.tenant_id = a.tenant_id and d.month = a.month and d.part_no = a.part_no))
$$;

-- The long look before a month is dropped: how many tenants have records in it that are in no part that
-- the table covers, or hold those that are. It locks nothing that anybody would wait for. Whoever drops the
-- month passes on what else it tells: every transaction that it has not seen has a number from `since` on.
create function look_at_usage_month(wanted date)
returns table (keepers int, since xid8, moves bigint)
language plpgsql security definer set search_path = everycent, pg_temp as $$
declare
    first date := date_trunc('month', wanted);
    tenant_before text := coalesce(current_setting('everycent.tenant', true), '');
    operator_before text := coalesce(current_setting('everycent.operator', true), '');
    holder int;
begin
    keepers := 0;
    moves := 0;
    since := pg_snapshot_xmin(pg_current_snapshot());
    perform set_config('everycent.operator', 'on', true);
    foreach holder in array array(select tenant_id from everycent.tenant order by tenant_id) loop
        perform set_config('everycent.tenant', holder::text, true);
        keepers := keepers + (everycent.usage_month_is_held(holder, first)
            or everycent.usage_month_differs(holder, first, null))::int;
        moves := moves + everycent.usage_month_moves(holder, first);
    end loop;
    perform set_config('everycent.operator', operator_before, true);
    perform set_config('everycent.tenant', tenant_before, true);
    return next;
end $$;

-- Drops the partition of a month of which a look (in one snapshot) has found every record, of every
-- tenant, in a recorded part that nobody holds. Under the lock, in which nobody writes, only what came after that look is
-- looked at: a record comes with a row of its batch, which is not older than itself (a fold makes it
-- younger, then more is counted than need be), or out of a file, with a row that says so. Returns false
-- when something did come, or somebody holds it now; then it takes another look. The application role may not drop tables, so it
-- is done as the owner.
create function drop_usage_month(wanted date, dropped_at timestamptz, since xid8, moves bigint)
returns boolean language plpgsql security definer set search_path = everycent, pg_temp as $$
declare
    first date := date_trunc('month', wanted);
    child text := 'usage_record_' || to_char(first, 'YYYY_MM');
    tenant_before text := coalesce(current_setting('everycent.tenant', true), '');
    operator_before text := coalesce(current_setting('everycent.operator', true), '');
    holders int[];
    holder int;
    fresh bigint[];
    is_as_seen boolean := true;
begin
    if to_regclass('everycent.' || child) is null then
        return true;
    end if;
    lock table only everycent.usage_record in access exclusive mode;
    if to_regclass('everycent.' || child) is null then
        return true;
    end if;
    perform set_config('everycent.operator', 'on', true);
    holders := array(select tenant_id from everycent.tenant order by tenant_id);
    foreach holder in array holders loop
        perform set_config('everycent.tenant', holder::text, true);
        fresh := array(
            select b.batch_id from everycent.usage_batch b
            where b.tenant_id = holder and age(b.xmin) <= age(since::xid));
        moves := moves - everycent.usage_month_moves(holder, first);
        is_as_seen := is_as_seen and not everycent.usage_month_is_held(holder, first) and (
            cardinality(fresh) = 0 or not everycent.usage_month_differs(holder, first, fresh));
    end loop;
    is_as_seen := is_as_seen and moves = 0;
    if is_as_seen then
        foreach holder in array holders loop
            perform set_config('everycent.tenant', holder::text, true);
            insert into everycent.usage_dropped (tenant_id, month, part_no, dropped_at)
            select a.tenant_id, a.month, a.part_no, drop_usage_month.dropped_at
            from everycent.usage_archive a
            where a.tenant_id = holder and a.month = first and not exists (
                select from everycent.usage_dropped d
                where d.tenant_id = a.tenant_id and d.month = a.month and d.part_no = a.part_no);
        end loop;
        execute format('drop table everycent.%I', child);
    end if;
    perform set_config('everycent.operator', operator_before, true);
    perform set_config('everycent.tenant', tenant_before, true);
    return is_as_seen;
end $$;
revoke all on function look_at_usage_month(date) from public;
grant execute on function look_at_usage_month(date) to everycent_app;
revoke all on function drop_usage_month(date, timestamptz, xid8, bigint) from public;
grant execute on function drop_usage_month(date, timestamptz, xid8, bigint) to everycent_app;

do $$
declare
    name text;
begin
    foreach name in array array[
        'usage_archive', 'usage_archive_batch', 'usage_archive_reason', 'usage_dropped',
        'usage_hold', 'usage_restored'] loop
        execute format('alter table everycent.%I enable row level security', name);
        execute format('alter table everycent.%I force row level security', name);
        execute format(
            'create policy own_tenant on everycent.%I '
            'using (tenant_id = (select everycent.current_tenant())) '
            'with check (tenant_id = (select everycent.current_tenant()))', name);
        execute format('grant select, insert on everycent.%I to everycent_app', name);
    end loop;
end $$;
