"""Polls an HTTP source for one interval: GET, JSON, bounded in time and size, tried again where that helps.

Secrets come out of the environment when a request is made and are neither stored nor told in a refusal.
A redirect is followed on the same host only, so that nobody else is sent them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx2

from everycent.integrations.environment import variable
from everycent.kernel.errors import Invalid, Refusal, Unavailable
from everycent.kernel.period import Period, instant_text
from everycent.measurements.answer import Number
from everycent.measurements.measurement import ATTEMPTS, Http

_MOST_REDIRECTS = 5
_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Answers that may be another one a moment later."""


class _Passing(Exception):  # noqa: N818 - a refusal on its way, not an error of its own
    """A refusal of one attempt, after which another one makes sense."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def fetch(
    source: Http,
    interval: Period,
    environ: Mapping[str, str],
    sleep: Callable[[int], None] = time.sleep,
) -> list[Any]:
    """The rows that the source tells for the interval, as they are.

    Raises Unavailable `measurement.source_unavailable`, `measurement.source_slow`,
    `measurement.source_refused`, `measurement.secret_missing`,
    `measurement.secret_malformed`, Invalid `measurement.wrong_answer`,
    `measurement.answer_too_large`, `measurement.redirected`.
    """
    url = source.url
    for name, at in (("{start}", interval.start), ("{end}", interval.end)):
        url = url.replace(name, quote(instant_text(at), safe=""))
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    for name, header in source.headers.items():
        headers[name] = header.value or ""
        if header.env is not None:
            headers[name] = header.prefix + _secret(environ, header.env)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _rows(_get(source, url, headers), source.records)
        except _Passing as passing:
            if attempt == ATTEMPTS:
                raise passing.refusal from passing
            sleep(2 ** (attempt - 1))
    raise AssertionError("the last attempt returns or raises")


def _secret(environ: Mapping[str, str], name: str) -> str:
    """A secret that can stand in a header. One that can't is not told: libraries would repeat it."""
    value = variable(environ, name)
    if not (value.isascii() and value.isprintable()):
        raise Unavailable(
            "measurement.secret_malformed",
            f"the environment variable {name} holds a line break or another character that no header"
            " can have",
            field=name,
            hint="set it without the line break at its end",
        )
    return value


def _get(source: Http, url: str, headers: Mapping[str, str]) -> bytes:
    """The body of the answer."""
    deadline = time.monotonic() + source.timeout_seconds
    client = httpx2.Client(timeout=source.timeout_seconds, follow_redirects=False)
    with client, _told_as_refusals(source):
        request = client.build_request("GET", url, headers=dict(headers))
        for _ in range(_MOST_REDIRECTS + 1):
            response = client.send(request, stream=True)
            try:
                if response.next_request is None:
                    _check_status(response)
                    return _body(response, source, deadline)
                request = _same_host(request, response.next_request)
            finally:
                response.close()
    raise Unavailable("measurement.redirected", f"the source redirects {_MOST_REDIRECTS} times")


@contextmanager
def _told_as_refusals(source: Http) -> Iterator[None]:
    try:
        yield
    except httpx2.TimeoutException as error:
        raise _Passing(_slow(source)) from error
    except httpx2.TransportError as error:
        text = str(error) or type(error).__name__
        raise _Passing(
            Unavailable("measurement.source_unavailable", f"the source can't be reached: {text}")
        ) from error
    except (httpx2.InvalidURL, httpx2.HTTPError) as error:
        raise Unavailable(
            "measurement.source_unavailable", f"the source can't be asked: {error}"
        ) from error


def _slow(source: Http) -> Unavailable:
    return Unavailable(
        "measurement.source_slow",
        f"the source did not answer within {source.timeout_seconds} s",
        hint="raise timeout_seconds, or see why it is slow",
    )


def _same_host(request: httpx2.Request, following: httpx2.Request) -> httpx2.Request:
    before, after = ((r.url.scheme, r.url.host, r.url.port) for r in (request, following))
    if before != after:
        raise Unavailable(
            "measurement.redirected",
            f"the source redirects to {following.url.scheme}://{following.url.host}, which nobody"
            " named",
            hint="put the address that really answers into url",
        )
    return following


def _check_status(response: httpx2.Response) -> None:
    if response.status_code == 200:
        return
    refusal = Unavailable(
        "measurement.source_refused",
        f"the source answered with status {response.status_code}",
        hint="its log may say why; 401 and 403 mean that a secret is wrong",
    )
    if response.status_code in _PASSING:
        raise _Passing(refusal)
    raise refusal


def _body(response: httpx2.Response, source: Http, deadline: Any) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _wrong("the answer is compressed although nobody asked for it")
    parts, size = [], 0
    for part in response.iter_raw():
        size += len(part)
        if size > source.max_bytes:
            raise Invalid(
                "measurement.answer_too_large",
                f"the source answered with more than {source.max_bytes} bytes",
                hint="raise max_bytes, or measure more often",
            )
        if time.monotonic() > deadline:
            raise _Passing(_slow(source))
        parts.append(part)
    return b"".join(parts)


def _wrong(why: str) -> Invalid:
    return Invalid("measurement.wrong_answer", why, hint="docs/measurements.md shows an answer")


def _rows(body: bytes, path: str | None) -> list[Any]:
    """The array of rows in an answer. Numbers stay the text that they are; nothing becomes a float."""
    try:
        told = json.loads(
            body.decode("utf-8"),
            parse_float=Number,
            parse_int=Number,
            parse_constant=_no_number,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError) as error:
        raise _wrong(f"the answer is not JSON: {error}") from error
    place = "the answer"
    for name in path.split(".") if path else ():
        if not isinstance(told, dict) or name not in told:
            raise _wrong(f"{place} has no field {name!r}")
        told, place = told[name], name
    if not isinstance(told, list):
        raise _wrong(f"{place} is not an array of rows")
    return told


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field stands twice in an object")
    return found
