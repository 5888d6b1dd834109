"""everycent example reports: sub-services that fall over and get up again, and the bills."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from everycent.app import reporting, settings, throwaway
from everycent.app.wiring import App
from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.cli import explain, verify
from everycent.cli.common import counted, emit, json_option, money, table
from everycent.cli.reports import render_outcome, render_report
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.examples import data as example_data
from everycent.flows import bill, build_report
from everycent.flows.build_report import Outcome
from everycent.invoicing import queries as invoices
from everycent.invoicing.invoice import name_of
from everycent.kernel import clock
from everycent.kernel.errors import Broken
from everycent.reports import config as configs
from everycent.reports import operations, queries
from everycent.reports.operations import Writer
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order
from everycent.tenants import operations as tenants

_FOLDER = example_data.folder("reports")
_PERIOD = "2026-01"
_KEY = "sub_fake"
_COMMAND = "from everycent.cli.main import main; main()"
_CUSTOMERS = 5
_ENDED = datetime(2026, 2, 1, 2, tzinfo=UTC)


@click.command()
@json_option
def reports(as_json: bool) -> None:
    """Pull a month of real cloud usage from two sub-services, of which one is away at first: no report.
    It comes back: the report, the bills, and the proof."""
    found = settings.from_environment()
    with tempfile.TemporaryDirectory() as folder, throwaway.books(found) as books:
        app = books.app
        tenant_id = tenants.create(app.database, books.slug, "Example", app.clock())
        with contextlib.ExitStack() as stack:
            compute = stack.enter_context(_service("compute", Path(folder)))
            storage = stack.enter_context(_service("storage", Path(folder)))
            _set_up(app, tenant_id, {"compute": compute, "storage": storage})
            storage.stop()
            say = _quiet if as_json else click.echo
            say("storage is away:\n")
            refused = _build(app, tenant_id)
            if not as_json:
                render_outcome(refused, None)
            storage.start()
            say("\nstorage is back:\n")
            built = _build(app, tenant_id)
            with app.database.snapshot(tenant_id) as tx:
                report = queries.get(tx, _PERIOD)
            if not as_json:
                render_outcome(built, None)
                render_report(report)
            compared = build_report.compare(_desk(app, tenant_id), _PERIOD).told
        _bill(app, tenant_id)
        _show(app, tenant_id, as_json)
        checks = verify.prove(app, tenant_id, with_replay=True, quiet=as_json)
    wrong = [check.promise for check, _ in checks if check.violators]
    emit(
        {
            "first": refused.what,
            "then": built.what,
            "lines": report.lines,
            "digest": report.digest,
            "differing": list(compared.differing),
            "broken_promises": wrong,
        },
        as_json,
        lambda: None,
    )
    if wrong or refused.what != "refused" or built.what != "built" or compared.differing:
        raise Broken(
            "demo.broken", "the example did not end as it should", hint="please report this"
        )


class _Service:
    """A sub-service's process, which can be stopped and started again at the same port."""

    def __init__(self, name: str, folder: Path) -> None:
        self._name, self._folder = name, folder / name
        self._port = 0
        self._more = ["--fill", "focus", "--month", _PERIOD]
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts it; filled the first time."""
        command = [
            sys.executable, "-c", _COMMAND, "fake", "subservice", self._name, "--port",
            str(self._port), "--data", str(self._folder), "--json", *self._more,
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        told: dict[str, Any] = {}
        while "address" not in told:
            line = self._process.stdout.readline()
            if not line:
                raise Broken("demo.broken", f"{self._name} did not start")
            with contextlib.suppress(ValueError):
                told = json.loads(line)
        self._port = int(told["address"].rpartition(":")[2])
        self._more = []

    def stop(self) -> None:
        """Ends it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@contextmanager
def _service(name: str, folder: Path) -> Iterator[_Service]:
    made = _Service(name, folder)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def _quiet(_: str) -> None:
    """Says nothing."""


def _desk(app: App, tenant_id: int) -> build_report.Desk:
    os.environ |= {"COMPUTE_KEY": _KEY, "STORAGE_KEY": _KEY}
    return reporting.desk(app, tenant_id)


def _build(app: App, tenant_id: int) -> Outcome:
    return build_report.build(_desk(app, tenant_id), _PERIOD)


def _set_up(app: App, tenant_id: int, services: dict[str, _Service]) -> None:
    """The catalogue, and the configuration with the services where they are."""
    now = app.clock()
    told = document.read((_FOLDER / "reports.yaml").read_text("utf-8"))
    for name, one in services.items():
        told["services"][name]["url"] = one.url
    writer = Writer(now, app.settings.actor, app.ids)
    with app.database.transaction(tenant_id) as tx:
        entities = document.parse((_FOLDER / "catalog.yaml").read_text("utf-8"))
        catalog.apply(
            tx, entities, at=now, recorded_at=now, actor=app.settings.actor, ids=app.ids
        )  # fmt: skip
        made = configs.parse(told)
        operations.create(tx, made, writer)
        operations.activate(tx, made.name, "", writer)


def _bill(app: App, tenant_id: int) -> None:
    """The customers with most lines have a contract, and are billed."""
    now = app.clock()
    by: dict[str, Any] = {
        "at": now, "recorded_at": now, "actor": app.settings.actor, "ids": app.ids,
    }  # fmt: skip
    with app.database.transaction(tenant_id) as tx:
        lines = queries.lines(tx, _PERIOD, None, 100_000)
        most = Counter(row.customer for row in lines if row.value != "0").most_common(_CUSTOMERS)
        made = [
            Customer(app.ids(f"customer/{key}"), key, f"Account {key}", "EUR", "UTC")
            for key, _ in most
        ]
        customers.create(tx, made, **by)
        orders = [Order(one, "cloud", one.key, date(2026, 1, 1)) for one in made]
        subscriptions.start(tx, orders, **by)
    bill.run(
        app.database, tenant_id, _ENDED, clock=clock.fixed(now), ids=app.ids,
        terms=bill.Terms(app.settings.actor),
    )  # fmt: skip


def _show(app: App, tenant_id: int, as_json: bool) -> None:
    with app.database.snapshot(tenant_id) as tx:
        rows = invoices.listed(tx, limit=100)
        if as_json:
            return
        click.echo(f"\n{counted(len(rows), 'invoice')} made from it:")
        table(
            ["number", "~customer", ">gross"],
            [
                [name_of(row.series, row.number), row.customer, money(row.gross, row.currency)]
                for row in rows
            ],
        )
        explain.print_line(tx, name_of(rows[0].series, rows[0].number), 1)
