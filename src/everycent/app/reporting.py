"""The sub-services of a configuration, with their keys, which stand in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from everycent.app import alarming
from everycent.app.wiring import App
from everycent.flows.build_report import Desk
from everycent.integrations.subservice_http import HttpSubService
from everycent.kernel.errors import Unavailable
from everycent.reports import queries
from everycent.reports.config import Config, Service
from everycent.reports.port import SubService


def desk(app: App, tenant_id: int) -> Desk:
    """This process, building reports."""
    channels = alarming.channels(app.settings)
    return Desk(app.database, tenant_id, reached, app.clock, app.ids, app.settings.actor, channels)


def is_configured(app: App, tenant_id: int) -> bool:
    """Whether a configuration of sub-services holds now."""
    with app.database.snapshot(tenant_id) as tx:
        return queries.is_configured(tx)


def keyless(config: Config, environ: Mapping[str, str] = os.environ) -> list[Service]:
    """The sub-services of a configuration whose key is not set in this process."""
    found = []
    for service in config.services:
        try:
            reached(service, environ)
        except Unavailable:
            found.append(service)
    return found


def reached(service: Service, environ: Mapping[str, str] = os.environ) -> SubService:
    """The adapter to a sub-service. Raises Unavailable `report.secret_missing`."""
    key = environ.get(service.key, "")
    if not (key.isascii() and key.isprintable() and key.strip() == key and key):
        raise Unavailable(
            "report.secret_missing",
            f"the environment variable {service.key} holds no key",
            field=service.key,
            hint="the configuration names the variable; the key itself stands in the environment",
        )
    return HttpSubService(name=service.name, url=service.url, key=key)
