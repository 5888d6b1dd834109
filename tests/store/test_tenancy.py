"""Tenants don't meet: not in any table, whatever is asked, and not on a connection used again.

The tests look the tables up in the database, so a table that is added is tested from its first day.
"""

from contextlib import suppress

import psycopg
import pytest

from everycent.db.connection import APP_ROLE, Database, Tx
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.tenants import operations as tenants
from everycent.tenants import queries
from tests.conftest import NOW
from tests.store import books
from tests.store.books import refused

TABLES = """
    select c.relname, c.relkind::text as kind, c.relispartition as is_partition,
           c.relrowsecurity as secured, c.relforcerowsecurity as forced,
           (select count(*) from pg_policy p where p.polrelid = c.oid) as policies,
           pg_get_userbyid(c.relowner) as owner
    from pg_class c
    where c.relnamespace = 'everycent'::regnamespace and c.relkind in ('r', 'p')
      and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')
    order by c.relname
"""
WITHOUT_TENANT = {
    "migration": "what was done to the schema, the same for everybody",
    "journal_epoch": "restores of the whole database",
}
DEFINERS = {
    "find_api_key(bytea)": "tells the tenant of a key to whoever has the key",
    "find_members(text,text,text)": "tells the tenants of a person to whoever has the person's token",
    "ensure_usage_month(date)": "makes a partition, which only the owner may",
    "look_at_usage_month(date)": "counts every tenant's records in a month that are in no archive",
    "drop_usage_month(date,timestamp with time zone,xid8,bigint)": "drops a partition whose records are"
    " archived",
    "forget_answers(integer)": "deletes answers of the tenant that were kept for 30 days",
    "forget_webhooks(uuid)": "deletes what came through to an endpoint of the tenant, but the last",
    "refresh_statistics()": "analyses tables, which only the owner may",
}
KEYS_WITHOUT_TENANT = {
    "tenant_slug_key": "names the tenant itself; only an operator inserts",
    "api_key_digest_key": "a key says whose it is; nobody can guess another one's",
}


@pytest.fixture(scope="module")
def pair(server):
    """Two tenants with a made-up row each in every table: constraints and triggers are off for them."""
    with books.fresh(server, "test_tenancy", is_made_up=True) as place:
        other = tenants.create(place.database, "other", "Other", NOW)
        with psycopg.connect(place.conninfo, options="-c search_path=everycent") as connection:
            connection.execute("select ensure_usage_month('2026-01-01')")
            for table, check in connection.execute(
                "select conrelid::regclass::text, conname from pg_constraint"
                " where connamespace = 'everycent'::regnamespace and contype = 'c' and conislocal"
            ).fetchall():
                connection.execute(f"alter table {table} drop constraint {check}")
            connection.execute("set session_replication_role = replica")
            for table in tables_of(connection):
                for tenant_id in (place.tenant_id, other):
                    insert_row(connection, table.relname, tenant_id)
        yield place, other


def tables_of(connection) -> list:
    """The tables that hold rows of tenants, without their partitions."""
    found = Tx(connection, 0).rows(TABLES)
    return [table for table in found if not table.is_partition]


_EXCEPT = {"taken_back": "false"}
"""Columns for which a made-up value would break a rule of their table."""


def made_up(kind: str, tenant_id: int) -> str:
    """A value of the type; never the same for two tenants where a key could stand on it."""
    values = {
        "uuid": f"'00000000-0000-0000-0000-{tenant_id + 900:012d}'",
        "text": f"'made up {tenant_id}'",
        "timestamp with time zone": "'2026-01-15 00:00+00'",
        "date": "'2026-01-15'",
        "bytea": f"'\\x{tenant_id + 900:08x}'",
        "text[]": "'{}'",
        "integer[]": "'{}'",
        "smallint[]": "'{}'",
        "jsonb": "'{}'",
        "boolean": "true",
        "xid8": "'1'",
    }
    return values.get(kind, str(tenant_id + 900))


def insert_row(connection, table: str, tenant_id: int, *, granted_only: bool = False) -> None:
    """A row with a value in every column that must have one."""
    columns = connection.execute(
        "select attname, format_type(atttypid, null) from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 and not attisdropped and attnotnull"
        " and attgenerated = ''"
        " and (not %s or has_column_privilege(attrelid, attnum, 'insert'))",
        (table, granted_only),
    ).fetchall()
    values = [
        str(tenant_id) if name == "tenant_id" else _EXCEPT.get(name) or made_up(kind, tenant_id)
        for name, kind in columns
    ]
    connection.execute(
        f"insert into {table} ({', '.join(name for name, _ in columns)}) overriding system value"
        f" values ({', '.join(values)}) on conflict do nothing"
    )


def every_table(place) -> list[str]:
    with psycopg.connect(place.conninfo) as connection:
        return [table.relname for table in tables_of(connection)]


# --- rows ---------------------------------------------------------------------------------------


def test_a_tenant_sees_its_own_rows_and_no_others_in_any_table(pair):
    place, other = pair
    for tenant_id in (place.tenant_id, other):
        with place.database.transaction(tenant_id) as tx:
            for table in every_table(place):
                seen = {row[0] for row in tx.tuples(f"select distinct tenant_id from {table}")}
                assert seen == {tenant_id}, table


def test_without_a_tenant_no_row_is_seen_in_any_table(pair):
    place, _ = pair
    with psycopg.connect(place.conninfo, options="-c search_path=everycent") as connection:
        connection.execute(f"set role {APP_ROLE}")
        for table in every_table(place):
            assert connection.execute(f"select count(*) from {table}").fetchone() == (0,), table


def test_an_operator_sees_tenants_and_no_row_of_theirs(pair):
    place, _ = pair
    with place.database.operator() as tx:
        for table in every_table(place):
            assert tx.value(f"select count(*) from {table}") == (2 if table == "tenant" else 0)


def test_the_owner_of_the_tables_sees_one_tenant_at_a_time_as_well(pair):
    place, _ = pair
    with books.owner(place) as connection:
        for table in every_table(place):
            seen = connection.execute(f"select distinct tenant_id from {table}").fetchall()
            assert seen == [(place.tenant_id,)], table


def test_a_row_for_another_tenant_is_refused_by_every_table(pair):
    place, other = pair
    for table in every_table(place):
        said = refused(
            place,
            lambda tx, table=table: insert_row(tx.connection, table, other, granted_only=True),
        )
        assert (said.sqlstate, table) == ("42501", table)
        assert "row-level security" in said.message_primary, table


def test_a_row_can_not_be_given_to_another_tenant(pair):
    place, other = pair
    with place.database.transaction(place.tenant_id) as tx:
        changeable = [
            table
            for table in every_table(place)
            if tx.value("select has_table_privilege(%s, 'update')", (table,))
        ]
    assert "customer" in changeable
    for table in changeable:
        if table == "payment_attempt":
            continue  # what it asks for can't be changed at all, whosever it is
        said = refused(
            place, lambda tx, table=table: tx.run(f"update {table} set tenant_id = %s", (other,))
        )
        assert (said.sqlstate, table) == ("42501", table)


def test_the_application_deletes_nothing_anywhere(pair):
    place, _ = pair
    for table in every_table(place):
        for change in (f"delete from {table}", f"truncate {table} cascade"):
            assert refused(place, lambda tx, sql=change: tx.run(sql)).sqlstate == "42501", table


def test_partitions_are_not_read_or_written_directly(pair):
    place, _ = pair
    with psycopg.connect(place.conninfo) as connection:
        parts = [table for table in Tx(connection, 0).rows(TABLES) if table.is_partition]
    assert [part.relname for part in parts] == ["usage_record_2026_01"]
    for part in parts:
        assert (part.secured, part.forced) == (True, True)
        for action in ("select from", "delete from", "truncate"):
            sql = f"{action} {part.relname}"
            assert refused(place, lambda tx, sql=sql: tx.run(sql)).sqlstate == "42501", sql


# --- rights -------------------------------------------------------------------------------------


def test_row_level_security_is_forced_with_a_policy_on_every_table(pair):
    place, _ = pair
    with psycopg.connect(place.conninfo) as connection:
        for table in tables_of(connection):
            assert (table.relname, table.secured, table.forced) == (table.relname, True, True)
            assert table.policies == 1, table.relname
            assert table.owner == "everycent_owner", table.relname


def test_only_named_tables_are_without_a_tenant(pair):
    place, _ = pair
    with psycopg.connect(place.conninfo) as connection:
        every = {
            name
            for (name,) in connection.execute(
                "select relname from pg_class"
                " where relnamespace = 'everycent'::regnamespace and relkind in ('r', 'p')"
            )
        }
        with_tenant = {table.relname for table in Tx(connection, 0).rows(TABLES)}
        rights = connection.execute(
            "select count(*) from information_schema.role_table_grants where grantee = %s"
            " and table_name = any(%s) and privilege_type <> 'SELECT'",
            (APP_ROLE, list(WITHOUT_TENANT)),
        ).fetchone()
    assert every - with_tenant == set(WITHOUT_TENANT)
    assert rights == (0,)


def test_the_roles_of_the_product_have_no_power_to_look_past_the_policies(pair):
    place, _ = pair
    with psycopg.connect(place.conninfo) as connection:
        roles = connection.execute(
            "select rolname, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb"
            " or rolreplication or rolcanlogin from pg_roles"
            " where rolname in ('everycent_app', 'everycent_owner') order by 1"
        ).fetchall()
        above = connection.execute(
            "select count(*) from pg_auth_members where member = 'everycent_app'::regrole"
        ).fetchone()
        owned = connection.execute(
            "select count(*) from pg_shdepend d join pg_roles r on r.oid = d.refobjid"
            " where r.rolname = 'everycent_app' and d.deptype = 'o'"
        ).fetchone()
        creates = connection.execute(
            "select has_schema_privilege('everycent_app', 'everycent', 'create')"
        ).fetchone()
    assert roles == [("everycent_app", False), ("everycent_owner", False)]
    assert (above, owned, creates) == ((0,), (0,), (False,))


def test_functions_with_the_rights_of_their_owner_are_few_and_fenced(pair):
    place, _ = pair
    with psycopg.connect(place.conninfo) as connection:
        found = connection.execute(
            "select p.oid::regprocedure::text, p.proconfig,"
            " has_function_privilege('public', p.oid, 'execute')"
            " from pg_proc p where p.pronamespace = 'everycent'::regnamespace and p.prosecdef"
        ).fetchall()
    assert {name.removeprefix("everycent.") for name, *_ in found} == set(DEFINERS)
    for name, settings, is_public in found:
        assert settings == ["search_path=everycent, pg_temp"], name
        assert not is_public, name


def test_there_is_no_view_that_would_run_as_its_owner(pair):
    place, _ = pair
    with psycopg.connect(place.conninfo) as connection:
        views = connection.execute(
            "select relname from pg_class where relnamespace = 'everycent'::regnamespace"
            " and relkind in ('v', 'm')"
            " and not coalesce(reloptions @> array['security_invoker=true'], false)"
        ).fetchall()
    assert views == []


def test_every_key_begins_with_the_tenant(pair):
    """A unique or foreign key without it would tell a tenant what another one has."""
    place, _ = pair
    with psycopg.connect(place.conninfo) as connection:
        indexes = connection.execute(
            "select i.indexrelid::regclass::text, a.attname"
            " from pg_index i join pg_class c on c.oid = i.indrelid"
            " left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]"
            " where c.relnamespace = 'everycent'::regnamespace and i.indisunique"
        ).fetchall()
        foreign = connection.execute(
            "select k.conname, a.attname, f.attname from pg_constraint k"
            " join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]"
            " join pg_attribute f on f.attrelid = k.confrelid and f.attnum = k.confkey[1]"
            " where k.connamespace = 'everycent'::regnamespace and k.contype = 'f'"
        ).fetchall()
    others = {f"{table}_pkey" for table in WITHOUT_TENANT} | set(KEYS_WITHOUT_TENANT)
    found = {name.removeprefix("everycent.") for name, first in indexes if first != "tenant_id"}
    assert found == others
    assert len(foreign) > 10
    assert [key for key in foreign if key[1:] != ("tenant_id", "tenant_id")] == []


# --- connections --------------------------------------------------------------------------------

SETTINGS = (
    "select current_user = session_user, nullif(current_setting('everycent.tenant', true), ''),"
    " nullif(current_setting('everycent.operator', true), ''),"
    " nullif(current_setting('everycent.tenant_slug', true), '')"
)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("kind", ["transaction", "snapshot", "operator"])
def test_nothing_stays_on_a_connection_that_is_used_again(pair, kind, fails):
    place, other = pair
    database = Database(place.conninfo, max_size=1)
    opened = database.operator("x") if kind == "operator" else getattr(database, kind)(other)
    with suppress(ZeroDivisionError), opened as tx:
        is_login, *settings = tx.tuples(SETTINGS)[0]
        assert not is_login
        assert any(settings)
        if fails:
            raise ZeroDivisionError
    with database._connection() as connection:
        assert connection.execute(SETTINGS).fetchone() == (True, None, None, None)
    with database.transaction(place.tenant_id) as tx:
        assert tx.tuples("select distinct tenant_id from customer") == [(place.tenant_id,)]
    database.close()


def test_a_transaction_may_go_on_for_another_tenant_and_then_sees_only_that_one(pair):
    place, other = pair
    with place.database.transaction(place.tenant_id) as tx:
        assert tx.value("select array_agg(tenant_id) from customer") == [place.tenant_id]
        assert tx.acting_for(other).value("select array_agg(tenant_id) from customer") == [other]


# --- tenants themselves -------------------------------------------------------------------------


def test_a_tenant_is_created_once_and_found_by_its_name(place):
    first = tenants.create(place.database, "first", "First", NOW)
    assert queries.tenant_id(place.database, "first") == first
    assert tenants.ensure(place.database, "first", "Again", NOW) == first
    assert tenants.ensure(place.database, "second", "Second", NOW) != first
    assert [row.slug for row in queries.listed(place.database)] == ["default", "first", "second"]
    with pytest.raises(Conflict) as taken:
        tenants.create(place.database, "first", "Other", NOW)
    assert taken.value.code == "tenant.exists"
    with pytest.raises(NotFound) as unknown:
        queries.tenant_id(place.database, "third")
    assert unknown.value.code == "tenant.unknown"


def test_a_tenant_neither_lists_nor_creates_tenants(place):
    tenants.create(place.database, "other", "Other", NOW)
    with place.database.transaction(place.tenant_id) as tx:
        assert [row.slug for row in tx.rows("select slug from tenant")] == ["default"]
    attack = "insert into tenant (slug, name, created_at) values ('mine', 'Mine', now())"
    assert refused(place, lambda tx: tx.run(attack)).sqlstate == "42501"


@pytest.mark.parametrize("slug", ["a", "acme-2", "a" * 40])
def test_a_tenant_may_have_a_short_and_plain_name(place, slug):
    assert tenants.create(place.database, slug, "Acme", NOW) != place.tenant_id


@pytest.mark.parametrize(
    "slug",
    ["", "a" * 41, "Acme", "2acme", "-acme", "acme\n", "a b", "acme'; drop table tenant", "åcme"],
)
def test_a_tenant_may_have_no_other_name(pair, slug):
    place, _ = pair
    with pytest.raises(Invalid) as bad:
        tenants.create(place.database, slug, "Acme", NOW)
    assert bad.value.code == "tenant.bad_slug"
