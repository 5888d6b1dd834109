-- Dunning: the tenant's terms for collecting, steps that campaigns took, and messages to be delivered.

create table dunning_terms (
    tenant_id int not null references tenant,
    version int not null check (version > 0),
    at timestamptz not null,
    content text not null,
    event_id uuid not null,
    primary key (tenant_id, version)
);
create trigger immutable before update or delete or truncate on dunning_terms
    for each statement execute function refuse_change();

-- Steps that campaigns took. An episode is one course of a campaign about what a customer owes in a currency;
-- its steps are numbered from 1, each later than the one before, and each step (by its key) comes once. The
-- next episode begins when the one before has ended.
create table dunning_step (
    tenant_id int not null references tenant,
    customer_id uuid not null,
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    episode int not null check (episode > 0),
    number int not null check (number > 0),
    number_before int generated always as (nullif(number - 1, 0)) stored,
    episode_before int generated always as (case when number = 1 then nullif(episode - 1, 0) end) stored,
    campaign text not null,
    step text not null,
    taken_on date not null,
    amount bigint not null check (amount > 0),
    at timestamptz not null,
    event_id uuid not null,
    primary key (tenant_id, customer_id, currency, episode, number),
    unique (tenant_id, customer_id, currency, episode, step),
    foreign key (tenant_id, customer_id) references customer,
    foreign key (tenant_id, customer_id, currency, episode, number_before)
        references dunning_step (tenant_id, customer_id, currency, episode, number)
);
create trigger immutable before update or delete or truncate on dunning_step
    for each statement execute function refuse_change();

create table dunning_end (
    tenant_id int not null references tenant,
    customer_id uuid not null,
    currency text not null,
    episode int not null check (episode > 0),
    steps int not null check (steps > 0),
    why text not null check (why in ('settled', 'written_off', 'withdrawn')),
    ended_on date not null,
    at timestamptz not null,
    event_id uuid not null,
    primary key (tenant_id, customer_id, currency, episode),
    foreign key (tenant_id, customer_id, currency, episode, steps)
        references dunning_step (tenant_id, customer_id, currency, episode, number)
);
create trigger immutable before update or delete or truncate on dunning_end
    for each statement execute function refuse_change();
alter table dunning_step add foreign key (tenant_id, customer_id, currency, episode_before)
    references dunning_end (tenant_id, customer_id, currency, episode);

-- What is to be told to others, one message for an occasion, and where each stands.
create table message (
    tenant_id int not null references tenant,
    message_id uuid not null,
    kind text not null check (kind in ('mail', 'webhook')),
    occasion text not null check (length(occasion) between 1 and 500),
    customer_id uuid,
    recipient text not null check (length(recipient) between 1 and 2000 and recipient !~ '[[:cntrl:]]'),
    subject text not null check (subject !~ '[[:cntrl:]]'),
    told text not null,
    at timestamptz not null,
    event_id uuid not null,
    primary key (tenant_id, message_id),
    unique (tenant_id, occasion),
    foreign key (tenant_id, customer_id) references customer
);
create trigger immutable before update or delete or truncate on message
    for each statement execute function refuse_change();

create table message_state (
    tenant_id int not null,
    message_id uuid not null,
    status text not null check (status in ('waiting', 'delivered', 'failed')),
    tries int not null check (tries >= 0),
    next_at timestamptz,
    reason text not null,
    is_broken boolean not null,
    changed_at timestamptz not null,
    check ((status = 'waiting') = (next_at is not null)),
    check (not is_broken or status <> 'delivered'),
    primary key (tenant_id, message_id),
    foreign key (tenant_id, message_id) references message (tenant_id, message_id)
);
create index message_state_waiting on message_state (tenant_id, next_at) where status = 'waiting';
create index message_state_failed on message_state (tenant_id) where status = 'failed';
create index message_state_broken on message_state (tenant_id) where is_broken;

-- Work list, not part of the truth: who delivers a message right now.
create table message_claim (
    tenant_id int not null,
    message_id uuid not null,
    claimed_until timestamptz not null,
    primary key (tenant_id, message_id),
    foreign key (tenant_id, message_id) references message (tenant_id, message_id)
);

do $$
declare
    name text;
    immutable text[] := array['dunning_terms', 'dunning_step', 'dunning_end', 'message'];
    mutable text[] := array['message_state', 'message_claim'];
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
