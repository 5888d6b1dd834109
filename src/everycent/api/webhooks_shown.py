"""What is sent and shown of endpoints of webhooks, their events and their deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, field

from everycent.api.shapes import Body, Name, Paged, Reason, Shown
from everycent.webhooks.endpoint import ALL
from everycent.webhooks.operations import LONGEST_OVERLAP

MOST = 10**15
_MOST_HOURS = int(LONGEST_OVERLAP.total_seconds()) // 3600

Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2_000,
        description="Where webhooks are posted: https, on the public internet.",
        examples=["https://hooks.example.com/everycent"],
    ),
]
Types = Annotated[
    list[str],
    Meta(
        min_length=1,
        max_length=100,
        description="Names of events, prefixes such as invoice.*, or * for all, which a new endpoint is"
        " told when nothing else is said.",
        examples=[["invoice.issued", "customer.*"]],
    ),
]
DeliveryState = Literal["waiting", "delivered", "failed"]
Number = Annotated[int, Meta(ge=1, le=MOST)]
WebhookId = Annotated[
    str, Meta(description="The id under which it is sent, the same for every try.")
]


class WebhookSecret(Shown):
    """What tells a secret from another one, and nothing of it."""

    fingerprint: str
    made_at: datetime
    until: Annotated[datetime | None, Meta(description="When it signs no longer.")]


class Webhook(Shown):
    """An endpoint: who is told what, and where."""

    endpoint: str
    key: str
    url: str
    types: list[str]
    payload: Annotated[bool, Meta(description="Events are sent whole, up to 20 kB; else thin.")]
    state: Literal["enabled", "disabled"]
    disabled: Annotated[
        Literal["person", "gone", "failing"] | None,
        Meta(
            description="Why it is told nothing: somebody said so, it answered 410, or nothing came through"
            " for days."
        ),
    ]
    reason: str
    secrets: Annotated[list[WebhookSecret], Meta(description="Those that sign, the newest last.")]


class WebhookStanding(Webhook, kw_only=True):
    """An endpoint and how it goes: `number` events were numbered for it, of which so many are `waiting` to
    be sent and `failed` (given up); `failures` in a row since `failing_since`."""

    number: int
    waiting: int
    failed: int
    failures: int
    failing_since: datetime | None
    rests_until: Annotated[datetime | None, Meta(description="It is left alone until then.")]
    succeeded_at: datetime | None
    is_troubled: Annotated[
        bool, Meta(description="We disabled it, and nothing has come through since.")
    ]


class WebhookMade(Webhook, kw_only=True):
    """An endpoint with its new secret, if it got one. The secret is shown here and never again: it is null
    when the request is repeated."""

    secret: Annotated[
        str | None,
        Meta(description="What signs from now on (Standard Webhooks: whsec_ and base64)."),
    ]


class NewWebhook(Body):
    """An endpoint that is wanted."""

    key: Name
    url: Url
    types: Types = field(default_factory=lambda: [ALL])
    payload: Annotated[bool, Meta(description="Send events whole; needs journal:read.")] = False
    from_start: Annotated[
        bool,
        Meta(description="Tell all that the journal holds, not just what happens from now on."),
    ] = False


class WebhookChanges(Body):
    """What is to be different about an endpoint; the rest stays."""

    url: Url | None = None
    types: Types | None = None
    payload: bool | None = None


class WebhookOff(Body):
    """Why it is told nothing."""

    reason: Reason | None = None


class Rotation(Body):
    """For how long two secrets sign."""

    overlap_hours: Annotated[
        int,
        Meta(ge=0, le=_MOST_HOURS, description="Hours for which the secret before it signs too."),
    ] = 24


class WebhookEvent(Shown):
    """An event as an endpoint is told it: `number` is its place among those that the endpoint wants."""

    number: int
    webhook_id: WebhookId
    event: str
    type: str
    stream: Annotated[str, Meta(description="Whom it is about, such as invoice:inv_…")]
    version: int
    at: datetime


class WebhookDelivery(Shown):
    """An event on its way, given up, or through."""

    number: int
    webhook_id: WebhookId
    event: str
    type: str
    stream: str
    state: DeliveryState
    tries: int
    next_at: Annotated[datetime | None, Meta(description="When it is tried next.")]
    answered: Annotated[int | None, Meta(description="The last answer; null where nobody did.")]
    reason: Annotated[str, Meta(description="Why the last try did not come through.")]
    tried_at: datetime | None


class DeliveriesWanted(Paged):
    """Which deliveries are wanted."""

    state: Annotated[DeliveryState | None, Meta(description="Only those that stand there.")] = None


class Replay(Body):
    """What is to be sent again: numbers `from` to `to` (one, without `to`), or one `delivery`."""

    from_: Number | None = field(name="from", default=None)
    to: Number | None = None
    delivery: (
        Annotated[str, Meta(max_length=200, description="A webhook-id of the deliveries.")] | None
    ) = None


class Replayed(Shown):
    """How many events are sent again."""

    endpoint: str
    events: int


class WebhookTest(Shown):
    """What came of a test."""

    endpoint: str
    webhook_id: WebhookId
    taken: bool
    answered: int | None
    reason: str
