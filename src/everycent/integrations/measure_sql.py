"""Polls a PostgreSQL for one interval: a SELECT in a read-only transaction, bounded in time and rows.

The connection string comes out of the environment when it is needed and is stored nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from everycent.integrations.environment import variable
from everycent.kernel.errors import Invalid, Unavailable
from everycent.kernel.period import Period
from everycent.measurements.measurement import Sql

_COLUMNS = ("subject", "value", "at", "dimensions")
_CONNECT_SECONDS = 10


def fetch(source: Sql, interval: Period, environ: Mapping[str, str]) -> list[Any]:
    """The rows that the query tells for the interval, as they are.

    Raises Unavailable `measurement.source_unavailable`, `measurement.source_slow`,
    `measurement.query_failed`, `measurement.secret_missing`, Invalid `measurement.wrong_answer`.
    """
    conninfo = variable(environ, source.connection_env)
    try:
        conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:  # not told on: its message repeats the secret
        raise Unavailable(
            "measurement.source_unavailable",
            f"the connection string in {source.connection_env} can't be read",
            field=source.connection_env,
        ) from None
    try:
        with psycopg.connect(
            conninfo, connect_timeout=_CONNECT_SECONDS, application_name="everycent measurement"
        ) as connection:
            connection.read_only = True
            return _asked(connection, source, interval)
    except psycopg.errors.QueryCanceled as error:
        raise Unavailable(
            "measurement.source_slow",
            f"the source did not answer within {source.timeout_seconds} s",
            hint="raise timeout_seconds, or see why it is slow",
        ) from error
    except psycopg.OperationalError as error:
        raise Unavailable(
            "measurement.source_unavailable", f"the source can't be reached: {_first_line(error)}"
        ) from error
    except psycopg.Error as error:
        raise Unavailable(
            "measurement.query_failed",
            f"the source refuses the query: {_first_line(error)}",
            hint="try the query by hand; a percent sign in it is written twice",
        ) from error


def _asked(connection: psycopg.Connection[Any], source: Sql, interval: Period) -> list[Any]:
    timeout = f"{source.timeout_seconds * 1000}"
    connection.execute("select set_config('statement_timeout', %s, true)", (timeout,))
    with connection.cursor(name="everycent_measurement") as cursor:
        cursor.execute(
            source.query.rstrip().rstrip(";").encode(),
            {"start": interval.start, "end": interval.end},
        )
        columns = [column.name for column in cursor.description or ()]
        _check(columns)
        # One row more than is allowed: enough to tell that there are too many.
        rows = cursor.fetchmany(source.max_rows + 1)
    return [
        {name: value for name, value in zip(columns, row, strict=True) if value is not None}
        for row in rows
    ]


def _check(columns: list[str]) -> None:
    known = set(columns) <= set(_COLUMNS) and len(set(columns)) == len(columns)
    if not known or not {"subject", "value"} <= set(columns):
        raise Invalid(
            "measurement.wrong_answer",
            f"the query gives the columns {', '.join(columns)}",
            field="query",
            hint="it must give subject and value, and may give at and dimensions",
        )


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
