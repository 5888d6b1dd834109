-- name: find_correction
select correction_id, kind, reason, undoes, voided, restored, added, batch_id, recorded_at, actor,
       (select u.correction_id from usage_correction u
        where u.tenant_id = c.tenant_id and u.undoes = c.correction_id) as undone_by
from usage_correction c
where tenant_id = %(tenant_id)s and correction_id = %(correction_id)s;

-- name: list_corrections
-- The newest corrections.
select correction_id, kind, reason, undoes, voided, restored, added, batch_id, recorded_at, actor,
       (select u.correction_id from usage_correction u
        where u.tenant_id = c.tenant_id and u.undoes = c.correction_id) as undone_by
from usage_correction c
where tenant_id = %(tenant_id)s order by batch_id desc limit %(limit)s;

-- name: changed_series
-- What a correcting batch took back, put back or added: the last instant of it, series by series.
select s.name as subject, m.name as meter, max(c.at) as last_at
from (
    select subject_id, meter_id, at from usage_reversal
    where tenant_id = %(tenant_id)s and batch_id = %(batch_id)s
    union all
    select subject_id, meter_id, at from usage_record
    where tenant_id = %(tenant_id)s and batch_id = %(batch_id)s) c
join usage_name s on s.tenant_id = %(tenant_id)s and s.name_id = c.subject_id
join usage_name m on m.tenant_id = %(tenant_id)s and m.name_id = c.meter_id
group by 1, 2;

-- name: list_records
-- Stored records of a subject and a meter (null: of any) in a span, whether they count or not, after
-- one that was shown already.
select u.key, s.name as source, u.record_id, j.name as subject, m.name as meter, u.at, u.value,
       d.name as dimensions, b.recorded_at
from (
    select r.* from usage_record r
    where r.tenant_id = %(tenant_id)s
      and (%(subject)s::text is null or r.subject_id = (
        select name_id from usage_name
        where tenant_id = %(tenant_id)s and kind = 'subject' and name = %(subject)s))
      and (%(meter)s::text is null or r.meter_id = (
        select name_id from usage_name
        where tenant_id = %(tenant_id)s and kind = 'meter' and name = %(meter)s))
      and r.at >= %(starts_at)s and r.at < %(ends_at)s and r.at >= %(after_at)s
      and (r.at, r.key) > (%(after_at)s, %(after_key)s)
    order by r.at, r.key limit %(limit)s) u
join usage_batch b on b.tenant_id = %(tenant_id)s and b.batch_id = u.batch_id
join usage_name s on s.tenant_id = %(tenant_id)s and s.name_id = u.source_id
join usage_name j on j.tenant_id = %(tenant_id)s and j.name_id = u.subject_id
join usage_name m on m.tenant_id = %(tenant_id)s and m.name_id = u.meter_id
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = u.dimensions_id
order by u.at, u.key;

-- name: records_by_key
-- The same by key; their batches say where in the tables they are.
with wanted as materialized (
    select key, batch_id from usage_key where tenant_id = %(tenant_id)s and key = any(%(keys)s))
select u.key, s.name as source, u.record_id, j.name as subject, m.name as meter, u.at, u.value,
       d.name as dimensions, b.recorded_at
from usage_record u
join wanted k on k.key = u.key and k.batch_id = u.batch_id
join usage_batch b on b.tenant_id = %(tenant_id)s and b.batch_id = u.batch_id
join usage_name s on s.tenant_id = %(tenant_id)s and s.name_id = u.source_id
join usage_name j on j.tenant_id = %(tenant_id)s and j.name_id = u.subject_id
join usage_name m on m.tenant_id = %(tenant_id)s and m.name_id = u.meter_id
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = u.dimensions_id
where u.tenant_id = %(tenant_id)s and u.batch_id = any(array(select distinct batch_id from wanted));

-- name: last_reversals
-- The newest reversal of each of some records, with the correction that made it.
select distinct on (v.key) v.key, v.sign, v.correction_id, c.kind, c.reason
from usage_reversal v
join usage_correction c on c.tenant_id = v.tenant_id and c.correction_id = v.correction_id
where v.tenant_id = %(tenant_id)s and v.key = any(%(keys)s)
order by v.key, v.reversal_no desc;

-- name: archived_keys
-- Which of some keys belong to records that are not in the tables: their month is in the archive.
with wanted as materialized (
    select key, batch_id from usage_key where tenant_id = %(tenant_id)s and key = any(%(keys)s))
select key from wanted
except
select u.key from usage_record u
join wanted k on k.key = u.key and k.batch_id = u.batch_id
where u.tenant_id = %(tenant_id)s and u.batch_id = any(array(select distinct batch_id from wanted));
