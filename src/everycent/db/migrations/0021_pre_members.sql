-- Members: people who may do something in a tenant, by their role. The rows follow from events; whoever was
-- removed stays as a row. A person is known by the issuer and the subject of a token; one who was invited
-- by e-mail has none until the first token with that address binds it.

create table member (
    tenant_id int not null references tenant,
    member_id uuid not null,
    role text not null check (length(role) between 1 and 40),
    email text check (length(email) between 3 and 254 and email = lower(email)),
    issuer text check (length(issuer) between 1 and 500),
    subject text check (length(subject) between 1 and 255),
    added_at timestamptz not null,
    bound_at timestamptz check (bound_at >= added_at),
    removed_at timestamptz check (removed_at >= added_at),
    check (email is not null or subject is not null),
    check ((issuer is null) = (subject is null) and (subject is null) = (bound_at is null)),
    primary key (tenant_id, member_id)
);
create unique index member_person on member (tenant_id, issuer, subject) where removed_at is null;
create unique index member_email on member (tenant_id, email) where removed_at is null;
create index member_by_person on member (issuer, subject) where removed_at is null;
create index member_invited on member (email) where removed_at is null and subject is null;

-- Once an owner has come, there is always one. Two who remove each other wait for one another here, and a
-- statement after the lock sees what the other one did.
create function check_owner_left() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('members ' || old.tenant_id, 0));
    if not exists (select from member m where m.tenant_id = old.tenant_id and m.role = 'owner'
                   and m.removed_at is null and m.bound_at is not null) then
        raise exception 'a tenant that had an owner has one'
            using errcode = 'check_violation', constraint = 'member_owner_left';
    end if;
    return null;
end $$;
create trigger owner_left after update on member for each row
    when (old.role = 'owner' and old.removed_at is null and old.bound_at is not null
          and (new.role <> 'owner' or new.removed_at is not null or new.bound_at is null))
    execute function check_owner_left();
create function check_member() returns trigger language plpgsql as $$
begin
    if old.removed_at is not null
       or (old.subject is not null and (old.issuer, old.subject) is distinct from (new.issuer, new.subject))
       or (old.email, old.added_at) is distinct from (new.email, new.added_at) then
        raise exception 'whoever was removed does not come back, and nobody becomes somebody else'
            using errcode = 'check_violation', constraint = 'member_same_person';
    end if;
    return new;
end $$;
create trigger same_person before update on member for each row execute function check_member();

-- A member is looked up before its tenant is known, as an API key is (0006): only the owner's functions below
-- may, and only by the person that a verified token names.
alter table member enable row level security;
alter table member force row level security;
create policy own_tenant on member using (
    tenant_id = (select current_tenant())
    or (current_user = 'everycent_owner'
        and ((issuer = nullif(current_setting('everycent.person_issuer', true), '')
              and subject = nullif(current_setting('everycent.person_subject', true), ''))
             or (subject is null
                 and email = nullif(current_setting('everycent.person_email', true), ''))))
) with check (tenant_id = (select current_tenant()));
grant select, insert, update on member to everycent_app;

-- Where a person is a member, and by which role; where one is invited by e-mail and has not come yet, with no
-- subject. The tenants' names are told to an operator's transaction only.
create function find_members(wanted_issuer text, wanted_subject text, wanted_email text)
returns table (tenant_id int, slug text, member_id uuid, role text, is_bound bool)
language plpgsql security definer set search_path = everycent, pg_temp as $$
begin
    perform set_config('everycent.person_issuer', wanted_issuer, true),
            set_config('everycent.person_subject', wanted_subject, true),
            set_config('everycent.person_email', coalesce(wanted_email, ''), true);
    return query
        select m.tenant_id, t.slug, m.member_id, m.role, m.subject is not null
        from member m join tenant t on t.tenant_id = m.tenant_id
        where m.removed_at is null
          and ((m.issuer = wanted_issuer and m.subject = wanted_subject)
               or (m.subject is null and m.email = wanted_email))
        order by t.slug, m.member_id;
    perform set_config('everycent.person_issuer', '', true),
            set_config('everycent.person_subject', '', true),
            set_config('everycent.person_email', '', true);
end $$;
revoke all on function find_members(text, text, text) from public;
grant execute on function find_members(text, text, text) to everycent_app;
