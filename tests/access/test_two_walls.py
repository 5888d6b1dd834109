"""Two walls stand between tenants: statements name the tenant, and the database shows no other one's rows.

Each is taken away alone, for every statement of every slice, in a database in which two tenants have a row
in every table. What a statement then answers, and which rows it changes, is what it does where the other
tenant has no rows at all: whatever came from there would make a difference. With both walls away it does,
which shows that the comparison sees it.
"""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

import everycent
from everycent.db.connection import APP_ROLE
from everycent.tenants import operations as tenants
from tests.access.written import write
from tests.conftest import NOW, Place
from tests.store import books
from tests.store.test_tenancy import insert_row, made_up, tables_of

SLICES = sorted(path.parent.name for path in Path(everycent.__file__).parent.glob("*/store.sql"))
OF_THE_OPERATOR = {
    "tenants": "lists and makes tenants: the operator's",
    "archives.look_at_month": "counts all records of a month before it is archived, for the operator",
    "access.find_api_key": "finds the tenant of a key, by the key",
    "access.find_members": "finds the tenants of a person, by the person's token",
}
_PARAMETER = re.compile(r"%\((\w+)\)s")
_WALL = re.compile(
    r"(?:\b\w+\.)?\btenant_id\s*=\s*%\(tenant_id\)s|%\(tenant_id\)s\s*=\s*(?:\w+\.)?tenant_id\b"
)
_WRITES = re.compile(r"\b(insert into|update|delete from)\b", re.IGNORECASE)
Connection = psycopg.Connection[Any]


class Statement(NamedTuple):
    """A statement of a slice."""

    name: str
    sql: str

    @property
    def without_wall(self) -> str:
        """The same with no tenant named."""
        return _WALL.sub("true", self.sql)


class Pair(NamedTuple):
    """A tenant beside another one, and the same tenant alone."""

    both: Connection
    alone: Connection
    own: int
    other: int
    others_rows: str


@pytest.fixture(scope="module")
def pair(server) -> Iterator[Pair]:
    with (
        books.fresh(server, "test_walls_both", is_made_up=True) as both,
        books.fresh(server, "test_walls_alone", is_made_up=True) as alone,
        filled(both, is_alone=False) as first,
        filled(alone, is_alone=True) as second,
    ):
        other = both.tenant_id + 1
        sums = " union all ".join(
            f"select '{one.relname}', md5(string_agg(t::text, '|' order by t::text)) from {one.relname} t"
            f" where tenant_id = {other}"
            for one in tables_of(first)
        )
        yield Pair(first, second, both.tenant_id, other, sums)


def filled(place: Place, *, is_alone: bool) -> Connection:
    """A superuser's connection to a place with made-up rows of one tenant or two, without their checks."""
    other = tenants.create(place.database, "other", "Other", NOW)
    connection = psycopg.connect(place.conninfo, options="-c search_path=everycent")
    connection.execute("select ensure_usage_month('2026-01-01')")
    for table, check in connection.execute(
        "select conrelid::regclass::text, conname from pg_constraint"
        " where connamespace = 'everycent'::regnamespace and contype = 'c' and conislocal"
    ).fetchall():
        connection.execute(f"alter table {table} drop constraint {check}")
    connection.execute("set session_replication_role = replica")
    for table in tables_of(connection):
        if table.relname == "tenant":
            continue
        connection.execute(f"delete from {table.relname}")
        for tenant_id in (place.tenant_id, *(() if is_alone else (other,))):
            insert_row(connection, table.relname, tenant_id)
    connection.execute("set statement_timeout = '20s'")
    connection.commit()
    return connection


def statements() -> list[Statement]:
    found = []
    for name in SLICES:
        sql = importlib.import_module(f"everycent.{name}.store").SQL
        found += [Statement(f"{name}.{one}", sql[one]) for one in sql.names()]
    return found


class NotRunError(Exception):
    """A statement that can't be run alone."""


def done(at: Connection, pair: Pair, sql: str, whose: int, *, is_secured: bool) -> tuple[Any, ...]:
    """What a statement comes to with values of a tenant, asked by the own one: rows or an error, and what
    becomes of the rows of the other one. Nothing of it stays."""
    names = list(dict.fromkeys(_PARAMETER.findall(sql)))
    numbered = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", sql)
    rows: Any
    with at.transaction(force_rollback=True):
        try:
            with at.transaction():
                at.execute(f"prepare one as {numbered.replace('%%', '%')}".encode())
        except psycopg.Error as error:
            raise NotRunError(type(error).__name__) from error
        try:
            types = at.execute(
                "select parameter_types::text[] from pg_prepared_statements where name = 'one'"
            ).fetchone()[0]
            values = [
                str(pair.own) if name == "tenant_id" else value(kind, whose)
                for name, kind in zip(names, types, strict=True)
            ]
            told = f"execute one({', '.join(values)})" if values else "execute one"
            try:
                with at.transaction():
                    if is_secured:
                        at.execute(
                            "select set_config('role', %s, true),"
                            " set_config('everycent.tenant', %s, true)",
                            (APP_ROLE, str(pair.own)),
                        )
                    cursor = at.execute(told.encode())
                    shown = sorted(map(repr, cursor.fetchall())) if cursor.description else []
                    rows = (cursor.rowcount, shown)
            except psycopg.Error as error:
                rows = type(error).__name__
            at.execute("reset role")
            theirs = at.execute(pair.others_rows).fetchall() if _WRITES.search(sql) else []
        finally:
            at.execute("deallocate one")
    return rows, theirs


def value(kind: str, whose: int) -> str:
    """A value of the kind that PostgreSQL asks for, as the rows of a tenant have it."""
    if kind.endswith("[]"):
        return f"array[{made_up(kind[:-2], whose)}]::{kind}"
    return f"{made_up(kind, whose)}::{kind}"


def leaks(pair: Pair, sql: str, *, is_secured: bool) -> bool:
    """Whether anything of the other tenant makes a difference. Raises NotRunError."""
    before = pair.both.execute(pair.others_rows).fetchall() if _WRITES.search(sql) else []
    pair.both.commit()
    for whose in (pair.own, pair.other):
        found, theirs = done(pair.both, pair, sql, whose, is_secured=is_secured)
        alone, _ = done(pair.alone, pair, sql, whose, is_secured=is_secured)
        if found != alone or theirs != before:
            return True
    return False


@pytest.mark.not_recounted
def test_either_wall_alone_keeps_tenants_apart(pair: Pair):
    counts: Counter[str] = Counter()
    not_run: Counter[str] = Counter()
    failed: dict[str, list[str]] = {"code": [], "database": []}
    for one in statements():
        counts["statements"] += 1
        if one.name in OF_THE_OPERATOR or one.name.partition(".")[0] in OF_THE_OPERATOR:
            counts["operator"] += 1
            continue
        try:
            is_named = one.without_wall != one.sql
            counts["named"] += is_named
            counts["seen"] += is_named and leaks(pair, one.without_wall, is_secured=False)
            counts["mutants"] += is_named
            if leaks(pair, one.without_wall, is_secured=True):
                failed["database"].append(one.name)
            if leaks(pair, one.sql, is_secured=False):
                failed["code"].append(one.name)
            counts["run"] += 1
        except NotRunError as why:
            not_run[str(why)] += 1
    text = page(counts, not_run, failed)
    print(text)
    write("walls", text)
    assert failed == {"code": [], "database": []}
    assert counts["seen"] > counts["mutants"] // 4, "the comparison sees too little"
    assert counts["run"] > counts["statements"] // 2


def page(counts: Counter[str], not_run: Counter[str], failed: dict[str, list[str]]) -> str:
    """What came out, as a part of the page."""
    reasons = ", ".join(f"{count} × {why}" for why, count in sorted(not_run.items()))
    return f"""\
## Either wall alone

| | |
| --- | ---: |
| statements in the `store.sql` of {len(SLICES)} slices | {counts["statements"]} |
| of the operator, or by a secret: they know no tenant | {counts["operator"]} |
| can't be run alone ({reasons or "none"}) | {not_run.total()} |
| run | {counts["run"]} |
| of these, with `tenant_id = …` deleted | {counts["mutants"]} |
| without either wall something of the other tenant shows (so that it would be seen) | {counts["seen"]} |
| **without the statement's wall, with row-level security: leaks** | **{len(failed["database"])}** |
| **without row-level security, with the statement's wall: leaks** | **{len(failed["code"])}** |

Those that can't be run alone read temporary tables that code fills first, or are put together by code.
"""
