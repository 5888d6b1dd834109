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
where tenant_id = %(tenant_id)s and (%(before)s::bigint is null or batch_id < %(before)s)
order by batch_id desc limit %(limit)s;

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
select u.key, u.content, s.name as source, u.record_id, j.name as subject, m.name as meter, u.at,
       u.value, d.name as dimensions, u.batch_id, b.recorded_at
from (
    select r.* from utc_days(greatest(%(starts_at)s, %(after_at)s), %(ends_at)s) as t(day)
    join usage_record r on r.tenant_id = %(tenant_id)s and r.day = t.day
      and (%(subject)s::text is null or r.subject_id = (
        select name_id from usage_name
        where tenant_id = %(tenant_id)s and kind = 'subject' and name = %(subject)s))
      and (%(meter)s::text is null or r.meter_id = (
        select name_id from usage_name
        where tenant_id = %(tenant_id)s and kind = 'meter' and name = %(meter)s))
      and r.at >= %(starts_at)s and r.at < %(ends_at)s and r.at >= %(after_at)s
      and (r.at, r.key) > (%(after_at)s, %(after_key)s)
    order by t.day, r.at, r.key limit %(limit)s) u
join usage_batch b on b.tenant_id = %(tenant_id)s and b.batch_id = u.batch_id
join usage_name s on s.tenant_id = %(tenant_id)s and s.name_id = u.source_id
join usage_name j on j.tenant_id = %(tenant_id)s and j.name_id = u.subject_id
join usage_name m on m.tenant_id = %(tenant_id)s and m.name_id = u.meter_id
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = u.dimensions_id
order by u.at, u.key;

-- name: records_by_key
-- The same by key; their batches say where in the tables they are. Of those in the archive only the
-- batch is told.
with wanted as materialized (
    select key, content, batch_id from usage_key where tenant_id = %(tenant_id)s and key = any(%(keys)s))
select k.key, k.content, s.name as source, u.record_id, j.name as subject, m.name as meter, u.at, u.value,
       d.name as dimensions, k.batch_id, b.recorded_at
from wanted k
join usage_batch b on b.tenant_id = %(tenant_id)s and b.batch_id = k.batch_id
left join usage_record u on u.tenant_id = %(tenant_id)s and u.key = k.key and u.batch_id = k.batch_id
    and u.batch_id = any(array(select distinct batch_id from wanted))
left join usage_name s on s.tenant_id = %(tenant_id)s and s.name_id = u.source_id
left join usage_name j on j.tenant_id = %(tenant_id)s and j.name_id = u.subject_id
left join usage_name m on m.tenant_id = %(tenant_id)s and m.name_id = u.meter_id
left join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = u.dimensions_id;

-- name: list_touched
-- What a correcting batch took back, put back and added, after a record that was shown already.
select t.what, t.key, s.name as source, t.record_id, j.name as subject, m.name as meter, t.at, t.value,
       d.name as dimensions
from (
    select * from (
        select case v.sign when -1 then 'voided' else 'restored' end as what, v.key, v.source_id,
               v.record_id, v.subject_id, v.meter_id, v.at, v.value, v.dimensions_id
        from usage_reversal v where v.tenant_id = %(tenant_id)s and v.batch_id = %(batch_id)s
        union all
        select 'added', u.key, u.source_id, u.record_id, u.subject_id, u.meter_id, u.at, u.value,
               u.dimensions_id
        from usage_record u where u.tenant_id = %(tenant_id)s and u.batch_id = %(batch_id)s) x
    where (x.at, x.key) > (%(after_at)s, %(after_key)s)
    order by x.at, x.key limit %(limit)s) t
join usage_name s on s.tenant_id = %(tenant_id)s and s.name_id = t.source_id
join usage_name j on j.tenant_id = %(tenant_id)s and j.name_id = t.subject_id
join usage_name m on m.tenant_id = %(tenant_id)s and m.name_id = t.meter_id
join usage_name d on d.tenant_id = %(tenant_id)s and d.name_id = t.dimensions_id
order by t.at, t.key;

-- name: last_reversals
-- The newest reversal of each of some records, with the correction that made it.
select distinct on (v.key) v.key, v.sign, v.correction_id, c.kind, c.reason
from usage_reversal v
join usage_correction c on c.tenant_id = v.tenant_id and c.correction_id = v.correction_id
where v.tenant_id = %(tenant_id)s and v.key = any(%(keys)s)
order by v.key, v.reversal_no desc;

-- name: hold_records
-- As the trigger on reversals does, but before anything is decided.
lock table only usage_record in access share mode;

-- name: list_sayings
-- Everything that was said under the ids of some keys, whichever of their sayings these are, and whether
-- it counts; read from keys and reversals alone, so that it makes no difference where the records are.
with firsts as (
    select distinct coalesce(s.first_key, a.key) as first_key
    from unnest(%(keys)s::uuid[]) a(key)
    left join usage_saying s on s.tenant_id = %(tenant_id)s and s.key = a.key),
said as (
    select first_key, 1 as saying_no, first_key as key from firsts
    union all
    select s.first_key, s.saying_no, s.key from firsts f
    join usage_saying s on s.tenant_id = %(tenant_id)s and s.first_key = f.first_key)
select d.first_key, d.saying_no, d.key, k.content, k.batch_id, coalesce((
    select v.sign from usage_reversal v
    where v.tenant_id = %(tenant_id)s and v.key = d.key
    order by v.reversal_no desc limit 1), 1) = 1 as is_standing
from said d
join usage_key k on k.tenant_id = %(tenant_id)s and k.key = d.key
order by d.first_key, d.saying_no;

-- name: counting_twice
-- Records of which more than one saying counts: of those that some keys belong to, or (null) of all.
with firsts as (
    select first_key from usage_saying where tenant_id = %(tenant_id)s and %(keys)s::uuid[] is null
    union
    select s.first_key from unnest(%(keys)s::uuid[]) a(key)
    join usage_saying s on s.tenant_id = %(tenant_id)s and s.first_key = a.key
    union
    select s.first_key from unnest(%(keys)s::uuid[]) a(key)
    join usage_saying s on s.tenant_id = %(tenant_id)s and s.key = a.key),
said as (
    select first_key, first_key as key from firsts
    union all
    select s.first_key, s.key from firsts f
    join usage_saying s on s.tenant_id = %(tenant_id)s and s.first_key = f.first_key),
counting as (
    select d.first_key, count(*) as sayings from said d
    where coalesce((
        select v.sign from usage_reversal v
        where v.tenant_id = %(tenant_id)s and v.key = d.key
        order by v.reversal_no desc limit 1), 1) = 1
    group by 1 having count(*) > 1)
select c.first_key, c.sayings, coalesce(n.record_id, c.first_key::text) as record_id,
       coalesce(n.source, '?') as source
from counting c
left join lateral (
    select v.record_id, s.name as source from usage_reversal v
    join usage_name s on s.tenant_id = v.tenant_id and s.name_id = v.source_id
    where v.tenant_id = %(tenant_id)s and v.key = c.first_key limit 1) n on true
order by 1 limit 100;

-- name: false_sayings
-- Sayings of what is itself another one's, those whose record in the table goes by another id than its
-- number says, and records that corrections added in the place of others and that are linked to none.
select 'saying ' || s.saying_no || ' of ' || s.first_key || ' hangs on another saying'
from usage_saying s
join usage_saying o on o.tenant_id = s.tenant_id and o.key = s.first_key
where s.tenant_id = %(tenant_id)s
union all
select 'the record ' || u.record_id || case
    when s.key is null then ' takes the place of another one, and is linked to none'
    else ' is linked as saying ' || s.saying_no end
from usage_record u
left join usage_saying s on s.tenant_id = u.tenant_id and s.key = u.key
where u.tenant_id = %(tenant_id)s
  and u.batch_id = any(array(
    select batch_id from usage_correction where tenant_id = %(tenant_id)s and added > 0))
  and coalesce(s.saying_no::text, '') <> coalesce(substring(u.record_id from '~([2-9]|[1-9][0-9]+)$'), '')
limit 100;

-- name: archived_months_of
-- The months with anything in the archive to which records with some keys belong: those in the table by
-- their time, the others by their batches; and those that a batch brought and that are not in the table.
with away as materialized (select month, part_no from usage_away_parts(%(tenant_id)s)),
wanted as materialized (
    select k.key, k.batch_id from unnest(%(keys)s::uuid[]) a(key)
    join usage_key k on k.tenant_id = %(tenant_id)s and k.key = a.key),
present as materialized (
    select u.key, date_trunc('month', u.at, 'UTC')::date as month from usage_record u
    join wanted w on w.key = u.key and w.batch_id = u.batch_id
    where u.tenant_id = %(tenant_id)s and u.batch_id = any(array(select distinct batch_id from wanted)))
select p.month from present p where p.month in (select month from away)
union
select b.month from usage_archive_batch b
join away using (month, part_no)
where b.tenant_id = %(tenant_id)s and (b.batch_id = %(batch_id)s or b.batch_id in (
    select w.batch_id from wanted w where not exists (select from present p where p.key = w.key)))
order by 1;
