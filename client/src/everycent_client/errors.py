"""What goes wrong, as exceptions: one class for each thing that a program does about it.

EverycentError
├── NoAnswerError        nothing came back: whether it was done is not known; send it again
└── RefusedError         the server said no, and why
    ├── InvalidError         the request is wrong, and will be refused again
    ├── UnauthorizedError    no key, or none that opens anything
    ├── ForbiddenError       the key may not do this
    ├── NotFoundError        there is no such thing
    ├── ConflictError        it contradicts what is there
    ├── RateLimitedError     too many requests
    └── UnavailableError     the server or its database is away: later it may work
"""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

_PROBLEM = "application/problem+json"


class Fault(msgspec.Struct):
    """One of several things that are wrong with a request."""

    code: str
    message: str
    field: str | None = None
    value: str | None = None
    hint: str | None = None


class _Problem(msgspec.Struct):
    code: str = ""
    detail: str = ""
    title: str = ""
    field: str | None = None
    value: str | None = None
    hint: str | None = None
    errors: list[Fault] = []


class EverycentError(Exception):
    """Whatever went wrong."""


class NoAnswerError(EverycentError):
    """Nothing came back, though it was tried several times. What was asked for may be done or not; sent
    again with the same `idempotency_key` it is done once."""

    def __init__(self, why: str, idempotency_key: str | None) -> None:
        super().__init__(why)
        self.idempotency_key = idempotency_key


class RefusedError(EverycentError):
    """The server said no. `code` is stable; `hint` says what to do."""

    def __init__(self, status: int, problem: Any, request_id: str | None) -> None:
        self.status = status
        self.code: str = problem.code or f"http.{status}"
        self.message: str = problem.detail or problem.title or f"the server answered {status}"
        self.field: str | None = problem.field
        self.value: str | None = problem.value
        self.hint: str | None = problem.hint
        self.errors: list[Fault] = problem.errors
        self.request_id = request_id
        told = f"{self.message} [{self.code}]"
        super().__init__(f"{told} → {self.hint}" if self.hint else told)


class InvalidError(RefusedError):
    """The request is wrong."""


class UnauthorizedError(RefusedError):
    """No key, or none that opens anything."""


class ForbiddenError(RefusedError):
    """The key may not do this."""


class NotFoundError(RefusedError):
    """There is no such thing."""


class ConflictError(RefusedError):
    """It contradicts what is there."""


class RateLimitedError(RefusedError):
    """Too many requests."""


class UnavailableError(RefusedError):
    """The server or its database is away."""


_BY_STATUS: dict[int, type[RefusedError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    408: UnavailableError,  # the request did not come in time: it says nothing about what is in it
    409: ConflictError,
    429: RateLimitedError,
}


def refusal(status: int, raw: bytes, kind: str, request_id: str | None) -> RefusedError:
    """The exception for an answer that is no success. Only a problem document is believed: all else may
    be of a proxy, which knows nothing of what was asked; its code is `http.` and the status."""
    problem = _Problem()
    if kind.partition(";")[0].strip().lower() == _PROBLEM:
        with contextlib.suppress(msgspec.DecodeError):
            problem = msgspec.json.decode(raw, type=_Problem)
    made = UnavailableError if status >= 500 else _BY_STATUS.get(status, InvalidError)
    return made(status, problem, request_id)
