-- name: lock_archive
-- Whoever archives or restores is alone with the tenant's archive.
select pg_advisory_xact_lock(hashtextextended('everycent.archive', %(tenant_id)s));

-- name: list_months
-- The months before a date of which the table has records.
select m.month from (
    select to_date(right(c.relname, 7), 'YYYY_MM') as month from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'everycent.usage_record'::regclass) m
where m.month < %(before)s and exists (
    select from usage_record u
    where u.tenant_id = %(tenant_id)s and u.at >= m.month::timestamp at time zone 'UTC'
      and u.at < (m.month + interval '1 month') at time zone 'UTC')
order by m.month;

-- name: list_parts
-- The parts of a month, or of all, and where their records are.
select a.month, a.part_no, a.file, a.location, a.bytes, a.sha256, a.records, a.total, a.digest, a.first_fold,
       a.last_fold, a.archived_at,
       case when r.part_no is not null then 'restored' when d.part_no is not null then 'file'
            else 'table' end as place
from usage_archive a
left join usage_dropped d using (tenant_id, month, part_no)
left join usage_restored r using (tenant_id, month, part_no)
where a.tenant_id = %(tenant_id)s and (%(month)s::date is null or a.month = %(month)s)
order by a.month, a.part_no;

-- name: parts_of_batches
-- Parts whose records are in files alone and that hold records of some batches.
select b.batch_id, b.month, b.part_no from usage_archive_batch b
join usage_away_parts(%(tenant_id)s) p on p.month = b.month and p.part_no = b.part_no
where b.tenant_id = %(tenant_id)s and b.batch_id = any(%(batches)s)
order by b.batch_id, b.month, b.part_no;

-- name: reasons_away
-- Why the records that are in files alone were billed or not when they were written.
select r.reason, sum(r.records)::bigint as records from usage_archive_reason r
join usage_away_parts(%(tenant_id)s) p on p.month = r.month and p.part_no = r.part_no
where r.tenant_id = %(tenant_id)s group by 1 order by 1;

-- name: stage_pending
-- The batches whose records of a month are in no part.
create temp table if not exists stage_pending (batch_id int8, records int4) on commit delete rows;

-- name: fill_pending
insert into stage_pending
select u.batch_id, count(*) from usage_record u
where u.tenant_id = %(tenant_id)s and u.at >= %(starts_at)s and u.at < %(ends_at)s and not exists (
    select from usage_archive_batch b
    where b.tenant_id = %(tenant_id)s and b.month = %(month)s and b.batch_id = u.batch_id
      and not exists (
        select from usage_dropped d
        where d.tenant_id = b.tenant_id and d.month = b.month and d.part_no = b.part_no))
group by 1;

-- name: pending_facts
select coalesce(sum(p.records), 0)::bigint as records, min(b.fold_id) as first_fold,
       max(b.fold_id) as last_fold, count(*) filter (where b.fold_id is null) as open
from stage_pending p
left join usage_batch b on b.tenant_id = %(tenant_id)s and b.batch_id = p.batch_id;

-- name: pending_batches
select batch_id, records from stage_pending order by batch_id;

-- name: export
-- What goes into a file, the columns as in `archive.COLUMNS`. In this order a file is small.
copy (
    select s.name, u.record_id, j.name, m.name, u.at, u.value, d.name, u.key, u.content, u.batch_id
    from usage_record u
    join stage_pending p on p.batch_id = u.batch_id
    join usage_name s on s.tenant_id = u.tenant_id and s.name_id = u.source_id
    join usage_name j on j.tenant_id = u.tenant_id and j.name_id = u.subject_id
    join usage_name m on m.tenant_id = u.tenant_id and m.name_id = u.meter_id
    join usage_name d on d.tenant_id = u.tenant_id and d.name_id = u.dimensions_id
    where u.tenant_id = %(tenant_id)s and u.at >= %(starts_at)s and u.at < %(ends_at)s
    order by u.meter_id, u.subject_id, u.at, u.key)
to stdout (format csv);

-- name: stage_file
-- The rows of a file as they are written there.
create temp table if not exists stage_file (
    source text, record_id text, subject text, meter text, at timestamptz, value numeric,
    dimensions text, key uuid, content uuid, batch_id int8) on commit delete rows;

-- name: copy_file
copy stage_file from stdin (format csv);

-- name: fill_archived
-- The same with our numbers, as they would stand in the table; see metering's `create_stage_archived`.
insert into stage_archived
select j.name_id, m.name_id, d.name_id, f.at, trim_scale(f.value), f.key, f.content, s.name_id,
       f.batch_id, f.record_id
from stage_file f
join usage_name s on s.tenant_id = %(tenant_id)s and s.kind = 'source' and s.name = f.source
join usage_name j on j.tenant_id = %(tenant_id)s and j.kind = 'subject' and j.name = f.subject
join usage_name m on m.tenant_id = %(tenant_id)s and m.kind = 'meter' and m.name = f.meter
join usage_name d on d.tenant_id = %(tenant_id)s and d.kind = 'dimensions' and d.name = f.dimensions;

-- name: file_facts
-- The digest is a hash over the hashes of 256 groups by the first byte of the key, each over key and
-- content of its records in order of keys.
select coalesce(sum(n), 0)::bigint as records, coalesce(sum(total), 0) as total,
       sha256(coalesce(string_agg(link, ''::bytea order by first_byte), ''::bytea)) as digest
from (
    select get_byte(uuid_send(key), 0) as first_byte, count(*) as n, sum(value) as total,
           sha256(string_agg(uuid_send(key) || uuid_send(content), ''::bytea order by key)) as link
    from stage_file group by 1) x;

-- name: differing_records
-- Pending records that are not in the file exactly as they are in the table. A number that was written
-- with more places than it needs is the same number.
select count(*) from usage_record u
join stage_pending p on p.batch_id = u.batch_id
left join stage_archived a on a.key = u.key
where u.tenant_id = %(tenant_id)s and u.at >= %(starts_at)s and u.at < %(ends_at)s
  and (a.subject_id, a.meter_id, a.dimensions_id, a.at, a.value, a.content, a.source_id, a.batch_id,
       a.record_id)
      is distinct from
      (u.subject_id, u.meter_id, u.dimensions_id, u.at, u.value, u.content, u.source_id, u.batch_id,
       u.record_id);

-- name: strange_records
-- Records out of a file that are of another month, or that no key knows as they are.
select count(*) from stage_archived a
where a.at < %(starts_at)s or a.at >= %(ends_at)s or not exists (
    select from usage_key k
    where k.tenant_id = %(tenant_id)s and k.key = a.key and k.content = a.content
      and k.batch_id = a.batch_id);

-- name: strange_batches
-- Batches that have another number of records in a file than its part says.
select count(*) from (select batch_id, count(*) as n from stage_archived group by 1) a
full join (
    select batch_id, records from usage_archive_batch
    where tenant_id = %(tenant_id)s and month = %(month)s and part_no = %(part_no)s) b using (batch_id)
where a.n is distinct from b.records;

-- name: present_records
-- Records of the table that are in the file too.
select count(*) from usage_record u
where u.tenant_id = %(tenant_id)s and u.at >= %(starts_at)s and u.at < %(ends_at)s
  and u.key in (select key from stage_archived);

-- name: ensure_month
select ensure_usage_month(%(month)s);

-- name: put_back
insert into usage_record (tenant_id, subject_id, meter_id, dimensions_id, at, value, key, content,
                          source_id, batch_id, record_id)
select %(tenant_id)s, subject_id, meter_id, dimensions_id, at, value, key, content, source_id, batch_id,
       record_id
from stage_archived;

-- name: hold
-- A tenant's word whether it holds a month, and whether it may go unbilled, unless it is what was said last.
insert into usage_hold (tenant_id, month, hold_no, is_held, even_unbilled, said_at)
select %(tenant_id)s, %(month)s, coalesce(max(h.hold_no), 0) + 1, %(is_held)s, %(even_unbilled)s, %(said_at)s
from usage_hold h where h.tenant_id = %(tenant_id)s and h.month = %(month)s
having coalesce((array_agg(h.is_held order by h.hold_no desc))[1], false) <> %(is_held)s
    or coalesce((array_agg(h.even_unbilled order by h.hold_no desc))[1], false) <> %(even_unbilled)s;

-- name: may_go_unbilled
-- A tenant's last word whether a month may go with usage that is still to be billed.
select even_unbilled from usage_hold
where tenant_id = %(tenant_id)s and month = %(month)s order by hold_no desc limit 1;

-- name: look_at_month
select keepers, since::text as since, moves from look_at_usage_month(%(month)s);

-- name: drop_month
select drop_usage_month(%(month)s, %(dropped_at)s, %(since)s::xid8, %(moves)s);

-- name: false_parts
-- Parts that no event tells of, or whose batches or reasons do not add up; and parts in the table of which the
-- table has not all records.
select 'part ' || a.part_no || ' of ' || to_char(a.month, 'YYYY-MM') || ' has no event'
from usage_archive a
where a.tenant_id = %(tenant_id)s and not exists (
    select from journal_event e
    where e.tenant_id = a.tenant_id and e.event_id = a.event_id and e.type = 'usage.archived')
union all
select 'part ' || a.part_no || ' of ' || to_char(a.month, 'YYYY-MM') || ' has ' || a.records
       || ' records, its batches ' || coalesce(sum(b.records), 0)
from usage_archive a
left join usage_archive_batch b using (tenant_id, month, part_no)
where a.tenant_id = %(tenant_id)s
group by a.month, a.part_no, a.records having a.records <> coalesce(sum(b.records), 0)
union all
select 'part ' || a.part_no || ' of ' || to_char(a.month, 'YYYY-MM') || ' has ' || a.records
       || ' records, and reasons for ' || coalesce(sum(r.records), 0)
from usage_archive a
left join usage_archive_reason r using (tenant_id, month, part_no)
where a.tenant_id = %(tenant_id)s
group by a.month, a.part_no, a.records having a.records <> coalesce(sum(r.records), 0)
union all
select 'part ' || k.part_no || ' of ' || to_char(k.month, 'YYYY-MM') || ' is not in the table as a whole'
from (
    select b.month, b.part_no, b.batch_id, b.records from usage_archive_batch b
    left join usage_dropped d using (tenant_id, month, part_no)
    where b.tenant_id = %(tenant_id)s and d.part_no is null) k
left join (
    select u.batch_id, date_trunc('month', u.at, 'UTC')::date as month, count(*) as records
    from usage_record u where u.tenant_id = %(tenant_id)s group by 1, 2) u using (month, batch_id)
group by k.month, k.part_no having coalesce(sum(u.records), 0) <> sum(k.records)
limit 100;
