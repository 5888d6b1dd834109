"""Answers operations: lets whoever asks in, reads the request, does the work, keeps what is to be kept."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

import msgspec
import psycopg
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from everycent.access import answers, operations
from everycent.access.answers import Kept
from everycent.access.audited import AuditEntry
from everycent.api import planning, problems
from everycent.api.admitting import admitted
from everycent.api.asking import json_of, plain_as, query_of
from everycent.api.bodies import body_of
from everycent.api.identity import told_by
from everycent.api.operation import Answer, Asked, Kind, Open, Operation, Who
from everycent.api.service import (
    Service,
    in_doing_thread,
    in_reading_thread,
    in_thread,
    service_of,
)
from everycent.api.shapes import Body
from everycent.api.slashes import address_of, name_of
from everycent.db.connection import Tx
from everycent.flows.rehearse import at_one_instant, rehearse
from everycent.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, Unavailable

JSON = "application/json"
NOT_KEPT = {"Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding"}
_REPEATED = {"Idempotency-Replayed": "true"}
_SHOWN = 200
_BEGUN, _FAILED = 102, 500


class _Read(NamedTuple):
    """A request as it was read: `digest` stands for what it asks."""

    asked: Asked[Any, Any]
    key: str | None
    digest: bytes
    plan: str | None


def route_of(operation: Operation) -> Route:
    """The operation as a route."""
    return Route(operation.path, _handler(operation), methods=[operation.method])


def encoded(data: Any) -> bytes:
    """Data as JSON: money, dates and decimal numbers in their one form."""
    return msgspec.json.encode(data, enc_hook=_plain)


def _handler(operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        request.state.operation = operation
        path = {name: _path_text(name, name_of(told)) for name, told in request.path_params.items()}
        if operation.kind is Kind.RAW:
            if not isinstance(operation.scope, Open):
                await _admit_first(request)
            try:
                response: Response = await operation.work(request)
            except Forbidden as refusal:
                await _audit_failure(request, operation, None, refusal)
                raise
            return response
        who = None
        try:
            who = await admitted(request)
            read = await _read(request, operation, who, path)
            if operation.kind is Kind.READING:
                return await _looked(request, operation, read)
            if operation.kind is Kind.ASKING:
                return await _tried(request, operation, read)
            return await _done(request, operation, read)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except psycopg.errors.UniqueViolation as error:
            clash = Conflict(
                "request.concurrent",
                "somebody else made the same at the same moment",
                hint="look at what is there now; send it again if it is not what you mean",
            )
            await _audit_failure(request, operation, who, clash)
            raise clash from error
        except Exception as error:
            await _audit_failure(request, operation, who, error)
            raise

    return handle


async def _admit_first(request: Request) -> None:
    """Whoever may not ask is told nothing of what is wrong with the request. While the database is away the
    handler decides about it."""
    try:
        await admitted(request)
    except Unavailable as refusal:
        if refusal.code != "database.unavailable":
            raise


async def _read(request: Request, operation: Operation, who: Who, path: Mapping[str, str]) -> _Read:
    service = service_of(request)
    names = planning.taken_out(request, operation)
    query = query_of(request, operation.query, names.without)
    plain_body: Any = {}
    if not operation.is_reading:
        plain_body = await _body(request, service, operation)
    if operation.body is None and plain_body:
        raise Invalid(
            "request.bad_body", "nothing is sent here", hint="leave the body out, or send {}"
        )
    body = None if operation.body is None else plain_as(plain_body, operation.body)
    told = (operation.method, request.url.path, msgspec.to_builtins(query), plain_body)
    digest = hashlib.sha256(msgspec.json.encode(told, order="sorted")).digest()
    key = None if operation.is_reading else request.headers.get("idempotency-key")
    asked = Asked(
        service.app, who, address_of(request.url.path), path, query, body, service.app.clock(),
        request.headers.get("accept", ""),
    )  # fmt: skip
    return _Read(asked, None if key is None else answers.checked_key(key), digest, names.plan)


async def _body(request: Request, service: Service, operation: Operation) -> Any:
    """What was sent, as JSON; nothing is an empty object."""
    most = getattr(operation.body, "MOST_BYTES", Body.MOST_BYTES)
    async with body_of(request, service.budget, most=most) as raw:
        if not raw.strip():
            return {}
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != JSON:
            raise Invalid(
                "request.unsupported_type",
                f"the body is {kind[:60]!r}",
                field="content-type",
                hint=f"send Content-Type: {JSON}",
            )
        longest = getattr(operation.body, "LONGEST_TEXT", Body.LONGEST_TEXT)
        return await in_thread(service, lambda: json_of(raw, longest))


def _path_text(name: str, text: str) -> str:
    """A part of the path. Raises NotFound `request.no_such_name` for what can name nothing."""
    if not text.isprintable() or len(text) > _SHOWN:
        raise NotFound("request.no_such_name", f"nothing has this name: {name}", field=name)
    return text


async def _looked(request: Request, operation: Operation, read: _Read) -> Response:
    service, asked = service_of(request), read.asked
    settings = service.app.settings

    def work() -> Answer:
        with service.app.database.snapshot(
            asked.who.tenant_id,
            seconds=settings.read_seconds,
            is_frequent=operation.is_frequent and settings.prepares,
        ) as tx:
            return _answer(operation, operation.work(tx, asked))

    answer = await in_reading_thread(service, work, is_frequent=operation.is_frequent)
    body = encoded(answer.data) if answer.media is None else answer.data.encode()
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**NOT_KEPT, "Cache-Control": "private, no-cache", "ETag": tag, **answer.headers}
    if tag in {part.strip() for part in request.headers.get("if-none-match", "").split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(body, answer.status, headers, media_type=answer.media or JSON)


async def _tried(request: Request, operation: Operation, read: _Read) -> Response:
    service, asked = service_of(request), read.asked

    def work(tx: Tx) -> Answer:
        tx.give_up_after(service.app.settings.read_seconds)
        return _answer(operation, operation.work(tx, asked))

    database, tenant_id = service.app.database, asked.who.tenant_id
    answer = await in_reading_thread(service, lambda: rehearse(database, tenant_id, work))
    return Response(encoded(answer.data), answer.status, NOT_KEPT, media_type=JSON)


async def _done(request: Request, operation: Operation, read: _Read) -> Response:
    service = service_of(request)
    entry = _entry(request, operation, read.asked.who)
    if operation.kind is Kind.CHANGING and read.plan is None:
        kept, is_repeated = await in_thread(
            service, lambda: _change(service, operation, read, entry)
        )
    elif read.plan is not None:
        kept, is_repeated = await in_doing_thread(
            service, lambda: _change(service, operation, read, entry)
        )
    else:
        kept, is_repeated = await in_doing_thread(
            service, lambda: _do(service, operation, read, entry)
        )
    headers = {**NOT_KEPT, **kept.headers, **(_REPEATED if is_repeated else {})}
    return Response(kept.body, kept.status, headers, media_type=JSON)


def _change(
    service: Service, operation: Operation, read: _Read, entry: AuditEntry
) -> tuple[Kept, bool]:
    """Does it in one transaction, with what is kept of it. A plan is done once: its token is a key."""
    digest = read.digest
    asked = read.asked._replace(is_rehearsed=read.plan == planning.SHOW)
    do = operation.in_one or operation.work

    def work(tx: Tx) -> Answer:
        return _answer(operation, do(tx, asked))

    def told(answer: Answer) -> str:
        of_data = operation.told_effect
        return "" if of_data is None else encoded(of_data(answer.data)).decode()

    database, tenant_id = service.app.database, asked.who.tenant_id
    keys = [key for key in (read.plan, read.key) if key is not None]

    def done(tx: Tx) -> tuple[Kept, bool]:
        for key in keys:
            before = operations.answered_before(tx, key, digest, asked.now)
            if before is not None:
                return before, True
        answer = work(tx)
        if read.plan is not None:
            planning.check(tx, read.plan, digest, told(answer))
        shown = _kept(answer)
        for key in keys:
            operations.keep(tx, key, digest, asked.now, _repeated(answer))
        operations.audit(tx, entry._replace(status=shown.status))
        return shown, False

    with nullcontext() if operation.around is None else operation.around(asked):
        if read.plan == planning.SHOW:
            seconds = service.app.settings.read_seconds
            return _kept(planning.shown(database, tenant_id, work, digest, told, seconds)), False
        if operation.in_one is not None:
            return at_one_instant(database, tenant_id, done)
        with database.transaction(tenant_id) as tx:
            return done(tx)


def _do(
    service: Service, operation: Operation, read: _Read, entry: AuditEntry
) -> tuple[Kept, bool]:
    """Does it in transactions of its own: one says before that it is under way, one keeps the answer. Of a
    question nothing is kept."""
    asked, key, digest = read.asked, read.key, read.digest
    database, tenant_id = service.app.database, asked.who.tenant_id
    if operation.is_question:
        return _kept(_answer(operation, operation.work(asked))), False
    with database.transaction(tenant_id) as tx:
        before = None if key is None else operations.begin(tx, key, digest, asked.now)
        if before is not None:
            return before, True
        operations.audit(tx, entry._replace(status=_BEGUN, code="begun"))
    try:
        answer = _answer(operation, operation.work(asked))
    except Exception:
        if key is not None:
            with database.transaction(tenant_id) as tx:
                operations.forget(tx, key)
        raise
    with database.transaction(tenant_id) as tx:
        if key is not None:
            operations.keep(tx, key, digest, asked.now, _repeated(answer))
        ended = service.app.ids(f"audit/{entry.request_id}/ended")
        operations.audit(tx, entry._replace(entry_id=ended, status=answer.status))
    return _kept(answer), False


def _answer(operation: Operation, found: Any) -> Answer:
    return found if isinstance(found, Answer) else Answer(found, operation.status)


def _kept(answer: Answer) -> Kept:
    return Kept(answer.status, answer.headers, encoded(answer.data))


def _repeated(answer: Answer) -> Kept:
    data = answer.data if answer.repeated is None else answer.repeated
    return Kept(answer.status, answer.headers, encoded(data))


def _entry(request: Request, operation: Operation, who: Who) -> AuditEntry:
    app = service_of(request).app
    return AuditEntry(
        app.ids(f"audit/{request.state.request_id}"), app.clock(), who.actor,
        told_by(request), _printable(request.headers.get("user-agent", "")), operation.name,
        _printable(name_of(request.url.path)), 0, "", request.state.request_id,
    )  # fmt: skip


async def _audit_failure(
    request: Request, operation: Operation, who: Who | None, error: Exception
) -> None:
    """Writes down what somebody who was known tried in vain: changes, and what is not allowed. Without the
    database nobody can, and the answer is the refusal all the same."""
    known = who or getattr(request.state, "who", None)
    if known is None or (operation.is_question and not isinstance(error, Forbidden)):
        return
    service = service_of(request)
    status, code = _FAILED, "server.failed"
    if isinstance(error, Refusal):
        status, code = problems.status_of(error), error.code
    entry = _entry(request, operation, known)._replace(status=status, code=code)

    def write() -> None:
        with service.app.database.transaction(known.tenant_id) as tx:
            operations.audit(tx, entry)

    with contextlib.suppress(psycopg.Error, Refusal):
        await in_thread(service, write)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:_SHOWN])


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} can't be shown as JSON")
