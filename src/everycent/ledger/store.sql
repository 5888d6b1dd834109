-- name: insert_accounts
-- The chart of a new tenant.
insert into ledger_account (tenant_id, account_id, code, name, kind)
values (%(tenant_id)s, %(account_id)s, %(code)s, %(name)s, %(kind)s);

-- name: balances
-- Balance of every account and currency: entries that hold by as_of and were written by known_at.
select a.account_id, a.code, a.name, a.kind, b.currency, b.debit, b.credit, b.balance
from ledger_account a
join (
    select p.account_id, p.currency,
           coalesce(sum(p.amount) filter (where p.amount > 0), 0)::bigint as debit,
           coalesce(-sum(p.amount) filter (where p.amount < 0), 0)::bigint as credit,
           sum(p.amount)::bigint as balance
    from ledger_posting p
    join ledger_entry e on e.tenant_id = p.tenant_id and e.entry_id = p.entry_id
    where p.tenant_id = %(tenant_id)s and e.at <= %(as_of)s and e.recorded_at <= %(known_at)s
    group by p.account_id, p.currency) b on b.account_id = a.account_id
where a.tenant_id = %(tenant_id)s
order by a.account_id, b.currency;

-- name: customer_balances
-- What each customer owes: receivables less credit balances. Prepaid credit (account 13) is owed to the
-- customer in services, not in money.
select p.customer_id, p.currency, sum(p.amount)::bigint as balance,
       count(distinct p.entry_id) as entries
from ledger_posting p
join ledger_entry e on e.tenant_id = p.tenant_id and e.entry_id = p.entry_id
where p.tenant_id = %(tenant_id)s and p.customer_id is not null and p.account_id <> 13
  and e.at <= %(as_of)s and e.recorded_at <= %(known_at)s
  and (%(customer_ids)s::uuid[] is null or p.customer_id = any(%(customer_ids)s))
group by p.customer_id, p.currency
having sum(p.amount) <> 0;

-- name: statement
-- A customer's entries in order, without what only prepaid credit changed.
select e.entry_id, e.kind, e.at, e.recorded_at, e.document_id, p.currency,
       sum(p.amount)::bigint as amount
from ledger_posting p
join ledger_entry e on e.tenant_id = p.tenant_id and e.entry_id = p.entry_id
where p.tenant_id = %(tenant_id)s and p.customer_id = %(customer_id)s and p.account_id <> 13
  and e.at <= %(as_of)s and e.recorded_at <= %(known_at)s
group by e.entry_id, e.kind, e.at, e.recorded_at, e.document_id, p.currency
order by e.at, e.recorded_at, e.entry_id;

-- name: read_entry
select e.entry_id, e.kind, e.at, e.recorded_at, e.document_id, e.reverses,
       p.account_id, p.amount, p.currency, p.customer_id
from ledger_entry e
join ledger_posting p on p.tenant_id = e.tenant_id and p.entry_id = e.entry_id
where e.tenant_id = %(tenant_id)s and e.entry_id = %(entry_id)s
order by p.posting_no;

-- name: journal_export
-- Every entry with its postings in order, for the exports.
select e.entry_id, e.kind, e.at, e.recorded_at, e.document_id, e.reverses,
       p.account_id, p.amount, p.currency, p.customer_id
from ledger_entry e
join ledger_posting p on p.tenant_id = e.tenant_id and p.entry_id = e.entry_id
where e.tenant_id = %(tenant_id)s and e.at <= %(as_of)s
order by e.at, e.entry_id, p.posting_no;

-- name: list_entries
-- Entries in order of time that post to an account, of a customer, or for a document; of those after one.
select e.entry_id from ledger_entry e
where e.tenant_id = %(tenant_id)s
  and (%(start)s::timestamptz is null or e.at >= %(start)s)
  and (%(end)s::timestamptz is null or e.at < %(end)s)
  and (%(kind)s::text is null or e.kind = %(kind)s)
  and (%(document_id)s::uuid is null or e.document_id = %(document_id)s)
  and (%(after_at)s::timestamptz is null or (e.at, e.entry_id) > (%(after_at)s, %(after_id)s::uuid))
  and ((%(account_id)s::int is null and %(customer_id)s::uuid is null) or exists (
       select from ledger_posting p
       where p.tenant_id = e.tenant_id and p.entry_id = e.entry_id
         and (%(account_id)s::int is null or p.account_id = %(account_id)s)
         and (%(customer_id)s::uuid is null or p.customer_id = %(customer_id)s)))
order by e.at, e.entry_id limit %(limit)s;

-- name: read_entries
-- Some entries with their postings, in order of time.
select e.entry_id, e.kind, e.at, e.recorded_at, e.document_id, e.reverses,
       p.account_id, p.amount, p.currency, p.customer_id
from ledger_entry e
join ledger_posting p on p.tenant_id = e.tenant_id and p.entry_id = e.entry_id
where e.tenant_id = %(tenant_id)s and e.entry_id = any(%(ids)s)
order by e.at, e.entry_id, p.posting_no;

-- name: account_entries
-- What entries post to an account in a currency, of a customer or of all, in order of time; of those after
-- one.
select e.entry_id, e.kind, e.at, e.recorded_at, e.document_id, sum(p.amount)::bigint as amount
from ledger_posting p
join ledger_entry e on e.tenant_id = p.tenant_id and e.entry_id = p.entry_id
where p.tenant_id = %(tenant_id)s and p.account_id = %(account_id)s and p.currency = %(currency)s
  and (%(customer_id)s::uuid is null or p.customer_id = %(customer_id)s)
  and (%(start)s::timestamptz is null or e.at >= %(start)s) and e.at < %(end)s
  and (%(after_at)s::timestamptz is null or (e.at, e.entry_id) > (%(after_at)s, %(after_id)s::uuid))
group by e.entry_id, e.kind, e.at, e.recorded_at, e.document_id
order by e.at, e.entry_id limit %(limit)s;

-- name: account_balance
-- What an account comes to in a currency, of a customer or of all: before an instant, and of the entries of
-- that instant up to one.
select coalesce(sum(p.amount), 0)::bigint
from ledger_posting p
join ledger_entry e on e.tenant_id = p.tenant_id and e.entry_id = p.entry_id
where p.tenant_id = %(tenant_id)s and p.account_id = %(account_id)s and p.currency = %(currency)s
  and (%(customer_id)s::uuid is null or p.customer_id = %(customer_id)s)
  and (e.at < %(at)s or (e.at = %(at)s and e.entry_id <= %(upto)s::uuid));

-- name: unbalanced_entries
select p.entry_id::text || ' ' || p.currency || ' is off by ' || sum(p.amount)
from ledger_posting p where p.tenant_id = %(tenant_id)s
group by p.entry_id, p.currency having sum(p.amount) <> 0 limit 100;

-- name: empty_entries
select e.entry_id::text from ledger_entry e
where e.tenant_id = %(tenant_id)s and (
    select count(*) from ledger_posting p
    where p.tenant_id = e.tenant_id and p.entry_id = e.entry_id) < 2
limit 100;

-- name: uncaused_entries
-- An entry holds, and was written, when its event says.
select e.entry_id::text from ledger_entry e
where e.tenant_id = %(tenant_id)s and not exists (
    select from journal_event j
    where j.tenant_id = e.tenant_id and j.event_id = e.entry_id
      and j.at = e.at and j.recorded_at = e.recorded_at)
limit 100;

-- name: orphaned_postings
select p.entry_id::text || ' posting ' || p.posting_no from ledger_posting p
where p.tenant_id = %(tenant_id)s and not exists (
    select from ledger_entry e where e.tenant_id = p.tenant_id and e.entry_id = p.entry_id)
limit 100;

-- name: false_reversals
-- A reversal must mirror its original, posting for posting.
select r.entry_id::text from ledger_entry r
where r.tenant_id = %(tenant_id)s and r.reverses is not null and (
    exists (
        select account_id, customer_id, currency, amount from ledger_posting p
        where p.tenant_id = r.tenant_id and p.entry_id = r.reverses
        except all
        select account_id, customer_id, currency, -amount from ledger_posting p
        where p.tenant_id = r.tenant_id and p.entry_id = r.entry_id)
    or exists (
        select account_id, customer_id, currency, -amount from ledger_posting p
        where p.tenant_id = r.tenant_id and p.entry_id = r.entry_id
        except all
        select account_id, customer_id, currency, amount from ledger_posting p
        where p.tenant_id = r.tenant_id and p.entry_id = r.reverses))
limit 100;

-- name: sum_by_entries
-- What entries post, by account, customer and currency; what comes to nothing is left out.
select a.code as account, p.customer_id, p.currency, sum(p.amount)::bigint as minor
from ledger_posting p
join ledger_account a on a.tenant_id = p.tenant_id and a.account_id = p.account_id
where p.tenant_id = %(tenant_id)s and p.entry_id = any(%(ids)s)
group by 1, 2, 3 having sum(p.amount) <> 0 order by 1, 2, 3;
