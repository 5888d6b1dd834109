"""Talks to Tryton: its REST API (Tryton 8.0 and later), with the key of a user application.

REST and not JSON-RPC: a key can be taken back without changing a password, it opens no session, and a
wrong one is no login attempt. And Tryton 8.0 marks every JSON-RPC answer of more than 1400 characters as
compressed, whether it is or not; the wire reads nothing that says so.

Nothing here knows of invoices. A conversation has one deadline over all its calls and keeps what Tryton
said, word for word and without the key.
"""

from __future__ import annotations

import asyncio
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec

from everycent.erp.handed import Trouble
from everycent.erp.port import Reply
from everycent.integrations import wire
from everycent.integrations.erp_http import reply_of
from everycent.integrations.wire_connection import End
from everycent.integrations.wire_connection import Reply as Answer

_T = TypeVar("_T")
_LONGEST_WORDS = 400
_AMOUNT = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,10})?", re.ASCII)
_NOTHING = Reply(b"")
_FORBIDDEN = "it forbids that and does not say why: a closed journal, or the rights of its user"
"""For a button Tryton keeps such reasons to itself, and they may be about one document."""


class Site(NamedTuple):
    """Where a Tryton is, which of its databases is meant, and the key that opens it."""

    origin: wire.Origin
    database: str
    key: str
    deadline: timedelta


class StoppedError(Exception):
    """The conversation can't go on: Tryton is away, breaks, lets nobody in, or is not set up."""

    def __init__(self, trouble: Trouble, why: str, reply: Reply = _NOTHING) -> None:
        super().__init__(why)
        self.reply = reply._replace(trouble=trouble, why=why)


class DeclinedError(Exception):
    """Tryton says to its user why it does not do this."""


class Talk:
    """A conversation, to be used with `with`. Raises StoppedError and DeclinedError."""

    def __init__(self, site: Site) -> None:
        self.context: dict[str, Any] = {}
        self._site = site
        self._said: list[dict[str, Any]] = []
        self._has_changed = False

    def __enter__(self) -> Talk:
        self._runner = asyncio.Runner()
        loop = self._runner.get_loop()
        self._pool = wire.Pool(self._site.origin, 1)
        self._until = loop.time() + self._site.deadline.total_seconds()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._runner.run(self._pool.close())
        self._runner.close()

    @property
    def said(self) -> list[dict[str, Any]]:
        """Everything that was asked so far, with Tryton's answers to the letter."""
        return self._said

    def find(
        self, model: str, domain: Sequence[Any], shape: type[_T], fields: str, *, most: int = 0
    ) -> list[_T]:
        """The records for which the domain holds, oldest first; at most so many of them unless 0. `fields`
        are their names with a space between them."""
        query = [("d", _packed(domain)), ("o", _packed([["id", "ASC"]])), *_fields(fields)]
        if most:
            query.append(("s", str(most)))
        found = self._call("GET", f"{model}?{urlencode(query)}")
        return self._as(found, list[shape])  # type: ignore[valid-type]

    def count(self, model: str, domain: Sequence[Any]) -> int:
        """How many records there are for which the domain holds."""
        return self._as(self._call("POST", f"{model}/search_count", {"domain": domain}), int)

    def make(self, model: str, values: Mapping[str, Any], shape: type[_T], fields: str) -> _T:
        """A new record."""
        self._has_changed = True
        target = f"{model}?{urlencode(_fields(fields))}"
        return self._as(self._call("POST", target, values), shape)

    def change(self, model: str, record: int, values: Mapping[str, Any]) -> None:
        """Other values in a record."""
        self._has_changed = True
        self._call("PUT", f"{model}/{record}", values)

    def act(
        self, model: str, record: int, action: str, shape: type[_T], fields: str,
        *, context: Mapping[str, Any],
    ) -> _T:  # fmt: skip
        """Presses a button of a record, and reads it afterwards. Without a body: with one in JSON Tryton
        hides what went wrong inside."""
        self._has_changed = True
        target = f"{model}/{record}/{action}?{urlencode(_fields(fields))}"
        return self._as(self._call("POST", target, button=context), shape)

    def remove(self, model: str, record: int) -> None:
        """Takes a record away, if it is there. That Tryton keeps it is no fault of what is sent."""
        self._has_changed = True
        try:
            self._call("DELETE", f"{model}/{record}")
        except DeclinedError as declined:
            why = f"Tryton does not remove what is too much: {declined}"
            raise StoppedError(Trouble.THREW, why) from None

    def _as(self, found: Any, shape: type[_T]) -> _T:
        try:
            return msgspec.convert(found, shape, strict=True)
        except msgspec.ValidationError as error:
            why = f"Tryton does not show what is needed, or not to this user: {error}"
            raise StoppedError(Trouble.UNAVAILABLE, why) from None

    def _call(
        self, method: str, path: str, body: Any = None, *, button: Mapping[str, Any] | None = None
    ) -> Any:  # fmt: skip
        headers = {
            "Authorization": f"Bearer {self._site.key}",
            "Accept": "application/json",
            "X-Tryton-Context": _packed(self.context | dict(button or {})),
        }
        content = b""
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body, default=_plain).encode()
        target = f"/{self._site.database}/rest/model/{path}"
        request = wire.Request(method, target, headers, content)
        answer = self._answer(request)
        raw = answer.body.replace(self._site.key.encode(), b"***")
        self._said.append(
            {
                "call": f"{method} {path.partition('?')[0]}",
                "status": answer.status,
                "body": raw.decode("utf-8", "replace"),
            }
        )
        return self._meaning(answer, raw, method, is_button=button is not None)

    def _answer(self, request: wire.Request) -> Answer:
        left = self._until - self._runner.get_loop().time()
        if left <= 0:
            return Answer(End.TIMED_OUT, why="the time for all calls is over")
        return self._runner.run(wire.call(self._pool, request, timedelta(seconds=left)))

    def _meaning(self, answer: Answer, raw: bytes, method: str, *, is_button: bool) -> Any:
        reply = reply_of(answer, raw)
        if answer.end is not End.ANSWERED:
            is_lost = reply.trouble is Trouble.UNREACHABLE and self._has_changed
            trouble = Trouble.LOST if is_lost else reply.trouble
            raise StoppedError(trouble or Trouble.LOST, reply.why, reply)
        if answer.status == 204 or (answer.status == 404 and method == "DELETE"):
            return None
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        if answer.status == 400 and kind == "application/json":
            raise DeclinedError(_words(raw))
        if answer.status == 403 and is_button:
            raise DeclinedError(_FORBIDDEN)
        if answer.status == 404 and is_button:
            raise StoppedError(Trouble.THREW, "the invoice is gone from Tryton meanwhile", reply)
        if answer.status == 404:
            why = f"Tryton has no database {self._site.database}"
            raise StoppedError(Trouble.UNAVAILABLE, why, reply)
        if answer.status == 400 and method != "GET":  # what goes wrong inside it, it tells so
            raise StoppedError(Trouble.THREW, "Tryton broke at what was sent", reply)
        if reply.trouble is not None:
            raise StoppedError(reply.trouble, reply.why, reply)
        try:
            return json.loads(raw, object_hook=_decimal, parse_constant=_no_number)
        except (ValueError, ArithmeticError, RecursionError):
            raise StoppedError(Trouble.MALFORMED, "Tryton's answer is not JSON", reply) from None


def day(text: str) -> dict[str, Any]:
    """A day, as Tryton wants it to be written."""
    year, month, number = text.split("-")
    told = {"year": int(year), "month": int(month), "day": int(number)}
    return {"__class__": "date"} | told


def _plain(value: Any) -> Any:
    assert isinstance(value, Decimal), "nothing else is sent"
    return {"__class__": "Decimal", "decimal": format(value, "f")}


def _decimal(found: dict[str, Any]) -> Any:
    if found.get("__class__") != "Decimal":
        return found
    text = found.get("decimal")
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text):
        raise ValueError("no amount")
    return Decimal(text)


def _no_number(text: str) -> Any:
    raise ValueError(text)


def _fields(names: str) -> list[tuple[str, str]]:
    return [("f", name) for name in names.split()]


def _packed(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode()


def _words(raw: bytes) -> str:
    """What Tryton says to its user, as one line."""
    try:
        told = json.loads(raw)
        words = [told["message"], told["description"]]
        text = " ".join(" ".join(str(part) for part in words if part).split())
    except (ValueError, KeyError, TypeError, RecursionError):
        text = raw.decode("utf-8", "replace")
    seen = "".join(char if char.isprintable() else " " for char in text).strip()
    return seen[:_LONGEST_WORDS] or "Tryton does not say why"
