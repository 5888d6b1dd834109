"""/v1/webhooks: endpoints that are told what happens, what became of each event, and sending it again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from everycent.alarms.operations import Writer as AlarmWriter
from everycent.api.operation import Answer, Asked, changing, doing, reading
from everycent.api.parameters import whole
from everycent.api.shapes import Page, Paged, Query
from everycent.api.webhooks_shown import (
    MOST,
    DeliveriesWanted,
    NewWebhook,
    Replay,
    Replayed,
    Rotation,
    Webhook,
    WebhookChanges,
    WebhookDelivery,
    WebhookEvent,
    WebhookMade,
    WebhookOff,
    WebhookStanding,
    WebhookTest,
)
from everycent.app import alarming, posting
from everycent.db.connection import Tx
from everycent.flows import webhook_told
from everycent.flows.post_webhooks import reflect_in, send_test
from everycent.integrations.webhook_out import shown as shown_secret
from everycent.kernel.errors import Forbidden, Invalid
from everycent.webhooks import operations, operations_posting, queries
from everycent.webhooks.endpoint import Endpoint, check_known
from everycent.webhooks.operations import Writer
from everycent.webhooks.target import Allowed, allowed_of

_READ, _WRITE = "webhooks:read", "webhooks:write"
_PAYLOADS = "journal:read"


def list_webhooks(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Endpoints by key, with how far each has come and what is wrong."""
    wanted = asked.query
    found = queries.listed(tx, after=wanted.after or "", limit=wanted.size + 1)
    return asked.page([_standing(one) for one in found], lambda last: str(last["key"]))


def create_webhook(tx: Tx, asked: Asked[Query, NewWebhook]) -> Answer:
    """Adds an endpoint, which is told what happens from now on. Its secret is shown once: it is not told
    again, neither to whoever repeats the request."""
    wanted = asked.body
    _check_no_wider(asked, is_whole=wanted.payload)
    check_known(wanted.types)
    sealing = posting.sealing(asked.app)
    one = operations.add(
        tx, wanted.key, wanted.url, wanted.types, sealing, _writer(asked),
        allowed=_allowed(asked), with_payload=wanted.payload, from_start=wanted.from_start,
    )  # fmt: skip
    return _made(one, sealing.secret, 201)


def get_webhook(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """An endpoint, how far it has come and what is wrong."""
    return _standing(queries.by_key(tx, asked.path["webhook"]))


def update_webhook(tx: Tx, asked: Asked[Query, WebhookChanges]) -> Answer:
    """Changes an endpoint. Another URL is another receiver: it gets a secret of its own, shown here once,
    and the one before it signs nothing any more."""
    wanted, key = asked.body, asked.path["webhook"]
    check_known(wanted.types or ())
    sealing = posting.sealing(asked.app)
    one, is_new = operations.update(
        tx, key, sealing, _writer(asked), url=wanted.url, types=wanted.types,
        with_payload=wanted.payload, allowed=_allowed(asked),
    )  # fmt: skip
    _check_no_wider(asked, is_whole=one.with_payload)
    return _made(one, sealing.secret if is_new else None, 200)


def enable_webhook(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """Tells an endpoint again what happens, and all that happened meanwhile. Twice is once."""
    one = operations.enable(tx, asked.path["webhook"], _writer(asked))
    reflect_in(tx, _alarm_writer(asked))
    return _endpoint(one)


def disable_webhook(tx: Tx, asked: Asked[Query, WebhookOff]) -> dict[str, Any]:
    """Tells an endpoint nothing until it is enabled; it is told then what it missed. Twice is once."""
    reason = asked.body.reason or ""
    one = operations.disable(tx, asked.path["webhook"], reason, _writer(asked))
    reflect_in(tx, _alarm_writer(asked))
    return _endpoint(one)


def rotate_webhook(tx: Tx, asked: Asked[Query, Rotation]) -> Answer:
    """Gives an endpoint another secret, shown here once. The one before it signs too for some hours, so
    that the receiver can take the new one up without losing anything."""
    overlap = timedelta(hours=asked.body.overlap_hours)
    sealing = posting.sealing(asked.app)
    one = operations.rotate(tx, asked.path["webhook"], overlap, sealing, _writer(asked))
    return _made(one, sealing.secret, 200)


def list_webhook_events(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """The events that an endpoint was told, or will be told next, in order. Whoever missed some finds them
    here: `after` is the number of the last one that came, which is in the header `webhook-sequence`."""
    wanted, key = asked.query, asked.path["webhook"]
    endpoint_id = queries.by_key(tx, key).endpoint.endpoint_id
    after = _number(wanted.after, 0)
    rows = queries.told(tx, key, after=after, limit=wanted.size + 1)
    found = [webhook_told.event(endpoint_id, number, row) for number, row in rows]
    return asked.page(found, lambda last: str(last["number"]))


def list_webhook_deliveries(tx: Tx, asked: Asked[DeliveriesWanted, None]) -> Page[dict[str, Any]]:
    """What is on its way to an endpoint, what was given up, and the last that came through, the newest
    first."""
    wanted = asked.query
    rows = queries.deliveries(
        tx, asked.path["webhook"], status=wanted.state,
        before=_number(wanted.after, MOST), limit=wanted.size + 1,
    )  # fmt: skip
    return asked.page(
        [webhook_told.delivery(one) for one in rows], lambda last: str(last["number"])
    )


def replay_webhook(tx: Tx, asked: Asked[Query, Replay]) -> dict[str, Any]:
    """Sends events to an endpoint again, under the ids that they had and in their order."""
    wanted, key = asked.body, asked.path["webhook"]
    if (wanted.from_ is None) == (wanted.delivery is None) or (wanted.delivery and wanted.to):
        raise Invalid(
            "webhook.bad_replay", "nothing says which events", field="from",
            hint="send `from` and `to`, or `delivery`",
        )  # fmt: skip
    first = wanted.from_
    if first is None:
        first = queries.number_of(tx, key, wanted.delivery or "")
    count = operations_posting.replay(tx, key, first, wanted.to or first, asked.now)
    return webhook_told.replayed(key, count)


def send_webhook_test(asked: Asked[Query, None]) -> dict[str, Any]:
    """Sends `webhook.test` to an endpoint now, whether it is enabled or not, and says what it answers. It
    is outside the sequence, and is not tried again."""
    key = asked.path["webhook"]
    name, answer = send_test(posting.desk(asked.app, asked.who.tenant_id), key)
    return webhook_told.test(key, name, answer)


_ONE = "/v1/webhooks/{webhook}"
OPERATIONS = [
    reading("/v1/webhooks", _READ, list_webhooks, Page[WebhookStanding], Paged),
    changing("POST", "/v1/webhooks", _WRITE, create_webhook, WebhookMade, NewWebhook, status=201),
    reading(_ONE, _READ, get_webhook, WebhookStanding),
    changing("PATCH", _ONE, _WRITE, update_webhook, WebhookMade, WebhookChanges),
    changing("POST", f"{_ONE}/enable", _WRITE, enable_webhook, Webhook),
    changing("POST", f"{_ONE}/disable", _WRITE, disable_webhook, Webhook, WebhookOff),
    changing("POST", f"{_ONE}/rotate", _WRITE, rotate_webhook, WebhookMade, Rotation),
    reading(f"{_ONE}/events", _READ, list_webhook_events, Page[WebhookEvent], Paged),
    reading(
        f"{_ONE}/deliveries", _READ, list_webhook_deliveries, Page[WebhookDelivery],
        DeliveriesWanted,
    ),
    changing("POST", f"{_ONE}/replay", _WRITE, replay_webhook, Replayed, Replay),
    doing("POST", f"{_ONE}/test", _WRITE, send_webhook_test, WebhookTest),
]  # fmt: skip


def _endpoint(one: Endpoint) -> dict[str, Any]:
    return webhook_told.endpoint(one) | _state(one)


def _standing(found: queries.Standing) -> dict[str, Any]:
    return webhook_told.standing(found) | _state(found.endpoint)


def _state(one: Endpoint) -> dict[str, Any]:
    """In two fields what the command line says in one."""
    return {
        "state": "enabled" if one.disabled is None else "disabled",
        "disabled": one.disabled,
    }


def _made(one: Endpoint, secret: bytes | None, status: int) -> Answer:
    told = _endpoint(one)
    text = None if secret is None else shown_secret(secret)
    return Answer(told | {"secret": text}, status, repeated=told | {"secret": None})


def _check_no_wider(asked: Asked[Any, Any], *, is_whole: bool) -> None:
    """Raises Forbidden `webhook.wider`: who may not read the journal has nobody told what stands in it."""
    if is_whole and _PAYLOADS not in asked.who.scopes:
        raise Forbidden(
            "webhook.wider",
            f"events are sent whole for whoever may read them: it takes {_PAYLOADS}",
            field="payload",
            hint="have them sent thin, or ask somebody who may read the journal",
        )


def _number(text: str | None, usual: int) -> int:
    """Where to go on. Raises Invalid `request.bad_parameter`."""
    return whole({} if text is None else {"after": text}, "after", usual, 0, MOST)


def _allowed(asked: Asked[Any, Any]) -> tuple[Allowed, ...]:
    return allowed_of(asked.app.settings.webhook_allow)


def _writer(asked: Asked[Any, Any]) -> Writer:
    return Writer(asked.now, asked.who.actor, asked.app.ids)


def _alarm_writer(asked: Asked[Any, Any]) -> AlarmWriter:
    app = asked.app
    return AlarmWriter(asked.now, asked.who.actor, app.ids, alarming.channels(app.settings))
