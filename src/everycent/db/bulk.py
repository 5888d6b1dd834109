"""Rows in bulk: binary COPY into a staging table, then one set-based INSERT.

COPY straight into a table is refused by PostgreSQL where row-level security applies, and staging
is what a deduplicating insert needs anyway. Staging tables are temporary, made once per connection
and emptied by every commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import sql

from everycent.db.connection import Tx
from everycent.kernel.table import Table

_FEW = 20


def stage(tx: Tx, target: Table, rows: Iterable[Sequence[Any]]) -> str:
    """Copies `rows` into the temporary table `stage_<name>` and returns its name."""
    name = f"stage_{target.name}"
    columns = ", ".join(f"{column} {kind}" for column, kind in target.columns)
    if name in tx.staged:
        tx.run(f"truncate {name}")
    else:
        tx.run(f"create temp table if not exists {name} ({columns}) on commit delete rows")
        tx.staged.add(name)
    copy_into(tx, name, target, rows)
    return name


def copy_into(tx: Tx, name: str, target: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Copies `rows` in binary into the (temporary) table `name` that has the columns of `target`."""
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, target.names))
    )
    with tx.connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types([kind for _, kind in target.columns])
        write = copy.write_row
        for row in rows:
            write(row)


def insert(tx: Tx, target: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Inserts `rows`: in one VALUES list when they are few, through staging when they are many."""
    if not rows:
        return
    columns = ", ".join(target.names)
    if len(rows) <= _FEW:
        values = ", ".join(f"%s::{kind}" for _, kind in target.columns)
        row_text = f"({values})"
        statement = f"insert into {target.name} ({columns}) values " + ", ".join(
            [row_text] * len(rows)
        )
        tx.run(statement, [value for row in rows for value in row])
        return
    name = stage(tx, target, rows)
    tx.run(f"insert into {target.name} ({columns}) select {columns} from {name}")


def put(tx: Tx, target: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Inserts `rows`, replacing those whose key is there already. No key may stand twice in `rows`."""
    if not rows:
        return
    columns = ", ".join(target.names)
    fresh = ", ".join(
        f"{name} = excluded.{name}" for name in target.names if name not in target.key
    )
    name = stage(tx, target, rows)
    tx.run(
        f"insert into {target.name} ({columns}) select {columns} from {name}"
        f" on conflict ({', '.join(target.key)}) do update set {fresh}"
    )
