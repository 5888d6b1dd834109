"""The limit: the very rows that the product wrote, written again by plain binary COPY.

Into tables of the same columns, keys and indexes, in one transaction, by one process: no
deduplication, no checks across tables, no row-level security, no journal of what it means.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence

import psycopg

BILLING = (
    "journal_event", "ledger_entry", "ledger_posting", "invoice", "invoice_line", "invoice_tax",
    "invoice_usage", "billed_period",
)  # fmt: skip
USAGE = ("usage_key", "usage_record")
_PIECE = 1 << 20


def copy_seconds(conninfo: str, tables: Sequence[str], conditions: dict[str, str]) -> float:
    """Seconds to COPY the rows of `tables` (those that meet their condition) into empty twins."""
    seconds = 0.0
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("create schema reference")
        connection.execute("set search_path = everycent")
        for name in tables:
            connection.execute(
                f"create table reference.{name} (like everycent.{name} including all)".encode()
            )
        with tempfile.TemporaryDirectory() as folder:
            columns = {name: _columns(connection, name) for name in tables}
            for name in tables:
                where = conditions.get(name, "true")
                query = (
                    f"copy (select {columns[name]} from everycent.{name} where {where})"
                    " to stdout (format binary)"
                )
                with connection.cursor() as cursor, open(f"{folder}/{name}", "wb") as file:
                    with cursor.copy(query.encode()) as out:
                        for data in out:
                            file.write(data)
            connection.execute("checkpoint")
            started = time.perf_counter()
            with connection.transaction(), connection.cursor() as cursor:
                for name in tables:
                    statement = (
                        f"copy reference.{name} ({columns[name]}) from stdin (format binary)"
                    )
                    with (
                        open(f"{folder}/{name}", "rb") as file,
                        cursor.copy(statement.encode()) as into,
                    ):
                        while data := file.read(_PIECE):
                            into.write(data)
            seconds = time.perf_counter() - started
        connection.execute("drop schema reference cascade")
    return seconds


def _columns(connection: psycopg.Connection, table: str) -> str:
    """The columns that are written; PostgreSQL works the others out by itself."""
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0"
        " and not attisdropped and attgenerated = '' order by attnum",
        [f"everycent.{table}"],
    )
    return ", ".join(name for (name,) in rows)
