-- name: lock_configs
-- Whoever creates or activates a version takes turns.
select pg_advisory_xact_lock(hashtextextended('everycent.report_config', %(tenant_id)s));

-- name: configs
-- Versions, the newest first, with the number under which each was activated last.
select c.name, c.digest, c.told, c.created_at, c.actor,
       (select max(a.number) from report_activation a
        where a.tenant_id = c.tenant_id and a.name = c.name) as number
from report_config c
where c.tenant_id = %(tenant_id)s and (%(name)s::text is null or c.name = %(name)s)
order by c.created_at desc, c.name desc;

-- name: activations
-- Which versions held, the newest first.
select number, name, name_before, at, actor, reason from report_activation
where tenant_id = %(tenant_id)s and (%(before)s::int is null or number < %(before)s)
order by number desc limit %(limit)s;

-- name: active
select c.told, a.number from report_activation a
join report_config c on c.tenant_id = a.tenant_id and c.name = a.name
where a.tenant_id = %(tenant_id)s order by a.number desc limit 1;

-- name: claim
-- Takes a period for so long, unless somebody has it.
insert into report_claim (tenant_id, name, claimed_until)
values (%(tenant_id)s, %(name)s, clock_timestamp() + %(lease)s::interval)
on conflict (tenant_id, name) do update set claimed_until = excluded.claimed_until
where report_claim.claimed_until <= clock_timestamp()
returning name;

-- name: release
update report_claim set claimed_until = '-infinity' where tenant_id = %(tenant_id)s and name = %(name)s;

-- name: lock_state
select name, status, attempt_id, config, tries, next_at, told, changed_at from report_state
where tenant_id = %(tenant_id)s and name = %(name)s for no key update;

-- name: states
-- Where the pulling of periods stands, the newest period first.
select name, status, attempt_id, config, tries, next_at, told, changed_at from report_state
where tenant_id = %(tenant_id)s and (%(name)s::text is null or name = %(name)s)
  and (%(before)s::text is null or name < %(before)s)
order by name desc limit %(limit)s;

-- name: reports
-- Reports, the newest period first.
select name, starts_at, ends_at, config, services, lines, billed, digest, built_at, event_id
from report where tenant_id = %(tenant_id)s and (%(name)s::text is null or name = %(name)s)
order by starts_at desc limit %(limit)s;

-- name: parts
select service, snapshot, resources, lines, digest, told from report_part
where tenant_id = %(tenant_id)s and name = %(name)s order by service;

-- name: lines
-- Lines of a report, of a customer or of all, from one on.
select service, line_no, customer, resource, item, unit, at, at_told, used, included, billable, events,
       subject, meter, value
from report_line
where tenant_id = %(tenant_id)s and name = %(name)s
  and (%(customer)s::text is null or customer = %(customer)s)
  and (service, line_no) > (%(after_service)s, %(after_no)s::int)
order by service, line_no limit %(limit)s;

-- name: told_lines
-- The lines of a sub-service in a report, as they were told.
select line_no, customer, resource, item, unit, at_told, used, included, billable, events
from report_line
where tenant_id = %(tenant_id)s and name = %(name)s and service = %(service)s order by line_no;

-- name: within
select starts_at, ends_at, config from report
where tenant_id = %(tenant_id)s and ends_at > %(start)s and starts_at < %(end)s order by starts_at;

-- name: put_answer
insert into report_answer (tenant_id, answer_id, service, call, status, raw, digest, at)
values (%(tenant_id)s, %(answer_id)s, %(service)s, %(call)s, %(status)s, %(raw)s, sha256(%(raw)s), %(at)s);

-- name: answer
select answer_id, service, call, status, raw, at from report_answer
where tenant_id = %(tenant_id)s and answer_id = %(answer_id)s;

-- name: part_lines
-- The lines of all parts as they were told, to be digested again.
select name, service, line_no, customer, resource, item, unit, at_told, used, included, billable, events
from report_line where tenant_id = %(tenant_id)s order by name, service, line_no;

-- name: part_digests
select name, service, lines, digest from report_part where tenant_id = %(tenant_id)s;

-- name: incomplete
-- Reports without a part of every sub-service of their configuration, or without a line that a part says.
select r.name from report r where r.tenant_id = %(tenant_id)s and (
    r.services <> (select count(*) from report_part p where p.tenant_id = r.tenant_id and p.name = r.name)
    or r.services <> (select c.services from report_config c
                      where c.tenant_id = r.tenant_id and c.name = r.config)
    or exists (select from report_part p
               where p.tenant_id = r.tenant_id and p.name = r.name and p.lines <> (
                   select count(*) from report_line l
                   where l.tenant_id = p.tenant_id and l.name = p.name and l.service = p.service)))
order by 1 limit 100;
