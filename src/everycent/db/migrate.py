"""Migrations: numbered SQL files, forward only, applied once each, by one process at a time.

A name says which side of a deployment it belongs to: `NNNN_pre_slug.sql` is safe under the code before
it, `NNNN_post_slug.sql` needs the new code; all are applied together. So a program works beside a newer
one that has added the former alone, and refuses a schema with one of the latter that it does not know. What
was applied is recorded with a hash; a file that changed afterwards is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import psycopg

from everycent.db.connection import APP_ROLE
from everycent.kernel.errors import Broken, Unavailable

FOLDER = Path(__file__).with_name("migrations")
OWNER_ROLE = "everycent_owner"
_LOCK = 0x65766572_79636E74

_PREPARE = f"""
do $$ begin
    if not exists (select from pg_roles where rolname = '{OWNER_ROLE}') then
        create role {OWNER_ROLE} nologin;
    end if;
    if not exists (select from pg_roles where rolname = '{APP_ROLE}') then
        create role {APP_ROLE} nologin;
    end if;
    if not pg_has_role(current_user, '{OWNER_ROLE}', 'member') then
        execute format('grant {OWNER_ROLE} to %I', current_user);
    end if;
    if not pg_has_role(current_user, '{APP_ROLE}', 'member') then
        execute format('grant {APP_ROLE} to %I', current_user);
    end if;
    if not has_database_privilege('{APP_ROLE}', current_database(), 'temporary') then
        execute format('grant temporary on database %I to {APP_ROLE}', current_database());
    end if;
end $$;
create schema if not exists everycent authorization {OWNER_ROLE};
grant usage on schema everycent to {APP_ROLE};
create table if not exists everycent.migration (
    name text primary key, digest text not null, applied_at timestamptz not null default now());
alter table everycent.migration owner to {OWNER_ROLE};
grant select on everycent.migration to {APP_ROLE};
"""

_AFTER_RESTORE = """
do $$
declare
    latest int := (select max(epoch) from everycent.journal_epoch);
    tenant int;
begin
    perform set_config('everycent.operator', 'on', true);
    for tenant in select tenant_id from everycent.tenant loop
        perform set_config('everycent.tenant', tenant::text, true);
        if exists (
            select from everycent.journal_event
            where tenant_id = tenant and epoch = latest and xid >= pg_current_xact_id())
        then
            {act};
            return;
        end if;
    end loop;
end $$
"""
_NEXT_EPOCH = "insert into everycent.journal_epoch values (latest + 1, now())"
_REMEMBER = "perform set_config('everycent.is_restored', 'on', true)"
_LEFT_TO_OTHERS = "run `everycent migrate` with the login that owns the schema"


def files() -> list[Path]:
    """The migrations in their order."""
    return sorted(FOLDER.glob("[0-9][0-9][0-9][0-9]_*.sql"))


def migrate(conninfo: str) -> list[str]:
    """Applies what is missing and returns its names. Safe to call from many processes at once.

    Each file is one transaction with a lock timeout. Raises Broken `migration.changed` when a file that
    was applied has other content now; Unavailable `migration.newer` when the schema is newer than what
    this program can work with.
    """
    applied = []
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
        connection.execute("set client_min_messages = warning")
        with connection.transaction():
            connection.execute(_PREPARE.encode())
        known: dict[str, str] = dict(
            connection.execute("select name, digest from everycent.migration").fetchall()
        )
        _check_not_newer(known)
        for path in files():
            text = path.read_text(encoding="utf-8")
            digest = hashlib.sha256(text.encode()).hexdigest()
            if path.name in known:
                _check_unchanged(path.name, known[path.name], digest)
                continue
            with connection.transaction():
                connection.execute("set local lock_timeout = '10s'")
                connection.execute("set local search_path = everycent")
                connection.execute(f"set local role {OWNER_ROLE}".encode())
                connection.execute(text.encode())
                connection.execute(
                    "insert into everycent.migration (name, digest) values (%s, %s)",
                    (path.name, digest),
                )
            applied.append(path.name)
        with connection.transaction():
            _start_epoch_after_restore(connection)
    return applied


def check(conninfo: str) -> None:
    """Does what `migrate` checks and changes nothing: for a login that may only act as the application.

    Raises Unavailable `migration.missing` while something has to be applied or an epoch to be begun,
    `migration.not_granted` for a login that may not act as the application; and as `migrate` does.
    """
    with (
        psycopg.connect(conninfo, autocommit=True) as connection,
        connection.transaction(force_rollback=True),
    ):
        _act_as_application(connection)
        there = connection.execute("select to_regclass('everycent.migration')").fetchone()
        if there is None or there[0] is None:
            raise _missing(files()[0].name)
        known: dict[str, str] = dict(
            connection.execute("select name, digest from everycent.migration").fetchall()
        )
        _check_not_newer(known)
        for path in files():
            if path.name not in known:
                raise _missing(path.name)
            digest = hashlib.sha256(path.read_text(encoding="utf-8").encode()).hexdigest()
            _check_unchanged(path.name, known[path.name], digest)
        _check_no_restore(connection)


def pending(conninfo: str) -> list[str]:
    """The names of migrations that have not been applied."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        known = connection.execute("select to_regclass('everycent.migration')").fetchone()
        if known is None or known[0] is None:
            return [path.name for path in files()]
        done = {
            name
            for (name,) in connection.execute("select name from everycent.migration").fetchall()
        }
    return [path.name for path in files() if path.name not in done]


def _act_as_application(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    found = connection.execute(
        "select pg_has_role(current_user, oid, 'member') from pg_roles where rolname = %s",
        (APP_ROLE,),
    ).fetchone()
    if found is None:
        raise _missing(files()[0].name)
    if not found[0]:
        raise Unavailable(
            "migration.not_granted",
            f"the login of EVERYCENT_DATABASE_URL may not act as {APP_ROLE}",
            hint=f"grant {APP_ROLE} to it",
        )
    connection.execute(f"set local role {APP_ROLE}".encode())


def _missing(name: str) -> Unavailable:
    return Unavailable(
        "migration.missing",
        f"the schema lacks {name}, and EVERYCENT_MIGRATE=off leaves it to others to apply it",
        hint=_LEFT_TO_OTHERS,
    )


def _check_no_restore(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    connection.execute(_AFTER_RESTORE.format(act=_REMEMBER).encode())
    row = connection.execute("select current_setting('everycent.is_restored', true)").fetchone()
    if row is not None and row[0] == "on":
        raise Unavailable(
            "migration.missing",
            "the database was restored from a dump, and its journal's next epoch is not begun yet",
            hint=_LEFT_TO_OTHERS,
        )


def _check_not_newer(known: Iterable[str]) -> None:
    ours = {path.name for path in files()}
    foreign = sorted(name for name in known if name not in ours and "_post_" in name)
    if foreign:
        raise Unavailable(
            "migration.newer",
            f"the schema is newer than this program, which does not know {foreign[0]}",
            hint="install the newer version here too",
        )


def _check_unchanged(name: str, known: str, digest: str) -> None:
    if known != digest:
        raise Broken(
            "migration.changed",
            f"migration {name} was applied with other content than it has now",
            hint="restore the file; put further changes into a new migration",
        )


def _start_epoch_after_restore(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """After a dump was restored into a younger cluster its events carry transaction ids of the future:
    a new epoch keeps the journal's order increasing.

    Looks tenant by tenant, because row-level security shows whoever is no superuser nothing else.
    """
    connection.execute(_AFTER_RESTORE.format(act=_NEXT_EPOCH).encode())
