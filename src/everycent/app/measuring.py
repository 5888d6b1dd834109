"""Where measurements meet their sources: the adapters, with the environment that holds their secrets."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

from everycent.flows.measure_interval import Poll
from everycent.integrations import measure_http, measure_sql
from everycent.kernel.period import Period
from everycent.measurements.measurement import Http, Measurement, Sql


def worker() -> str:
    """This process, for whoever wonders who is asking a source."""
    return f"{socket.gethostname()}:{os.getpid()}"


def poller(environ: Mapping[str, str] = os.environ) -> Poll:
    """Asks a measurement's source over HTTP or SQL."""

    def poll(measurement: Measurement, interval: Period) -> list[Any]:
        kind = measurement.kind
        if isinstance(kind, Http):
            return measure_http.fetch(kind, interval, environ)
        assert isinstance(kind, Sql), "time and samples need no source"
        return measure_sql.fetch(kind, interval, environ)

    return poll
