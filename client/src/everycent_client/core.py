"""The core, which knows what to send and what an answer means, and never sends: sync and async share it."""

from __future__ import annotations

import functools
import inspect
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET

from everycent_client import errors

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
_RETRIED = frozenset({408, 429, 502, 503, 504, 507})
_UNDER_WAY = "request.under_way"
_FIRST_SECONDS = 0.25
_MOST_SECONDS = 20.0
_SHORT = 0.5
_MOST_DOUBLED = 10


class Page(msgspec.Struct, Generic[T]):
    """A part of a list, and the path of the next one."""

    items: list[T]
    next: str | None = None


class Call(NamedTuple, Generic[T]):
    """What is asked: sent by a client, and understood as `result`."""

    method: str
    path: str
    result: Any
    query: Mapping[str, Any]
    body: bytes | None
    idempotency_key: str | None


class Pages(NamedTuple, Generic[T]):
    """A list that comes in pages: the call for the first one."""

    first: Call[Page[T]]


def call(
    method: str,
    path: str,
    result: Any,
    *,
    query: Mapping[str, Any] | None = None,
    body: Any = UNSET,
    idempotency_key: str | None = None,
) -> Call[Any]:
    """A call. What is UNSET is not sent. A change gets an idempotency key, if it has none."""
    raw = None if body is UNSET else encoded(body)
    key = idempotency_key
    if key is None and method != "GET":
        key = str(uuid.uuid4())
    return Call(method, path, result, plain(query or {}), raw, key)


def plain(query: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as they stand in an address."""
    told = msgspec.to_builtins({k: v for k, v in query.items() if v is not UNSET and v is not None})
    return {
        name: ("true" if value else "false") if isinstance(value, bool) else str(value)
        for name, value in told.items()
    }


def encoded(body: Any) -> bytes:
    """A body as JSON; what is UNSET is left out."""
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if value is not UNSET}
    return msgspec.json.encode(body)


def following(page: Call[Page[T]], found: Page[T]) -> Call[Page[T]] | None:
    """The call for the next page, or None after the last one."""
    return None if found.next is None else page._replace(path=found.next, query={})


def headers(asked: Call[Any], key: str, agent: str) -> dict[str, str]:
    """The headers that a call is sent with."""
    told = {"authorization": f"Bearer {key}", "user-agent": agent, "accept": "application/json"}
    if asked.body is not None:
        told["content-type"] = "application/json"
    if asked.idempotency_key is not None:
        told["idempotency-key"] = asked.idempotency_key
    return told


def understood(asked: Call[T], status: int, raw: bytes, told: Mapping[str, str]) -> T:
    """The result of an answer with its headers. Raises RefusedError."""
    if not 200 <= status < 300:
        kind = told.get("content-type", "")
        raise errors.refusal(status, raw, kind, told.get("x-request-id"))
    try:
        found: T = msgspec.json.decode(raw, type=asked.result)
    except msgspec.DecodeError as error:
        raise errors.NoAnswerError(
            f"the answer can't be understood: {error}; is the client as new as the server?",
            asked.idempotency_key,
        ) from error
    return found


def is_passing(status: int, raw: bytes) -> bool:
    """Whether an answer says that the same request may succeed in a moment. Each may be sent again:
    questions change nothing, changes have a key, and usage is recognised by its ids."""
    return status in _RETRIED or (status == 409 and _UNDER_WAY.encode() in raw)


def wait(tried: int, retry_after: str | None, jitter: float) -> float:
    """How many seconds to wait after so many tries (1 after the first); `jitter` is from 0 to 1."""
    seconds: float = min(_MOST_SECONDS, _FIRST_SECONDS * 2 ** min(tried - 1, _MOST_DOUBLED)) * (
        _SHORT + jitter * _SHORT
    )
    told = (retry_after or "").strip()
    if told.isascii() and told.isdecimal() and len(told) <= 4:
        return max(seconds, min(float(told), _MOST_SECONDS) * (1 + jitter / 10))
    return seconds


def checked(asked: Call[T], name: str) -> Call[T]:
    """The call, if its answer is what the method gives. Raises ValueError where a plan is asked for with
    the method that does it: that is what the one beside it is for."""
    if asked.method != "GET" and asked.query.get("plan") == "show" and not name.startswith("plan_"):
        raise ValueError(
            f"plan='show' answers a plan: call plan_{name}(…) for it, and then {name}(…, plan=its.plan)"
        )
    return asked


def shown_as(method: F, make: Callable[..., Any]) -> F:
    """The method, told as the function that makes its call: name, text, and the parameters after self."""
    functools.update_wrapper(method, make)
    del method.__wrapped__  # type: ignore[attr-defined]  # its parameters have no self
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    told = inspect.signature(make)
    result = told.return_annotation
    if isinstance(result, str) and result.startswith("Call["):
        result = result.removeprefix("Call[").removesuffix("]")
    method.__signature__ = told.replace(  # type: ignore[attr-defined]
        parameters=[own, *told.parameters.values()], return_annotation=result
    )
    return method
