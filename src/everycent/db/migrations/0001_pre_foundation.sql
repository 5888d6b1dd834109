-- Tenants, the journal and the ledger: what everything else is booked in.
--
-- Every table starts its keys with tenant_id, and row-level security is forced on all of them (the
-- last migration step does it for every table at once). The application works as the role
-- everycent_app, which owns nothing. Immutable tables take INSERT and SELECT only: rights are not
-- granted, and a trigger raises even for the owner.

create function current_tenant() returns int language sql stable parallel safe as
$$ select nullif(current_setting('everycent.tenant', true), '')::int $$;

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is immutable: % is refused', tg_table_name, lower(tg_op)
        using errcode = 'restrict_violation',
              hint = 'record a new fact that corrects the old one';
end $$;

create table tenant (
    tenant_id int generated always as identity primary key,
    slug text not null unique check (slug ~ '^[a-z][a-z0-9-]{0,39}$'),
    name text not null check (length(name) between 1 and 200),
    created_at timestamptz not null
);

-- The journal --------------------------------------------------------------------------------------

-- A dump restored into another cluster starts that cluster's transaction counter low. A new epoch
-- keeps (epoch, xid, seq) increasing for ever.
create table journal_epoch (
    epoch int primary key check (epoch > 0),
    started_at timestamptz not null
);
insert into journal_epoch values (1, now());

create function current_epoch() returns int language sql stable parallel safe as
$$ select max(epoch) from everycent.journal_epoch $$;

create sequence journal_seq;

create table journal_event (
    tenant_id int not null,
    -- Up to a hundred characters after the colon, counted: a bounded pattern takes twenty times as long.
    stream text not null check (stream ~ '^[a-z_]+:[A-Za-z0-9_.:-]+$'
                                and length(stream) - strpos(stream, ':') <= 100),
    version int not null check (version > 0),
    event_id uuid not null,
    type text not null check (type ~ '^[a-z_]+\.[a-z_]+$'),
    schema_version smallint not null check (schema_version > 0),
    at timestamptz not null check (isfinite(at)),
    recorded_at timestamptz not null check (isfinite(recorded_at)),
    actor text not null check (length(actor) between 1 and 200),
    cause uuid,
    payload text not null,
    hash bytea not null check (octet_length(hash) = 32),
    epoch int not null default everycent.current_epoch(),
    -- Never less than the xid of an event that the transaction has seen, which one that began later may
    -- have written: whoever appends raises the floor to there.
    xid xid8 not null default greatest(
        pg_current_xact_id(), nullif(current_setting('everycent.order_floor', true), '')::xid8),
    seq bigint not null default nextval('everycent.journal_seq'),
    primary key (tenant_id, stream, version),
    unique (tenant_id, event_id)
);
-- Payloads are one to a few kB and are always read whole: keep them in the row, uncompressed.
alter table journal_event alter payload set storage external;
alter table journal_event set (toast_tuple_target = 8160);
create index journal_event_order on journal_event (epoch, xid, seq);

create trigger immutable before update or delete or truncate on journal_event
    for each statement execute function refuse_change();

-- A stream has no gaps: each event stands on the one before it, in the journal's order too. And it is
-- somebody's.
create function check_streams() returns trigger language plpgsql as $$
declare broken record; wrong boolean;
begin
    execute $q$ select exists (
        select from (select distinct tenant_id from appended) n where not exists (
            select from everycent.tenant t where t.tenant_id = n.tenant_id)) $q$ into wrong;
    if wrong then
        raise exception 'an event needs a tenant'
            using errcode = 'foreign_key_violation', constraint = 'journal_event_tenant';
    end if;
    execute $q$
        select n.stream, n.version from appended n
        left join lateral (
            select p.epoch, p.xid, p.seq from everycent.journal_event p
            where p.tenant_id = n.tenant_id and p.stream = n.stream and p.version = n.version - 1
            offset 0) p on true  -- the offset keeps the comparison below out of the choice of index
        where n.version > 1
          and (p.epoch is null or (p.epoch, p.xid, p.seq) >= (n.epoch, n.xid, n.seq))
        limit 1 $q$ into broken;
    if broken.stream is not null then
        raise exception 'stream % has no version before %', broken.stream, broken.version
            using errcode = 'integrity_constraint_violation', constraint = 'journal_stream_gapless';
    end if;
    return null;
end $$;
create trigger gapless after insert on journal_event
    referencing new table as appended for each statement execute function check_streams();

create table journal_checkpoint (
    tenant_id int not null references tenant,
    checkpoint_no int not null check (checkpoint_no > 0),
    recorded_at timestamptz not null,
    epoch int not null,
    xid xid8 not null,
    seq bigint not null,
    streams bigint not null check (streams >= 0),
    events bigint not null check (events >= 0),
    root bytea not null check (octet_length(root) = 32),
    previous bytea check (octet_length(previous) = 32),
    digest bytea not null check (octet_length(digest) = 32),
    public_key bytea not null check (octet_length(public_key) = 32),
    signature bytea not null check (octet_length(signature) = 64),
    primary key (tenant_id, checkpoint_no)
);
create trigger immutable before update or delete or truncate on journal_checkpoint
    for each statement execute function refuse_change();

-- The ledger ---------------------------------------------------------------------------------------

create table ledger_account (
    tenant_id int not null references tenant,
    account_id smallint not null check (account_id > 0),
    code text not null,
    name text not null,
    kind text not null check (kind in ('asset', 'liability', 'equity', 'income', 'expense')),
    primary key (tenant_id, account_id),
    unique (tenant_id, code)
);
create trigger immutable before update or delete or truncate on ledger_account
    for each statement execute function refuse_change();

-- One entry per event: the entry's id is its event's.
create table ledger_entry (
    tenant_id int not null,
    entry_id uuid not null,
    kind text not null,
    at timestamptz not null,
    recorded_at timestamptz not null,
    document_id uuid,
    reverses uuid,
    first_posting smallint not null default 1 check (first_posting = 1),
    primary key (tenant_id, entry_id),
    unique (tenant_id, reverses),
    foreign key (tenant_id, reverses) references ledger_entry
);
create index ledger_entry_at on ledger_entry (at);

-- Debits are positive, credits negative, in minor units.
create table ledger_posting (
    tenant_id int not null,
    entry_id uuid not null,
    posting_no smallint not null check (posting_no > 0),
    account_id smallint not null,
    customer_id uuid,
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    amount bigint not null check (amount <> 0 and abs(amount) < 1000000000000000000),
    primary key (tenant_id, entry_id, posting_no)
);
create index ledger_posting_customer on ledger_posting (tenant_id, customer_id, account_id)
    include (currency, amount) where customer_id is not null;

create trigger immutable before update or delete or truncate on ledger_entry
    for each statement execute function refuse_change();
create trigger immutable before update or delete or truncate on ledger_posting
    for each statement execute function refuse_change();

-- Set-based in place of a foreign key per row: the same guarantee for a tenth of the price on tables
-- that are written thousands of rows at a time (docs/decisions/0003).
create function check_entries() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select exists (
        select from appended n where not exists (
            select from everycent.journal_event e
            where e.tenant_id = n.tenant_id and e.event_id = n.entry_id)) $q$ into wrong;
    if wrong then
        raise exception 'a ledger entry needs the event that caused it'
            using errcode = 'foreign_key_violation', constraint = 'ledger_entry_event';
    end if;
    return null;
end $$;
create trigger caused after insert on ledger_entry
    referencing new table as appended for each statement execute function check_entries();

create function check_postings() returns trigger language plpgsql as $$
declare wrong boolean;
begin
    execute $q$ select exists (
        select from (select distinct tenant_id, account_id from appended) n where not exists (
            select from everycent.ledger_account a
            where a.tenant_id = n.tenant_id and a.account_id = n.account_id)) $q$ into wrong;
    if wrong then
        raise exception 'a posting names an account that does not exist'
            using errcode = 'foreign_key_violation', constraint = 'ledger_posting_account';
    end if;
    execute $q$ select exists (
        select from (select distinct tenant_id, entry_id from appended) n where not exists (
            select from everycent.ledger_entry e
            where e.tenant_id = n.tenant_id and e.entry_id = n.entry_id)) $q$ into wrong;
    if wrong then
        raise exception 'a posting belongs to an entry that does not exist'
            using errcode = 'foreign_key_violation', constraint = 'ledger_posting_entry';
    end if;
    -- All postings of an entry come in one statement, so none can be added later.
    execute $q$ select exists (
        select from (select tenant_id, entry_id, count(*) as fresh from appended group by 1, 2) n
        where n.fresh <> (
            select count(*) from everycent.ledger_posting p
            where p.tenant_id = n.tenant_id and p.entry_id = n.entry_id)) $q$ into wrong;
    if wrong then
        raise exception 'an entry that is booked takes no further postings'
            using errcode = 'integrity_constraint_violation', constraint = 'ledger_entry_complete';
    end if;
    -- They add up to nothing in each currency; none is over nothing, so there are two at least.
    execute $q$ select exists (
        select from appended group by tenant_id, entry_id, currency having sum(amount) <> 0) $q$ into wrong;
    if wrong then
        raise exception 'a ledger entry does not balance'
            using errcode = 'check_violation', constraint = 'ledger_entry_balanced';
    end if;
    return null;
end $$;
create trigger complete after insert on ledger_posting
    referencing new table as appended for each statement execute function check_postings();

-- An entry has postings by the time its transaction ends: its first one exists, and with that all of them.
alter table ledger_entry add constraint ledger_entry_has_postings
    foreign key (tenant_id, entry_id, first_posting)
    references ledger_posting (tenant_id, entry_id, posting_no) deferrable initially deferred;
