"""/v1/tenant: the tenant that a key belongs to, and how it is set up; nothing that is secret."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from everycent.api.operation import Asked, reading
from everycent.api.shapes import Query, Shown
from everycent.app import erps, providers
from everycent.catalog import queries as catalog
from everycent.catalog.policies import OPTIONS
from everycent.db.connection import Tx
from everycent.kernel.period import instant_text
from everycent.tenants import queries


class InstanceSettings(Shown):
    """How the instance is set up that answers. Where something could hold a secret, it is only told whether
    it is there."""

    sends_mail: bool
    mail_from: str | None
    signs_webhooks: bool
    alarm_mail: str | None
    has_alarm_webhook: bool
    has_erp: bool
    has_payment_provider: bool
    keeps_usage_while_away: Annotated[
        bool, Meta(description="Whether usage is taken while the database is away.")
    ]
    read_seconds: Annotated[int, Meta(description="How long a question may take the database.")]


class Tenant(Shown):
    """A set of books."""

    tenant: str
    name: str
    created_at: str
    policies: Annotated[
        dict[str, str], Meta(description="How it bills: docs/policies.md says what each means.")
    ]
    settings: InstanceSettings


def get_tenant(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """The tenant that the key belongs to, its policies, and how the instance is set up."""
    row = queries.own(tx)
    told = asked.app.settings
    return {
        "tenant": row.slug,
        "name": row.name,
        "created_at": instant_text(row.created_at),
        "policies": catalog.policies(tx).used(*(option.name for option in OPTIONS)),
        "settings": {
            "sends_mail": told.smtp_url is not None and told.mail_from is not None,
            "mail_from": told.mail_from,
            "signs_webhooks": told.webhook_secret is not None,
            "alarm_mail": told.alarm_mail,
            "has_alarm_webhook": told.alarm_webhook is not None,
            "has_erp": (told.home / erps.FILE).exists(),
            "has_payment_provider": (told.home / providers.FILE).exists(),
            "keeps_usage_while_away": told.usage_spool is not None,
            "read_seconds": told.read_seconds,
        },
    }


OPERATIONS = [reading("/v1/tenant", "books:read", get_tenant, Tenant)]
