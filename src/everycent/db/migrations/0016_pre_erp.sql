-- The ERP: batches of documents that were handed over, where each document stands, and what the ERP said.

-- Batches are numbered without gaps, each after the one before it.
create table erp_batch (
    tenant_id int not null references tenant,
    erp text not null check (erp ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
    batch_no int not null check (batch_no > 0),
    batch_before int generated always as (nullif(batch_no - 1, 0)) stored,
    documents int not null check (documents > 0),
    digest text not null check (digest ~ '^[0-9a-f]{64}$'),
    previous text not null check (previous ~ '^[0-9a-f]{64}$'),
    told text not null,
    at timestamptz not null,
    event_id uuid not null,
    primary key (tenant_id, erp, batch_no),
    unique (tenant_id, erp, digest),
    foreign key (tenant_id, erp, batch_before) references erp_batch (tenant_id, erp, batch_no)
);
create trigger immutable before update or delete or truncate on erp_batch
    for each statement execute function refuse_change();

-- A document is in one batch of an ERP, at one place.
create table erp_document (
    tenant_id int not null,
    erp text not null,
    document_id uuid not null,
    batch_no int not null,
    place int not null check (place > 0),
    reference text not null,
    digest text not null check (digest ~ '^[0-9a-f]{64}$'),
    primary key (tenant_id, erp, document_id),
    unique (tenant_id, erp, batch_no, place),
    unique (tenant_id, erp, reference),
    foreign key (tenant_id, erp, batch_no) references erp_batch (tenant_id, erp, batch_no),
    foreign key (tenant_id, document_id) references invoice (tenant_id, invoice_id)
);
create trigger immutable before update or delete or truncate on erp_document
    for each statement execute function refuse_change();

create table erp_state (
    tenant_id int not null,
    erp text not null,
    document_id uuid not null,
    batch_no int not null,
    status text not null check (status in ('initiated', 'acknowledged', 'registered', 'aborted', 'parked')),
    tries int not null check (tries >= 0),
    next_at timestamptz,
    is_alone boolean not null,
    bill text check (length(bill) between 1 and 100),
    trouble text,
    told text not null,
    acknowledged_at timestamptz,
    changed_at timestamptz not null,
    check ((status = 'acknowledged') = (acknowledged_at is not null)),
    check ((status in ('initiated', 'acknowledged')) = (next_at is not null)),
    check ((status = 'registered') = (bill is not null)),
    primary key (tenant_id, erp, document_id),
    unique (tenant_id, erp, bill),
    foreign key (tenant_id, erp, document_id) references erp_document (tenant_id, erp, document_id)
);
create index erp_state_due on erp_state (tenant_id, erp, status, next_at)
    where status in ('initiated', 'acknowledged');
create index erp_state_stuck on erp_state (tenant_id, erp)
    where trouble is not null or status in ('aborted', 'parked');
create index erp_state_acknowledged on erp_state (tenant_id, erp, acknowledged_at)
    where status = 'acknowledged';
create index erp_state_batch on erp_state (tenant_id, erp, batch_no);

-- The way into the ERP: only a finding that it is lost leads a registered document back.
create function check_handed() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.status <> 'initiated' then
            raise exception 'a document begins as initiated, not as %', new.status
                using errcode = 'check_violation', constraint = 'erp_state_transition';
        end if;
        return new;
    end if;
    if new.batch_no <> old.batch_no then
        raise exception 'a document stays in its batch'
            using errcode = 'check_violation', constraint = 'erp_state_frozen';
    end if;
    if old.status = 'registered' and new.status = 'registered' and new.bill <> old.bill then
        raise exception 'a registered document keeps its id in the ERP'
            using errcode = 'check_violation', constraint = 'erp_state_bill';
    end if;
    if old.status <> new.status and (old.status || '>' || new.status) <> all ('{
        initiated>acknowledged, initiated>aborted, initiated>parked,
        acknowledged>registered, acknowledged>aborted, acknowledged>initiated, acknowledged>parked,
        aborted>initiated, aborted>acknowledged, registered>initiated,
        parked>initiated, parked>acknowledged, parked>aborted}'::text[])
    then
        raise exception 'a document does not go from % to %', old.status, new.status
            using errcode = 'check_violation', constraint = 'erp_state_transition';
    end if;
    return new;
end $$;
create trigger transition before update on erp_state
    for each row execute function check_handed();
create trigger begin after insert on erp_state
    for each row execute function check_handed();

-- Evidence: what the ERP said, word for word. Events name it by its id; `digest` is SHA-256 over `raw`.
create table erp_answer (
    tenant_id int not null references tenant,
    answer_id uuid not null,
    erp text not null,
    what text not null,
    status int,
    raw bytea not null,
    digest bytea not null check (digest = sha256(raw)),
    why text not null,
    at timestamptz not null,
    primary key (tenant_id, answer_id)
);
create trigger immutable before update or delete or truncate on erp_answer
    for each statement execute function refuse_change();

-- Work list, not part of the truth: who hands something over right now.
create table erp_claim (
    tenant_id int not null references tenant,
    erp text not null,
    what text not null,
    holder text not null,
    claimed_until timestamptz not null,
    primary key (tenant_id, erp, what)
);

do $$
declare
    name text;
    immutable text[] := array['erp_batch', 'erp_document', 'erp_answer'];
    mutable text[] := array['erp_state', 'erp_claim'];
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
