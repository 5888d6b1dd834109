"""Sub-services for the tests: real servers, made with the kit, which can be stopped, started and broken."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import uvicorn

from everycent.app.wiring import random_ids
from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.db.connection import Database
from everycent.flows.build_report import Desk
from everycent.integrations.subservice_http import HttpSubService
from everycent.kernel.clock import fixed
from everycent.reports import config, operations
from everycent.reports.config import Service as Told
from everycent.reports.operations import Writer
from everycent.subservices.kit import Event, Period, Resource, Service, make_app
from tests.conftest import Place

KEY = "sub_test"
NOW = datetime(2026, 2, 2, tzinfo=UTC)
NAMES = ("compute", "network", "storage")
CATALOGUE = """
meters:
  hours: {unit: h, aggregation: sum}
  giga: {unit: GB, aggregation: sum}
  jobs: {unit: "1", aggregation: sum}
products:
  cloud: {name: Cloud}
plans:
  cloud:
    name: Cloud
    currency: EUR
    interval: month
    anchor_day: 1
    prices:
      - {key: hours, product: cloud, meter: hours, per_unit: {unit_amount: 0.50}}
      - {key: giga, product: cloud, meter: giga, per_unit: {unit_amount: 0.10}}
      - {key: jobs, product: cloud, meter: jobs, per_unit: {unit_amount: 1.00}}
"""
ITEMS = {"compute": ("time", "s"), "network": ("moved", "B"), "storage": ("jobs", "1")}
BECOMES = {
    "time": {"unit": "s", "meter": "hours", "to": "h", "round": "6"},
    "moved": {"unit": "B", "meter": "giga", "to": "GB"},
    "jobs": {"unit": "1"},
}
USED = {"compute": 5400, "network": 2_500_000_000, "storage": 7}
"""What each resource uses in each month: 1.5 h, 2.5 GB, 7 jobs."""


class Running:
    """A sub-service on a port of its own, with the same data after every start."""

    def __init__(self, name: str, customers: list[str], page_size: int) -> None:
        self.name = name
        self.extra: list[Event] = []
        self.broken: dict[str, Any] | None = None
        self.asked = 0
        item, unit = ITEMS[name]
        owned = [
            Resource(f"{name}-{n}", customer, name, name, datetime(2025, 1, 1, tzinfo=UTC))
            for n, customer in enumerate(customers)
        ]

        def events(period: Period) -> list[Event]:
            months = range(2025 * 12, 2027 * 12)
            own = [
                Event(f"{one.resource}-{n}", at, one.resource, item, Decimal(USED[name]))
                for n in months
                for one in owned
                if period.contains(at := datetime(n // 12, n % 12 + 1, 15, tzinfo=UTC))
            ]
            return [*own, *(one for one in self.extra if period.contains(one.at))]

        service = Service(name, KEY, {item: unit}, lambda _: owned, events, page_size=page_size)
        self._app = make_app(service)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._server: uvicorn.Server | None = None
        self.start()

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or self.broken is None:
            await self._app(scope, receive, send)
            return
        self.asked += 1
        await send({
            "type": "http.response.start", "status": self.broken.get("status", 200),
            "headers": [(b"content-type", self.broken.get("type", b"application/json"))],
        })  # fmt: skip
        await send({"type": "http.response.body", "body": self.broken.get("body", b"")})

    def start(self) -> None:
        """Listens."""
        settings = uvicorn.Config(
            self._serve,
            port=self.port,
            log_config=None,
            lifespan="off",
            interface="asgi3",
            timeout_keep_alive=1,
        )
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until = time.monotonic() + 10
        while not self._server.started and time.monotonic() < until:
            time.sleep(0.005)

    def stop(self) -> None:
        """Does not listen any more."""
        if self._server is not None:
            self._server.should_exit = True
            self._server.force_exit = True
            self._thread.join(10)
            self._server = None

    @property
    def file(self) -> dict[str, Any]:
        """Its entry in a configuration."""
        item = ITEMS[self.name][0]
        return {
            "url": f"http://127.0.0.1:{self.port}",
            "key": "SUB_KEY",
            "deadline": "5s",
            "items": {item: BECOMES[item]},
        }


@contextmanager
def running(
    *names: str, customers: tuple[str, ...] = ("acme", "zeta"), page_size: int = 1
) -> Iterator[dict[str, Running]]:
    """Sub-services, one resource a customer."""
    made = {name: Running(name, list(customers), page_size) for name in names or NAMES}
    try:
        yield made
    finally:
        for one in made.values():
            one.stop()


def reached(service: Told) -> HttpSubService:
    """The adapter that the product uses."""
    return HttpSubService(name=service.name, url=service.url, key=KEY)


def desk_at(place: Place, now: datetime = NOW, database: Database | None = None) -> Desk:
    """A desk whose clock stands still."""
    return Desk(
        database or place.database, place.tenant_id, reached, fixed(now), random_ids, "test"
    )


def writer(at: datetime = NOW) -> Writer:
    """Who writes in tests."""
    return Writer(at, "test", random_ids)


def set_up(place: Place, services: dict[str, Running], name: str = "v1", **more: Any) -> None:
    """A catalogue, and a configuration of these sub-services that is active."""
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, document.parse(CATALOGUE), **place.writing)  # type: ignore[arg-type]
        activate(tx, services, name, **more)


def activate(tx: Any, services: dict[str, Running], name: str, **more: Any) -> None:
    """Makes a version and lets it hold."""
    told = {
        "schema": "everycent-reports/1",
        "name": name,
        "since": "2026-01-01",
        "after": "1h",
        "deadline": "10s",
        "services": {one.name: one.file for one in services.values()},
    }
    operations.create(tx, config.parse(told | more), writer())
    operations.activate(tx, name, "", writer())


def later(minutes: int) -> datetime:
    """Some minutes after `NOW`."""
    return NOW + timedelta(minutes=minutes)


def html() -> dict[str, Any]:
    """An answer that is a page of HTML."""
    return {"type": b"text/html", "body": b"<html>maintenance</html>"}


def silent(name: str) -> dict[str, Any]:
    """An answer that is an empty list and says nothing else."""
    body = {
        "schema": "everycent-accounting/1", "service": name, "call": "resources",
        "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z", "snapshot": "s", "page": 1,
        "resources": [], "next": None,
    }  # fmt: skip
    return {"body": json.dumps(body).encode()}
