"""GET /metrics for Prometheus, on a port of its own: figures of all tenants, and whether the database is
there.

It is no route of the other server. A key opens one tenant, and these are figures of all; and keys are in
the database, while this is asked just when that is away.
"""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from contextlib import contextmanager
from datetime import date
from importlib.metadata import version
from typing import NamedTuple

import psycopg
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from psycopg.conninfo import make_conninfo

from everycent.app import erps
from everycent.app.settings import Settings
from everycent.db.connection import Database
from everycent.figures import queries
from everycent.figures.figure import DEFINITIONS, Figure, Kind
from everycent.kernel.clock import Clock
from everycent.kernel.errors import Refusal, Unavailable

_PREFIX = "everycent_"
_KEPT_SECONDS = 10
_OLD_SECONDS = 120
_WAIT_SECONDS = 3
_STATEMENT_SECONDS = 2
_TCP_MILLISECONDS = 8_000


Where = Callable[[], str]
"""How to reach the database; nothing while nobody has reached it yet."""


class Read(NamedTuple):
    """What was read: whether the database is there, whether it gave all figures, and these."""

    is_up: bool
    is_complete: bool
    seconds: float = 0.0
    figures: tuple[Figure, ...] = ()
    position: int | None = None


class Figures(Collector):
    """Figures as Prometheus collects them. They are read at most once in ten seconds, by one thread of its
    own; whoever asks waits for it for three. Who waits in vain gets what was read last, if the database
    is there and that is not old; else nothing."""

    def __init__(self, read: Callable[[Callable[[], None]], Read]) -> None:
        self._read = read
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="figures")
        self._lock = threading.Lock()
        self._reading: Future[Read] | None = None
        self._last = Read(is_up=False, is_complete=False)
        self._ended = float("-inf")
        self._is_reached = False

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        yield from families(self.latest())

    def latest(self) -> Read:
        """What was read last, or is read now."""
        with self._lock:
            if self._reading is None and time.monotonic() - self._ended <= _KEPT_SECONDS:
                return self._last
            if self._reading is None:
                self._is_reached = False
                self._reading = self._thread.submit(self._work)
            reading = self._reading
        try:
            return reading.result(_WAIT_SECONDS)
        except NotInTime:
            with self._lock:
                if self._is_reached and time.monotonic() - self._ended <= _OLD_SECONDS:
                    return self._last
                return Read(is_up=self._is_reached, is_complete=False)

    def close(self) -> None:
        """Reads no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _work(self) -> Read:
        found = Read(is_up=False, is_complete=False)
        try:
            found = self._read(self._reached)
        finally:
            with self._lock:
                self._last, self._ended, self._reading = found, time.monotonic(), None
        return found

    def _reached(self) -> None:
        self._is_reached = True


class Reader:
    """Reads figures over a connection of its own, which is made anew when it was lost."""

    def __init__(self, settings: Settings, where: Where, clock: Clock) -> None:
        self._settings, self._where, self._clock = settings, where, clock
        self._database: Database | None = None

    def read(self, reached: Callable[[], None]) -> Read:
        """What there is to be read now; never raises for what the database does. `reached` is called when
        the database has answered something."""
        began = time.monotonic()
        try:
            self._database = self._database or _opened(self._where())
            with self._database.operator():
                reached()
            figures, position = queries.all_of(
                self._database, self._clock(), erp=self._erp(), seconds=_STATEMENT_SECONDS
            )
        except (Unavailable, psycopg.Error) as error:
            self.close()
            is_away = isinstance(error, Unavailable | psycopg.OperationalError)
            is_slow = isinstance(error, psycopg.errors.QueryCanceled)
            return Read(is_up=is_slow or not is_away, is_complete=False)
        return Read(
            is_up=True, is_complete=True, seconds=time.monotonic() - began,
            figures=tuple(figures), position=position,
        )  # fmt: skip

    def close(self) -> None:
        """Gives the connection back."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _erp(self) -> tuple[str, date] | None:
        try:
            return erps.told_of(self._settings)
        except (Refusal, OSError):  # none is set up, or its file says nothing that can be read
            return None


def _opened(conninfo: str) -> Database:
    if not conninfo:
        raise Unavailable("database.unavailable", "the database was not there yet")
    told = make_conninfo(
        conninfo, connect_timeout=_WAIT_SECONDS, tcp_user_timeout=_TCP_MILLISECONDS
    )
    return Database(told, max_size=1)


def families(read: Read) -> Iterator[Metric]:
    """The exposition of what was read. Nothing is told of what could not be read: no figure is invented,
    and none goes stale."""
    built = _gauge("build_info", "Which version runs.", ("version", "python"))
    built.add_metric([version("everycent"), platform.python_version()], 1)
    yield built
    yield _single("database_up", "Whether the database is there.", int(read.is_up))
    complete = "Whether all figures could be read."
    yield _single("figures_complete", complete, int(read.is_complete))
    if not read.is_complete:
        return
    yield _single("figures_read_seconds", "How long reading took.", round(read.seconds, 4))
    if read.position is not None:
        yield _single(
            "journal_position", "The journal's newest place, over all tenants.", read.position
        )
    for name, one in DEFINITIONS.items():
        make = CounterMetricFamily if one.kind is Kind.COUNTER else GaugeMetricFamily
        family = make(_PREFIX + name, one.says, labels=("tenant", *one.labels))
        for figure in read.figures:
            if figure.name == name:
                family.add_metric([figure.tenant, *figure.labels], figure.value)
        yield family


@contextmanager
def listening(
    settings: Settings, where: Where, clock: Clock, host: str, port: int
) -> Iterator[str]:
    """Answers until the block ends; yields the address. Raises Unavailable `server.no_address`."""
    registry = CollectorRegistry(auto_describe=False)
    reader = Reader(settings, where, clock)
    figures = Figures(reader.read)
    registry.register(figures)
    try:
        server, thread = start_http_server(port, host, registry)
    except (OSError, OverflowError) as error:
        raise Unavailable(
            "server.no_address",
            f"{host} port {port} can't be listened on: {error}",
            field="metrics-port",
            hint="is another server running there? choose with --metrics-host and --metrics-port",
        ) from error
    shown = f"[{host}]" if ":" in host else host
    try:
        yield f"http://{shown}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        figures.close()
        reader.close()


def _gauge(name: str, says: str, labels: tuple[str, ...]) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, says, labels=labels)


def _single(name: str, says: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, says, value=value)
