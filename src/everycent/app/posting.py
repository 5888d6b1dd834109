"""Posting: what webhooks are sent and sealed with, as it is set up."""

from __future__ import annotations

import secrets

from everycent.app import alarming
from everycent.app.settings import Settings
from everycent.app.wiring import App
from everycent.flows.post_webhooks import Desk
from everycent.integrations.sealing import Safe, safe_of
from everycent.integrations.webhook_gate import Gate
from everycent.integrations.webhook_out import poster
from everycent.webhooks.course import CHANCES
from everycent.webhooks.operations import Sealing, Writer
from everycent.webhooks.target import allowed_of

_SECRET_BYTES = 32


def safe(settings: Settings) -> Safe:
    """What seals secrets. With a server of one's own there are other machines, whose homes have other
    files: only there does the key have to be told. Raises Invalid `settings.bad_secret_key`."""
    is_alone = settings.database_url is None
    return safe_of(settings.secret_key, settings.home / "secret.key" if is_alone else None)


def desk(app: App, tenant_id: int) -> Desk:
    """What sending webhooks needs. Raises Invalid for settings that can't be."""
    return Desk(
        app.database,
        tenant_id,
        poster(Gate(allowed_of(app.settings.webhook_allow))),
        safe(app.settings).unseal,
        app.clock,
        app.ids,
        app.settings.actor,
        lambda: secrets.randbelow(CHANCES),
        alarming.channels(app.settings),
    )


def writer(app: App) -> Writer:
    """This process, changing endpoints now."""
    return Writer(app.clock(), app.settings.actor, app.ids)


def sealing(app: App) -> Sealing:
    """A fresh secret, and what seals it. Raises Invalid `settings.bad_secret_key`."""
    return Sealing(secrets.token_bytes(_SECRET_BYTES), safe(app.settings).seal)
