"""The part of the measurement file that names a source: addresses, headers, queries and limits."""

from __future__ import annotations

import re

import msgspec

from everycent.kernel.errors import Invalid
from everycent.measurements.measurement import Header, Http, Sql

_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,1000}")
_URL = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:[/?][\x21-\x7e]*)?")
_BRACES = re.compile(r"\{[^{}]*\}|[{}]")
_SECRET_HEADERS = {"authorization", "proxy-authorization", "cookie", "x-api-key"}
_LIMITS = {"timeout_seconds": 300, "max_bytes": 100_000_000, "max_rows": 1_000_000}


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    """What is written in a file; a field that is not known is refused."""


class GivenHeader(Strict):
    """A header as it is written."""

    value: str | None = None
    env: str | None = None
    prefix: str = ""


class GivenHttp(Strict):
    """An HTTP source as it is written."""

    url: str
    headers: dict[str, GivenHeader] = {}
    records: str | None = None
    timeout_seconds: int = 30
    max_bytes: int = 10_000_000
    max_rows: int = 100_000
    history: bool = True


class GivenSql(Strict):
    """An SQL source as it is written."""

    query: str
    connection_env: str
    timeout_seconds: int = 60
    max_rows: int = 100_000
    history: bool = True


def wrong(place: str, why: str, hint: str | None = None) -> Invalid:
    """The refusal of a value that makes no sense."""
    return Invalid("measurement.wrong_value", f"{place}: {why}", field=place, hint=hint)


def _check_limits(given: GivenHttp | GivenSql, place: str) -> None:
    for field, limit in _LIMITS.items():
        value = getattr(given, field, 1)
        if not 1 <= value <= limit:
            raise wrong(f"{place}.{field}", f"it is from 1 to {limit}")


def _check_memory(has_history: bool, text: str, start: str, end: str, place: str) -> None:
    """A source that isn't told the interval answers for the present only: asked for last week it would
    tell today's figures once more."""
    if has_history and not (start in text and end in text):
        raise wrong(
            place,
            f"a source with a history has to be told the interval: {start} and {end}",
            "put both in, or set history: false when it only knows the present",
        )


def http(given: GivenHttp, place: str) -> Http:
    """A checked HTTP source. Raises Invalid with the place in the file."""
    if not _URL.fullmatch(given.url):
        raise wrong(
            f"{place}.url",
            "it is no http or https address, or has a password in it",
            "secrets stand in environment variables and reach the server in headers",
        )
    host = given.url.split("/")[2]
    if {*_BRACES.findall(given.url)} - {"{start}", "{end}"} or "{" in host:
        raise wrong(f"{place}.url", "only {start} and {end} are filled in, behind the host")
    _check_memory(given.history, given.url, "{start}", "{end}", f"{place}.url")
    _check_limits(given, place)
    if given.records is not None and not all(given.records.split(".")):
        raise wrong(f"{place}.records", "it is a path of names with dots between them")
    headers = {
        name: _header(name, header, f"{place}.headers.{name}")
        for name, header in given.headers.items()
    }
    return Http(
        given.url, headers, given.records, given.timeout_seconds, given.max_bytes, given.max_rows,
        given.history,
    )  # fmt: skip


def _header(name: str, given: GivenHeader, place: str) -> Header:
    if not _HEADER.fullmatch(name):
        raise wrong(place, "it can't be the name of a header")
    if (given.value is None) == (given.env is None):
        raise wrong(place, "it needs a value, or the name of an environment variable in env")
    if given.env is None and name.lower() in _SECRET_HEADERS:
        raise wrong(
            place,
            "a secret is not written into a file",
            "name an environment variable: {env: NAME}",
        )
    if given.env is not None:
        _check_env(given.env, f"{place}.env")
    for text in (given.value or "", given.prefix):
        if not _HEADER_VALUE.fullmatch(text):
            raise wrong(place, "a header has up to 1000 printable ASCII characters")
    return Header(given.value, given.env, given.prefix)


def _check_env(name: str, place: str) -> None:
    if not _ENV.fullmatch(name):
        raise wrong(place, "it can't be the name of an environment variable")


def sql(given: GivenSql, place: str) -> Sql:
    """A checked SQL source. Raises Invalid with the place in the file."""
    _check_env(given.connection_env, f"{place}.connection_env")
    if not given.query.strip():
        raise wrong(f"{place}.query", "a query is needed")
    _check_memory(given.history, given.query, "%(start)s", "%(end)s", f"{place}.query")
    _check_limits(given, place)
    return Sql(
        given.query, given.connection_env, given.timeout_seconds, given.max_rows, given.history
    )
