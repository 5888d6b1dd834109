"""Operation: one thing that can be asked over HTTP, with all that there is to say about it.

Routes, permissions, the OpenAPI document and the tests that walk it all come from lists of operations.
There is no other way to add a route that reads or changes anything, and none without a permission; the few
others, which say nothing of anybody, stand in `server.make_app`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from enum import Enum
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from everycent.api.shapes import Page, Paged, Query, T
from everycent.app.wiring import App
from everycent.db.connection import Tx
from everycent.kernel.errors import Invalid

Q = TypeVar("Q", bound=Query)
B = TypeVar("B")


class Who(NamedTuple):
    """Who asks: the tenant it was let into, who is recorded as having done something, and its scopes; what
    the tenant is called, the role where it is a person, and until when it is let in."""

    tenant_id: int
    actor: str
    scopes: frozenset[str]
    tenant: str = ""
    role: str | None = None
    expires_at: datetime | None = None


class Asked(NamedTuple, Generic[Q, B]):
    """A request that was read and let in. `now` is when it is recorded; `address` is its path, and
    `accepts` the types of answers that are wanted. What `is_rehearsed` is undone with its transaction, and
    may use no other one."""

    app: App
    who: Who
    address: str
    path: Mapping[str, str]
    query: Q
    body: B
    now: datetime
    accepts: str = ""
    is_rehearsed: bool = False

    def page(self, found: list[T], place: Callable[[T], str]) -> Page[T]:
        """The page, of up to one more than its size that were looked for; `place` is what comes in `after`
        to go on behind one of them."""
        size = self.query.size if isinstance(self.query, Paged) else len(found)
        if len(found) <= size:
            return Page(items=found, next=None)
        return Page(items=found[:size], next=self.onward(place(found[size - 1])))

    def part(self, found: Sequence[T], place: Callable[[T], str] | None = None) -> Page[T]:
        """The page of a short list that was read as a whole. Where `place` is None a place is a number, for
        lists that only grow at their end. Raises Invalid `request.bad_parameter`."""
        wanted = self.query
        assert isinstance(wanted, Paged), "it takes `size` and `after`"
        names = [str(no) if place is None else place(one) for no, one in enumerate(found, 1)]
        start = 0
        if wanted.after is not None:
            if wanted.after not in names:
                raise Invalid(
                    "request.bad_parameter",
                    "the list goes on behind nothing of that name",
                    field="after",
                    value=wanted.after[:200],
                    hint="send what `next` of a page has, or leave it out to begin anew",
                )
            start = names.index(wanted.after) + 1
        end = start + wanted.size
        onward = self.onward(names[end - 1]) if end < len(names) else None
        return Page(items=list(found[start:end]), next=onward)

    def onward(self, after: str) -> str:
        """The path of the same question, from a place on."""
        told = {
            name: text
            for name, text in msgspec.to_builtins(self.query).items()
            if text is not None and name != "after"
        }
        return f"{self.address}?{urlencode(told | {'after': after})}"


class Answer(NamedTuple):
    """What is answered where it is more than data with its usual status. `repeated` is for whoever
    sends the request again, where something is shown once and kept nowhere. With a `media` type the data
    is a text of that type, and no JSON; only questions have such answers."""

    data: Any
    status: int
    headers: Mapping[str, str] = {}
    repeated: Any = None
    media: str | None = None


class Kind(Enum):
    """How an operation is done."""

    READING = "reading"
    """In a snapshot."""
    ASKING = "asking"
    """A question that needs a body, in a snapshot in which it may try things out: all of it is undone."""
    CHANGING = "changing"
    """In one transaction, with what is kept of the request."""
    DOING = "doing"
    """In transactions of its own; it may be begun again after it was broken off, and does nothing twice."""
    RAW = "raw"
    """By a handler that reads the request itself."""


class Open(str):
    """In place of a scope: everybody may ask, and why."""

    __slots__ = ()


class Member(str):
    """In place of a scope: everybody who is let in may ask, whatever the scopes, and why."""

    __slots__ = ()


class Operation(NamedTuple):
    """See the module. `name` and the texts come from the function that does it and its docstring.

    A `scope` is what a key or a role must allow. `others` are further answers by status (None: no JSON).
    `bodies` are further types of bodies with their shapes (None: a text), and `pictures` further types of
    the answer, which are texts. `in_one` does it in one transaction, where a plan of it is asked for, and
    sees what there is at one instant; what has to hold before that instant is done `around` it.
    `told_effect` is what of the answer's data tells an effect that nothing else records: part of the plan.
    """

    kind: Kind
    method: str
    path: str
    scope: str
    work: Callable[..., Any]
    answer: Any
    query: type[Query] = Query
    body: Any = None
    status: int = 200
    is_planned: bool = False
    others: Mapping[int, Any] = {}
    body_type: str = "application/json"
    answer_type: str = "application/json"
    bodies: Mapping[str, Any] = {}
    pictures: tuple[str, ...] = ()
    is_frequent: bool = False
    in_one: Callable[..., Any] | None = None
    around: Callable[..., AbstractContextManager[None]] | None = None
    told_effect: Callable[[Any], Any] | None = None

    @property
    def name(self) -> str:
        """What it is called in the OpenAPI document and in clients."""
        return self.work.__name__.strip("_")

    @property
    def is_reading(self) -> bool:
        """Whether nothing is sent with it."""
        return self.method == "GET"

    @property
    def is_question(self) -> bool:
        """Whether it changes nothing: then nothing is kept of it, and nobody is told that it was asked."""
        return self.is_reading or self.scope.endswith(":read")


def reading(
    path: str,
    scope: str,
    work: Callable[[Tx, Asked[Q, None]], Any],
    answer: Any,
    query: type[Q] = Query,  # type: ignore[assignment]
    pictures: tuple[str, ...] = (),
    *,
    is_frequent: bool = False,
) -> Operation:
    """A question, answered in a snapshot. What programs ask hundreds of times a second `is_frequent`."""
    return Operation(
        Kind.READING, "GET", path, scope, work, answer, query,
        pictures=pictures, is_frequent=is_frequent,
    )  # fmt: skip


def asking(
    path: str,
    scope: str,
    work: Callable[[Tx, Asked[Q, B]], Any],
    answer: Any,
    body: type[B],
    *,
    query: type[Q] = Query,  # type: ignore[assignment]
) -> Operation:
    """A question that needs a body."""
    return Operation(Kind.ASKING, "POST", path, scope, work, answer, query, body)


def changing(
    method: str,
    path: str,
    scope: str,
    work: Callable[[Tx, Asked[Q, B]], Any],
    answer: Any,
    body: type[B] | None = None,
    *,
    query: type[Q] = Query,  # type: ignore[assignment]
    status: int = 200,
    is_planned: bool = False,
    told_effect: Callable[[Any], Any] | None = None,
    others: Mapping[int, Any] = {},
) -> Operation:
    """A change in one transaction. One that `is_planned` can be asked for its effect first, and done only
    if it has that very effect."""
    return Operation(
        Kind.CHANGING, method, path, scope, work, answer, query, body, status, is_planned, others,
        told_effect=told_effect,
    )  # fmt: skip


def doing(
    method: str,
    path: str,
    scope: str,
    work: Callable[[Asked[Q, B]], Any],
    answer: Any,
    body: type[B] | None = None,
    *,
    query: type[Q] = Query,  # type: ignore[assignment]
    status: int = 200,
    others: Mapping[int, Any] = {},
    in_one: Callable[[Tx, Asked[Q, B]], Any] | None = None,
    around: Callable[[Asked[Q, B]], AbstractContextManager[None]] | None = None,
    told_effect: Callable[[Any], Any] = lambda data: data,
) -> Operation:
    """Something that has transactions of its own. With `in_one` it can be planned, and is done in one
    transaction then, `around` which something may be held; what it answers tells its effect, or
    `told_effect` of it."""
    return Operation(
        Kind.DOING, method, path, scope, work, answer, query, body, status, in_one is not None,
        others, in_one=in_one, around=around, told_effect=None if in_one is None else told_effect,
    )  # fmt: skip


def raw(
    method: str,
    path: str,
    scope: str,
    work: Callable[[Request], Awaitable[Response]],
    answer: Any,
    **told: Any,
) -> Operation:
    """What reads its request itself, lets whoever asks in itself, and makes its own response."""
    return Operation(Kind.RAW, method, path, scope, work, answer, **told)
