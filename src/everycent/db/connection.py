"""Connections and transactions. Whoever holds a `Tx` is provably inside one transaction of one tenant.

Every transaction sets the application role and its tenant with transaction-local settings, so that
nothing survives on a pooled connection and a pooler in front does no harm.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.rows import TupleRow, namedtuple_row
from psycopg_pool import ConnectionPool

from everycent.kernel.errors import Unavailable

APP_ROLE = "everycent_app"
_CONNECT_TIMEOUT_SECONDS = 10
_OPTIONS = (
    "-c search_path=everycent -c timezone=UTC -c lock_timeout=30s -c jit=off -c temp_buffers=64MB"
)

_BY_KEY = (
    "select set_config('enable_seqscan', 'off', true),"
    " set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"
)
_NEVER_UNASKED = 1_000_000_000
_MOST_KEPT = 10_000
_ABSENT = object()
_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")

AWAY = (
    psycopg.OperationalError,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.IdleInTransactionSessionTimeout,
    Unavailable,
)
"""The database is away, is not the one that may be written to, or broke a transaction off: whoever can wait
tries again later."""

Params = Sequence[Any] | Mapping[str, Any] | None


class Tx:
    """An open transaction that sees one tenant's rows. Ends with the `with` block that made it."""

    def __init__(
        self,
        connection: psycopg.Connection[TupleRow],
        tenant_id: int,
        *,
        prepares: bool = False,
        kept: dict[Any, Any] | None = None,
    ) -> None:
        self.connection = connection
        self.tenant_id = tenant_id
        self.staged: set[str] = set()  # temporary tables that hold rows in this transaction
        self.is_by_key = False
        self._prepares = prepares
        self._kept = kept
        self._once: dict[str, Any] = {}

    def run(self, sql: str, params: Params = None) -> int:
        """Executes a statement; returns how many rows it touched."""
        return self.connection.execute(sql.encode(), params, prepare=self._prepares).rowcount

    def rows(self, sql: str, params: Params = None) -> list[Any]:
        """All rows as named tuples."""
        with self.connection.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(sql.encode(), params, prepare=self._prepares).fetchall()

    def tuples(self, sql: str, params: Params = None, *, binary: bool = True) -> list[TupleRow]:
        """All rows as plain tuples: the fast way for large sets."""
        with self.connection.cursor(binary=binary) as cursor:
            return cursor.execute(sql.encode(), params, prepare=self._prepares).fetchall()

    def row(self, sql: str, params: Params = None) -> Any | None:
        """The first row as a named tuple, or None."""
        with self.connection.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(sql.encode(), params, prepare=self._prepares).fetchone()

    def value(self, sql: str, params: Params = None) -> Any:
        """The first column of the first row, or None."""
        row = self.connection.execute(sql.encode(), params, prepare=self._prepares).fetchone()
        return None if row is None else row[0]

    def stream(self, sql: str, params: Params = None, *, batch: int = 5000) -> Iterator[TupleRow]:
        """Rows one by one through a server-side cursor: memory stays flat whatever the size."""
        with self.connection.cursor(name="everycent_stream", binary=True) as cursor:
            cursor.itersize = batch
            cursor.execute(sql.encode(), params)
            yield from cursor

    def unchanging(
        self, what: str, keys: Iterable[_Key], read: Callable[[set[_Key]], dict[_Key, _Value]]
    ) -> dict[_Key, _Value]:
        """What `read` finds under some keys. It must be what never changes once it is committed: where
        questions are frequent the process keeps it."""
        wanted = set(keys)
        if self._kept is None:
            return read(wanted)
        places = {key: (self.tenant_id, what, key) for key in wanted}
        looked = {key: self._kept.get(at, _ABSENT) for key, at in places.items()}
        found = {key: value for key, value in looked.items() if value is not _ABSENT}
        if missing := wanted - found.keys():
            new = read(missing)
            if len(self._kept) + len(new) > _MOST_KEPT:
                self._kept.clear()
            self._kept.update({places[key]: value for key, value in new.items()})
            found |= new
        return found

    def once(self, name: str, read: Callable[[], _Value]) -> _Value:
        """What `read` finds: once in a snapshot, where questions are frequent; it is the same each time."""
        if self._kept is None:
            return read()
        if name not in self._once:
            self._once[name] = read()
        found: _Value = self._once[name]
        return found

    def look_up_by_key(self) -> None:
        """From here on the transaction reads and checks large tables by index and nothing else.

        Plans are kept for a session, those of triggers and foreign keys too; one that was made while
        a table was still small would read the whole of it for every row once it has grown.
        """
        if self.is_by_key:
            return
        self.is_by_key = True
        self.run(_BY_KEY)

    def wait_as_long_as_it_takes(self) -> None:
        """From here on locks are queued for without a limit: waiting for one's turn is no fault."""
        self.run("select set_config('lock_timeout', '0', true)")

    def give_up_after(self, seconds: int) -> None:
        """From here on a statement that takes longer is stopped: somebody waits for the answer. It is no
        question yet: a snapshot begins with the first one."""
        self.run(f"set local statement_timeout = '{int(seconds)}s'")

    def sort_in_memory(self) -> None:
        """From here on statements may use much memory: for proofs that join whole tables."""
        self.run("select set_config('work_mem', '256MB', true)")

    def share_by_parts(self) -> None:
        """From here on a table is read by one process; the parts of a union are shared among several."""
        self.run(
            "select set_config('min_parallel_table_scan_size', '1TB', true),"
            " set_config('min_parallel_index_scan_size', '1TB', true)"
        )

    def acting_for(self, tenant_id: int) -> Tx:
        """The same transaction, from here on seeing the rows of `tenant_id`."""
        self.run("select set_config('everycent.tenant', %s, true)", (str(tenant_id),))
        other = Tx(self.connection, tenant_id)
        other.staged = self.staged
        return other

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Work that may be undone alone: an exception inside rolls back to here and is raised."""
        with self.connection.transaction():
            yield

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Work of which nothing stays but what was learnt."""
        staged, is_by_key = set(self.staged), self.is_by_key
        try:
            with self.connection.transaction():
                yield
                raise psycopg.Rollback
        finally:
            self.staged, self.is_by_key = staged, is_by_key


class Database:
    """A pool of connections to the one PostgreSQL. Threads may share it; processes may not.

    One without a `conninfo` is away until somebody opens it. While it is away whoever asks is told so at
    once, and nobody waits for a connection.
    """

    def __init__(self, conninfo: str | None, *, max_size: int = 10) -> None:
        self.conninfo = conninfo or ""
        self._max_size = max_size
        self._changing = threading.Lock()
        self._pool: ConnectionPool | None = None
        self._away = "nobody has reached it yet"
        self._kept: dict[Any, Any] = {}
        if conninfo is not None:
            self.open(conninfo)

    def open(self, conninfo: str) -> None:
        """It is there: from here on connections are made, all of them new."""
        pool = ConnectionPool(
            conninfo,
            min_size=0,
            max_size=self._max_size,
            open=True,
            timeout=_CONNECT_TIMEOUT_SECONDS,
            # Statements here are few and large: planning each anew costs little and is always right. Only
            # those of frequent questions are small, and prepared.
            kwargs={"options": _OPTIONS, "autocommit": True, "prepare_threshold": _NEVER_UNASKED},
        )
        with self._changing:
            before, self._pool, self.conninfo = self._pool, pool, conninfo
            self._kept = {}  # it may have been restored from a backup meanwhile
        if before is not None:
            before.close(timeout=0)

    def shut(self, why: str) -> None:
        """It is away: whoever waits for a connection, or asks for one before it is opened again, is told
        so. Connections that are in use are left to their users, and not used again."""
        with self._changing:
            before, self._pool, self._away = self._pool, None, why
        if before is not None:
            before.close(timeout=0)

    @property
    def is_away(self) -> bool:
        """Whether it is known to be away."""
        return self._pool is None

    def check(self) -> None:
        """Raises Unavailable `database.unavailable` while it is known to be away; asks nobody."""
        if self._pool is None:
            raise _unreachable(self._away)

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[TupleRow]]:
        pool = self._pool
        if pool is None:
            raise _unreachable(self._away)
        try:
            connection = pool.getconn()
        except psycopg.OperationalError as error:
            why = self._away if self._pool is None else first_line(error)
            raise _unreachable(why) from error
        try:
            yield connection
        finally:
            pool.putconn(connection)

    @contextmanager
    def _opened(self, opening: str) -> Iterator[psycopg.Connection[TupleRow]]:
        """A transaction that is opened in one round trip: it commits when the block ends, and rolls back
        when it raises."""
        with self._connection() as connection:
            connection.execute(opening.encode())
            try:
                yield connection
            except BaseException as error:
                with suppress(psycopg.Error):  # one that is lost is rolled back by the server
                    connection.rollback()
                if not isinstance(error, psycopg.Rollback):
                    raise
            else:
                connection.commit()

    @contextmanager
    def transaction(
        self, tenant_id: int, *, idle_seconds: int = 0, is_of_one_instant: bool = False
    ) -> Iterator[Tx]:
        """A read-committed transaction as the application role, seeing only this tenant.

        Commits when the block ends, rolls back when it raises. With `idle_seconds` the database ends it
        when nothing comes for so long: a process that is stopped, or whose machine sleeps, keeps no locks.
        One `is_of_one_instant` sees what there was at its first statement (repeatable read), and may have
        to be tried again.
        """
        level = " isolation level repeatable read" if is_of_one_instant else ""
        opening = f"begin{level}; {_acting_for(tenant_id)}"
        if idle_seconds:
            opening += f"; set local idle_in_transaction_session_timeout = '{int(idle_seconds)}s'"
        with self._opened(opening) as connection:
            yield Tx(connection, tenant_id)

    @contextmanager
    def snapshot(
        self, tenant_id: int, *, seconds: int = 0, is_frequent: bool = False
    ) -> Iterator[Tx]:
        """A transaction for reading, in which every statement sees the same instant.

        With `seconds` a statement that takes longer is stopped: somebody waits for the answer. Where it
        `is_frequent`, asked hundreds of times a second and about little, its statements are prepared, and
        look rows up by key: to plan them takes longer than to execute them.
        """
        opening = f"begin isolation level repeatable read; {_acting_for(tenant_id)}"
        if seconds:
            opening += f"; set local statement_timeout = '{int(seconds)}s'"
        if is_frequent:
            opening += f"; {_BY_KEY}; set local plan_cache_mode = force_generic_plan"
        with self._opened(opening) as connection:
            kept = self._kept if is_frequent else None
            tx = Tx(connection, tenant_id, prepares=is_frequent, kept=kept)
            tx.is_by_key = is_frequent
            yield tx

    @contextmanager
    def rehearsal(self, tenant_id: int) -> Iterator[Tx]:
        """A snapshot in which anything may be written: all of it is undone when the block ends."""
        with self.snapshot(tenant_id) as tx:
            yield tx
            raise psycopg.Rollback

    def refresh_statistics(self) -> None:
        """Tells the planner of tables that have grown much since it was told last (0004_post_rights)."""
        with self.operator() as tx:
            tx.run("select refresh_statistics()")

    @contextmanager
    def operator(self, slug: str = "") -> Iterator[Tx]:
        """A transaction of the operator: may list and create tenants, sees no tenant's rows."""
        with self._connection() as connection, connection.transaction():
            connection.execute(
                "select set_config('role', %s, true), set_config('everycent.operator', 'on', true),"
                " set_config('everycent.tenant_slug', %s, true)",
                (APP_ROLE, slug),
            )
            yield Tx(connection, 0)

    def close(self) -> None:
        """Closes the pool."""
        with self._changing:
            before, self._pool, self._away = self._pool, None, "the program ends"
        if before is not None:
            before.close()


def _acting_for(tenant_id: int) -> str:
    return f"set local role {APP_ROLE}; set local everycent.tenant = '{int(tenant_id)}'"


def first_line(error: BaseException) -> str:
    """What an error says, in a line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def is_lost(error: BaseException) -> bool:
    """Whether an error says that the server is going, gone, or not reached: connections that broke have
    no state, and classes 08 and 57P say so."""
    if isinstance(error, Unavailable):
        return error.code == "database.unavailable"
    return isinstance(error, psycopg.OperationalError) and (
        error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))
    )


def is_away(error: BaseException) -> bool:
    """Whether an error says that the database can't be worked with now, and not that something else is."""
    if isinstance(error, Unavailable):
        return error.code == "database.unavailable"
    return isinstance(error, AWAY) and not isinstance(error, psycopg.errors.QueryCanceled)


def _unreachable(why: str) -> Unavailable:
    return Unavailable(
        "database.unavailable",
        f"the database can't be reached: {why}",
        hint="start it with `everycent up`, or check EVERYCENT_DATABASE_URL",
    )
